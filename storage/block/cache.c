#include "storage/block/cache.h"

#include "lib/base/hash.h"

void shared_init(struct shared *shared, void (*destroy)(struct shared *shared)) {
    atomic_init(&shared->references, 1);
    shared->destroy = destroy;
}

void shared_release(struct shared *shared) {
    if (shared && atomic_fetch_sub(&shared->references, 1) == 1) shared->destroy(shared);
}

void block_cache_init(struct block_cache *cache) {
    *cache = (struct block_cache){0};
    mutex_init(&cache->lock);
}

void block_cache_release(struct block_cache *cache) {
    for (size_t i = 0; i < CACHE_SETS; i++)
        for (size_t way = 0; way < CACHE_WAYS; way++) shared_release(cache->sets[i].things[way]);
    mutex_release(&cache->lock);
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
    struct cache_set *set = set_of(cache, key);
    mutex_lock(&cache->lock);
    uint32_t way = way_of(set, key);
    struct shared *thing = way < CACHE_WAYS ? set->things[way] : NULL;
    if (thing) atomic_fetch_add(&thing->references, 1);
    mutex_unlock(&cache->lock);
    return thing;
}

void block_cache_put(struct block_cache *cache, uint64_t key, struct shared *thing) {
    struct cache_set *set = set_of(cache, key);
    atomic_fetch_add(&thing->references, 1);
    mutex_lock(&cache->lock);
    uint32_t way = way_of(set, key);
    if (way == CACHE_WAYS) {
        way = set->next;
        set->next = (set->next + 1) % CACHE_WAYS;
    }
    struct shared *old = set->things[way];
    set->keys[way] = key;
    set->things[way] = thing;
    mutex_unlock(&cache->lock);
    shared_release(old);
}
