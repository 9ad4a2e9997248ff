#include "promql/eval/ahead.h"
#include "promql/eval/alike.h"
#include "promql/eval/edge.h"
#include "promql/eval/groups.h"
#include "promql/eval/native.h"
#include "promql/eval/starts.h"
#include "promql/eval/stats.h"

#include "lib/base/assert.h"
#include "lib/model/sample.h"

#include <string.h>

/* The windows of one call over all steps. */
struct windows {
    bool fixed;                /* @: one window for all steps */
    int64_t first_ms, last_ms; /* window ends of the first and the last step */
    int64_t range_ms;
    const double *const *params; /* per parameter a column of steps */
    size_t param_count;
    range_kernel *kernel;
    alike_kernel *alike; /* NULL: there is none */
    enum range_edge edge;
    bool keeps_name, wants_resets;
    bool has_overlap; /* of start times, which is told once */
    bool has_pushed;  /* there was a series */
    struct span doubted; /* the metric that was told to be no counter, last */
    const struct expr *call;
    struct sink *sink, *next; /* next: merging, where series may become the same without their names */
    struct merging *merging;
    struct eval *ev;
    struct ahead_room room; /* of the query's own thread */
    struct {                /* of series with histograms, in the arena, grown to the longest series */
        uint8_t *is_reset;
        int64_t *float_times_ms, *float_starts_ms;
        double *floats;
        size_t capacity;
    } native;
};

#define PARAMS_MAX 4
#define STEPS_PER_LOOK 1024
#define SAMPLES_PER_LOOK ((size_t)1 << 20)

static bool uses_resets(enum function_id id) {
    return id == FN_rate || id == FN_increase || id == FN_resets;
}

/* where values go down */
static size_t find_resets(const struct columns *samples, uint32_t *resets) {
    const double *values = samples->values;
    size_t count = 0, i = 1;
    for (; i + 16 <= samples->count; i += 16) {
        int any = 0;
        for (size_t k = i; k < i + 16; k++) any |= values[k] < values[k - 1];
        for (size_t k = i; any && k < i + 16; k++)
            if (values[k] < values[k - 1]) resets[count++] = (uint32_t)k;
    }
    for (; i < samples->count; i++)
        if (values[i] < values[i - 1]) resets[count++] = (uint32_t)i;
    return count;
}

/* NULL: they are not known, or not looked at */
static const int64_t *starts_of(const struct windows *windows, const struct columns *samples) {
    return windows->ev->query->uses_starts ? samples->starts_ms : NULL;
}

/* where values go down, or counters say that they began anew */
static size_t find_starts(const struct columns *samples, const int64_t *starts_ms, uint32_t *resets) {
    const double *values = samples->values;
    size_t count = 0;
    for (size_t i = 1; i < samples->count; i++)
        if (values[i] < values[i - 1] || start_is_reset(starts_ms, samples->times_ms, i))
            resets[count++] = (uint32_t)i;
    return count;
}

/* positions relative to the window's first sample; only those inside, the first sample is never one */
static size_t window_resets(const struct ahead_room *room, size_t reset_count, size_t *next, size_t low,
                            size_t high) {
    size_t count = 0;
    while (*next < reset_count && room->resets[*next] <= low) (*next)++;
    for (size_t i = *next; i < reset_count && room->resets[i] < high; i++)
        room->relative[count++] = room->resets[i] - (uint32_t)low;
    return count;
}

/* how far samples outside of a window matter */
static int64_t before_ms(const struct eval *ev, const struct windows *windows) {
    return windows->edge == EDGE_NONE ? 0 : ev->lookback_ms;
}

static int64_t behind_ms(const struct eval *ev, const struct windows *windows) {
    return windows->edge == EDGE_SMOOTHED ? ev->lookback_ms : 0;
}

/* what a function asks of its parameters, once it has samples to be used on */
static int check_params(enum function_id id, const double *params, struct err *err) {
    static const char *const names[] = {"smoothing", "trend"}, *const symbols[] = {"sf", "tf"};
    for (size_t p = 0; p < 2 && id == FN_double_exponential_smoothing; p++)
        if (params[p] <= 0 || params[p] >= 1)
            return err_set(err, ERR_EXECUTION, "invalid %s factor. Expected: 0 < %s < 1, got: %f", names[p],
                           symbols[p], params[p]);
    return 0;
}

static bool is_same_at_each_step(const struct windows *windows) {
    return windows->fixed && windows->param_count == 0;
}

