#include "storage/block/cache.h"

#include "lib/base/hash.h"

void shared_init(struct shared *shared, void (*destroy)(struct shared *shared)) {
    atomic_init(&shared->references, 1);
    shared->destroy = destroy;
}

void shared_release(struct shared *shared) {
    if (shared && atomic_fetch_sub(&shared->references, 1) == 1) shared->destroy(shared);
}

void block_cache_init(struct cache *cache) {
    *cache = (struct cache){0};
    mutex_init(&cache->lock);
}

void block_cache_release(struct cache *cache) {
    for (size_t i = 0; i < CACHE_SLOTS; i++) shared_release(cache->things[i]);
    mutex_release(&cache->lock);
}

static size_t slot_of(uint64_t key) {
    return hash_mix(0, key) % CACHE_SLOTS;
}

struct shared *block_cache_get(struct cache *cache, uint64_t key) {
    size_t slot = slot_of(key);
    mutex_lock(&cache->lock);
    struct shared *thing = cache->keys[slot] == key ? cache->things[slot] : NULL;
    if (thing) atomic_fetch_add(&thing->references, 1);
    mutex_unlock(&cache->lock);
    return thing;
}

void block_cache_put(struct cache *cache, uint64_t key, struct shared *thing) {
    size_t slot = slot_of(key);
    atomic_fetch_add(&thing->references, 1);
    mutex_lock(&cache->lock);
    struct shared *old = cache->things[slot];
    cache->keys[slot] = key;
    cache->things[slot] = thing;
    mutex_unlock(&cache->lock);
    shared_release(old);
}
