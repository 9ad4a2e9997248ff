#include "storage/head/late.h"

#include "lib/base/bits.h"
#include "lib/base/hash.h"
#include "storage/head/slots.h"

#include <string.h>

void late_init(struct late *late) {
    *late = (struct late){0};
    mutex_init(&late->lock);
}

static void sample_free(struct late *late, struct late_sample *sample) {
    atomic_fetch_sub_explicit(&late->bytes, sizeof *sample, memory_order_relaxed);
    mem_free(sample->histogram);
}

static void late_series_free(struct late *late, struct late_series *series) {
    for (size_t i = 0; i < series->samples.count; i++) sample_free(late, &series->samples.items[i]);
    vec_release(&series->samples);
}

void late_release(struct late *late) {
    for (size_t i = 0; i < late->series.count; i++) late_series_free(late, &late->series.items[i]);
    vec_release(&late->series);
    map_release(&late->by_slot);
    mutex_release(&late->lock);
}

static bool slot_equal(uint32_t index, const void *key, const void *context) {
    return ((const struct late *)context)->series.items[index].slot == *(const uint32_t *)key;
}

static struct late_series *find(const struct late *late, uint32_t slot) {
    uint32_t index = map_find(&late->by_slot, hash_mix(0, slot), &slot, slot_equal, late);
    return index == MAP_NONE ? NULL : &late->series.items[index];
}

static struct late_series *get(struct late *late, uint32_t slot) {
    struct late_series *series = find(late, slot);
    if (series) return series;
    series = vec_push(&late->series);
    *series = (struct late_series){.slot = slot};
    map_insert(&late->by_slot, hash_mix(0, slot), (uint32_t)late->series.count - 1);
    return series;
}

/* the first sample at time_ms or later */
static size_t place(const struct late_series *series, int64_t time_ms) {
    size_t low = 0, high = series->samples.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->samples.items[middle].time_ms < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum append_result compare(const struct late_sample *there, double value,
                                  const struct histogram *histogram) {
    bool same = histogram && there->histogram
                    ? histogram_equal(histogram, there->histogram)
                    : !histogram && !there->histogram && double_bits(value) == double_bits(there->value);
    return same ? APPEND_REPEATED : APPEND_DUPLICATE;
}

enum append_result late_add(struct late *late, uint32_t slot, uint64_t sequence, int64_t time_ms,
                            double value, const struct histogram *histogram) {
    mutex_lock(&late->lock);
    struct late_series *series = get(late, slot);
    size_t at = place(series, time_ms), count = series->samples.count;
    enum append_result result = APPEND_STORED;
    if (at < count && series->samples.items[at].time_ms == time_ms) {
        result = compare(&series->samples.items[at], value, histogram);
    } else {
        (void)vec_push(&series->samples);
        struct late_sample *items = series->samples.items;
        memmove(items + at + 1, items + at, (count - at) * sizeof *items);
        items[at] =
            (struct late_sample){time_ms, sequence, value, histogram ? histogram_clone(histogram) : NULL};
        atomic_fetch_add_explicit(&late->samples, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&late->bytes, sizeof *items, memory_order_relaxed);
    }
    mutex_unlock(&late->lock);
    return result;
}

bool late_overlaps(struct late *late, uint32_t slot, int64_t mint, int64_t maxt) {
    mutex_lock(&late->lock);
    const struct late_series *series = find(late, slot);
    size_t at = series ? place(series, mint) : 0;
    bool overlaps = series && at < series->samples.count && series->samples.items[at].time_ms <= maxt;
    mutex_unlock(&late->lock);
    return overlaps;
}

static int add_row(struct columns *columns, const struct late_sample *sample, struct err *err) {
    if (sample->histogram) return columns_add_histogram(columns, sample->time_ms, sample->histogram, err);
    int rc = columns_reserve(columns, 1, err);
    if (rc) return rc;
    columns->times_ms[columns->count] = sample->time_ms;
    columns->values[columns->count++] = sample->value;
    return 0;
}

/* the rows the reader sees, behind those that are there */
static int collect(struct late *late, uint32_t slot, uint64_t reader, int64_t mint, int64_t maxt,
                   struct columns *columns, struct err *err) {
    int rc = 0;
    mutex_lock(&late->lock);
    const struct late_series *series = find(late, slot);
    for (size_t i = series ? place(series, mint) : 0; series && !rc && i < series->samples.count; i++) {
        const struct late_sample *sample = &series->samples.items[i];
        if (sample->time_ms > maxt) break;
        if (sample->sequence <= reader) rc = add_row(columns, sample, err);
    }
    mutex_unlock(&late->lock);
    return rc;
}

int late_read(struct late *late, uint32_t slot, uint64_t reader, int64_t mint, int64_t maxt, size_t from,
              struct columns *columns, struct err *err) {
    size_t before = columns->count;
    int rc = collect(late, slot, reader, mint, maxt, columns, err);
    if (!rc && columns->count > before && before > from) rc = columns_merge(columns, from, before, err);
    if (rc) columns->count = before;
    return rc;
}

int late_slots(struct late *late, struct slots *slots, struct err *err) {
    mutex_lock(&late->lock);
    int rc = slots_reserve(slots, late->series.count, err);
    for (size_t i = 0; !rc && i < late->series.count; i++)
        slots->items[slots->count++] = late->series.items[i].slot;
    mutex_unlock(&late->lock);
    return rc;
}

static void drop_of(struct late *late, struct late_series *series, uint64_t sequence, int64_t maxt) {
    size_t kept = 0;
    for (size_t i = 0; i < series->samples.count; i++) {
        struct late_sample *sample = &series->samples.items[i];
        if (sample->sequence > sequence || sample->time_ms > maxt)
            series->samples.items[kept++] = *sample;
        else
            sample_free(late, sample);
    }
    atomic_fetch_sub_explicit(&late->samples, series->samples.count - kept, memory_order_relaxed);
    series->samples.count = kept;
}

/* those left without are told when the lock is free again: telling takes locks that go before it */
void late_drop(struct late *late, uint64_t sequence, int64_t maxt,
               void (*emptied)(void *context, uint32_t slot), void *context) {
    VEC(uint32_t) gone = {0};
    size_t kept = 0;
    mutex_lock(&late->lock);
    map_release(&late->by_slot);
    for (size_t i = 0; i < late->series.count; i++) {
        struct late_series series = late->series.items[i];
        drop_of(late, &series, sequence, maxt);
        if (series.samples.count) {
            late->series.items[kept] = series;
            map_insert(&late->by_slot, hash_mix(0, series.slot), (uint32_t)kept);
            kept++;
        } else {
            vec_release(&series.samples);
            *vec_push(&gone) = series.slot;
        }
    }
    late->series.count = kept;
    mutex_unlock(&late->lock);
    for (size_t i = 0; i < gone.count; i++) emptied(context, gone.items[i]);
    vec_release(&gone);
}