/* the windows of one series, while they are gone through */
struct sliding {
    const struct windows *windows;
    struct ahead_room *room;
    const struct columns *samples;
    const int64_t *starts_ms; /* NULL: they do not matter */
    struct seeker low, high;
    struct extrapolation last;
    size_t next_reset, reset_count;
};

/* the window of a step; false: it is empty */
static bool find_window(struct sliding *s, size_t step, struct window *window) {
    const struct windows *windows = s->windows;
    const struct eval *ev = windows->ev;
    const struct columns *samples = s->samples;
    int64_t end_ms = windows->fixed ? windows->first_ms : windows->first_ms + (int64_t)step * ev->step_ms;
    int64_t start_ms = end_ms - windows->range_ms;
    size_t to = seek(&s->high, samples->times_ms, samples->count, end_ms + behind_ms(ev, windows));
    size_t from = seek(&s->low, samples->times_ms, samples->count, start_ms - before_ms(ev, windows));
    if (from == to) return false;
    window->times_ms = samples->times_ms + from;
    window->values = samples->values + from;
    if (s->starts_ms) window->starts_ms = s->starts_ms + from;
    window->count = to - from;
    window->start_ms = start_ms;
    window->end_ms = end_ms;
    window->eval_ms = eval_time(ev, step);
    if (s->reset_count)
        window->reset_count = window_resets(s->room, s->reset_count, &s->next_reset, from, to);
    return true;
}

static int slide_steps(struct sliding *s, size_t from, size_t to, double *values, uint64_t *present,
                       struct err *err) {
    const struct windows *windows = s->windows;
    const enum function_id id = windows->call->call.function->id;
    double params[PARAMS_MAX];
    struct window window = {
        .resets = s->room->relative, .params = params, .scratch = s->room->doubles, .last = &s->last};
    int rc = 0;
    for (size_t i = from; i < to && !rc; i++) {
        if (!find_window(s, i, &window)) continue;
        for (size_t p = 0; p < windows->param_count; p++) params[p] = windows->params[p][i];
        if (windows->param_count) rc = check_params(id, params, err);
        if (!rc && i % STEPS_PER_LOOK == STEPS_PER_LOOK - 1) rc = eval_stopped(windows->ev, err);
        if (rc) return rc;
        bool is_there = windows->edge == EDGE_NONE
                            ? windows->kernel(&window, &values[i])
                            : edge_value(id, windows->edge == EDGE_SMOOTHED, &window, &values[i]);
        if (is_there) bit_set(present, i);
    }
    return 0;
}

/* The steps [*from, *to) whose windows lie alike: those that the samples reach over on both sides. */
static void find_alike(const struct sliding *s, size_t *from, size_t *to) {
    const struct windows *windows = s->windows;
    const struct columns *samples = s->samples;
    int64_t every_ms = samples->step_ms, step_ms = windows->ev->step_ms;
    size_t steps = windows->ev->steps;
    *from = *to = steps;
    if (!windows->alike || windows->edge != EDGE_NONE || windows->fixed || windows->param_count ||
        s->reset_count || s->starts_ms || every_ms <= 0 || step_ms % every_ms != 0 ||
        windows->range_ms < 2 * every_ms)
        return;
    int64_t begin_ms = samples->times_ms[0] - (windows->first_ms - windows->range_ms);
    int64_t until_ms = samples->times_ms[samples->count - 1] + every_ms - windows->first_ms;
    size_t first = begin_ms <= 0 ? 0 : (size_t)((begin_ms + step_ms - 1) / step_ms);
    size_t end = until_ms <= 0 ? 0 : (size_t)((until_ms + step_ms - 1) / step_ms);
    if (end > steps) end = steps;
    if (first + 1 >= end) return;
    *from = first;
    *to = end;
}

/* in pieces that are looked at between */
static int slide_alike(struct sliding *s, size_t from, size_t to, double *values, uint64_t *present,
                       struct err *err) {
    const struct windows *windows = s->windows;
    size_t stride = (size_t)(windows->ev->step_ms / s->samples->step_ms), piece;
    for (size_t i = from; i < to; i += piece) {
        struct window window = {0};
        bool is_there = find_window(s, i, &window);
        ASSERT(is_there && window.count >= 2);
        piece = SAMPLES_PER_LOOK / window.count + 1;
        if (piece > to - i) piece = to - i;
        windows->alike(&window, stride, piece, values + i);
        int rc = eval_stopped(windows->ev, err);
        if (rc) return rc;
    }
    for (size_t i = from; i < to; i++) bit_set(present, i);
    return 0;
}

