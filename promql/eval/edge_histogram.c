/* anchored and smoothed over native histograms: the rules of edge.c, with histograms for numbers. */
#include "promql/eval/edge.h"
#include "promql/eval/native.h"

#include "lib/model/labels.h"

void native_warn(struct eval *ev, const struct expr *at, enum native_warning what, struct span name) {
    static const char *const texts[] = {
        [NATIVE_MIXED] = "encountered a mix of histograms and floats for metric name",
        [NATIVE_MIXED_BUCKETS] =
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name",
        [NATIVE_NO_COUNTER] = "this native histogram metric is not a counter:",
        [NATIVE_NO_GAUGE] = "this native histogram metric is not a gauge:",
    };
    eval_warn(ev, at, "%s \"%.*s\"", texts[what], SPAN_ARG(name));
}

struct edge_call {
    struct eval *ev;
    const struct expr *at; /* for notes */
    struct span name;
    struct work *work;
    unsigned notes;
    struct err *err;
};

/* The histogram at time_ms, between i and i + 1. Of a counter that has started anew between them only the new
 * one counts. */
static int between(struct edge_call *c, const struct native_window *w, size_t i, int64_t time_ms,
                   bool is_reset, const struct histogram **histogram) {
    double share = (double)(time_ms - w->times_ms[i]) / (double)(w->times_ms[i + 1] - w->times_ms[i]);
    work_set(c->work, w->histograms[i + 1]);
    if (!is_reset) work_add(c->work, w->histograms[i], -1, &c->notes);
    work_scale(c->work, share);
    if (!is_reset) work_add(c->work, w->histograms[i], 1, &c->notes);
    return native_finish(c->ev, c->work, histogram, c->err);
}

/* the samples that matter: first is at or before the start if there is one */
static bool find_samples(const struct native_window *w, bool is_smoothed, size_t *first, size_t *last) {
    *first = 0;
    *last = w->count - 1;
    while (*first + 1 < w->count && w->times_ms[*first + 1] <= w->start_ms) ++*first;
    while (is_smoothed && *last && w->times_ms[*last - 1] >= w->end_ms) --*last;
    return w->times_ms[*last] > w->start_ms && w->times_ms[*first] <= w->end_ms;
}

static bool check(struct edge_call *c, const struct native_window *w, bool is_counter) {
    bool is_custom = histogram_is_custom(w->histograms[0]), any_gauge = false, all_gauge = true;
    for (size_t i = 0; i < w->count; i++) {
        bool is_gauge = w->histograms[i]->reset == HISTOGRAM_RESET_GAUGE;
        any_gauge = any_gauge || is_gauge;
        if (i == 0 || i + 1 == w->count) all_gauge = all_gauge && is_gauge;
        if (histogram_is_custom(w->histograms[i]) == is_custom) continue;
        native_warn(c->ev, c->at, NATIVE_MIXED_BUCKETS, c->name);
        return false;
    }
    if (is_counter && any_gauge) native_warn(c->ev, c->at, NATIVE_NO_COUNTER, c->name);
    if (!is_counter && !all_gauge) native_warn(c->ev, c->at, NATIVE_NO_GAUGE, c->name);
    return true;
}

