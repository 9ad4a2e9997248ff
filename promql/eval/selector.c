#include "promql/eval/ahead.h"
#include "promql/eval/edge.h"
#include "promql/eval/native.h"
#include "promql/eval/range.h"
#include "promql/eval/stats.h"

#include "lib/model/sample.h"

#include <string.h>

/* Where an instant selector looks at each step: its reference time, or one for all steps under @. */
struct reference {
    bool fixed;
    int64_t first_ms, last_ms; /* of the first and the last step */
};

int eval_shift(struct eval *ev, const struct time_shift *shift, bool *fixed, int64_t *first_ms,
               int64_t *last_ms, struct err *err) {
    const struct query_state *query = ev->query;
    int64_t offset_ms = 0, first = eval_time(ev, 0), last = eval_time(ev, ev->steps - 1);
    int rc = 0;
    if (shift->has_offset)
        rc = duration_resolve(&shift->offset, false, query->query_step_ms,
                              query->query_end_ms - query->query_start_ms, &offset_ms, err);
    if (rc) return rc;
    if (shift->at == AT_TIME) first = last = shift->at_ms;
    if (shift->at == AT_START) first = last = query->query_start_ms;
    if (shift->at == AT_END) first = last = query->query_end_ms;
    *fixed = shift->at != AT_NONE;
    *first_ms = first - offset_ms;
    *last_ms = last - offset_ms;
    return 0;
}

/* How one series is shown. */
struct view {
    struct eval *ev;
    const struct expr *expr;
    const struct reference *at;
    int64_t behind_ms; /* smoothed: samples so long after a step count too */
    enum shown shown;
    const struct histogram **histograms; /* scratch of steps; NULL until the first is met */
};

static inline double shown_of(const struct view *view, const struct columns *samples, size_t sample) {
    if (view->shown == SHOW_VALUE) return samples->values[sample];
    if (view->shown == SHOW_TIME) return (double)samples->times_ms[sample] / 1000;
    bool is_known = samples->starts_ms && view->ev->query->uses_starts;
    return is_known ? (double)samples->starts_ms[sample] / 1000 : 0;
}

/* the sample becomes the value of a step */
static int show(struct eval *ev, struct view *view, const struct columns *samples, size_t sample,
                struct row *row, size_t step, struct err *err) {
    const struct histogram *histogram = columns_histogram(samples, sample);
    row->values[step] = shown_of(view, samples, sample);
    if (histogram && view->shown == SHOW_VALUE) {
        if (!view->histograms) view->histograms = eval_alloc(ev, ev->steps, sizeof *view->histograms, err);
        if (!view->histograms) return ERR_LIMIT;
        if (!row->histograms) memset(view->histograms, 0, ev->steps * sizeof *view->histograms);
        row->histograms = view->histograms;
        row->histograms[step] = histogram;
    }
    bit_set(row->present, step);
    return 0;
}

/* @: one time for all steps */
static void repeat_first(const struct eval *ev, struct row *row) {
    if (!bit_get(row->present, 0)) return;
    for (size_t i = 1; i < ev->steps; i++) {
        row->values[i] = row->values[0];
        if (row->histograms) row->histograms[i] = row->histograms[0];
        bit_set(row->present, i);
    }
}

/* The sample that each step shows: the newest in (T - lookback, T], unless it is a staleness marker. Steps
 * and samples both ascend. */
struct looking {
    const struct eval *ev;
    const struct reference *at;
    const struct columns *samples;
    struct seeker seeker;
};

#define NOTHING SIZE_MAX

static inline size_t sample_at(struct looking *looking, size_t step) {
    const struct reference *at = looking->at;
    const struct columns *samples = looking->samples;
    int64_t time_ms = at->fixed ? at->first_ms : at->first_ms + (int64_t)step * looking->ev->step_ms;
    size_t next = seek(&looking->seeker, samples->times_ms, samples->count, time_ms);
    return !next || samples->times_ms[next - 1] <= time_ms - looking->ev->lookback_ms ||
                   value_is_stale(samples->values[next - 1])
               ? NOTHING
               : next - 1;
}

