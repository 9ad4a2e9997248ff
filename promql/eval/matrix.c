#include "promql/eval/edge.h"
#include "promql/eval/native.h"
#include "promql/eval/starts.h"
#include "promql/eval/stats.h"
#include "promql/eval/windows.h"

#include <string.h>

static int copy_histograms(struct eval *ev, const struct columns *samples,
                           const struct histogram ***histograms, struct err *err) {
    *histograms = eval_alloc(ev, samples->count, sizeof **histograms, err);
    if (!*histograms) return ERR_LIMIT;
    for (size_t i = 0; i < samples->count; i++) {
        if (!samples->histograms[i]) continue;
        (*histograms)[i] = histogram_copy(samples->histograms[i], &ev->query->arena);
        if (!(*histograms)[i]) return arena_limit(&ev->query->arena, "histograms", err);
    }
    return 0;
}

/* The samples of a bare range expression, without staleness markers, as rows of the result. */
static int put_samples(struct eval *ev, struct columns *samples, struct labels labels,
                       struct query_result *result, struct err *err) {
    columns_drop_stale(samples);
    if (!samples->count) return 0;
    int64_t *times = eval_alloc(ev, samples->count, sizeof *times, err);
    double *values = times ? eval_alloc(ev, samples->count, sizeof *values, err) : NULL;
    const struct histogram **histograms = NULL;
    if (!values) return ERR_LIMIT;
    memcpy(times, samples->times_ms, samples->count * sizeof *times);
    memcpy(values, samples->values, samples->count * sizeof *values);
    int rc = samples->histograms ? copy_histograms(ev, samples, &histograms, err) : 0;
    result->rows[result->row_count++] =
        (struct result_row){labels, times, values, histograms, samples->count};
    return rc;
}

static int matrix_of_selector(struct eval *ev, const struct selector *selector, int64_t end_ms,
                              int64_t range_ms, struct query_result *result, struct err *err) {
    struct series_set *set;
    struct columns samples;
    struct windows windows = {.edge = selector->edge};
    int64_t from_ms = end_ms - range_ms - windows_before_ms(ev, &windows) + 1;
    int64_t until_ms = end_ms + windows_behind_ms(ev, &windows);
    int rc = queryable_select(ev->query->queryable, selector->matchers, selector->matcher_count, from_ms,
                              until_ms, &ev->query->budget, &set, err);
    if (rc) return rc;
    columns_init(&samples, &ev->query->budget);
    result->rows = eval_alloc(ev, set->count, sizeof *result->rows, err);
    if (!result->rows) rc = ERR_LIMIT;
    for (size_t i = 0; i < set->count && !rc; i++) {
        struct labels labels;
        columns_reset(&samples);
        rc = series_set_read(set, i, from_ms, until_ms, &samples, err);
        if (!rc && selector->edge != EDGE_NONE)
            rc = edge_extend(&samples, selector->edge == EDGE_SMOOTHED, end_ms - range_ms, end_ms, err);
        if (!rc) rc = eval_take_samples(ev, samples.count, err);
        if (!rc) rc = series_set_labels(set, i, &ev->query->arena, &labels, err);
        eval_count_read(ev, samples.count);
        stats_samples(ev, 0, samples.count);
        if (!rc) rc = put_samples(ev, &samples, labels, result, err);
    }
    columns_release(&samples);
    eval_close(ev, set);
    return rc;
}

static int matrix_of_subquery(struct eval *ev, const struct subquery *subquery, int64_t end_ms,
                              int64_t range_ms, struct query_result *result, struct err *err) {
    struct eval inner;
    struct rows rows = {0};
    struct columns samples;
    int rc = subquery_rows(ev, subquery, end_ms, end_ms, range_ms, &inner, &rows, err);
    if (!rc) rc = rows_finish_names(&inner, &rows, err);
    if (rc) return rc;
    result->rows = eval_alloc(ev, rows.count, sizeof *result->rows, err);
    if (!result->rows) return ERR_LIMIT;
    columns_init(&samples, &ev->query->budget);
    for (size_t i = 0; i < rows.count && !rc; i++) {
        columns_reset(&samples);
        rc = subquery_columns(&inner, &rows.items[i], &samples, err);
        if (!rc) rc = put_samples(ev, &samples, rows.items[i].labels, result, err);
    }
    columns_release(&samples);
    return rc;
}

int eval_matrix(struct eval *ev, const struct expr *expr, struct query_result *result, struct err *err) {
    const struct query_state *query = ev->query;
    expr = expr_inside(expr);
    bool is_subquery = expr->kind == EXPR_SUBQUERY, fixed;
    int64_t range_ms, end_ms, last_ms;
    int rc =
        duration_resolve(is_subquery ? &expr->subquery.range : &expr->selector.range, true,
                         query->query_step_ms, query->query_end_ms - query->query_start_ms, &range_ms, err);
    if (!rc)
        rc = eval_shift(ev, is_subquery ? &expr->subquery.shift : &expr->selector.shift, &fixed, &end_ms,
                        &last_ms, err);
    if (rc) return rc;
    return is_subquery ? matrix_of_subquery(ev, &expr->subquery, end_ms, range_ms, result, err)
                       : matrix_of_selector(ev, &expr->selector, end_ms, range_ms, result, err);
}
