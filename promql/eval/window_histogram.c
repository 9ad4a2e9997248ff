/* Functions over a range of a series that has native histograms. Rules: COMPATIBILITY 4.7, as upstream. */
#include "promql/eval/native.h"
#include "promql/eval/range.h"
#include "promql/eval/starts.h"

#include "lib/model/labels.h"

#include <math.h>

struct native_call {
    struct eval *ev;
    const struct expr *call;
    const struct native_window *w;
    struct span name; /* of the metric */
    size_t natives;   /* in the window */
    struct window floats;
    struct err *err;
};

static const struct expr *range_of(const struct native_call *c) {
    const struct call *call = &c->call->call;
    for (size_t i = 0; i < call->arg_count; i++)
        if (expr_inside(call->args[i])->value == VALUE_MATRIX) return call->args[i];
    return c->call;
}

static void warn(const struct native_call *c, enum native_warning what) {
    native_warn(c->ev, range_of(c), what, c->name);
}

static bool is_gauge(const struct histogram *histogram) {
    return histogram->reset == HISTOGRAM_RESET_GAUGE;
}

/* the floats of the window, as the functions of floats see them */
static void gather_floats(struct native_call *c) {
    const struct native_window *w = c->w;
    size_t count = 0, resets = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->histograms[i]) continue;
        w->float_times_ms[count] = w->times_ms[i];
        w->floats[count] = w->values[i];
        if (w->starts_ms) w->float_starts_ms[count] = w->starts_ms[i];
        bool is_reset =
            count && (w->floats[count] < w->floats[count - 1] ||
                      (w->starts_ms && start_is_reset(w->float_starts_ms, w->float_times_ms, count)));
        if (is_reset) w->resets[resets++] = (uint32_t)count;
        count++;
    }
    c->natives = w->count - count;
    c->floats = (struct window){.times_ms = w->float_times_ms,
                                .values = w->floats,
                                .starts_ms = w->starts_ms ? w->float_starts_ms : NULL,
                                .count = count,
                                .start_ms = w->start_ms,
                                .end_ms = w->end_ms,
                                .eval_ms = w->eval_ms,
                                .resets = w->resets,
                                .reset_count = resets,
                                .params = w->params,
                                .scratch = w->scratch};
}

static int of_floats(const struct native_call *c, struct operand *result, bool *is_there) {
    result->histogram = NULL;
    *is_there = c->floats.count && range_kernel_of(c->call->call.function->id)(&c->floats, &result->value);
    return 0;
}

static int finish(const struct native_call *c, struct work *work, struct operand *result, bool *is_there) {
    int rc = native_finish(c->ev, work, &result->histogram, c->err);
    if (rc) return rc;
    result->value = result->histogram->sum;
    *is_there = true;
    return 0;
}

/* ---- rate, increase, delta ---- */

static double extrapolation(const struct native_window *w, bool is_counter, double first_count,
                            double count) {
    double to_start = (double)(w->times_ms[0] - w->start_ms) / 1000;
    double to_end = (double)(w->end_ms - w->times_ms[w->count - 1]) / 1000;
    double sampled = (double)(w->times_ms[w->count - 1] - w->times_ms[0]) / 1000;
    double gap = sampled / (double)(w->count - 1), threshold = gap * 1.1;
    if (to_start >= threshold) to_start = gap / 2;
    if (is_counter && count > 0 && first_count >= 0) {
        double to_zero = sampled * (first_count / count);
        if (to_zero < to_start) to_start = to_zero;
    }
    if (to_end >= threshold) to_end = gap / 2;
    return (sampled + to_start + to_end) / sampled;
}

/* do all that count have the same kind of buckets? Says what else is wrong with them. */
static bool check_kinds(const struct native_call *c, bool is_counter, size_t first) {
    const struct native_window *w = c->w;
    bool is_custom = histogram_is_custom(w->histograms[first]), same = true, any_gauge = false;
    for (size_t i = first; i < w->count; i++)
        same = same && histogram_is_custom(w->histograms[i]) == is_custom;
    for (size_t i = 0; i < w->count; i++) any_gauge = any_gauge || is_gauge(w->histograms[i]);
    if (is_counter && any_gauge) warn(c, NATIVE_NO_COUNTER);
    if (!same) warn(c, NATIVE_MIXED_BUCKETS);
    bool all_gauge = is_gauge(w->histograms[0]) && is_gauge(w->histograms[w->count - 1]);
    if (same && !is_counter && !all_gauge) warn(c, NATIVE_NO_GAUGE);
    return same;
}

