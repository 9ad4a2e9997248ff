#include "storage/remote/series_cache.h"

#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"

#define SLOTS_FIRST ((size_t)1 << 12)
#define SLOTS_DEFAULT ((size_t)1 << 22) /* 100 MB, 3 million series */
#define AGE_STEP_MS (10 * 60 * 1000)
#define AGES_KEPT 6 /* while the table may still grow */
#define AGE_MASK ((uint64_t)0xff)

struct slot {
    uint64_t low, high;    /* the last byte of high: the age it was last used in */
    struct series_ref ref; /* generation 0: empty */
};

struct series_cache {
    struct rwlock lock;
    struct slot *slots;
    size_t capacity, count, max_slots;
    uint8_t age;
    int64_t aged_ms;
};

struct series_cache *series_cache_create(size_t max_slots) {
    struct series_cache *cache = mem_zalloc(sizeof *cache);
    rwlock_init(&cache->lock);
    cache->max_slots = 16;
    if (max_slots == 0) max_slots = SLOTS_DEFAULT;
    while (cache->max_slots < max_slots) cache->max_slots *= 2;
    cache->capacity = cache->max_slots < SLOTS_FIRST ? cache->max_slots : SLOTS_FIRST;
    cache->slots = mem_array(cache->capacity, sizeof *cache->slots);
    cache->aged_ms = clock_monotonic_ms();
    return cache;
}

void series_cache_destroy(struct series_cache *cache) {
    if (!cache) return;
    rwlock_release(&cache->lock);
    mem_free(cache->slots);
    mem_free(cache);
}

/* readers share the lock and may write the age at the same time */
static uint64_t high_of(const struct slot *slot) {
    return __atomic_load_n(&slot->high, __ATOMIC_RELAXED);
}

/* the slot of the key, or the empty one where it would be; there always is one */
static struct slot *probe(const struct series_cache *cache, struct hash128 key) {
    size_t mask = cache->capacity - 1;
    for (size_t i = key.low & mask;; i = (i + 1) & mask) {
        struct slot *slot = &cache->slots[i];
        if (slot->ref.generation == 0) return slot;
        if (slot->low == key.low && ((high_of(slot) ^ key.high) & ~AGE_MASK) == 0) return slot;
    }
}

void series_cache_find(struct series_cache *cache, const struct hash128 *keys, size_t count,
                       struct series_ref *refs) {
    rwlock_read(&cache->lock);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&cache->slots[keys[i].low & (cache->capacity - 1)], 0);
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = probe(cache, keys[i]);
        refs[i] = slot->ref;
        if (slot->ref.generation && (high_of(slot) & AGE_MASK) != cache->age)
            __atomic_store_n(&slot->high, (keys[i].high & ~AGE_MASK) | cache->age, __ATOMIC_RELAXED);
    }
    rwlock_unlock(&cache->lock);
}

/* ---- room ---- */

static size_t count_younger(const struct series_cache *cache, uint8_t ages) {
    size_t count = 0;
    for (size_t i = 0; i < cache->capacity; i++) {
        const struct slot *slot = &cache->slots[i];
        count += slot->ref.generation && (uint8_t)(cache->age - (slot->high & AGE_MASK)) < ages;
    }
    return count;
}

static void rebuild(struct series_cache *cache, size_t capacity, uint8_t ages) {
    struct slot *old = cache->slots;
    size_t old_capacity = cache->capacity;
    cache->slots = mem_array(capacity, sizeof *cache->slots);
    cache->capacity = capacity;
    cache->count = 0;
    for (size_t i = 0; i < old_capacity; i++) {
        const struct slot *slot = &old[i];
        if (!slot->ref.generation || (uint8_t)(cache->age - (slot->high & AGE_MASK)) >= ages) continue;
        *probe(cache, (struct hash128){slot->low, slot->high}) = *slot;
        cache->count++;
    }
    mem_free(old);
}

/* for one more entry; what is left fills at most half, so that this is seldom */
static void make_room(struct series_cache *cache) {
    if (cache->count < cache->capacity / 4 * 3) return;
    size_t young = count_younger(cache, AGES_KEPT);
    if (young <= cache->capacity / 2) {
        rebuild(cache, cache->capacity, AGES_KEPT);
    } else if (cache->capacity < cache->max_slots) {
        rebuild(cache, cache->capacity * 2, AGES_KEPT);
    } else {
        uint8_t ages = AGES_KEPT;
        while (ages > 0 && count_younger(cache, ages) > cache->capacity / 2) ages--;
        rebuild(cache, cache->capacity, ages); /* 0: all at once in use are too many; begin anew */
    }
}

static void put(struct series_cache *cache, struct hash128 key, struct series_ref ref) {
    make_room(cache);
    struct slot *slot = probe(cache, key);
    if (!slot->ref.generation) cache->count++;
    *slot = (struct slot){key.low, (key.high & ~AGE_MASK) | cache->age, ref};
}

static void step_by_clock(struct series_cache *cache) {
    int64_t now = clock_monotonic_ms();
    if (now - cache->aged_ms < AGE_STEP_MS) return;
    cache->aged_ms = now;
    cache->age++;
}

void series_cache_put(struct series_cache *cache, const struct hash128 *keys, size_t count,
                      const struct series_ref *refs) {
    rwlock_write(&cache->lock);
    step_by_clock(cache);
    for (size_t i = 0; i < count; i++)
        if (refs[i].generation) put(cache, keys[i], refs[i]);
    rwlock_unlock(&cache->lock);
}

size_t series_cache_count(struct series_cache *cache) {
    rwlock_read(&cache->lock);
    size_t count = cache->count;
    rwlock_unlock(&cache->lock);
    return count;
}

size_t series_cache_bytes(struct series_cache *cache) {
    rwlock_read(&cache->lock);
    size_t bytes = cache->capacity * sizeof *cache->slots;
    rwlock_unlock(&cache->lock);
    return bytes;
}

void series_cache_age(struct series_cache *cache) {
    rwlock_write(&cache->lock);
    cache->age++;
    rwlock_unlock(&cache->lock);
}
