/* Vector against vector: which element meets which, by on or ignoring, and what comes out. */
#include "promql/eval/groups.h"
#include "promql/eval/native.h"

#include "lib/base/assert.h"
#include "lib/base/vec.h"

#include <stdio.h>
#include <string.h>

/* The side that may have many elements in a match group, and the side that has one. */
struct join {
    struct eval *ev;
    const struct expr *expr;
    const struct binary *binary;
    const struct vector_matching *matching;
    struct rows many, one;
    bool swapped; /* the many side is the right one (group_right) */
    struct groups groups;
    VEC(uint32_t) many_group, one_group; /* per row; the many side may have GROUP_NONE */
    struct rows out;
    struct map out_by_labels;
    /* for one step: which row of the one side stands for each group */
    const struct row **one_now;
    uint8_t *matched_now; /* one to one: the group has its result already */
    /* fill modifiers: what stands for a missing element */
    bool fills_one, fills_many;
    double fill_one, fill_many;
    struct filled *filled; /* per group, with fills_many */
};

/* an element of the many side that is not there: it has the labels of its match */
struct filled {
    struct row many;
    const struct row *one;
    uint32_t out;
};

/* an element of the one side that is not there has none */
static const struct row nothing = {0};

static void write_labels(struct labels labels, char *text, size_t size) {
    struct buf out;
    buf_init(&out, size - 1);
    labels_write(labels, &out);
    snprintf(text, size, "%s", buf_text(&out));
    buf_release(&out);
}

static int duplicate_error(const struct join *join, uint32_t group, const struct row *a, const struct row *b,
                           struct err *err) {
    char key[200] = "", first[200] = "", second[200] = "";
    struct labels labels;
    if (groups_labels(&join->groups, group, &join->ev->query->arena, &labels, err) == 0)
        write_labels(labels, key, sizeof key);
    write_labels(a->labels, first, sizeof first);
    write_labels(b->labels, second, sizeof second);
    return err_set(err, ERR_EXECUTION,
                   "found duplicate series for the match group %s on the %s hand-side of the operation: [%s, "
                   "%s];many-to-many matching not allowed: "
                   "matching labels must be unique on one side",
                   key, join->swapped ? "left" : "right", second, first);
}

static bool is_among(const struct span *names, size_t count, struct span name) {
    for (size_t i = 0; i < count; i++)
        if (span_equal(names[i], name)) return true;
    return false;
}

/* The labels of a result: those of the many side, cut to the match's in one to one, with the included ones of
 * the one side. */
static int result_labels(const struct join *join, const struct row *many, const struct row *one,
                         struct labels *labels, struct err *err) {
    const struct vector_matching *matching = join->matching;
    struct label_builder builder;
    bool drop_name = binary_drops_name(join->binary) && !join->ev->delayed_names;
    label_builder_init(&builder, &join->ev->query->arena, (struct labels){0});
    for (uint32_t i = 0; i < many->labels.count; i++) {
        struct label label = many->labels.items[i];
        bool named = is_among(matching->labels, matching->label_count, label.name);
        bool is_kept = matching->card != CARD_ONE_TO_ONE || named == matching->on;
        if (drop_name && label_goes_with_name(label.name)) continue;
        if (is_kept) label_builder_set(&builder, label.name, label.value);
    }
    for (size_t i = 0; i < matching->include_count; i++)
        label_builder_set(&builder, matching->include[i], labels_get(one->labels, matching->include[i]));
    return label_builder_finish(&builder, labels, err);
}

static bool same_out(uint32_t index, const void *key, const void *context) {
    const struct rows *out = context;
    return labels_equal(out->items[index].labels, *(const struct labels *)key);
}

static int out_row(struct join *join, const struct row *many, const struct row *one, uint32_t *index,
                   struct err *err) {
    struct labels labels;
    int rc = result_labels(join, many, one, &labels, err);
    if (rc) return rc;
    uint64_t hash = labels_hash(labels);
    *index = map_find(&join->out_by_labels, hash, &labels, same_out, &join->out);
    if (*index != MAP_NONE) return 0;
    struct row *row;
    rc = rows_add(join->ev, &join->out, &row, err);
    if (rc) return rc;
    row->labels = labels;
    row->drop_name = binary_drops_name(join->binary);
    *index = (uint32_t)join->out.count - 1;
    map_insert(&join->out_by_labels, hash, *index);
    return 0;
}

struct pair {
    const struct row *many, *one;
    struct operand many_value, one_value;
    uint32_t group;
    uint32_t *out; /* the result row, GROUP_NONE: not known yet */
};