static int look_back(struct eval *ev, struct view *view, const struct columns *samples, struct row *row,
                     struct err *err) {
    struct looking looking = {ev, view->at, samples, {0}};
    size_t steps = view->at->fixed ? 1 : ev->steps;
    int rc = 0;
    for (size_t i = 0; i < steps && !rc; i++) {
        size_t sample = sample_at(&looking, i);
        if (sample != NOTHING) rc = show(ev, view, samples, sample, row, i, err);
    }
    if (!rc && view->at->fixed) repeat_first(ev, row);
    return rc;
}

/* The steps that go as evenly as the samples: each shows the sample so many behind that of the one before.
 * Answers the first step behind them, 0 when there are none. */
static size_t look_evenly(const struct view *view, const struct columns *samples,
                          struct ahead_series *series) {
    const struct eval *ev = view->ev;
    const double *shown = samples->values;
    int64_t every_ms = samples->step_ms, step_ms = ev->step_ms;
    if (every_ms <= 0 || step_ms % every_ms != 0 || every_ms > ev->lookback_ms || view->at->fixed ||
        view->shown != SHOW_VALUE)
        return 0;
    int64_t begin_ms = samples->times_ms[0] - view->at->first_ms;
    int64_t end_ms = begin_ms + (int64_t)samples->count * every_ms; /* the last one is shown till then */
    size_t from = begin_ms <= 0 ? 0 : (size_t)((begin_ms + step_ms - 1) / step_ms);
    size_t to = end_ms <= 0 ? 0 : (size_t)((end_ms + step_ms - 1) / step_ms);
    size_t stride = (size_t)(step_ms / every_ms);
    if (to > ev->steps) to = ev->steps;
    if (from >= to) return 0;
    shown += ((int64_t)from * step_ms - begin_ms) / every_ms;
    bits_fill(series->present, from, to);
    for (size_t i = from; i < to; i++, shown += stride) {
        series->values[i] = *shown;
        if (value_is_stale(*shown)) bit_clear(series->present, i);
    }
    return to;
}

/* the same of floats, on any thread */
static int make_row(void *context, struct ahead_room *room, struct columns *samples,
                    struct ahead_series *series, struct err *err) {
    const struct view *view = context;
    const struct eval *ev = view->ev;
    struct looking looking = {ev, view->at, samples, {0}};
    struct row row = {.values = series->values, .present = series->present};
    size_t steps = view->at->fixed ? 1 : ev->steps;
    (void)room;
    (void)err;
    if (columns_has_histograms(samples)) return 0;
    for (size_t i = look_evenly(view, samples, series); i < steps; i++) {
        size_t sample = sample_at(&looking, i);
        if (sample == NOTHING) continue;
        series->values[i] = shown_of(view, samples, sample);
        bit_set(series->present, i);
    }
    if (view->at->fixed) repeat_first(ev, &row);
    series->is_made = true;
    return 0;
}

static int smooth_native(struct eval *ev, const struct view *view, const struct columns *samples, size_t low,
                         size_t high, int64_t time_ms, struct row *row, size_t step, struct err *err) {
    struct native_window w = {.times_ms = samples->times_ms + low,
                              .values = samples->values + low,
                              .histograms = samples->histograms + low,
                              .count = high - low,
                              .end_ms = time_ms};
    struct operand result;
    bool is_there;
    struct span name = labels_get(row->labels, SPAN(LABEL_NAME));
    int rc = native_smooth(ev, view->expr, &w, name, &result, &is_there, err);
    return rc || !is_there ? rc : row_set(ev, row, step, result, err);
}