/* w: only what matters */
static int risen(struct edge_call *c, const struct native_window *w, enum function_id id, bool is_smoothed,
                 struct operand *result, bool *is_there) {
    bool is_counter = id != FN_delta;
    size_t last = w->count - 1;
    const struct histogram *left = w->histograms[0], *right = w->histograms[last];
    bool left_is_between = is_smoothed && w->times_ms[0] < w->start_ms;
    bool right_is_between = is_smoothed && last && w->times_ms[last] > w->end_ms;
    if (!check(c, w, is_counter)) return 0;
    int rc = 0;
    if (left_is_between) rc = between(c, w, 0, w->start_ms, is_counter && w->is_reset[1], &left);
    if (!rc && right_is_between)
        rc = between(c, w, last - 1, w->end_ms, is_counter && w->is_reset[last], &right);
    if (rc) return rc;
    work_set(c->work, right);
    work_add(c->work, left, -1, &c->notes);
    for (size_t i = left_is_between ? 2 : 1; i <= last && is_counter; i++)
        if (w->is_reset[i]) work_add(c->work, w->histograms[i - 1], 1, &c->notes);
    native_notes(c->ev, c->at, c->notes & WORK_RECONCILED, "subtraction");
    if (id == FN_rate) work_divide(c->work, (double)(w->end_ms - w->start_ms) / 1000);
    c->work->shape.reset = HISTOGRAM_RESET_GAUGE;
    rc = native_finish(c->ev, c->work, &result->histogram, c->err);
    if (rc) return rc;
    result->value = result->histogram->sum;
    *is_there = true;
    return 0;
}

int native_edge(struct eval *ev, const struct expr *at, enum function_id id, bool is_smoothed,
                const struct native_window *w, struct span name, struct operand *result, bool *is_there,
                struct err *err) {
    struct edge_call c = {ev, at, name, native_work(ev), 0, err};
    struct native_window inside = *w;
    size_t first, last, natives = 0;
    *is_there = false;
    if (!c.work) return arena_limit(&ev->query->arena, "histograms", err);
    if (!find_samples(w, is_smoothed, &first, &last)) return 0;
    inside.times_ms += first;
    inside.values += first;
    inside.histograms += first;
    inside.is_reset += first;
    inside.count = last - first + 1;
    if (id == FN_changes || id == FN_resets)
        return native_count(ev, &inside, id == FN_resets, result, is_there, err);
    for (size_t i = 0; i < inside.count; i++) natives += inside.histograms[i] != NULL;
    if (!natives) {
        struct window floats = {.times_ms = inside.times_ms,
                                .values = inside.values,
                                .count = inside.count,
                                .start_ms = w->start_ms,
                                .end_ms = w->end_ms};
        result->histogram = NULL;
        *is_there = edge_value(id, is_smoothed, &floats, &result->value);
        return 0;
    }
    if (natives < inside.count) {
        native_warn(ev, at, NATIVE_MIXED, name);
        return 0;
    }
    return risen(&c, &inside, id, is_smoothed, result, is_there);
}

int native_smooth(struct eval *ev, const struct expr *at, const struct native_window *w, struct span name,
                  struct operand *result, bool *is_there, struct err *err) {
    struct edge_call c = {ev, at, name, native_work(ev), 0, err};
    size_t before = 0, natives = 0;
    *is_there = false;
    if (!c.work) return arena_limit(&ev->query->arena, "histograms", err);
    while (before < w->count && w->times_ms[before] <= w->end_ms) before++;
    for (size_t i = 0; i < w->count; i++) natives += w->histograms[i] != NULL;
    if (natives && natives < w->count) {
        native_warn(ev, at, NATIVE_MIXED, name);
        return 0;
    }
    result->histogram = NULL;
    if (!natives) {
        *is_there = edge_instant(w->times_ms, w->values, w->count, w->end_ms, &result->value);
        return 0;
    }
    if (!before) return 0;
    result->histogram = w->histograms[before - 1];
    if (before < w->count && w->times_ms[before - 1] < w->end_ms) {
        const struct histogram *next = w->histograms[before];
        if (histogram_is_custom(next) != histogram_is_custom(result->histogram)) {
            native_warn(ev, at, NATIVE_MIXED_BUCKETS, name);
            return 0;
        }
        bool is_reset =
            next->reset != HISTOGRAM_RESET_GAUGE && histogram_is_reset(c.work, result->histogram, next);
        int rc = between(&c, w, before - 1, w->end_ms, is_reset, &result->histogram);
        if (rc) return rc;
        native_notes(ev, at, c.notes & WORK_RECONCILED, "addition");
    }
    result->value = result->histogram->sum;
    *is_there = true;
    return 0;
}