static int native_rate(const struct native_call *c, bool is_counter, bool is_rate, struct operand *result,
                       bool *is_there) {
    const struct native_window *w = c->w;
    struct work *work = native_work(c->ev);
    unsigned notes = 0;
    bool from_zero = is_counter && start_is_inside(w->starts_ms, w->times_ms, w->start_ms);
    if (w->count < 2 && !from_zero) return 0;
    if (!work) return arena_limit(&c->ev->query->arena, "histograms", c->err);
    /* what a reset follows at once does not matter, not even its buckets */
    size_t first = is_counter && !from_zero && w->is_reset[1] ? 1 : 0;
    if (!check_kinds(c, is_counter, first)) return 0;
    int8_t schema = w->histograms[w->count - 1]->schema;
    for (size_t i = first; i < w->count && is_counter; i++)
        if (w->histograms[i]->schema < schema) schema = w->histograms[i]->schema;
    work_set(work, w->histograms[w->count - 1]);
    work_reduce(work, schema);
    if (!first && !from_zero) work_add(work, w->histograms[0], -1, &notes);
    native_notes(c->ev, range_of(c), notes & WORK_RECONCILED, "subtraction");
    notes = 0;
    for (size_t i = first + 1; i < w->count && is_counter; i++)
        if (w->is_reset[i]) work_add(work, w->histograms[i - 1], 1, &notes);
    native_notes(c->ev, range_of(c), notes & WORK_RECONCILED, "addition");
    double factor =
        from_zero ? start_factor(w->times_ms, w->count, w->starts_ms[0], w->end_ms)
                  : extrapolation(w, is_counter, w->histograms[0]->count, work->count + work->count_rest);
    if (is_rate) factor /= (double)(w->end_ms - w->start_ms) / 1000;
    work_scale(work, factor);
    work->shape.reset = HISTOGRAM_RESET_GAUGE;
    return finish(c, work, result, is_there);
}

/* irate, idelta: the last two */
static int native_instant(const struct native_call *c, bool is_rate, struct operand *result, bool *is_there) {
    const struct native_window *w = c->w;
    unsigned notes = 0;
    if (w->count < 2) return 0;
    const struct histogram *last = w->histograms[w->count - 1], *before = w->histograms[w->count - 2];
    double seconds = (double)(w->times_ms[w->count - 1] - w->times_ms[w->count - 2]) / 1000;
    bool has_begun = w->starts_ms && start_is_reset(w->starts_ms, w->times_ms, w->count - 1);
    if (!last != !before) {
        warn(c, NATIVE_MIXED);
        return 0;
    }
    if (!last) {
        double now = w->values[w->count - 1], old = w->values[w->count - 2];
        *is_there = !is_rate || seconds > 0;
        *result = (struct operand){is_rate ? (now < old || has_begun ? now : now - old) / seconds : now - old,
                                   NULL};
        return 0;
    }
    struct work *work = native_work(c->ev);
    if (!work) return arena_limit(&c->ev->query->arena, "histograms", c->err);
    if (is_rate && (is_gauge(last) || is_gauge(before))) warn(c, NATIVE_NO_COUNTER);
    if (!is_rate && !(is_gauge(last) && is_gauge(before))) warn(c, NATIVE_NO_GAUGE);
    bool is_reset = is_rate && (has_begun || histogram_is_reset(work, before, last));
    work_set(work, last);
    if (!is_reset) work_add(work, before, -1, &notes);
    if (notes & WORK_INCOMPATIBLE) {
        warn(c, NATIVE_MIXED_BUCKETS);
        return 0;
    }
    native_notes(c->ev, range_of(c), notes & WORK_RECONCILED, "subtraction");
    if (is_rate) work_divide(work, seconds);
    work->shape.reset = HISTOGRAM_RESET_GAUGE;
    return finish(c, work, result, is_there);
}

/* ---- sums and counts ---- */

