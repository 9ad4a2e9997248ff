#include "promql/eval/alike.h"

#include <math.h>

#define LANES 4u

static struct window window_at(const struct window *first, size_t samples) {
    struct window w = *first;
    w.times_ms += samples;
    w.values += samples;
    return w;
}

/* Sums of LANES windows side by side: their additions do not wait for each other. What rounding takes away is
 * exact, so it is that of sum_add, as long as nothing overflows: then a sum or rest is not finite. */
static void add_lanes(const struct window *first, size_t stride, const double *values, double *sums,
                      double *rests) {
    for (size_t lane = 0; lane < LANES; lane++) sums[lane] = rests[lane] = 0;
    for (size_t i = 0; i < first->count; i++)
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] = sum_exactly(values[lane * stride + i], sums[lane], &rests[lane]);
}

/* those that do not fill the lanes, or came to no finite sum */
static void one_by_one(range_kernel *kernel, const struct window *first, size_t stride, size_t from,
                       size_t to, double *values) {
    for (size_t k = from; k < to; k++) {
        struct window w = window_at(first, k * stride);
        (void)kernel(&w, &values[k]); /* always has a value */
    }
}

static void add_up(enum function_id id, const struct window *first, size_t stride, size_t windows,
                   double *values) {
    range_kernel *kernel = range_kernel_of(id);
    double sums[LANES], rests[LANES], count = (double)first->count;
    size_t k = 0;
    for (; k + LANES <= windows; k += LANES) {
        add_lanes(first, stride, first->values + k * stride, sums, rests);
        for (size_t lane = 0; lane < LANES; lane++) {
            if (!isfinite(sums[lane]) || !isfinite(rests[lane]))
                one_by_one(kernel, first, stride, k + lane, k + lane + 1, values);
            else if (id == FN_avg_over_time)
                values[k + lane] = sums[lane] / count + rests[lane] / count;
            else
                values[k + lane] = sum_total(sums[lane], rests[lane]);
        }
    }
    one_by_one(kernel, first, stride, k, windows, values);
}

static void alike_avg(const struct window *first, size_t stride, size_t windows, double *values) {
    add_up(FN_avg_over_time, first, stride, windows, values);
}

static void alike_sum(const struct window *first, size_t stride, size_t windows, double *values) {
    add_up(FN_sum_over_time, first, stride, windows, values);
}

/* The extreme of finite numbers does not depend on their order, but for the sign of 0: then, and where there
 * may be none, the window is looked at anew. */
static void extremes(enum function_id id, const struct window *first, size_t stride, size_t windows,
                     double *values) {
    bool wants_largest = id == FN_max_over_time;
    for (size_t k = 0; k < windows; k++) {
        const double *at = first->values + k * stride;
        double best[LANES], sign = wants_largest ? 1 : -1;
        size_t i = 0;
        for (size_t lane = 0; lane < LANES; lane++) best[lane] = -INFINITY;
        for (; i + LANES <= first->count; i += LANES)
            for (size_t lane = 0; lane < LANES; lane++) {
                double value = at[i + lane] * sign;
                best[lane] = value > best[lane] ? value : best[lane];
            }
        for (; i < first->count; i++) best[0] = at[i] * sign > best[0] ? at[i] * sign : best[0];
        for (size_t lane = 1; lane < LANES; lane++) best[0] = best[lane] > best[0] ? best[lane] : best[0];
        values[k] = best[0] * sign;
        if (isinf(values[k]) || values[k] == 0)
            one_by_one(range_kernel_of(id), first, stride, k, k + 1, values);
    }
}

static void alike_max(const struct window *first, size_t stride, size_t windows, double *values) {
    extremes(FN_max_over_time, first, stride, windows, values);
}

static void alike_min(const struct window *first, size_t stride, size_t windows, double *values) {
    extremes(FN_min_over_time, first, stride, windows, values);
}

static void alike_count(const struct window *first, size_t stride, size_t windows, double *values) {
    (void)stride;
    for (size_t k = 0; k < windows; k++) values[k] = (double)first->count;
}

static void alike_last(const struct window *first, size_t stride, size_t windows, double *values) {
    for (size_t k = 0; k < windows; k++) values[k] = first->values[k * stride + first->count - 1];
}

alike_kernel *alike_kernel_of(enum function_id id) {
    switch (id) {
    case FN_rate: return alike_rate;
    case FN_increase: return alike_increase;
    case FN_delta: return alike_delta;
    case FN_avg_over_time: return alike_avg;
    case FN_sum_over_time: return alike_sum;
    case FN_max_over_time: return alike_max;
    case FN_min_over_time: return alike_min;
    case FN_count_over_time: return alike_count;
    case FN_last_over_time: return alike_last;
    default: return NULL;
    }
}
