/* Functions of counters and gauges over a range: rate and its relatives, changes, slopes. Formulas:
 * COMPATIBILITY 4.7, as upstream computes them. */
#include "promql/eval/alike.h"
#include "promql/eval/starts.h"

#include <math.h>

/* The value at the window's edges is estimated: as far as the edge when a sample was due there, else half a
 * gap. */
static void find_edges(const struct window *w, bool is_rate, struct extrapolation *edges) {
    const int64_t *times = w->times_ms;
    double gap, threshold;
    edges->start_ms = times[0] - w->start_ms;
    edges->end_ms = w->end_ms - times[w->count - 1];
    edges->count = w->count;
    edges->to_start = (double)edges->start_ms / 1000;
    edges->to_end = (double)edges->end_ms / 1000;
    edges->sampled = (double)(times[w->count - 1] - times[0]) / 1000;
    gap = edges->sampled / (double)(w->count - 1);
    threshold = gap * 1.1;
    if (edges->to_start >= threshold) edges->to_start = gap / 2;
    if (edges->to_end >= threshold) edges->to_end = gap / 2;
    edges->factor = (edges->sampled + edges->to_start + edges->to_end) / edges->sampled;
    if (is_rate) edges->factor /= (double)(w->end_ms - w->start_ms) / 1000;
    /* a bit more than it is, so that whoever is above it need not look closer */
    edges->steepest = edges->to_start / edges->sampled * (1 + 1e-9);
}

/* a counter is never below 0: it may have begun between the window's start and its first sample */
static double factor_from_zero(const struct window *w, const struct extrapolation *edges, bool is_rate,
                               double first, double result) {
    double to_start = edges->to_start, to_zero = edges->sampled * (first / result);
    if (to_zero < to_start) to_start = to_zero;
    double factor = (edges->sampled + to_start + edges->to_end) / edges->sampled;
    return is_rate ? factor / ((double)(w->end_ms - w->start_ms) / 1000) : factor;
}

static inline double extrapolate(const struct window *w, const struct extrapolation *edges, bool is_counter,
                                 bool is_rate, double first, double result) {
    bool may_be_from_zero = is_counter && result > 0 && first >= 0 && !(first > result * edges->steepest);
    return result * (may_be_from_zero ? factor_from_zero(w, edges, is_rate, first, result) : edges->factor);
}

/* no sample but a start time is needed before the first one */
static bool counted_from_start(const struct window *w, bool is_rate, double *value) {
    double result = w->values[w->count - 1];
    for (size_t i = 0; i < w->reset_count; i++) result += w->values[w->resets[i] - 1];
    result *= start_factor(w->times_ms, w->count, w->starts_ms[0], w->end_ms);
    *value = is_rate ? result / ((double)(w->end_ms - w->start_ms) / 1000) : result;
    return true;
}

static bool extrapolated(const struct window *w, bool is_counter, bool is_rate, double *value) {
    struct extrapolation own = {0}, *edges = w->last ? w->last : &own;
    if (is_counter && start_is_inside(w->starts_ms, w->times_ms, w->start_ms))
        return counted_from_start(w, is_rate, value);
    if (w->count < 2) return false;
    const double first = w->values[0], last = w->values[w->count - 1];
    double result = last - first;
    for (size_t i = 0; is_counter && i < w->reset_count; i++) result += w->values[w->resets[i] - 1];
    if (edges->count != w->count || w->times_ms[0] - w->start_ms != edges->start_ms ||
        w->end_ms - w->times_ms[w->count - 1] != edges->end_ms)
        find_edges(w, is_rate, edges);
    *value = extrapolate(w, edges, is_counter, is_rate, first, result);
    return true;
}

#define LANES 4u

/* alike.h: what each window's counter went up by; the additions of LANES windows do not wait for each other
 */
static void increases(const struct window *first, size_t stride, size_t windows, double *values) {
    const double *begin = first->values, *end = begin + first->count - 1, *drops = first->drops;
    for (size_t k = 0; k < windows; k++) values[k] = end[k * stride] - begin[k * stride];
    for (size_t k = 0; drops && k < windows; k += LANES, drops += LANES * stride) {
        size_t lanes = windows - k < LANES ? windows - k : LANES;
        double sums[LANES];
        for (size_t lane = 0; lane < lanes; lane++) sums[lane] = values[k + lane];
        for (size_t i = 1; lanes == LANES && i < first->count; i++)
            for (size_t lane = 0; lane < LANES; lane++) sums[lane] += drops[lane * stride + i];
        for (size_t lane = 0; lanes < LANES && lane < lanes; lane++)
            for (size_t i = 1; i < first->count; i++) sums[lane] += drops[lane * stride + i];
        for (size_t lane = 0; lane < lanes; lane++) values[k + lane] = sums[lane];
    }
}

/* Many counters are far above what could bring them below 0 at a window's start. False: one of these windows
 * is to be looked at; told by the sign of a difference, NaN has none. */
static inline bool are_far_from_zero(const double *begin, size_t stride, const double *results, size_t count,
                                     double steepest) {
    uint64_t any = 0;
    for (size_t k = 0; k < count; k++) any |= double_bits(begin[k * stride] - results[k] * steepest) - 1;
    return !(any >> 63);
}

#define PIECE ((size_t)32)