/* all windows of a series of floats; on any thread */
static int slide(const struct windows *windows, struct ahead_room *room, const struct columns *samples,
                 double *values, uint64_t *present, struct err *err) {
    const int64_t *starts_ms = starts_of(windows, samples);
    struct sliding s = {.windows = windows, .room = room, .samples = samples, .starts_ms = starts_ms};
    size_t steps = is_same_at_each_step(windows) ? 1 : windows->ev->steps, from, to;
    if (!samples->count) return 0;
    int rc = ahead_room_for(room, samples->count, err);
    if (rc) return rc;
    if (windows->wants_resets)
        s.reset_count =
            starts_ms ? find_starts(samples, starts_ms, room->resets) : find_resets(samples, room->resets);
    find_alike(&s, &from, &to);
    if (from == to) return slide_steps(&s, 0, steps, values, present, err);
    rc = slide_steps(&s, 0, from, values, present, err);
    if (!rc) rc = slide_alike(&s, from, to, values, present, err);
    return rc ? rc : slide_steps(&s, to, steps, values, present, err);
}

/* what its windows hold, for who wants to know */
static void count_windows(const struct windows *windows, const struct columns *samples) {
    stats_windows(windows->ev, samples, windows->fixed, windows->first_ms, windows->range_ms);
}

static int make_row(void *context, struct ahead_room *room, struct columns *samples,
                    struct ahead_series *series, struct err *err) {
    columns_drop_stale(samples);
    if (columns_has_histograms(samples) || starts_of(context, samples)) return 0;
    count_windows(context, samples);
    series->is_made = true;
    return slide(context, room, samples, series->values, series->present, err);
}

/* ---- the same of a series with histograms ---- */

static int prepare_native(struct eval *ev, struct windows *windows, const struct columns *samples,
                          struct err *err) {
    if (samples->count > windows->native.capacity) {
        size_t capacity = samples->count * 2;
        windows->native.is_reset = eval_alloc(ev, capacity, 1, err);
        windows->native.float_times_ms = eval_alloc(ev, capacity, sizeof(int64_t), err);
        windows->native.float_starts_ms = eval_alloc(ev, capacity, sizeof(int64_t), err);
        windows->native.floats = eval_alloc(ev, capacity, sizeof(double), err);
        if (!windows->native.is_reset || !windows->native.float_times_ms ||
            !windows->native.float_starts_ms || !windows->native.floats)
            return ERR_LIMIT;
        windows->native.capacity = capacity;
    }
    const int64_t *starts_ms = starts_of(windows, samples);
    struct work *work = native_work(ev);
    if (!work) return arena_limit(&ev->query->arena, "histograms", err);
    for (size_t i = 1; i < samples->count && uses_resets(windows->call->call.function->id); i++) {
        const struct histogram *now = samples->histograms[i], *before = samples->histograms[i - 1];
        windows->native.is_reset[i] = now && before &&
                                      (histogram_is_reset(work, before, now) ||
                                       (starts_ms && start_is_reset(starts_ms, samples->times_ms, i)));
    }
    return 0;
}

static int slide_native(struct eval *ev, struct windows *windows, const struct columns *samples,
                        struct labels labels, struct row *row, struct err *err) {
    const int64_t *starts_ms = starts_of(windows, samples);
    size_t low = 0, high = 0, steps = is_same_at_each_step(windows) ? 1 : ev->steps;
    int rc = ahead_room_for(&windows->room, samples->count, err);
    if (!rc) rc = prepare_native(ev, windows, samples, err);
    for (size_t i = 0; i < steps && !rc; i++) {
        double params[PARAMS_MAX];
        struct operand result;
        bool is_there;
        int64_t end_ms = windows->fixed ? windows->first_ms : windows->first_ms + (int64_t)i * ev->step_ms;
        int64_t start_ms = end_ms - windows->range_ms;
        while (high < samples->count && samples->times_ms[high] <= end_ms + behind_ms(ev, windows)) high++;
        while (low < high && samples->times_ms[low] <= start_ms - before_ms(ev, windows)) low++;
        if (low == high) continue;
        for (size_t p = 0; p < windows->param_count; p++) params[p] = windows->params[p][i];
        struct native_window window = {.times_ms = samples->times_ms + low,
                                       .values = samples->values + low,
                                       .histograms = samples->histograms + low,
                                       .is_reset = windows->native.is_reset + low,
                                       .starts_ms = starts_ms ? starts_ms + low : NULL,
                                       .count = high - low,
                                       .start_ms = start_ms,
                                       .end_ms = end_ms,
                                       .eval_ms = eval_time(ev, i),
                                       .params = params,
                                       .float_times_ms = windows->native.float_times_ms,
                                       .float_starts_ms = windows->native.float_starts_ms,
                                       .floats = windows->native.floats,
                                       .scratch = windows->room.doubles,
                                       .resets = windows->room.resets};
        rc = native_range(ev, windows->call, &window, windows->edge, labels, &result, &is_there, err);
        if (!rc && is_there) rc = row_set(ev, row, i, result, err);
        if (!rc) rc = eval_tick(ev, err);
    }
    return rc;
}

