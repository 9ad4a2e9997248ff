#pragma once
/*
 * cache.h - inside of storage/block: what was read and unpacked lately, for all readers of a block.
 *
 *     key -> set (hash) -> | key, thing | key, thing | ... 8 of them |    a new one takes the place
 * of the oldest of its set, and of others, set by set, until all fit
 *
 * Things are shared: whoever gets one holds a reference. Threads: any.
 */
#include "lib/sys/thread.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct shared { /* first member */
    atomic_uint references;
    uint32_t bytes; /* of memory, about: what a cache counts */
    void (*destroy)(struct shared *shared);
};

void shared_init(struct shared *shared, size_t bytes, void (*destroy)(struct shared *shared));
void shared_release(struct shared *shared); /* NULL accepted */

#define CACHE_SETS 256u
#define CACHE_WAYS 8u

struct cache_set {
    uint64_t keys[CACHE_WAYS];
    struct shared *things[CACHE_WAYS];
    uint32_t next; /* the oldest */
};

struct block_cache {
    struct mutex lock;
    size_t bytes, max_bytes;
    uint32_t hand;          /* the set that gives room next */
    struct cache_set *sets; /* made when there is something to keep */
};

/* keeps things of max_bytes together, and at least the newest one */
void block_cache_init(struct block_cache *cache, size_t max_bytes);
void block_cache_release(struct block_cache *cache);
/* keeps nothing of what is there now */
void block_cache_clear(struct block_cache *cache);
size_t block_cache_bytes(struct block_cache *cache);
/* a reference for the caller, or NULL */
struct shared *block_cache_get(struct block_cache *cache, uint64_t key);
/* takes a reference of its own */
void block_cache_put(struct block_cache *cache, uint64_t key, struct shared *thing);