/* The pair's result at a step. An element that a filter drops has been matched all the same. */
static int join_pair(struct join *join, size_t step, const struct pair *pair, struct err *err) {
    const struct binary *binary = join->binary;
    if (join->matching->card == CARD_ONE_TO_ONE && join->matched_now[pair->group])
        return err_set(
            err, ERR_EXECUTION,
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
    join->matched_now[pair->group] = 1;
    struct binary_result result;
    const struct operand *left = join->swapped ? &pair->one_value : &pair->many_value;
    const struct operand *right = join->swapped ? &pair->many_value : &pair->one_value;
    int rc = binary_element(join->ev, join->expr, left, right, &result, err);
    if (rc || !result.is_known || (!result.keep && !binary->returns_bool)) return rc;
    if (binary->returns_bool) result.value = (struct operand){result.keep ? 1 : 0, NULL};
    rc = *pair->out == GROUP_NONE ? out_row(join, pair->many, pair->one, pair->out, err) : 0;
    if (rc) return rc;
    struct row *row = &join->out.items[*pair->out];
    if (bit_get(row->present, step))
        return err_set(err, ERR_EXECUTION,
                       join->matching->card == CARD_ONE_TO_ONE
                           ? "vector cannot contain metrics with the same labelset"
                           : "multiple matches for labels: grouping labels must ensure unique matches");
    return row_set(join->ev, row, step, result.value, err);
}

/* the result row of a many-side row, while the same element stands on the one side */
struct join_cache {
    const struct row *one;
    uint32_t out;
};

/* elements of the one side that met nobody at this step */
static int join_filled(struct join *join, size_t step, struct err *err) {
    for (uint32_t group = 0; group < join->groups.firsts.count; group++) {
        const struct row *one = join->one_now[group];
        struct filled *filled = &join->filled[group];
        if (!one || join->matched_now[group]) continue;
        if (filled->one != one) {
            filled->one = one;
            filled->out = GROUP_NONE;
            int rc = groups_labels(&join->groups, group, &join->ev->query->arena, &filled->many.labels, err);
            if (rc) return rc;
        }
        struct operand fill = {join->fill_many, NULL};
        struct pair pair = {&filled->many, one, fill, row_operand(one, step), group, &filled->out};
        int rc = join_pair(join, step, &pair, err);
        if (rc) return rc;
    }
    return 0;
}

static bool any_at(const struct rows *rows, size_t step) {
    for (size_t i = 0; i < rows->count; i++)
        if (bit_get(rows->items[i].present, step)) return true;
    return false;
}

static int join_step(struct join *join, size_t step, struct join_cache *cache, struct err *err) {
    /* beside an empty side that nothing fills even elements that could not be matched are no error */
    bool has_fill = join->fills_one || join->fills_many;
    if (!has_fill && (!any_at(&join->many, step) || !any_at(&join->one, step)))
        return eval_tick(join->ev, err);
    size_t group_count = join->groups.firsts.count;
    memset(join->one_now, 0, group_count * sizeof *join->one_now);
    memset(join->matched_now, 0, group_count);
    for (size_t i = 0; i < join->one.count; i++) {
        const struct row *row = &join->one.items[i];
        uint32_t group = join->one_group.items[i];
        if (!bit_get(row->present, step)) continue;
        if (join->one_now[group]) return duplicate_error(join, group, join->one_now[group], row, err);
        join->one_now[group] = row;
    }
    for (size_t i = 0; i < join->many.count; i++) {
        const struct row *many = &join->many.items[i], *one = NULL;
        uint32_t group = join->many_group.items[i];
        if (!bit_get(many->present, step)) continue;
        if (group != GROUP_NONE) one = join->one_now[group];
        if (!one && join->fills_one) one = &nothing;
        if (!one) continue;
        /* the labels of a result change only when another element takes the one side's place */
        if (cache[i].one != one) cache[i] = (struct join_cache){one, GROUP_NONE};
        struct operand fill = {join->fill_one, NULL};
        struct pair pair = {
            many,  one,          row_operand(many, step), one == &nothing ? fill : row_operand(one, step),
            group, &cache[i].out};
        int rc = join_pair(join, step, &pair, err);
        if (rc) return rc;
    }
    int rc = join->fills_many ? join_filled(join, step, err) : 0;
    return rc ? rc : eval_tick(join->ev, err);
}

static int join_run(struct join *join, struct err *err) {
    const struct vector_matching *matching = join->matching;
    groups_init(&join->groups, matching->labels, matching->label_count, !matching->on);
    for (size_t i = 0; i < join->one.count; i++)
        *vec_push(&join->one_group) = groups_add(&join->groups, join->one.items[i].labels);
    for (size_t i = 0; i < join->many.count; i++)
        *vec_push(&join->many_group) = join->fills_one
                                           ? groups_add(&join->groups, join->many.items[i].labels)
                                           : groups_find(&join->groups, join->many.items[i].labels);
    size_t group_count = join->groups.firsts.count;
    struct join_cache *cache = eval_alloc(join->ev, join->many.count, sizeof *cache, err);
    join->one_now = cache ? eval_alloc(join->ev, group_count, sizeof *join->one_now, err) : NULL;
    join->matched_now = join->one_now ? eval_alloc(join->ev, group_count, 1, err) : NULL;
    int rc = join->matched_now ? 0 : ERR_LIMIT;
    if (!rc && join->fills_many) {
        join->filled = eval_alloc(join->ev, group_count, sizeof *join->filled, err);
        rc = join->filled ? 0 : ERR_LIMIT;
    }
    for (size_t step = 0; step < join->ev->steps && !rc; step++) rc = join_step(join, step, cache, err);
    return rc;
}

/* as upstream has it: with group_right, too, "left" is the side of the many */
static void set_fills(struct join *join) {
    const struct vector_matching *matching = join->matching;
    join->fills_many = matching->has_fill_left;
    join->fills_one = matching->has_fill_right;
    join->fill_many = matching->fill_left;
    join->fill_one = matching->fill_right;
}

int eval_vector_match(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct binary *binary = &expr->binary;
    struct join join = {.ev = ev, .expr = expr, .binary = binary, .matching = binary->matching};
    join.swapped = binary->matching->card == CARD_ONE_TO_MANY;
    set_fills(&join);
    int rc = rows_collect(ev, join.swapped ? binary->right : binary->left, &join.many, err);
    if (!rc) rc = rows_collect(ev, join.swapped ? binary->left : binary->right, &join.one, err);
    if (!rc) rc = join_run(&join, err);
    groups_release(&join.groups);
    map_release(&join.out_by_labels);
    vec_release(&join.many_group);
    vec_release(&join.one_group);
    return rc ? rc : rows_push(&join.out, sink, err);
}

/* The presence of each match group: the union of its rows. */
static int group_presence(struct eval *ev, const struct rows *rows, struct groups *groups, uint64_t **present,
                          struct err *err) {
    for (size_t i = 0; i < rows->count; i++) groups_add(groups, rows->items[i].labels);
    *present = eval_alloc(ev, groups->firsts.count * ev->words, sizeof **present, err);
    if (!*present) return ERR_LIMIT;
    for (size_t i = 0; i < rows->count; i++) {
        uint64_t *bits = *present + (size_t)groups_find(groups, rows->items[i].labels) * ev->words;
        for (size_t w = 0; w < ev->words; w++) bits[w] |= rows->items[i].present[w];
    }
    return 0;
}

/* keeps of rows what has (and) or has not (unless, or) its group in `present` */
static void mask_rows(const struct eval *ev, struct rows *rows, const struct groups *groups,
                      const uint64_t *present, bool keep_matched) {
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->items[i];
        uint32_t group = groups_find(groups, row->labels);
        for (size_t w = 0; w < ev->words; w++) {
            uint64_t matched = group == GROUP_NONE ? 0 : present[(size_t)group * ev->words + w];
            row->present[w] &= keep_matched ? matched : ~matched;
        }
    }
}

int eval_set(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct binary *binary = &expr->binary;
    struct rows left = {0}, right = {0};
    struct groups groups;
    uint64_t *present;
    int rc = rows_collect(ev, binary->left, &left, err);
    if (!rc) rc = rows_collect(ev, binary->right, &right, err);
    if (rc) return rc;
    bool is_or = binary->op == OP_OR;
    groups_init(&groups, binary->matching->labels, binary->matching->label_count, !binary->matching->on);
    rc = group_presence(ev, is_or ? &left : &right, &groups, &present, err);
    if (!rc) mask_rows(ev, is_or ? &right : &left, &groups, present, binary->op == OP_AND);
    groups_release(&groups);
    for (size_t i = 0; is_or && i < right.count && !rc; i++)
        if (bits_any(right.items[i].present, ev->words)) rc = rows_keep(ev, &left, &right.items[i], err);
    if (!rc && is_or) rc = rows_merge(ev, &left, err);
    for (size_t i = 0; i < left.count && !rc; i++)
        if (bits_any(left.items[i].present, ev->words)) rc = sink->push(sink, &left.items[i], err);
    return rc;
}
