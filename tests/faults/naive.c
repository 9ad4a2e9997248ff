#include "tests/faults/naive.h"

#define FUTURE_MS ((int64_t)10 * 60 * 1000)
#define PAST_MS ((int64_t)60 * 60 * 1000)

void naive_init(struct naive *naive) {
    *naive = (struct naive){.newest_ms = INT64_MIN};
}

void naive_release(struct naive *naive) {
    for (size_t i = 0; i < naive->series.count; i++) vec_release(&naive->series.items[i].samples);
    vec_release(&naive->series);
}

struct naive_bounds naive_bounds(const struct naive *naive, int64_t now_ms, bool keep_late) {
    struct naive_bounds bounds = {INT64_MIN, now_ms + FUTURE_MS, LATE_NEVER};
    int64_t newest = naive->newest_ms < now_ms ? naive->newest_ms : now_ms;
    if (keep_late)
        bounds.late_from = INT64_MIN;
    else if (naive->window_ms)
        bounds.late_from = newest == INT64_MIN ? INT64_MIN : newest - naive->window_ms;
    else if (newest > INT64_MIN)
        bounds.earliest = newest - PAST_MS;
    return bounds;
}

static struct naive_series *series_of(struct naive *naive, uint32_t number) {
    while (naive->series.count <= number) *vec_push(&naive->series) = (struct naive_series){0};
    return &naive->series.items[number];
}

static struct naive_sample *find(struct naive_series *series, int64_t time_ms, bool is_late) {
    for (size_t i = series->samples.count; i-- > 0 && series->samples.items[i].time_ms >= time_ms;)
        if (series->samples.items[i].time_ms == time_ms && series->samples.items[i].is_late == is_late)
            return &series->samples.items[i];
    return NULL;
}

static enum append_result judge(struct naive_series *series, int64_t time_ms, uint64_t bits,
                                const struct naive_bounds *bounds, bool *is_late) {
    if (time_ms < bounds->earliest || time_ms > bounds->latest) return APPEND_OUT_OF_BOUNDS;
    size_t count = series->samples.count;
    *is_late = count && time_ms < series->samples.items[count - 1].time_ms;
    if (*is_late && bounds->late_from == LATE_NEVER) return APPEND_OUT_OF_ORDER;
    if (*is_late && time_ms < bounds->late_from) return APPEND_TOO_OLD;
    const struct naive_sample *same = find(series, time_ms, *is_late);
    if (!same) return APPEND_STORED;
    return same->bits == bits ? APPEND_REPEATED : APPEND_DUPLICATE;
}

enum append_result naive_append(struct naive *naive, uint32_t number, int64_t time_ms, uint64_t bits,
                                const struct naive_bounds *bounds) {
    struct naive_series *series = series_of(naive, number);
    bool is_late = false;
    enum append_result result = judge(series, time_ms, bits, bounds, &is_late);
    if (result != APPEND_STORED) return result;
    bool is_hidden = is_late && find(series, time_ms, false);
    uint64_t added = ++naive->changes;
    struct naive_sample *place = vec_push(&series->samples);
    for (; place > series->samples.items && place[-1].time_ms > time_ms; place--) *place = place[-1];
    *place = (struct naive_sample){time_ms, bits, added, is_hidden ? added : NAIVE_NEVER, is_late};
    if (time_ms > naive->newest_ms) naive->newest_ms = time_ms;
    return result;
}

size_t naive_read(const struct naive *naive, uint32_t number, int64_t mint, int64_t maxt, uint64_t changes,
                  struct naive_sample **out) {
    VEC(struct naive_sample) found = {0};
    if (number < naive->series.count) {
        const struct naive_series *series = &naive->series.items[number];
        for (size_t i = 0; i < series->samples.count; i++) {
            const struct naive_sample *sample = &series->samples.items[i];
            bool is_in = sample->time_ms >= mint && sample->time_ms <= maxt;
            if (is_in && sample->added <= changes && sample->removed > changes) *vec_push(&found) = *sample;
        }
    }
    *out = found.items;
    return found.count;
}

int64_t naive_newest(const struct naive *naive, uint32_t number) {
    if (number >= naive->series.count || !naive->series.items[number].samples.count) return INT64_MIN;
    const struct naive_series *series = &naive->series.items[number];
    return series->samples.items[series->samples.count - 1].time_ms;
}

int64_t naive_any_time(const struct naive *naive, uint32_t number, uint64_t random) {
    const struct naive_series *series = &naive->series.items[number];
    size_t recent = series->samples.count < 20 ? series->samples.count : 20;
    return series->samples.items[series->samples.count - 1 - random % recent].time_ms;
}
