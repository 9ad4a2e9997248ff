#include "tests/faults/naive.h"

void naive_release(struct naive *naive) {
    for (size_t i = 0; i < naive->series.count; i++) vec_release(&naive->series.items[i].samples);
    vec_release(&naive->series);
    *naive = (struct naive){0};
}

static struct naive_series *series_of(struct naive *naive, uint32_t number) {
    while (naive->series.count <= number) *vec_push(&naive->series) = (struct naive_series){0};
    return &naive->series.items[number];
}

static enum append_result judge(const struct naive *naive, const struct naive_series *series, int64_t time_ms,
                                uint64_t bits, int64_t latest_ms) {
    if (time_ms > latest_ms) return APPEND_OUT_OF_BOUNDS;
    int64_t newest = INT64_MIN;
    for (size_t i = series->samples.count; i-- > 0;) {
        const struct naive_sample *sample = &series->samples.items[i];
        if (newest == INT64_MIN) newest = sample->time_ms;
        if (sample->time_ms < time_ms) break;
        if (sample->time_ms == time_ms && sample->removed == NAIVE_NEVER &&
            (time_ms == newest || naive->window_ms))
            return sample->bits == bits ? APPEND_REPEATED : APPEND_DUPLICATE;
    }
    if (time_ms > newest || !series->samples.count) return APPEND_STORED;
    if (!naive->window_ms) return APPEND_OUT_OF_ORDER;
    return newest - time_ms > naive->window_ms ? APPEND_TOO_OLD : APPEND_STORED;
}

enum append_result naive_append(struct naive *naive, uint32_t number, int64_t time_ms, uint64_t bits,
                                int64_t latest_ms) {
    struct naive_series *series = series_of(naive, number);
    enum append_result result = judge(naive, series, time_ms, bits, latest_ms);
    if (result != APPEND_STORED) return result;
    struct naive_sample *place = vec_push(&series->samples);
    for (; place > series->samples.items && place[-1].time_ms > time_ms; place--) *place = place[-1];
    *place = (struct naive_sample){time_ms, bits, ++naive->changes, NAIVE_NEVER};
    naive->stored++;
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
