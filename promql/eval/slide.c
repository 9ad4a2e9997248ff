#include "promql/eval/edge.h"
#include "promql/eval/starts.h"
#include "promql/eval/windows.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"

#define STEPS_PER_LOOK 1024
#define SAMPLES_PER_LOOK ((size_t)1 << 20)

bool windows_use_resets(enum function_id id) {
    return id == FN_rate || id == FN_increase || id == FN_resets;
}

/* where values go down */
static size_t find_resets(const struct columns *samples, uint32_t *resets) {
    const double *values = samples->values;
    size_t count = 0, i = 1;
    for (; i + 16 <= samples->count; i += 16) {
        uint64_t any = 0; /* its sign; NaN may have one too */
        for (size_t k = i; k < i + 16; k++) any |= double_bits(values[k] - values[k - 1]);
        for (size_t k = i; any >> 63 && k < i + 16; k++) { /* without branches: gauges go down anywhere */
            resets[count] = (uint32_t)k;
            count += values[k] < values[k - 1];
        }
    }
    for (; i < samples->count; i++)
        if (values[i] < values[i - 1]) resets[count++] = (uint32_t)i;
    return count;
}

/* NULL: they are not known, or not looked at */
const int64_t *windows_starts_of(const struct windows *windows, const struct columns *samples) {
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
int64_t windows_before_ms(const struct eval *ev, const struct windows *windows) {
    return windows->edge == EDGE_NONE ? 0 : ev->lookback_ms;
}

int64_t windows_behind_ms(const struct eval *ev, const struct windows *windows) {
    return windows->edge == EDGE_SMOOTHED ? ev->lookback_ms : 0;
}

/* what a function asks of its parameters, once it has samples to be used on */
int windows_check_params(enum function_id id, const double *params, struct err *err) {
    static const char *const names[] = {"smoothing", "trend"}, *const symbols[] = {"sf", "tf"};
    for (size_t p = 0; p < 2 && id == FN_double_exponential_smoothing; p++)
        if (params[p] <= 0 || params[p] >= 1)
            return err_set(err, ERR_EXECUTION, "invalid %s factor. Expected: 0 < %s < 1, got: %f", names[p],
                           symbols[p], params[p]);
    return 0;
}

bool windows_are_one(const struct windows *windows) {
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
    size_t to = seek(&s->high, samples->times_ms, samples->count, end_ms + windows_behind_ms(ev, windows));
    size_t from = seek(&s->low, samples->times_ms, samples->count, start_ms - windows_before_ms(ev, windows));
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
        if (windows->param_count) rc = windows_check_params(id, params, err);
        if (!rc && i % STEPS_PER_LOOK == STEPS_PER_LOOK - 1) rc = eval_stopped(windows->ev, err);
        if (rc) return rc;
        bool is_there = windows->edge == EDGE_NONE
                            ? windows->kernel(&window, &values[i])
                            : edge_value(id, windows->edge == EDGE_SMOOTHED, &window, &values[i]);
        if (is_there) bit_set(present, i);
    }
    return 0;
}

/* Resets are looked for in each of the windows that lie alike when these are short: then adding what is
 * mostly nothing is quicker than finding where something is. */
#define DROPS_SAMPLES 64

/* The steps [*from, *to) whose windows lie alike: those that the samples reach over on both sides. */
static void find_alike(const struct sliding *s, size_t *from, size_t *to) {
    const struct windows *windows = s->windows;
    const struct columns *samples = s->samples;
    int64_t every_ms = samples->step_ms, step_ms = windows->ev->step_ms;
    size_t steps = windows->ev->steps;
    *from = *to = steps;
    if (!windows->alike || windows->edge != EDGE_NONE || windows->fixed || windows->param_count ||
        s->starts_ms || every_ms <= 0 || step_ms % every_ms != 0 || windows->range_ms < 2 * every_ms)
        return;
    if (s->reset_count && windows->range_ms > DROPS_SAMPLES * every_ms) return;
    int64_t begin_ms = samples->times_ms[0] - (windows->first_ms - windows->range_ms);
    int64_t until_ms = samples->times_ms[samples->count - 1] + every_ms - windows->first_ms;
    size_t first = begin_ms <= 0 ? 0 : (size_t)((begin_ms + step_ms - 1) / step_ms);
    size_t end = until_ms <= 0 ? 0 : (size_t)((until_ms + step_ms - 1) / step_ms);
    if (end > steps) end = steps;
    if (first + 1 >= end) return;
    *from = first;
    *to = end;
}

/* window.drops of all samples */
static const double *find_drops(const struct sliding *s) {
    const uint32_t *resets = s->room->resets;
    double *drops = s->room->doubles;
    if (!s->reset_count) return NULL;
    for (size_t i = 0; i < s->samples->count; i++) drops[i] = -0.0;
    for (size_t i = 0; i < s->reset_count; i++) drops[resets[i]] = s->samples->values[resets[i] - 1];
    return drops;
}

/* in pieces that are looked at between */
static int slide_alike(struct sliding *s, size_t from, size_t to, double *values, uint64_t *present,
                       struct err *err) {
    const struct windows *windows = s->windows;
    size_t stride = (size_t)(windows->ev->step_ms / s->samples->step_ms), piece;
    const double *drops = find_drops(s);
    for (size_t i = from; i < to; i += piece) {
        struct window window = {.resets = s->room->relative};
        bool is_there = find_window(s, i, &window);
        ASSERT(is_there && window.count >= 2);
        if (drops) window.drops = drops + (window.values - s->samples->values);
        piece = SAMPLES_PER_LOOK / window.count + 1;
        if (piece > to - i) piece = to - i;
        windows->alike(&window, stride, piece, values + i);
        int rc = eval_stopped(windows->ev, err);
        if (rc) return rc;
    }
    bits_fill(present, from, to);
    return 0;
}

/* all windows of a series of floats; on any thread */
int windows_slide(const struct windows *windows, struct ahead_room *room, const struct columns *samples,
                  double *values, uint64_t *present, struct err *err) {
    const int64_t *starts_ms = windows_starts_of(windows, samples);
    struct sliding s = {.windows = windows, .room = room, .samples = samples, .starts_ms = starts_ms};
    size_t steps = windows_are_one(windows) ? 1 : windows->ev->steps, from, to;
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
