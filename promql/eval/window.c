#include "promql/eval/edge.h"
#include "promql/eval/groups.h"
#include "promql/eval/native.h"
#include "promql/eval/starts.h"
#include "promql/eval/stats.h"
#include "promql/eval/windows.h"

#include "lib/model/sample.h"

#include <string.h>

/* what its windows hold, for who wants to know */
static void count_windows(const struct windows *windows, const struct columns *samples) {
    stats_windows(windows->ev, samples, windows->fixed, windows->first_ms, windows->range_ms);
}

static int make_row(void *context, struct ahead_room *room, struct columns *samples,
                    struct ahead_series *series, struct err *err) {
    columns_drop_stale(samples);
    if (columns_has_histograms(samples) || windows_starts_of(context, samples)) return 0;
    count_windows(context, samples);
    series->is_made = true;
    return windows_slide(context, room, samples, series->values, series->present, err);
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
    const int64_t *starts_ms = windows_starts_of(windows, samples);
    struct work *work = native_work(ev);
    if (!work) return arena_limit(&ev->query->arena, "histograms", err);
    for (size_t i = 1; i < samples->count && windows_use_resets(windows->call->call.function->id); i++) {
        const struct histogram *now = samples->histograms[i], *before = samples->histograms[i - 1];
        windows->native.is_reset[i] = now && before &&
                                      (histogram_is_reset(work, before, now) ||
                                       (starts_ms && start_is_reset(starts_ms, samples->times_ms, i)));
    }
    return 0;
}

static int slide_native(struct eval *ev, struct windows *windows, const struct columns *samples,
                        struct labels labels, struct row *row, struct err *err) {
    const int64_t *starts_ms = windows_starts_of(windows, samples);
    size_t low = 0, high = 0, steps = windows_are_one(windows) ? 1 : ev->steps;
    int rc = ahead_room_for(&windows->room, samples->count, err);
    if (!rc) rc = prepare_native(ev, windows, samples, err);
    for (size_t i = 0; i < steps && !rc; i++) {
        double params[PARAMS_MAX];
        struct operand result;
        bool is_there;
        int64_t end_ms = windows->fixed ? windows->first_ms : windows->first_ms + (int64_t)i * ev->step_ms;
        int64_t start_ms = end_ms - windows->range_ms;
        while (high < samples->count && samples->times_ms[high] <= end_ms + windows_behind_ms(ev, windows))
            high++;
        while (low < high && samples->times_ms[low] <= start_ms - windows_before_ms(ev, windows)) low++;
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
    if (windows_are_one(windows)) repeat_fixed(ev, row);
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
    const int64_t *starts_ms = windows_starts_of(windows, samples);
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
                 : windows_slide(windows, &windows->room, samples, row->values, row->present, err);
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
    int64_t from_ms = windows->first_ms - windows->range_ms - windows_before_ms(ev, windows) + 1;
    int64_t until_ms = windows->last_ms + windows_behind_ms(ev, windows);
    int rc = queryable_select(ev->query->queryable, selector->matchers, selector->matcher_count, from_ms,
                              until_ms, &ev->query->budget, &set, err);
    if (rc) return rc;
    if (windows->merging) rc = group_series(ev, set, &groups, &are_apart, err);
    if (are_apart) windows->next = windows->sink;
    if (!rc) {
        rc = ahead_open(&ahead, ev, set, from_ms, until_ms, AHEAD_ALL, make_row, windows, err);
        if (!rc) rc = push_set(ev, windows, set, &ahead, are_apart ? groups.firsts.items : NULL, err);
        ahead_close(&ahead);
    }
    groups_release(&groups);
    eval_close(ev, set);
    return rc;
}

static int range_subquery(struct eval *ev, struct windows *windows, const struct subquery *subquery,
                          struct err *err) {
    struct eval inner;
    struct rows rows = {0};
    struct columns samples;
    struct row row;
    int rc = subquery_rows(ev, subquery, windows->first_ms, windows->last_ms, windows->range_ms, &inner,
                           &rows, err);
    if (!rc) rc = row_init(ev, &row, err);
    columns_init(&samples, &ev->query->budget);
    for (size_t i = 0; i < rows.count && !rc; i++) {
        const struct row *from = &rows.items[i];
        columns_reset(&samples);
        rc = subquery_columns(&inner, from, &samples, err);
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
    windows.wants_resets = windows_use_resets(call->function->id);
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