/* smoothed: between the samples on both sides of each step, without staleness markers */
static int look_around(struct eval *ev, const struct view *view, struct columns *samples, struct row *row,
                       struct err *err) {
    const struct reference *at = view->at;
    size_t low = 0, high = 0, steps = at->fixed ? 1 : ev->steps;
    columns_drop_stale(samples);
    for (size_t i = 0; i < steps; i++) {
        int64_t time_ms = at->fixed ? at->first_ms : at->first_ms + (int64_t)i * ev->step_ms;
        while (high < samples->count && samples->times_ms[high] <= time_ms + view->behind_ms) high++;
        while (low < high && samples->times_ms[low] <= time_ms - ev->lookback_ms) low++;
        if (samples->histograms) {
            int rc = smooth_native(ev, view, samples, low, high, time_ms, row, i, err);
            if (rc) return rc;
            continue;
        }
        if (edge_instant(samples->times_ms + low, samples->values + low, high - low, time_ms,
                         &row->values[i]))
            bit_set(row->present, i);
    }
    if (at->fixed) repeat_first(ev, row);
    return 0;
}

/* what was not made ahead: with histograms, or smoothed */
static int make_here(struct eval *ev, struct series_set *set, size_t index, struct view *view,
                     struct columns *samples, struct row *row, struct err *err) {
    row_clear(ev, row);
    if (!view->behind_ms) return look_back(ev, view, samples, row, err);
    int rc = series_set_labels(set, index, &ev->query->arena, &row->labels, err);
    return rc ? rc : look_around(ev, view, samples, row, err);
}

static int push_series(struct eval *ev, struct series_set *set, size_t index, struct view *view,
                       struct ahead *ahead, struct row *row, struct sink *sink, struct err *err) {
    struct ahead_series *series;
    int rc = eval_read(ev, ahead, index, &series, err);
    if (!rc) rc = eval_take_samples(ev, series->count, err);
    if (rc) return rc;
    eval_count_read(ev, series->count);
    struct row made = {.values = series->values, .present = series->present};
    if (!series->is_made) {
        rc = make_here(ev, set, index, view, &series->samples, row, err);
        made = *row;
    }
    eval_give_samples(ev, series->count);
    if (rc || !bits_any(made.present, ev->words)) return rc;
    stats_steps(ev, made.present);
    rc = series_set_labels(set, index, &ev->query->arena, &made.labels, err);
    return rc ? rc : sink->push(sink, &made, err);
}

int eval_selector(struct eval *ev, const struct expr *expr, enum shown shown, struct sink *sink,
                  struct err *err) {
    const struct selector *selector = &expr->selector;
    struct reference at;
    struct series_set *set;
    struct row row;
    int rc = eval_shift(ev, &selector->shift, &at.fixed, &at.first_ms, &at.last_ms, err);
    int64_t behind_ms = selector->edge == EDGE_SMOOTHED ? ev->lookback_ms : 0;
    int64_t mint = at.first_ms - ev->lookback_ms + 1, maxt = at.last_ms + behind_ms;
    if (!rc) rc = row_init(ev, &row, err);
    if (!rc)
        rc = queryable_select(ev->query->queryable, selector->matchers, selector->matcher_count, mint, maxt,
                              &ev->query->budget, &set, err);
    if (rc) return rc;
    struct ahead ahead;
    struct view view = {ev, expr, &at, behind_ms, shown, NULL};
    enum ahead_wants wants = shown != SHOW_VALUE || sink->only_presence ? AHEAD_MARKERS : AHEAD_ALL;
    if (behind_ms) wants = AHEAD_ALL;
    if (!behind_ms && at.first_ms == at.last_ms && shown != SHOW_START) wants = AHEAD_NEWEST;
    rc = ahead_open(&ahead, ev, set, mint, maxt, wants, behind_ms ? NULL : make_row, &view, err);
    for (size_t i = 0; i < set->count && !rc; i++)
        rc = push_series(ev, set, i, &view, &ahead, &row, sink, err);
    ahead_close(&ahead);
    eval_close(ev, set);
    return rc;
}
