#include "storage/exemplar/exemplars.h"

#include "lib/base/bits.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* labels and their text in one piece of heap */
struct kept_labels {
    uint32_t count;
    struct label items[];
};

struct entry {
    struct kept_labels *labels;
    double value;
    int64_t time_ms;
    uint32_t series, next; /* of the same series, the one after it; NONE */
};

struct series {
    struct kept_labels *labels; /* NULL: free */
    uint32_t oldest, newest;    /* free: oldest is the next free one */
};

struct exemplars {
    struct mutex lock;
    struct entry *ring;
    size_t max, count, begin; /* the oldest is at begin */
    VEC(struct series) series;
    uint32_t free_series;
    struct map by_labels;
    uint64_t results[EXEMPLAR_RESULTS];
};

static struct labels view(const struct kept_labels *kept) {
    return (struct labels){kept->items, kept->count};
}

static struct span keep_text(char **to, struct span text) {
    if (text.len) memcpy(*to, text.ptr, text.len);
    *to += text.len;
    return span_of(*to - text.len, text.len);
}

static struct kept_labels *keep_labels(struct labels labels) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < labels.count; i++) bytes += labels.items[i].name.len + labels.items[i].value.len;
    struct kept_labels *kept = mem_alloc(sizeof *kept + labels.count * sizeof *kept->items + bytes);
    char *text = (char *)(kept->items + labels.count);
    kept->count = labels.count;
    for (uint32_t i = 0; i < labels.count; i++) {
        kept->items[i].name = keep_text(&text, labels.items[i].name);
        kept->items[i].value = keep_text(&text, labels.items[i].value);
    }
    return kept;
}

struct exemplars *exemplars_create(size_t max) {
    struct exemplars *exemplars = mem_zalloc(sizeof *exemplars);
    mutex_init(&exemplars->lock);
    exemplars->free_series = NONE;
    exemplars->max = max;
    return exemplars;
}

/* ---- series ---- */

static bool has_labels(uint32_t index, const void *key, const void *context) {
    const struct exemplars *exemplars = context;
    return labels_equal(view(exemplars->series.items[index].labels), *(const struct labels *)key);
}

static uint32_t series_get(struct exemplars *exemplars, struct labels labels) {
    uint64_t hash = labels_hash(labels);
    uint32_t index = map_find(&exemplars->by_labels, hash, &labels, has_labels, exemplars);
    if (index != MAP_NONE) return index;
    index = exemplars->free_series;
    if (index == NONE) {
        index = (uint32_t)exemplars->series.count;
        (void)vec_push(&exemplars->series);
    } else {
        exemplars->free_series = exemplars->series.items[index].oldest;
    }
    exemplars->series.items[index] = (struct series){keep_labels(labels), NONE, NONE};
    map_insert(&exemplars->by_labels, hash, index);
    return index;
}

static void series_forget(struct exemplars *exemplars, uint32_t index) {
    struct series *series = &exemplars->series.items[index];
    map_remove(&exemplars->by_labels, labels_hash(view(series->labels)), index);
    mem_free(series->labels);
    *series = (struct series){NULL, exemplars->free_series, NONE};
    exemplars->free_series = index;
}

/* ---- the ring ---- */

static uint32_t place(const struct exemplars *exemplars, size_t i) {
    return (uint32_t)((exemplars->begin + i) % exemplars->max);
}

static void drop_oldest(struct exemplars *exemplars) {
    struct entry *entry = &exemplars->ring[exemplars->begin];
    struct series *series = &exemplars->series.items[entry->series];
    series->oldest = entry->next; /* the oldest of all is the oldest of its series */
    if (series->oldest == NONE) series_forget(exemplars, entry->series);
    mem_free(entry->labels);
    exemplars->begin = (exemplars->begin + 1) % exemplars->max;
    exemplars->count--;
}

