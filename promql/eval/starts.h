#pragma once
/*
 * starts.h - inside of promql/eval: what the start times of counters say (feature use-start-timestamps).
 *
 *     times      t0      t1      t2        starts[i]: when the counter that made sample i began, 0: not known
 *     starts     s0      s1      s2        s1 > t0: it began anew between t0 and t1
 *          |--s0-|
 *
 * A reset is then known even where the value did not go down, and a first sample whose start lies inside of
 * the window was counted from zero: nothing has to be extrapolated to the left of it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The counter began anew between sample i - 1 and i. A start at the time of the sample before says so only
 * where that one had a start of its own: else it is how senders name a counter whose start they do not know.
 */
static inline bool start_is_reset(const int64_t *starts_ms, const int64_t *times_ms, size_t i) {
    int64_t start = starts_ms[i], before = starts_ms[i - 1], last = times_ms[i - 1];
    if (!start || start >= times_ms[i]) return false;
    return start > last || (start == last && before && before < last);
}

/* the first sample of a window behind start_ms was counted from zero inside of it; starts_ms may be NULL */
static inline bool start_is_inside(const int64_t *starts_ms, const int64_t *times_ms, int64_t start_ms) {
    return starts_ms && starts_ms[0] > start_ms && starts_ms[0] < times_ms[0];
}

/* What extrapolation makes of a window that begins with zero at start_ms: only its end is to be estimated. */
double start_factor(const int64_t *times_ms, size_t count, int64_t start_ms, int64_t end_ms);

struct window_steps { /* the windows (end - range_ms, end] */
    int64_t first_end_ms, step_ms, range_ms;
    size_t steps;
};

/* in some window there are two samples of which the later began, anew, before the earlier was taken */
bool starts_overlap(const int64_t *starts_ms, const int64_t *times_ms, size_t count,
                    const struct window_steps *windows);
