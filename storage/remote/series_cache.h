#pragma once
/*
 * series_cache.h - from the labels of a series, as their sender writes them, to its reference.
 *
 *     bytes of the labels --keyed 128-bit hash--> slots: [hash low | hash high, age in its last byte |
 * reference] 24 bytes each, power of two, linear probing, at most 3/4 full
 *
 * Senders write the same labels in the same bytes again and again, so a known series costs a hash and one
 * line of the table instead of labels decoded, checked, sorted and looked up. The text is not kept: 120 bits
 * of a keyed hash stand for it. A reference may be stale: its store says so (appender_confirm), and put
 * replaces it.
 *
 * The table is bounded. When it is full it grows, up to its maximum; there, entries not used for the longest
 * go: whoever is thrown out pays one look into the store.
 *
 * Threads: any; a lock that lookups share.
 */
#include "lib/base/hash.h"
#include "lib/model/appender.h"

#include <stddef.h>
#include <stdint.h>

struct series_cache;

/* max_slots: 0 for the default, else rounded up to a power of two */
struct series_cache *series_cache_create(size_t max_slots);
void series_cache_destroy(struct series_cache *cache);
/* generation 0 for those that are not there */
void series_cache_find(struct series_cache *cache, const struct hash128 *keys, size_t count,
                       struct series_ref *refs);
/* adds, or replaces */
void series_cache_put(struct series_cache *cache, const struct hash128 *keys, size_t count,
                      const struct series_ref *refs);
size_t series_cache_count(struct series_cache *cache);
/* bytes of the table */
size_t series_cache_bytes(struct series_cache *cache);
/* everything gets older by one step; the cache does so by itself, by the clock */
void series_cache_age(struct series_cache *cache);