static void push(struct exemplars *exemplars, struct labels labels, const struct exemplar *exemplar) {
    if (!exemplars->ring) exemplars->ring = mem_array(exemplars->max, sizeof *exemplars->ring);
    if (exemplars->count == exemplars->max) drop_oldest(exemplars);
    uint32_t at = place(exemplars, exemplars->count++), index = series_get(exemplars, labels);
    struct series *series = &exemplars->series.items[index];
    if (series->newest == NONE)
        series->oldest = at;
    else
        exemplars->ring[series->newest].next = at;
    series->newest = at;
    exemplars->ring[at] =
        (struct entry){keep_labels(exemplar->labels), exemplar->value, exemplar->time_ms, index, NONE};
}

static size_t runes(struct span text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool is_too_long(struct labels labels) {
    size_t count = 0;
    for (uint32_t i = 0; i < labels.count; i++)
        count += runes(labels.items[i].name) + runes(labels.items[i].value);
    return count > EXEMPLAR_MAX_RUNES;
}

static enum exemplar_result judge(const struct exemplars *exemplars, struct labels series,
                                  const struct exemplar *exemplar) {
    if (is_too_long(exemplar->labels)) return EXEMPLAR_TOO_LONG;
    uint32_t index = map_find(&exemplars->by_labels, labels_hash(series), &series, has_labels, exemplars);
    if (index == MAP_NONE) return EXEMPLAR_STORED;
    const struct entry *newest = &exemplars->ring[exemplars->series.items[index].newest];
    if (exemplar->time_ms < newest->time_ms) return EXEMPLAR_OUT_OF_ORDER;
    bool is_same = exemplar->time_ms == newest->time_ms &&
                   double_bits(exemplar->value) == double_bits(newest->value) &&
                   labels_equal(exemplar->labels, view(newest->labels));
    return is_same ? EXEMPLAR_REPEATED : EXEMPLAR_STORED;
}

enum exemplar_result exemplars_judge(struct exemplars *exemplars, struct labels series,
                                     const struct exemplar *exemplar) {
    mutex_lock(&exemplars->lock);
    enum exemplar_result result = exemplars->max ? judge(exemplars, series, exemplar) : EXEMPLAR_REPEATED;
    if (result != EXEMPLAR_STORED) exemplars->results[result]++;
    mutex_unlock(&exemplars->lock);
    return result;
}

enum exemplar_result exemplars_add(struct exemplars *exemplars, struct labels series,
                                   const struct exemplar *exemplar) {
    mutex_lock(&exemplars->lock);
    enum exemplar_result result = exemplars->max ? judge(exemplars, series, exemplar) : EXEMPLAR_REPEATED;
    if (result == EXEMPLAR_STORED) {
        push(exemplars, series, exemplar);
        exemplars->results[result]++;
    }
    mutex_unlock(&exemplars->lock);
    return result;
}

void exemplars_set_max(struct exemplars *exemplars, size_t max) {
    mutex_lock(&exemplars->lock);
    if (max != exemplars->max) {
        while (exemplars->count > max) drop_oldest(exemplars);
        struct entry *old = exemplars->ring;
        size_t old_max = exemplars->max, begin = exemplars->begin, count = exemplars->count;
        exemplars->ring = NULL;
        exemplars->max = max;
        exemplars->count = exemplars->begin = 0;
        for (size_t i = 0; i < exemplars->series.count; i++)
            if (exemplars->series.items[i].labels) exemplars->series.items[i].newest = NONE;
        for (size_t i = 0; i < count; i++) {
            struct entry *entry = &old[(begin + i) % old_max];
            struct exemplar exemplar = {view(entry->labels), entry->value, entry->time_ms};
            push(exemplars, view(exemplars->series.items[entry->series].labels), &exemplar);
            mem_free(entry->labels);
        }
        mem_free(old);
    }
    mutex_unlock(&exemplars->lock);
}

void exemplars_destroy(struct exemplars *exemplars) {
    if (!exemplars) return;
    while (exemplars->count) drop_oldest(exemplars);
    mem_free(exemplars->ring);
    vec_release(&exemplars->series);
    map_release(&exemplars->by_labels);
    mutex_release(&exemplars->lock);
    mem_free(exemplars);
}

/* ---- reading ---- */

static bool matches(struct labels labels, const struct matcher *const *matchers, const size_t *counts,
                    size_t selectors) {
    for (size_t i = 0; i < selectors; i++)
        if (matchers_match(matchers[i], counts[i], labels)) return true;
    return false;
}

/* those in the range; none: count 0 */
static int copy_series(const struct exemplars *exemplars, const struct series *series, int64_t mint,
                       int64_t maxt, struct arena *arena, struct exemplar_series *copy, struct err *err) {
    size_t count = 0;
    for (uint32_t i = series->oldest; i != NONE; i = exemplars->ring[i].next) count++;
    *copy = (struct exemplar_series){.items = arena_array(arena, count, sizeof *copy->items)};
    int rc = copy->items ? labels_copy(view(series->labels), arena, &copy->labels, err)
                         : arena_limit(arena, "exemplars", err);
    for (uint32_t i = series->oldest; !rc && i != NONE; i = exemplars->ring[i].next) {
        const struct entry *entry = &exemplars->ring[i];
        struct exemplar *item = &copy->items[copy->count];
        if (entry->time_ms < mint || entry->time_ms > maxt) continue;
        item->value = entry->value;
        item->time_ms = entry->time_ms;
        rc = labels_copy(view(entry->labels), arena, &item->labels, err);
        copy->count++;
    }
    return rc;
}

static int by_labels(const void *a, const void *b) {
    return labels_compare(((const struct exemplar_series *)a)->labels,
                          ((const struct exemplar_series *)b)->labels);
}

int exemplars_select(struct exemplars *exemplars, const struct matcher *const *matchers, const size_t *counts,
                     size_t selectors, int64_t mint, int64_t maxt, struct arena *arena,
                     struct exemplar_series **series, size_t *count, struct err *err) {
    int rc = 0;
    *count = 0;
    mutex_lock(&exemplars->lock);
    *series = arena_array(arena, exemplars->series.count + 1, sizeof **series);
    if (!*series) rc = arena_limit(arena, "exemplars", err);
    for (size_t i = 0; !rc && i < exemplars->series.count; i++) {
        const struct series *one = &exemplars->series.items[i];
        if (!one->labels || !matches(view(one->labels), matchers, counts, selectors)) continue;
        rc = copy_series(exemplars, one, mint, maxt, arena, &(*series)[*count], err);
        *count += !rc && (*series)[*count].count;
    }
    mutex_unlock(&exemplars->lock);
    if (!rc) qsort(*series, *count, sizeof **series, by_labels);
    return rc;
}

void exemplars_each(struct exemplars *exemplars,
                    bool (*each)(void *context, struct labels series, const struct exemplar *exemplar),
                    void *context) {
    mutex_lock(&exemplars->lock);
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < exemplars->count; i++) {
        const struct entry *entry = &exemplars->ring[place(exemplars, i)];
        struct exemplar exemplar = {view(entry->labels), entry->value, entry->time_ms};
        goes_on = each(context, view(exemplars->series.items[entry->series].labels), &exemplar);
    }
    mutex_unlock(&exemplars->lock);
}

struct exemplar_stats exemplars_stats(struct exemplars *exemplars) {
    mutex_lock(&exemplars->lock);
    struct exemplar_stats stats = {
        .count = exemplars->count, .max = exemplars->max, .series = exemplars->by_labels.count};
    if (exemplars->count) stats.oldest_ms = exemplars->ring[exemplars->begin].time_ms;
    memcpy(stats.results, exemplars->results, sizeof stats.results);
    mutex_unlock(&exemplars->lock);
    return stats;
}
