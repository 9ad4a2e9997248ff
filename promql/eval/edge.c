#include "promql/eval/edge.h"

#include <math.h>
#include <string.h>

/* Of a counter that has started anew between the two, only the new one counts. */
static double between(const struct window *w, size_t i, int64_t time_ms, bool is_counter) {
    double before = w->values[i], after = w->values[i + 1];
    if (is_counter && after < before) before = 0;
    double share = (double)(time_ms - w->times_ms[i]) / (double)(w->times_ms[i + 1] - w->times_ms[i]);
    return before + (after - before) * share;
}

/* a range from edge to edge: a value at each, and the samples strictly inside */
struct edges {
    double left, right;
    size_t begin, end;
};

static bool find_edges(const struct window *w, bool is_smoothed, bool is_counter, struct edges *edges) {
    size_t first = 0, last = w->count - 1;
    while (first + 1 < w->count && w->times_ms[first + 1] <= w->start_ms) first++;
    while (is_smoothed && last && w->times_ms[last - 1] >= w->end_ms) last--;
    if (w->times_ms[last] <= w->start_ms || w->times_ms[first] > w->end_ms) return false;
    bool left_is_between = is_smoothed && w->times_ms[first] < w->start_ms;
    bool right_is_between = is_smoothed && last && w->times_ms[last] > w->end_ms;
    edges->left = left_is_between ? between(w, first, w->start_ms, is_counter) : w->values[first];
    edges->right = right_is_between ? between(w, last - 1, w->end_ms, is_counter) : w->values[last];
    edges->begin = w->times_ms[first] <= w->start_ms ? first + 1 : first;
    edges->end = w->times_ms[last] >= w->end_ms ? last : last + 1;
    return true;
}

/* left, the samples inside, right */
static double value_at(const struct window *w, const struct edges *edges, size_t i) {
    size_t inside = edges->end > edges->begin ? edges->end - edges->begin : 0;
    if (i == 0) return edges->left;
    return i <= inside ? w->values[edges->begin + i - 1] : edges->right;
}

static size_t value_count(const struct edges *edges) {
    return 2 + (edges->end > edges->begin ? edges->end - edges->begin : 0);
}

static double risen(const struct window *w, const struct edges *edges, bool is_counter) {
    double result = edges->right - edges->left;
    for (size_t i = 1; is_counter && i < value_count(edges); i++)
        if (value_at(w, edges, i) < value_at(w, edges, i - 1)) result += value_at(w, edges, i - 1);
    return result;
}

static double counted(const struct window *w, const struct edges *edges, bool of_resets) {
    size_t count = 0;
    for (size_t i = 1; i < value_count(edges); i++) {
        double before = value_at(w, edges, i - 1), now = value_at(w, edges, i);
        count += of_resets ? now < before : now != before && !(isnan(now) && isnan(before));
    }
    return (double)count;
}

bool edge_value(enum function_id id, bool is_smoothed, const struct window *w, double *value) {
    struct edges edges;
    bool is_counter = id == FN_rate || id == FN_increase;
    if (!find_edges(w, is_smoothed, is_counter, &edges)) return false;
    if (id == FN_changes || id == FN_resets)
        *value = counted(w, &edges, id == FN_resets);
    else
        *value = risen(w, &edges, is_counter);
    if (id == FN_rate) *value /= (double)(w->end_ms - w->start_ms) / 1000;
    return true;
}

int edge_extend(struct columns *samples, bool is_smoothed, int64_t start_ms, int64_t end_ms,
                struct err *err) {
    struct edges edges;
    (void)columns_drop_histograms(samples);
    columns_drop_stale(samples);
    struct window w = {.times_ms = samples->times_ms,
                       .values = samples->values,
                       .count = samples->count,
                       .start_ms = start_ms,
                       .end_ms = end_ms};
    if (!samples->count || !find_edges(&w, is_smoothed, false, &edges)) {
        samples->count = 0;
        return 0;
    }
    size_t inside = value_count(&edges) - 2;
    int rc = columns_reserve(samples, inside + 2, err);
    if (rc) return rc;
    memmove(samples->times_ms + 1, samples->times_ms + edges.begin, inside * sizeof *samples->times_ms);
    memmove(samples->values + 1, samples->values + edges.begin, inside * sizeof *samples->values);
    samples->times_ms[0] = start_ms;
    samples->values[0] = edges.left;
    samples->times_ms[inside + 1] = end_ms;
    samples->values[inside + 1] = edges.right;
    samples->count = inside + 2;
    return 0;
}

bool edge_instant(const int64_t *times_ms, const double *values, size_t count, int64_t time_ms,
                  double *value) {
    struct window w = {.times_ms = times_ms, .values = values, .count = count};
    size_t before = 0;
    while (before < count && times_ms[before] <= time_ms) before++;
    if (!before) return false;
    bool is_between = before < count && times_ms[before - 1] < time_ms;
    *value = is_between ? between(&w, before - 1, time_ms, false) : values[before - 1];
    return true;
}
