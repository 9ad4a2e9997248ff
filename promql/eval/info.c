/* info(v [, {matchers}]): labels of info series (target_info) join the series of the same instance and job.
 */
#include "promql/eval/call.h"
#include "promql/eval/groups.h"
#include "promql/eval/native.h"

#include <string.h>

static const struct span identifying[] = {{"instance", 8}, {"job", 3}};
#define IDENTIFYING (sizeof identifying / sizeof *identifying)

struct info {
    struct eval *ev;
    const struct expr *expr;
    struct matcher *names, *data; /* of the second argument; names never empty */
    struct matcher implied;       /* the last of names, when nothing was asked for */
    size_t name_count, data_count;
    struct rows base, infos; /* the values of infos are their samples' times */
    struct groups groups;    /* of the info rows, by the identifying labels */
    struct partition parts;
    uint32_t *winners, *winners_before; /* info rows of a group at a step, room for the largest group */
    size_t winner_count, winner_count_before;
    struct rows out;
};

/* ---- which series are info series ---- */

/* A name has to be asked for; else it is target_info, or with matchers that only exclude, any that looks like
 * an info metric. */
static int split_matchers(struct info *info, struct err *err) {
    const struct call *call = &info->expr->call;
    const struct selector *filter = call->arg_count > 1 ? &call->args[1]->selector : NULL;
    size_t count = filter ? filter->matcher_count : 0;
    bool is_named = false, is_excluded = false;
    info->names = eval_alloc(info->ev, count + 1, sizeof *info->names, err);
    info->data = info->names ? eval_alloc(info->ev, count, sizeof *info->data, err) : NULL;
    if (!info->data) return ERR_LIMIT;
    for (size_t i = 0; i < count; i++) {
        const struct matcher *matcher = &filter->matchers[i];
        bool is_name = span_is(matcher->name, LABEL_NAME);
        bool excludes = matcher->type == MATCH_NOT_EQUAL || matcher->type == MATCH_NOT_REGEX;
        is_named |= is_name && !excludes;
        is_excluded |= is_name && excludes;
        *(is_name ? &info->names[info->name_count++] : &info->data[info->data_count++]) = *matcher;
    }
    if (is_named) return 0;
    int rc = matcher_init(&info->implied, is_excluded ? MATCH_REGEX : MATCH_EQUAL, SPAN(LABEL_NAME),
                          is_excluded ? SPAN(".+_info") : SPAN("target_info"), err);
    if (!rc) info->names[info->name_count++] = info->implied;
    return rc;
}

static bool is_info_series(const struct info *info, struct labels labels) {
    return matchers_match(info->names, info->name_count, labels);
}

static bool matches_empty(const struct info *info) {
    for (size_t i = 0; i < info->data_count; i++)
        if (!matcher_matches_empty(&info->data[i])) return false;
    return true;
}

/* ---- reading them ---- */

struct info_sink {
    struct sink sink;
    struct info *info;
};

static int infos_push(struct sink *sink, struct row *row, struct err *err) {
    struct info *info = ((struct info_sink *)sink)->info;
    if (groups_find(&info->groups, row->labels) == GROUP_NONE) return eval_tick(info->ev, err);
    return rows_keep(info->ev, &info->infos, row, err);
}

/* @ and offset of what the base leans on first are those of the info series too; NULL: there is none */
static const struct time_shift *shift_of(const struct expr *expr) {
    const struct time_shift *shift = NULL;
    switch (expr->kind) {
    case EXPR_SELECTOR: return &expr->selector.shift;
    case EXPR_SUBQUERY: return &expr->subquery.shift;
    case EXPR_PAREN: return shift_of(expr->paren);
    case EXPR_UNARY: return shift_of(expr->unary.expr);
    case EXPR_AGGREGATE: return shift_of(expr->aggregate.expr);
    case EXPR_BINARY:
        shift = shift_of(expr->binary.left);
        return shift ? shift : shift_of(expr->binary.right);
    case EXPR_CALL:
        for (size_t i = 0; i < expr->call.arg_count && !shift; i++) shift = shift_of(expr->call.args[i]);
        return shift;
    default: return NULL;
    }
}

static int read_infos(struct info *info, struct err *err) {
    struct info_sink sink = {{.push = infos_push}, info};
    const struct time_shift *shift = shift_of(info->expr->call.args[0]);
    struct expr selector = {.kind = EXPR_SELECTOR, .value = VALUE_VECTOR};
    size_t count = info->name_count + info->data_count;
    struct matcher *matchers = eval_alloc(info->ev, count, sizeof *matchers, err);
    if (!matchers) return ERR_LIMIT;
    memcpy(matchers, info->names, info->name_count * sizeof *matchers);
    memcpy(matchers + info->name_count, info->data, info->data_count * sizeof *matchers);
    selector.selector.matchers = matchers;
    selector.selector.matcher_count = count;
    if (shift) selector.selector.shift = *shift;
    return eval_selector(info->ev, &selector, SHOW_TIME, &sink.sink, err);
}

/* ---- joining ---- */

