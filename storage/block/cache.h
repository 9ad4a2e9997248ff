#pragma once
/*
 * cache.h - inside of storage/block: what was read and unpacked lately, for all readers of a block.
 *
 *     key -> slot (hash) -> | key | what was put there last |          the next with this slot takes its
 * place
 *
 * Things are shared: whoever gets one holds a reference. Threads: any.
 */
#include "lib/sys/thread.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct shared { /* first member */
    atomic_uint references;
    void (*destroy)(struct shared *shared);
};

void shared_init(struct shared *shared, void (*destroy)(struct shared *shared));
void shared_release(struct shared *shared); /* NULL accepted */

#define CACHE_SLOTS 64u

struct cache {
    struct mutex lock;
    uint64_t keys[CACHE_SLOTS];
    struct shared *things[CACHE_SLOTS];
};

void block_cache_init(struct cache *cache);
void block_cache_release(struct cache *cache);
/* a reference for the caller, or NULL */
struct shared *block_cache_get(struct cache *cache, uint64_t key);
/* takes a reference of its own */
void block_cache_put(struct cache *cache, uint64_t key, struct shared *thing);
