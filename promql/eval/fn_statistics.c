/* What the samples of a range come to: sums, means, extremes, quantiles. Each window is added anew, in
 * upstream's order, because a running sum cannot forget an Inf. */
#include "promql/eval/range.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void mean_add(struct mean *mean, double value) {
    mean->count++;
    if (!mean->incremental) {
        double sum = mean->sum, rest = mean->rest;
        sum_add(value, &sum, &rest);
        if (mean->count == 1 || !isinf(sum)) {
            mean->sum = sum;
            mean->rest = rest;
            return;
        }
        /* the sum would overflow: go on with the mean of what was there before */
        mean->incremental = true;
        mean->sum /= mean->count - 1;
        mean->rest /= mean->count - 1;
    }
    if (isinf(mean->sum)) {
        if (isinf(value) && (mean->sum > 0) == (value > 0)) return;
        if (!isinf(value) && !isnan(value)) return;
    }
    double share = (mean->count - 1) / mean->count;
    mean->sum *= share;
    mean->rest *= share;
    sum_add(value / mean->count, &mean->sum, &mean->rest);
}

double mean_total(const struct mean *mean) {
    if (mean->incremental) return mean->sum + mean->rest;
    return mean->sum / mean->count + mean->rest / mean->count;
}

static int compare_values(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y)) return isnan(x) ? (isnan(y) ? 0 : -1) : 1;
    return x < y ? -1 : x > y;
}

double quantile_of(double *values, size_t count, double q) {
    if (!count || isnan(q)) return NAN;
    if (q < 0) return -INFINITY;
    if (q > 1) return INFINITY;
    qsort(values, count, sizeof *values, compare_values);
    double rank = q * (double)(count - 1), low = floor(rank), weight = rank - low;
    size_t lower = (size_t)fmax(0, low), upper = lower + 1 < count ? lower + 1 : count - 1;
    return values[lower] * (1 - weight) + values[upper] * weight;
}

static bool fn_count(const struct window *w, double *value) {
    *value = (double)w->count;
    return true;
}

static bool fn_present(const struct window *w, double *value) {
    (void)w;
    *value = 1;
    return true;
}

static bool fn_first(const struct window *w, double *value) {
    *value = w->values[0];
    return true;
}

static bool fn_last(const struct window *w, double *value) {
    *value = w->values[w->count - 1];
    return true;
}

static bool fn_sum(const struct window *w, double *value) {
    double sum = 0, rest = 0;
    for (size_t i = 0; i < w->count; i++) sum_add(w->values[i], &sum, &rest);
    *value = sum_total(sum, rest);
    return true;
}

/* the sum over the count, as long as there is no overflow */
static bool fn_avg(const struct window *w, double *value) {
    struct mean mean = {0};
    double sum = 0, rest = 0, count = (double)w->count;
    for (size_t i = 0; i < w->count; i++) sum_add(w->values[i], &sum, &rest);
    if (isfinite(sum)) {
        *value = sum / count + rest / count;
        return true;
    }
    for (size_t i = 0; i < w->count; i++) mean_add(&mean, w->values[i]);
    *value = mean_total(&mean);
    return true;
}

/* the index of the extreme; a NaN only wins when all are */
static size_t extreme(const struct window *w, bool wants_largest, bool wants_newest) {
    size_t best = 0;
    for (size_t i = 1; i < w->count; i++) {
        double value = w->values[i], now = w->values[best];
        bool better = wants_largest ? value > now : value < now;
        if (better || isnan(now) || (wants_newest && value == now)) best = i;
    }
    return best;
}

static bool fn_max(const struct window *w, double *value) {
    *value = w->values[extreme(w, true, false)];
    return true;
}

static bool fn_min(const struct window *w, double *value) {
    *value = w->values[extreme(w, false, false)];
    return true;
}

static bool fn_ts_of_max(const struct window *w, double *value) {
    *value = (double)w->times_ms[extreme(w, true, true)] / 1000;
    return true;
}

static bool fn_ts_of_min(const struct window *w, double *value) {
    *value = (double)w->times_ms[extreme(w, false, true)] / 1000;
    return true;
}

static bool fn_ts_of_first(const struct window *w, double *value) {
    *value = (double)w->times_ms[0] / 1000;
    return true;
}

static bool fn_ts_of_last(const struct window *w, double *value) {
    *value = (double)w->times_ms[w->count - 1] / 1000;
    return true;
}

/* Welford's running variance, compensated */
static bool fn_stdvar(const struct window *w, double *value) {
    double count = 0, mean = 0, rest_mean = 0, squares = 0, rest_squares = 0;
    for (size_t i = 0; i < w->count; i++) {
        count++;
        double delta = w->values[i] - (mean + rest_mean);
        sum_add(delta / count, &mean, &rest_mean);
        sum_add(delta * (w->values[i] - (mean + rest_mean)), &squares, &rest_squares);
    }
    *value = (squares + rest_squares) / count;
    return true;
}

static bool fn_stddev(const struct window *w, double *value) {
    (void)fn_stdvar(w, value); /* always has a value */
    *value = sqrt(*value);
    return true;
}

static bool fn_quantile(const struct window *w, double *value) {
    memcpy(w->scratch, w->values, w->count * sizeof *w->scratch);
    *value = quantile_of(w->scratch, w->count, w->params[0]);
    return true;
}

static bool fn_mad(const struct window *w, double *value) {
    memcpy(w->scratch, w->values, w->count * sizeof *w->scratch);
    double median = quantile_of(w->scratch, w->count, 0.5);
    for (size_t i = 0; i < w->count; i++) w->scratch[i] = fabs(w->values[i] - median);
    *value = quantile_of(w->scratch, w->count, 0.5);
    return true;
}

range_kernel *range_statistics_kernel(enum function_id id) {
    switch (id) {
    case FN_avg_over_time: return fn_avg;
    case FN_count_over_time: return fn_count;
    case FN_first_over_time: return fn_first;
    case FN_last_over_time: return fn_last;
    case FN_mad_over_time: return fn_mad;
    case FN_max_over_time: return fn_max;
    case FN_min_over_time: return fn_min;
    case FN_absent_over_time: /* its windows are asked whether they are there at all */
    case FN_present_over_time: return fn_present;
    case FN_quantile_over_time: return fn_quantile;
    case FN_stddev_over_time: return fn_stddev;
    case FN_stdvar_over_time: return fn_stdvar;
    case FN_sum_over_time: return fn_sum;
    case FN_ts_of_first_over_time: return fn_ts_of_first;
    case FN_ts_of_last_over_time: return fn_ts_of_last;
    case FN_ts_of_max_over_time: return fn_ts_of_max;
    case FN_ts_of_min_over_time: return fn_ts_of_min;
    default: return NULL;
    }
}