/* of several series of one name the one with the newest sample */
static void find_winners(struct info *info, uint32_t group, size_t step) {
    info->winner_count = 0;
    for (uint32_t m = info->parts.starts[group]; m < info->parts.starts[group + 1]; m++) {
        uint32_t index = info->parts.members[m];
        const struct row *row = &info->infos.items[index];
        struct span name = labels_get(row->labels, SPAN(LABEL_NAME));
        size_t i = 0;
        if (!bit_get(row->present, step)) continue;
        while (i < info->winner_count &&
               !span_equal(labels_get(info->infos.items[info->winners[i]].labels, SPAN(LABEL_NAME)), name))
            i++;
        if (i == info->winner_count)
            info->winners[info->winner_count++] = index;
        else if (row->values[step] >= info->infos.items[info->winners[i]].values[step])
            info->winners[i] = index;
    }
}

/* the same ones as at the step before? remembers them */
static bool are_winners_known(struct info *info) {
    bool same = info->winner_count == info->winner_count_before &&
                memcmp(info->winners, info->winners_before, info->winner_count * sizeof *info->winners) == 0;
    memcpy(info->winners_before, info->winners, info->winner_count * sizeof *info->winners);
    info->winner_count_before = info->winner_count;
    return same;
}

static int add_info_labels(struct info *info, const struct row *row, struct labels base,
                           struct label_builder *builder, struct err *err) {
    for (uint32_t i = 0; i < row->labels.count; i++) {
        const struct label *label = &row->labels.items[i];
        bool is_wanted = !info->data_count;
        for (size_t k = 0; k < info->data_count && !is_wanted; k++)
            is_wanted = span_equal(info->data[k].name, label->name);
        if (!is_wanted || span_is(label->name, LABEL_NAME) || labels_has(base, label->name)) continue;
        struct span there = label_builder_get(builder, label->name);
        if (there.len && !span_equal(there, label->value))
            return err_set(err, ERR_EXECUTION, "conflicting label: %.*s", SPAN_ARG(label->name));
        label_builder_set(builder, label->name, label->value);
    }
    return 0;
}

/* the row of the output with these labels, for the base row at hand */
static int out_row(struct info *info, size_t from, const struct row *base, struct labels labels,
                   struct row **row, struct err *err) {
    for (size_t i = from; i < info->out.count; i++) {
        *row = &info->out.items[i];
        if (labels_equal((*row)->labels, labels)) return 0;
    }
    int rc = rows_add(info->ev, &info->out, row, err);
    if (rc) return rc;
    (*row)->labels = labels;
    (*row)->drop_name = base->drop_name;
    return 0;
}

/* *at: index of the output row for the winners; SIZE_MAX: the series is left out */
static int join_winners(struct info *info, size_t from, const struct row *base, size_t *at, struct err *err) {
    struct label_builder builder;
    struct labels labels;
    struct row *row;
    *at = SIZE_MAX;
    if (!info->winner_count && !matches_empty(info)) return 0;
    label_builder_init(&builder, &info->ev->query->arena, base->labels);
    for (size_t i = 0; i < info->winner_count; i++) {
        int rc = add_info_labels(info, &info->infos.items[info->winners[i]], base->labels, &builder, err);
        if (rc) return rc;
    }
    int rc = label_builder_finish(&builder, &labels, err);
    if (!rc) rc = out_row(info, from, base, labels, &row, err);
    if (!rc) *at = (size_t)(row - info->out.items);
    return rc;
}

static int join_row(struct info *info, const struct row *base, struct err *err) {
    struct eval *ev = info->ev;
    uint32_t group = groups_find(&info->groups, base->labels);
    size_t from = info->out.count, at = SIZE_MAX;
    bool is_first = true;
    for (size_t step = 0; step < ev->steps; step++) {
        if (!bit_get(base->present, step)) continue;
        find_winners(info, group, step);
        if (!are_winners_known(info) || is_first) {
            int rc = join_winners(info, from, base, &at, err);
            if (rc) return rc;
            is_first = false;
        }
        if (at == SIZE_MAX) continue;
        int rc = row_set(ev, &info->out.items[at], step, row_operand(base, step), err);
        if (rc) return rc;
    }
    return eval_tick(ev, err);
}

/* the groups of the base, and the info series that fall into them */
static int prepare(struct info *info, struct err *err) {
    struct eval *ev = info->ev;
    for (size_t i = 0; i < info->base.count; i++) groups_add(&info->groups, info->base.items[i].labels);
    int rc = read_infos(info, err);
    if (!rc) rc = groups_partition(&info->groups, ev, &info->infos, &info->parts, err);
    if (rc) return rc;
    info->winners = eval_alloc(ev, info->parts.largest, sizeof *info->winners, err);
    info->winners_before =
        info->winners ? eval_alloc(ev, info->parts.largest, sizeof *info->winners, err) : NULL;
    return info->winners_before ? 0 : ERR_LIMIT;
}

int fn_info(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    struct info info = {.ev = ev, .expr = expr};
    int rc = split_matchers(&info, err);
    groups_init(&info.groups, identifying, IDENTIFYING, false);
    if (!rc) rc = rows_collect(ev, expr->call.args[0], &info.base, err);
    if (!rc) rc = prepare(&info, err);
    for (size_t i = 0; i < info.base.count && !rc; i++) {
        const struct row *base = &info.base.items[i];
        rc = is_info_series(&info, base->labels) ? rows_keep(ev, &info.out, base, err)
                                                 : join_row(&info, base, err);
    }
    groups_release(&info.groups);
    matcher_release(&info.implied);
    if (!rc) rc = rows_merge(ev, &info.out, err);
    return rc ? rc : rows_push(&info.out, sink, err);
}
