/* Functions of whole vectors: vector, timestamp, absent, sort. */
#include "promql/eval/call.h"
#include "promql/eval/native.h"

#include <math.h>
#include <stdlib.h>

static int fn_vector(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    struct row row;
    int rc = row_init(ev, &row, err);
    if (!rc) rc = eval_scalar(ev, expr->call.args[0], row.values, err);
    for (size_t i = 0; i < ev->steps && !rc; i++) bit_set(row.present, i);
    return rc ? rc : sink->push(sink, &row, err);
}

struct timestamps {
    struct sink sink;
    struct eval *ev;
    bool of_samples; /* the values are the samples' own times already */
    struct rows rows;
};

static int timestamps_push(struct sink *sink, struct row *row, struct err *err) {
    struct timestamps *times = (struct timestamps *)sink;
    for (size_t i = 0; i < times->ev->steps && !times->of_samples; i++)
        row->values[i] = (double)eval_time(times->ev, i) / 1000;
    row->histograms = NULL;
    int rc = row_drop_name(times->ev, row, err);
    return rc ? rc : rows_keep(times->ev, &times->rows, row, err);
}

/* nothing of what is computed has a start time */
static int fn_start_timestamp(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct expr *arg = expr_inside(expr->call.args[0]);
    struct timestamps times = {{.push = timestamps_push}, ev, true, {0}};
    if (arg->kind != EXPR_SELECTOR) return 0;
    int rc = eval_selector(ev, arg, SHOW_START, &times.sink, err);
    if (!rc) rc = rows_merge(ev, &times.rows, err);
    return rc ? rc : rows_push(&times.rows, sink, err);
}

static int fn_timestamp(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct expr *arg = expr_inside(expr->call.args[0]);
    struct timestamps times = {{.push = timestamps_push}, ev, arg->kind == EXPR_SELECTOR, {0}};
    int rc = times.of_samples ? eval_selector(ev, arg, SHOW_TIME, &times.sink, err)
                              : eval_rows(ev, arg, &times.sink, err);
    if (!rc) rc = rows_merge(ev, &times.rows, err);
    return rc ? rc : rows_push(&times.rows, sink, err);
}

struct presence {
    struct sink sink;
    struct eval *ev;
    uint64_t *present;
};

static int presence_push(struct sink *sink, struct row *row, struct err *err) {
    struct presence *presence = (struct presence *)sink;
    for (size_t w = 0; w < presence->ev->words; w++) presence->present[w] |= row->present[w];
    return eval_tick(presence->ev, err);
}

/* What a selector says a series would have: labels from = matchers. A label loses what it got when a further
 * matcher has its name, for good when that was a second =. */
static int labels_of_selector(struct eval *ev, const struct expr *expr, struct labels *labels,
                              struct err *err) {
    struct label_builder builder;
    expr = expr_inside(expr);
    if (expr->kind != EXPR_SELECTOR) {
        *labels = (struct labels){0};
        return 0;
    }
    const struct selector *selector = &expr->selector;
    label_builder_init(&builder, &ev->query->arena, (struct labels){0});
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct matcher *matcher = &selector->matchers[i];
        bool was_set = false;
        if (span_is(matcher->name, LABEL_NAME)) continue;
        for (size_t k = 0; k < i; k++)
            was_set |= selector->matchers[k].type == MATCH_EQUAL &&
                       span_equal(selector->matchers[k].name, matcher->name);
        bool sets = matcher->type == MATCH_EQUAL && !was_set;
        label_builder_set(&builder, matcher->name, sets ? matcher->value : span_of(NULL, 0));
    }
    return label_builder_finish(&builder, labels, err);
}

static int fn_absent(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    bool of_range = expr->call.function->id == FN_absent_over_time;
    struct presence presence = {
        {.push = presence_push}, ev, eval_alloc(ev, ev->words, sizeof(uint64_t), err)};
    struct row row;
    int rc = presence.present ? row_init(ev, &row, err) : ERR_LIMIT;
    if (!rc)
        rc = of_range ? eval_range_call(ev, expr, &presence.sink, err)
                      : eval_rows(ev, expr->call.args[0], &presence.sink, err);
    if (!rc) rc = labels_of_selector(ev, expr->call.args[0], &row.labels, err);
    for (size_t i = 0; i < ev->steps && !rc; i++) {
        if (bit_get(presence.present, i)) continue;
        row.values[i] = 1;
        bit_set(row.present, i);
    }
    return rc || !bits_any(row.present, ev->words) ? rc : sink->push(sink, &row, err);
}