/* A fixed window without parameters has one value for all steps. */
static void repeat_fixed(const struct eval *ev, struct row *row) {
    if (!bit_get(row->present, 0)) return;
    for (size_t i = 1; i < ev->steps; i++) {
        row->values[i] = row->values[0];
        if (row->histograms) row->histograms[i] = row->histograms[0];
        bit_set(row->present, i);
    }
}

static bool is_named_as_counter(struct span name) {
    static const struct span endings[] = {SPAN("_total"), SPAN("_sum"), SPAN("_count"), SPAN("_bucket")};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (span_ends_with(name, endings[i])) return true;
    return false;
}

static bool has_floats(const struct eval *ev, const struct row *row) {
    for (size_t i = 0; i < ev->steps; i++)
        if (bit_get(row->present, i) && !(row->histograms && row->histograms[i])) return true;
    return false;
}

/* rate and increase of what is not called a counter */
static void doubt_counter(struct eval *ev, struct windows *windows, const struct row *row,
                          struct labels labels) {
    enum function_id id = windows->call->call.function->id;
    struct span name = labels_get(labels, SPAN(LABEL_NAME));
    if ((id != FN_rate && id != FN_increase) || !name.len || is_named_as_counter(name) ||
        span_equal(name, windows->doubted) || !has_floats(ev, row))
        return;
    windows->doubted = name;
    eval_info(ev, windows->call->call.args[0],
              "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"%.*s\"",
              SPAN_ARG(name));
}

/* a row with its windows goes on */
static int push_made(struct eval *ev, struct windows *windows, struct row *row, struct labels labels,
                     bool drop_name, struct err *err) {
    int rc = 0;
    if (!bits_any(row->present, ev->words)) return 0;
    if (is_same_at_each_step(windows)) repeat_fixed(ev, row);
    windows->has_pushed = true;
    doubt_counter(ev, windows, row, labels);
    row->labels = labels;
    row->drop_name = drop_name;
    if (!windows->keeps_name) rc = row_drop_name(ev, row, err);
    return rc ? rc : windows->next->push(windows->next, row, err);
}

/* of rate and increase */
static void check_starts(struct eval *ev, struct windows *windows, const struct columns *samples,
                         struct labels labels) {
    const struct call *call = &windows->call->call;
    const int64_t *starts_ms = starts_of(windows, samples);
    bool is_counter = call->function->id == FN_rate || call->function->id == FN_increase;
    struct window_steps all = {windows->first_ms, ev->step_ms, windows->range_ms,
                               windows->fixed ? 1 : ev->steps};
    if (!starts_ms || !is_counter || windows->has_overlap) return;
    windows->has_overlap = starts_overlap(starts_ms, samples->times_ms, samples->count, &all);
    if (windows->has_overlap)
        eval_warn(ev, call->args[0],
                  "sample has start time that overlaps with previous sample timestamp for metric \"%.*s\"",
                  SPAN_ARG(labels_get(labels, SPAN(LABEL_NAME))));
}

static int push_windows(struct eval *ev, struct windows *windows, struct columns *samples, struct row *row,
                        struct labels labels, bool drop_name, struct err *err) {
    columns_drop_stale(samples);
    row_clear(ev, row);
    check_starts(ev, windows, samples, labels);
    count_windows(windows, samples);
    int rc = columns_has_histograms(samples)
                 ? slide_native(ev, windows, samples, labels, row, err)
                 : slide(windows, &windows->room, samples, row->values, row->present, err);
    if (!rc) rc = eval_tick(ev, err);
    return rc ? rc : push_made(ev, windows, row, labels, drop_name, err);
}

