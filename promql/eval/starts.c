#include "promql/eval/starts.h"

double start_factor(const int64_t *times_ms, size_t count, int64_t start_ms, int64_t end_ms) {
    const int64_t last_ms = times_ms[count - 1];
    double sampled = (double)(last_ms - start_ms) / 1000, to_end = (double)(end_ms - last_ms) / 1000;
    double gap = count > 1 ? (double)(last_ms - times_ms[0]) / 1000 / (double)(count - 1) : 0;
    if (to_end >= gap * 1.1) to_end = gap / 2;
    return (sampled + to_end) / sampled;
}

/* the first window that ends at or behind the later sample also has the earlier one, if any has both */
static bool has_both(const struct window_steps *windows, int64_t earlier_ms, int64_t later_ms) {
    int64_t behind_ms = later_ms - windows->first_end_ms;
    int64_t step = behind_ms <= 0 ? 0 : (behind_ms + windows->step_ms - 1) / windows->step_ms;
    return step < (int64_t)windows->steps &&
           windows->first_end_ms + step * windows->step_ms - windows->range_ms < earlier_ms;
}

bool starts_overlap(const int64_t *starts_ms, const int64_t *times_ms, size_t count,
                    const struct window_steps *windows) {
    for (size_t i = 1; i < count; i++) {
        bool is_overlap = starts_ms[i] && starts_ms[i] < times_ms[i - 1] && starts_ms[i] != starts_ms[i - 1];
        if (is_overlap && has_both(windows, times_ms[i - 1], times_ms[i])) return true;
    }
    return false;
}