/* NaN goes last in both directions */
static int compare_up(const void *a, const void *b) {
    double x = ((const struct row *)a)->values[0], y = ((const struct row *)b)->values[0];
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return x < y ? -1 : x > y;
}

static int compare_down(const void *a, const void *b) {
    double x = ((const struct row *)a)->values[0], y = ((const struct row *)b)->values[0];
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return x > y ? -1 : x < y;
}

/* only an instant vector has an order; range results are sorted by labels in the end anyway */
static int fn_sort(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    struct rows rows = {0};
    int rc = rows_collect(ev, expr->call.args[0], &rows, err);
    for (size_t i = 0; i < rows.count && !rc; i++) (void)row_drop_histograms(ev, &rows.items[i]);
    if (!rc && ev->steps > 1)
        eval_warn(ev, expr,
                  "sort is ineffective for range queries since results are always ordered by labels");
    if (!rc && ev->steps == 1 && rows.count)
        qsort(rows.items, rows.count, sizeof *rows.items,
              expr->call.function->id == FN_sort ? compare_up : compare_down);
    return rc ? rc : rows_push(&rows, sink, err);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* the digits at i without leading zeros; i goes behind them */
static struct span take_digits(struct span text, size_t *i) {
    while (*i < text.len && text.ptr[*i] == '0') ++*i;
    size_t start = *i;
    while (*i < text.len && is_digit(text.ptr[*i])) ++*i;
    return span_of(text.ptr + start, *i - start);
}

/* as people sort: "a2" before "a10" */
static int compare_natural(struct span a, struct span b) {
    size_t i = 0, j = 0;
    while (i < a.len && j < b.len) {
        if (is_digit(a.ptr[i]) && is_digit(b.ptr[j])) {
            struct span left = take_digits(a, &i), right = take_digits(b, &j);
            if (left.len != right.len) return left.len < right.len ? -1 : 1;
            int order = span_compare(left, right);
            if (order) return order;
        } else {
            if (a.ptr[i] != b.ptr[j]) return (uint8_t)a.ptr[i] < (uint8_t)b.ptr[j] ? -1 : 1;
            i++;
            j++;
        }
    }
    if (i < a.len || j < b.len) return i < a.len ? 1 : -1;
    return span_compare(a, b); /* they differ in leading zeros only */
}

/* qsort has no room for more than the elements */
struct labelled {
    struct row row;
    const struct call *call;
};

static int compare_labels(const void *a, const void *b) {
    const struct labelled *x = a, *y = b;
    int order = 0;
    for (size_t i = 1; i < x->call->arg_count && !order; i++) {
        struct span name = expr_inside(x->call->args[i])->string;
        order = compare_natural(labels_get(x->row.labels, name), labels_get(y->row.labels, name));
    }
    if (!order) order = labels_compare(x->row.labels, y->row.labels);
    return x->call->function->id == FN_sort_by_label ? order : -order;
}

static int fn_sort_by_label(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    struct rows rows = {0};
    int rc = rows_collect(ev, expr->call.args[0], &rows, err);
    if (!rc && ev->steps > 1)
        eval_warn(ev, expr,
                  "sort is ineffective for range queries since results are always ordered by labels");
    if (rc || ev->steps != 1 || !rows.count) return rc ? rc : rows_push(&rows, sink, err);
    struct labelled *sorted = eval_alloc(ev, rows.count, sizeof *sorted, err);
    if (!sorted) return ERR_LIMIT;
    for (size_t i = 0; i < rows.count; i++) sorted[i] = (struct labelled){rows.items[i], &expr->call};
    qsort(sorted, rows.count, sizeof *sorted, compare_labels);
    for (size_t i = 0; i < rows.count; i++) rows.items[i] = sorted[i].row;
    return rows_push(&rows, sink, err);
}

vector_function *shape_function_of(enum function_id id) {
    switch (id) {
    case FN_vector: return fn_vector;
    case FN_info: return fn_info;
    case FN_timestamp: return fn_timestamp;
    case FN_start_timestamp: return fn_start_timestamp;
    case FN_absent:
    case FN_absent_over_time: return fn_absent;
    case FN_sort:
    case FN_sort_desc: return fn_sort;
    case FN_sort_by_label:
    case FN_sort_by_label_desc: return fn_sort_by_label;
    default: return NULL;
    }
}
