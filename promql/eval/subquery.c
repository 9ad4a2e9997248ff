#include "promql/eval/windows.h"

/* A subquery's inside is evaluated at absolute multiples of its step over all windows at once; its points
 * then are the samples. */
int subquery_rows(struct eval *ev, const struct subquery *subquery, int64_t first_ms, int64_t last_ms,
                  int64_t range_ms, struct eval *inner, struct rows *rows, struct err *err) {
    const struct query_state *query = ev->query;
    int64_t step_ms = ev->default_step_ms;
    int rc = 0;
    if (subquery->step.expr || subquery->step.ms)
        rc = duration_resolve(&subquery->step, true, query->query_step_ms,
                              query->query_end_ms - query->query_start_ms, &step_ms, err);
    if (rc) return rc;
    int64_t from_ms = first_ms - range_ms, start_ms = from_ms / step_ms * step_ms;
    if (start_ms <= from_ms) start_ms += step_ms; /* left-open; division rounds towards zero */
    int64_t steps = last_ms < start_ms ? 0 : (last_ms - start_ms) / step_ms + 1;
    if ((uint64_t)steps > query->max_samples)
        return err_set(err, ERR_LIMIT,
                       "query processing would load too many samples into memory in query execution");
    *inner = *ev;
    inner->start_ms = start_ms;
    inner->step_ms = step_ms;
    inner->steps = (size_t)steps;
    inner->words = (inner->steps + 63) / 64;
    inner->is_inner = true;
    return steps ? rows_collect(inner, subquery->expr, rows, err) : 0;
}

int subquery_columns(const struct eval *ev, const struct row *row, struct columns *samples, struct err *err) {
    int rc = columns_reserve(samples, ev->steps, err);
    for (size_t i = 0; i < ev->steps && !rc; i++) {
        if (!bit_get(row->present, i)) continue;
        if (row->histograms && row->histograms[i]) {
            /* resets were told of the sample before, which may not be that of the step before */
            struct histogram histogram = *row->histograms[i];
            if (histogram.reset != HISTOGRAM_RESET_GAUGE) histogram.reset = HISTOGRAM_RESET_UNKNOWN;
            rc = columns_add_histogram(samples, eval_time(ev, i), &histogram, err);
            continue;
        }
        samples->times_ms[samples->count] = eval_time(ev, i);
        samples->values[samples->count++] = row->values[i];
    }
    return rc;
}