static int native_sum(const struct native_call *c, bool is_mean, struct operand *result, bool *is_there) {
    const struct native_window *w = c->w;
    struct work *work = native_work(c->ev);
    unsigned notes = 0;
    if (!work) return arena_limit(&c->ev->query->arena, "histograms", c->err);
    struct native_mean mean = {.work = work, .is_mean = is_mean};
    for (size_t i = 0; i < w->count && !(notes & WORK_INCOMPATIBLE); i++)
        native_mean_add(&mean, w->histograms[i], &notes);
    native_notes(c->ev, range_of(c), notes, "aggregation");
    if (notes & WORK_INCOMPATIBLE) {
        warn(c, NATIVE_MIXED_BUCKETS);
        return 0;
    }
    native_mean_end(&mean);
    return finish(c, work, result, is_there);
}

/* a change of kind is a change, and a reset */
int native_count(struct eval *ev, const struct native_window *w, bool of_resets, struct operand *result,
                 bool *is_there, struct err *err) {
    struct work *work = native_work(ev);
    size_t count = 0;
    if (!work) return arena_limit(&ev->query->arena, "histograms", err);
    for (size_t i = 1; i < w->count; i++) {
        const struct histogram *now = w->histograms[i], *before = w->histograms[i - 1];
        double value = w->values[i], old = w->values[i - 1];
        if (!now != !before || (of_resets && w->starts_ms && start_is_reset(w->starts_ms, w->times_ms, i)))
            count++;
        else if (now)
            count += of_resets ? histogram_is_reset(work, before, now) : !histogram_same(work, before, now);
        else
            count += of_resets ? value < old : value != old && !(isnan(value) && isnan(old));
    }
    *result = (struct operand){(double)count, NULL};
    *is_there = true;
    return 0;
}

static int of_place(const struct native_window *w, size_t i, bool wants_time, struct operand *result,
                    bool *is_there) {
    *result = (struct operand){w->values[i], w->histograms[i]};
    if (wants_time) *result = (struct operand){(double)w->times_ms[i] / 1000, NULL};
    *is_there = true;
    return 0;
}

/* of functions that know floats only */
static int floats_only(const struct native_call *c, struct operand *result, bool *is_there) {
    if (c->floats.count && c->natives)
        eval_info(c->ev, range_of(c),
                  "ignored histograms in a range containing both floats and histograms for metric name "
                  "\"%.*s\"",
                  SPAN_ARG(c->name));
    return of_floats(c, result, is_there);
}

int native_range(struct eval *ev, const struct expr *call, const struct native_window *w,
                 enum range_edge edge, struct labels labels, struct operand *result, bool *is_there,
                 struct err *err) {
    struct native_call c = {ev, call, w, labels_get(labels, SPAN(LABEL_NAME)), 0, {0}, err};
    enum function_id id = call->call.function->id;
    bool is_counter = id == FN_rate || id == FN_increase;
    *is_there = false;
    if (edge != EDGE_NONE)
        return native_edge(ev, range_of(&c), id, edge == EDGE_SMOOTHED, w, c.name, result, is_there, err);
    gather_floats(&c);
    switch (id) {
    case FN_count_over_time:
        *result = (struct operand){(double)w->count, NULL};
        *is_there = true;
        return 0;
    case FN_absent_over_time:
    case FN_present_over_time:
        *result = (struct operand){1, NULL};
        *is_there = true;
        return 0;
    case FN_first_over_time: return of_place(w, 0, false, result, is_there);
    case FN_last_over_time: return of_place(w, w->count - 1, false, result, is_there);
    case FN_ts_of_first_over_time: return of_place(w, 0, true, result, is_there);
    case FN_ts_of_last_over_time: return of_place(w, w->count - 1, true, result, is_there);
    case FN_changes: return native_count(ev, w, false, result, is_there, err);
    case FN_resets: return native_count(ev, w, true, result, is_there, err);
    case FN_irate: return native_instant(&c, true, result, is_there);
    case FN_idelta: return native_instant(&c, false, result, is_there);
    case FN_rate:
    case FN_increase:
    case FN_delta:
    case FN_sum_over_time:
    case FN_avg_over_time: break;
    default: return floats_only(&c, result, is_there);
    }
    if (!c.natives) return of_floats(&c, result, is_there);
    if (c.floats.count) {
        warn(&c, NATIVE_MIXED);
        return 0;
    }
    if (id == FN_sum_over_time || id == FN_avg_over_time)
        return native_sum(&c, id == FN_avg_over_time, result, is_there);
    return native_rate(&c, is_counter, id == FN_rate, result, is_there);
}