/* Labels of all series of a set, as the groups they make without their names; *are_apart: each its own. */
static int group_series(struct eval *ev, struct series_set *set, struct groups *groups, bool *are_apart,
                        struct err *err) {
    static const struct span names[] = {SPAN(LABEL_NAME), SPAN("__type__"), SPAN("__unit__")};
    int rc = 0;
    groups_init(groups, names, sizeof names / sizeof *names, true);
    *are_apart = true;
    for (size_t i = 0; i < set->count && !rc && *are_apart; i++) {
        struct labels labels;
        rc = series_set_labels(set, i, &ev->query->arena, &labels, err);
        *are_apart = !rc && groups_add(groups, labels) == i;
    }
    return rc;
}

/* of a selector's series; labels NULL: not known yet */
static int push_series(struct eval *ev, struct windows *windows, struct series_set *set, size_t index,
                       struct ahead_series *series, const struct labels *known, struct row *row,
                       struct err *err) {
    struct labels labels;
    struct row made = {.values = series->values, .present = series->present};
    if (series->is_made && !bits_any(made.present, ev->words)) return 0;
    int rc = known ? 0 : series_set_labels(set, index, &ev->query->arena, &labels, err);
    if (rc) return rc;
    if (known) labels = *known;
    return series->is_made ? push_made(ev, windows, &made, labels, false, err)
                           : push_windows(ev, windows, &series->samples, row, labels, false, err);
}

static int push_set(struct eval *ev, struct windows *windows, struct series_set *set, struct ahead *ahead,
                    const struct labels *labels, struct err *err) {
    struct ahead_series *series;
    struct row row;
    int rc = row_init(ev, &row, err);
    for (size_t i = 0; i < set->count && !rc; i++) {
        rc = eval_read(ev, ahead, i, &series, err);
        if (!rc) rc = eval_take_samples(ev, series->count, err);
        if (rc || !series->count) continue;
        eval_count_read(ev, series->count);
        rc = push_series(ev, windows, set, i, series, labels ? &labels[i] : NULL, &row, err);
        eval_give_samples(ev, series->count);
    }
    return rc;
}

/* Series that stay apart without their names need not be kept side by side. */
static int range_selector(struct eval *ev, struct windows *windows, const struct selector *selector,
                          struct err *err) {
    struct series_set *set;
    struct ahead ahead;
    struct groups groups = {0};
    bool are_apart = false;
    int64_t from_ms = windows->first_ms - windows->range_ms - before_ms(ev, windows) + 1;
    int64_t until_ms = windows->last_ms + behind_ms(ev, windows);
    int rc = queryable_select(ev->query->queryable, selector->matchers, selector->matcher_count, from_ms,
                              until_ms, &ev->query->budget, &set, err);
    if (rc) return rc;
    if (windows->merging) rc = group_series(ev, set, &groups, &are_apart, err);
    if (are_apart) windows->next = windows->sink;
    if (!rc) {
        rc = ahead_open(&ahead, ev, set, from_ms, until_ms, false, make_row, windows, err);
        if (!rc) rc = push_set(ev, windows, set, &ahead, are_apart ? groups.firsts.items : NULL, err);
        ahead_close(&ahead);
    }
    groups_release(&groups);
    eval_close(ev, set);
    return rc;
}

/* A subquery's inside is evaluated at absolute multiples of its step over all windows at once; its points
 * then are the samples. */