/* alike.h */
static inline void extrapolate_all(const struct window *first, size_t stride, size_t windows, bool is_counter,
                                   bool is_rate, double *values) {
    struct extrapolation edges;
    find_edges(first, is_rate, &edges);
    increases(first, stride, windows, values);
    for (size_t from = 0, to; from < windows; from = to) {
        to = windows - from < PIECE ? windows : from + PIECE;
        const double *begin = first->values + from * stride;
        if (!is_counter || are_far_from_zero(begin, stride, values + from, to - from, edges.steepest))
            for (size_t k = from; k < to; k++) values[k] *= edges.factor;
        else
            for (size_t k = from; k < to; k++)
                values[k] = extrapolate(first, &edges, true, is_rate, first->values[k * stride], values[k]);
    }
}

void alike_rate(const struct window *first, size_t stride, size_t windows, double *values) {
    extrapolate_all(first, stride, windows, true, true, values);
}

void alike_increase(const struct window *first, size_t stride, size_t windows, double *values) {
    extrapolate_all(first, stride, windows, true, false, values);
}

void alike_delta(const struct window *first, size_t stride, size_t windows, double *values) {
    extrapolate_all(first, stride, windows, false, false, values);
}

static bool fn_rate(const struct window *w, double *value) {
    return extrapolated(w, true, true, value);
}

static bool fn_increase(const struct window *w, double *value) {
    return extrapolated(w, true, false, value);
}

static bool fn_delta(const struct window *w, double *value) {
    return extrapolated(w, false, false, value);
}

static bool fn_irate(const struct window *w, double *value) {
    if (w->count < 2) return false;
    const size_t last = w->count - 1;
    int64_t gap_ms = w->times_ms[last] - w->times_ms[last - 1];
    bool is_reset = w->values[last] < w->values[last - 1] ||
                    (w->starts_ms && start_is_reset(w->starts_ms, w->times_ms, last));
    double increase = is_reset ? w->values[last] : w->values[last] - w->values[last - 1];
    if (gap_ms == 0) return false;
    *value = increase / ((double)gap_ms / 1000);
    return true;
}

static bool fn_idelta(const struct window *w, double *value) {
    if (w->count < 2) return false;
    *value = w->values[w->count - 1] - w->values[w->count - 2];
    return true;
}

static bool fn_resets(const struct window *w, double *value) {
    *value = (double)w->reset_count;
    return true;
}

static bool fn_changes(const struct window *w, double *value) {
    size_t changes = 0;
    for (size_t i = 1; i < w->count; i++) {
        double before = w->values[i - 1], now = w->values[i];
        changes += now != before && !(isnan(now) && isnan(before));
    }
    *value = (double)changes;
    return true;
}

/* Least squares around intercept_ms; a constant series has slope 0 exactly. */
static void regression(const struct window *w, int64_t intercept_ms, double *slope, double *intercept) {
    double sum_x = 0, rest_x = 0, sum_y = 0, rest_y = 0, sum_xy = 0, rest_xy = 0, sum_xx = 0, rest_xx = 0;
    bool is_constant = true;
    for (size_t i = 0; i < w->count; i++) {
        double x = (double)(w->times_ms[i] - intercept_ms) / 1000, y = w->values[i];
        is_constant = is_constant && (i == 0 || y == w->values[0]);
        sum_add(x, &sum_x, &rest_x);
        sum_add(y, &sum_y, &rest_y);
        sum_add(x * y, &sum_xy, &rest_xy);
        sum_add(x * x, &sum_xx, &rest_xx);
    }
    if (is_constant) {
        bool is_inf = isinf(w->values[0]);
        *slope = is_inf ? NAN : 0;
        *intercept = is_inf ? NAN : w->values[0];
        return;
    }
    double n = (double)w->count;
    sum_x += rest_x;
    sum_y += rest_y;
    double cov = sum_xy + rest_xy - sum_x * sum_y / n, var = sum_xx + rest_xx - sum_x * sum_x / n;
    *slope = cov / var;
    *intercept = sum_y / n - *slope * sum_x / n;
}

static bool fn_deriv(const struct window *w, double *value) {
    double intercept;
    if (w->count < 2) return false;
    regression(w, w->times_ms[0], value, &intercept);
    return true;
}

static bool fn_predict_linear(const struct window *w, double *value) {
    double slope, intercept;
    if (w->count < 2) return false;
    regression(w, w->eval_ms, &slope, &intercept);
    *value = slope * w->params[0] + intercept;
    return true;
}

/* Holt's linear method: a level and a trend, each with its factor */
static bool fn_smoothing(const struct window *w, double *value) {
    double level = w->values[0], trend = 0, before = 0;
    const double level_factor = w->params[0], trend_factor = w->params[1];
    if (w->count < 2) return false;
    trend = w->values[1] - w->values[0];
    for (size_t i = 1; i < w->count; i++) {
        if (i > 1) trend = trend_factor * (level - before) + (1 - trend_factor) * trend;
        before = level;
        level = level_factor * w->values[i] + (1 - level_factor) * (level + trend);
    }
    *value = level;
    return true;
}

range_kernel *range_kernel_of(enum function_id id) {
    switch (id) {
    case FN_rate: return fn_rate;
    case FN_increase: return fn_increase;
    case FN_delta: return fn_delta;
    case FN_irate: return fn_irate;
    case FN_idelta: return fn_idelta;
    case FN_resets: return fn_resets;
    case FN_changes: return fn_changes;
    case FN_deriv: return fn_deriv;
    case FN_predict_linear: return fn_predict_linear;
    case FN_double_exponential_smoothing: return fn_smoothing;
    default: return range_statistics_kernel(id);
    }
}

bool range_keeps_name(enum function_id id) {
    if (id == FN_absent_over_time) return true; /* its series are only asked whether they are there */
    return id == FN_last_over_time || id == FN_first_over_time;
}
