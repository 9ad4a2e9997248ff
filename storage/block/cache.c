#include "storage/block/cache.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"

void shared_init(struct shared *shared, size_t bytes, void (*destroy)(struct shared *shared)) {
    atomic_init(&shared->references, 1);
    shared->bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    shared->destroy = destroy;
}

void shared_release(struct shared *shared) {
    if (shared && atomic_fetch_sub(&shared->references, 1) == 1) shared->destroy(shared);
}

void block_cache_init(struct block_cache *cache, size_t max_bytes) {
    *cache = (struct block_cache){.max_bytes = max_bytes};
    mutex_init(&cache->lock);
}

static void release_sets(struct cache_set *sets) {
    for (size_t i = 0; sets && i < CACHE_SETS; i++)
        for (size_t way = 0; way < CACHE_WAYS; way++) shared_release(sets[i].things[way]);
    mem_free(sets);
}

void block_cache_release(struct block_cache *cache) {
    release_sets(cache->sets);
    mutex_release(&cache->lock);
}

void block_cache_clear(struct block_cache *cache) {
    mutex_lock(&cache->lock);
    struct cache_set *sets = cache->sets;
    cache->sets = NULL;
    cache->bytes = 0;
    mutex_unlock(&cache->lock);
    release_sets(sets);
}

size_t block_cache_bytes(struct block_cache *cache) {
    mutex_lock(&cache->lock);
    size_t bytes = cache->bytes;
    mutex_unlock(&cache->lock);
    return bytes;
}

static struct cache_set *set_of(struct block_cache *cache, uint64_t key) {
    return &cache->sets[hash_mix(0, key) % CACHE_SETS];
}

/* CACHE_WAYS: it is not there */
static uint32_t way_of(const struct cache_set *set, uint64_t key) {
    uint32_t way = 0;
    while (way < CACHE_WAYS && !(set->things[way] && set->keys[way] == key)) way++;
    return way;
}

struct shared *block_cache_get(struct block_cache *cache, uint64_t key) {
    struct shared *thing = NULL;
    mutex_lock(&cache->lock);
    if (cache->sets) {
        struct cache_set *set = set_of(cache, key);
        uint32_t way = way_of(set, key);
        if (way < CACHE_WAYS) thing = set->things[way];
    }
    if (thing) atomic_fetch_add(&thing->references, 1);
    mutex_unlock(&cache->lock);
    return thing;
}

/* puts a thing, or nothing, in a place; what was there goes on the list of those that left */
struct leaving {
    struct shared *things[CACHE_WAYS + 1]; /* released outside of the lock */
    size_t count;
};

static void leave(struct block_cache *cache, struct cache_set *set, uint32_t way, struct leaving *leaving) {
    struct shared *old = set->things[way];
    if (!old) return;
    cache->bytes -= old->bytes;
    leaving->things[leaving->count++] = old;
    set->things[way] = NULL;
}

/* the hand's set is emptied, but for what has just come */
static void make_room(struct block_cache *cache, const struct shared *newest, struct leaving *leaving) {
    for (uint32_t i = 0; cache->bytes > cache->max_bytes && i < CACHE_SETS && leaving->count <= 1; i++) {
        struct cache_set *set = &cache->sets[cache->hand++ % CACHE_SETS];
        for (uint32_t way = 0; way < CACHE_WAYS; way++)
            if (set->things[way] != newest) leave(cache, set, way, leaving);
    }
}

void block_cache_put(struct block_cache *cache, uint64_t key, struct shared *thing) {
    struct leaving leaving = {.count = 0};
    atomic_fetch_add(&thing->references, 1);
    mutex_lock(&cache->lock);
    if (!cache->sets) cache->sets = mem_array(CACHE_SETS, sizeof *cache->sets);
    struct cache_set *set = set_of(cache, key);
    uint32_t way = way_of(set, key);
    if (way == CACHE_WAYS) {
        way = set->next;
        set->next = (set->next + 1) % CACHE_WAYS;
    }
    leave(cache, set, way, &leaving);
    set->keys[way] = key;
    set->things[way] = thing;
    cache->bytes += thing->bytes;
    make_room(cache, thing, &leaving);
    mutex_unlock(&cache->lock);
    for (size_t i = 0; i < leaving.count; i++) shared_release(leaving.things[i]);
}