static int eval_subquery(struct eval *ev, const struct subquery *subquery, int64_t first_ms, int64_t last_ms,
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

static int columns_of_row(const struct eval *ev, const struct row *row, struct columns *samples,
                          struct err *err) {
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

static int range_subquery(struct eval *ev, struct windows *windows, const struct subquery *subquery,
                          struct err *err) {
    struct eval inner;
    struct rows rows = {0};
    struct columns samples;
    struct row row;
    int rc = eval_subquery(ev, subquery, windows->first_ms, windows->last_ms, windows->range_ms, &inner,
                           &rows, err);
    if (!rc) rc = row_init(ev, &row, err);
    columns_init(&samples, &ev->query->budget);
    for (size_t i = 0; i < rows.count && !rc; i++) {
        const struct row *from = &rows.items[i];
        columns_reset(&samples);
        rc = columns_of_row(&inner, from, &samples, err);
        if (!rc) rc = push_windows(ev, windows, &samples, &row, from->labels, from->drop_name, err);
    }
    columns_release(&samples);
    return rc;
}

static int eval_params(struct eval *ev, const struct call *call, const struct expr **range,
                       const double **params, size_t *count, struct err *err) {
    for (size_t i = 0; i < call->arg_count; i++) {
        const struct expr *arg = expr_inside(call->args[i]);
        if (arg->value == VALUE_MATRIX) {
            *range = arg;
            continue;
        }
        double *column = eval_column(ev, err);
        int rc = column ? eval_scalar(ev, arg, column, err) : ERR_LIMIT;
        if (rc) return rc;
        params[(*count)++] = column;
    }
    return 0;
}

struct merging {
    struct sink sink;
    struct eval *ev;
    struct rows rows;
};

static int merging_push(struct sink *sink, struct row *row, struct err *err) {
    struct merging *merging = (struct merging *)sink;
    return rows_keep(merging->ev, &merging->rows, row, err);
}

/* functions that know what to do with values at the edges */
static int check_edge(const struct windows *windows, struct err *err) {
    const struct function *function = windows->call->call.function;
    bool is_smoothed = windows->edge == EDGE_SMOOTHED;
    switch (function->id) {
    case FN_rate:
    case FN_increase:
    case FN_delta: return 0;
    case FN_changes:
    case FN_resets:
        if (!is_smoothed) return 0;
    default: break;
    }
    return err_set(err, ERR_EXECUTION, "%s modifier can only be used with: %s - not with %s",
                   is_smoothed ? "smoothed" : "anchored",
                   is_smoothed ? "delta, increase, rate" : "changes, delta, increase, rate, resets",
                   function->name);
}

static int run_windows(struct eval *ev, struct windows *windows, const struct expr *range, struct err *err) {
    const struct query_state *query = ev->query;
    bool is_subquery = range->kind == EXPR_SUBQUERY;
    const struct duration *length = is_subquery ? &range->subquery.range : &range->selector.range;
    const struct time_shift *shift = is_subquery ? &range->subquery.shift : &range->selector.shift;
    int rc = duration_resolve(length, true, query->query_step_ms, query->query_end_ms - query->query_start_ms,
                              &windows->range_ms, err);
    if (!rc) rc = eval_shift(ev, shift, &windows->fixed, &windows->first_ms, &windows->last_ms, err);
    if (!is_subquery) windows->edge = range->selector.edge;
    if (!rc && windows->edge != EDGE_NONE) rc = check_edge(windows, err);
    if (rc) return rc;
    return is_subquery ? range_subquery(ev, windows, &range->subquery, err)
                       : range_selector(ev, windows, &range->selector, err);
}

int eval_range_call(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct call *call = &expr->call;
    const struct expr *range = NULL;
    const double *params[PARAMS_MAX];
    struct merging merging = {{.push = merging_push}, ev, {0}};
    struct windows windows = {.params = params,
                              .call = expr,
                              .kernel = range_kernel_of(call->function->id),
                              .alike = alike_kernel_of(call->function->id),
                              .sink = sink,
                              .next = sink,
                              .ev = ev,
                              .room.budget = &ev->query->budget};
    windows.keeps_name = range_keeps_name(call->function->id);
    windows.wants_resets = uses_resets(call->function->id);
    int rc = eval_params(ev, call, &range, params, &windows.param_count, err);
    if (rc) return rc;
    /* series that differ in nothing but the name may become the same */
    bool has_one_name = range->kind == EXPR_SELECTOR && range->selector.name.len;
    if (!windows.keeps_name && !ev->delayed_names && !has_one_name) {
        windows.merging = &merging;
        windows.next = &merging.sink;
    }
    rc = run_windows(ev, &windows, range, err);
    ahead_room_release(&windows.room);
    if (!rc && windows.has_pushed && call->function->id == FN_quantile_over_time)
        eval_check_quantile(ev, call->args[0], params[0]);
    if (rc || windows.next == sink) return rc;
    rc = rows_merge(ev, &merging.rows, err);
    return rc ? rc : rows_push(&merging.rows, sink, err);
}

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
    int64_t from_ms = end_ms - range_ms - before_ms(ev, &windows) + 1;
    int64_t until_ms = end_ms + behind_ms(ev, &windows);
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
    int rc = eval_subquery(ev, subquery, end_ms, end_ms, range_ms, &inner, &rows, err);
    if (!rc) rc = rows_finish_names(&inner, &rows, err);
    if (rc) return rc;
    result->rows = eval_alloc(ev, rows.count, sizeof *result->rows, err);
    if (!result->rows) return ERR_LIMIT;
    columns_init(&samples, &ev->query->budget);
    for (size_t i = 0; i < rows.count && !rc; i++) {
        columns_reset(&samples);
        rc = columns_of_row(&inner, &rows.items[i], &samples, err);
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
