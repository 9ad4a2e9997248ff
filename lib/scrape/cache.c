#include "lib/scrape/cache.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <string.h>

_Static_assert(sizeof(struct cache_entry) == 20, "one entry per active series: keep it small");

void cache_release(struct cache *cache) {
    mem_free(cache->entries);
    mem_free(cache->order);
    map_release(&cache->by_hash);
    *cache = (struct cache){0};
}

void cache_clear(struct cache *cache) {
    uint8_t phase = cache->phase;
    cache_release(cache);
    cache->phase = phase;
}

void cache_begin(struct cache *cache) {
    cache->phase ^= CACHE_SEEN;
    cache->next = cache->hits = 0;
    cache->missed = false;
    cache->order_count = 0;
}

static bool entry_equal(uint32_t index, const void *key, const void *context) {
    const struct cache *cache = context;
    return cache->entries[index].hash == *(const uint64_t *)key;
}

static void order_add(struct cache *cache, uint32_t index) {
    if (cache->order_count == cache->order_capacity) {
        cache->order_capacity = cache->order_capacity ? cache->order_capacity * 2 : 64;
        cache->order = mem_resize(cache->order, cache->order_capacity, sizeof *cache->order);
    }
    cache->order[cache->order_count++] = index;
}

/* the first miss of a scrape: from here on the order is written down, and entries are found by hash */
static void start_order(struct cache *cache) {
    cache->missed = true;
    map_reserve(&cache->by_hash, cache->count);
    for (size_t i = 0; i < cache->hits; i++) order_add(cache, (uint32_t)i);
    for (size_t i = 0; i < cache->count; i++) {
        uint64_t hash = cache->entries[i].hash;
        if (map_find(&cache->by_hash, hash, &hash, entry_equal, cache) == MAP_NONE)
            map_insert(&cache->by_hash, hash, (uint32_t)i);
    }
}

static uint32_t add_entry(struct cache *cache, uint64_t hash, size_t length) {
    ASSERT(cache->count < MAP_NONE);
    if (cache->count == cache->capacity) {
        cache->capacity += cache->capacity / 2 + 16;
        cache->entries = mem_resize(cache->entries, cache->capacity, sizeof *cache->entries);
    }
    cache->entries[cache->count] = (struct cache_entry){.hash = hash,
                                                        .length = length <= UINT16_MAX ? (uint16_t)length : 0,
                                                        .bits = cache->phase ^ CACHE_SEEN};
    map_insert(&cache->by_hash, hash, (uint32_t)cache->count);
    return (uint32_t)cache->count++;
}

static bool is_seen(const struct cache *cache, const struct cache_entry *entry) {
    return (entry->bits & CACHE_SEEN) == cache->phase;
}

static struct cache_entry *mark_seen(struct cache *cache, uint32_t index) {
    struct cache_entry *entry = &cache->entries[index];
    if (!is_seen(cache, entry)) {
        entry->bits = (uint8_t)((entry->bits & ~CACHE_SEEN) | cache->phase);
        if (cache->missed) order_add(cache, index);
    }
    return entry;
}

size_t cache_expects(const struct cache *cache) {
    return cache->next < cache->count ? cache->entries[cache->next].length : 0;
}

static struct cache_entry *take_next(struct cache *cache, uint64_t hash) {
    if (cache->next >= cache->count || cache->entries[cache->next].hash != hash) return NULL;
    uint32_t index = (uint32_t)cache->next++;
    if (!cache->missed) cache->hits++;
    return mark_seen(cache, index);
}

struct cache_entry *cache_take_expected(struct cache *cache, struct span series) {
    return take_next(cache, hash_bytes_keyed(series.ptr, series.len));
}

static struct cache_entry *take(struct cache *cache, uint64_t hash, size_t length, bool *is_new) {
    *is_new = false;
    struct cache_entry *next = take_next(cache, hash);
    if (next) return next;
    if (!cache->missed) start_order(cache);
    uint32_t index = map_find(&cache->by_hash, hash, &hash, entry_equal, cache);
    if (index == MAP_NONE) {
        *is_new = true;
        index = add_entry(cache, hash, length);
    } else {
        cache->next = (size_t)index + 1;
    }
    return mark_seen(cache, index);
}

struct cache_entry *cache_take(struct cache *cache, struct span series, bool *is_new) {
    return take(cache, hash_bytes_keyed(series.ptr, series.len), series.len, is_new);
}

struct cache_entry *cache_take_hashed(struct cache *cache, uint64_t hash, bool *is_new) {
    return take(cache, hash, 0, is_new);
}

uint32_t cache_index_of(const struct cache *cache, const struct cache_entry *entry) {
    ASSERT(entry >= cache->entries && entry < cache->entries + cache->count);
    return (uint32_t)(entry - cache->entries);
}

void cache_resolve(struct cache *cache, uint32_t index, struct series_ref ref) {
    struct cache_entry *entry = &cache->entries[index];
    cache->stored += (ref.generation != 0) - (size_t)(entry->ref.generation != 0);
    entry->ref = ref;
}

void cache_end(struct cache *cache, void (*vanished)(const struct cache_entry *entry, void *context),
               void *context) {
    if (!cache->missed && cache->hits == cache->count) return; /* the same again, as nearly always */
    if (!cache->missed) start_order(cache);
    for (size_t i = 0; i < cache->count; i++)
        if (!is_seen(cache, &cache->entries[i])) {
            vanished(&cache->entries[i], context);
            cache->stored -= cache->entries[i].ref.generation != 0;
        }
    struct cache_entry *ordered = mem_array(cache->order_count, sizeof *ordered);
    for (size_t i = 0; i < cache->order_count; i++) ordered[i] = cache->entries[cache->order[i]];
    mem_free(cache->entries);
    cache->entries = ordered;
    cache->count = cache->capacity = cache->order_count;
    mem_free(cache->order);
    cache->order = NULL;
    cache->order_count = cache->order_capacity = 0;
    map_release(&cache->by_hash);
}
