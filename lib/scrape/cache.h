#pragma once
/*
 * cache.h - inside of lib/scrape: what a target said last time, in order, so that saying it again costs next
 * to nothing.
 *
 *     entries   [hash|ref|length] [hash|ref|length] ...       20 bytes each, in the order of the last
 *                                  ^ next                      exposition
 *
 * An exposition is nearly the same text every time: the next line is predicted to begin with the series of
 * the next entry. A hit costs one hash of as many bytes and one compare; only the value is parsed. A miss
 * looks the hash up among all entries (by_hash exists only during a scrape that has missed), and one that is
 * not there becomes a new entry. cache_end puts the entries into the new order and drops what was not seen.
 */
#include "lib/base/map.h"
#include "lib/base/span.h"
#include "lib/model/appender.h"

#include <stdbool.h>
#include <stdint.h>

struct cache_entry {
    uint64_t hash;         /* keyed, of the series text, or of what stands for it */
    struct series_ref ref; /* generation 0: no series, and slot says why */
    uint16_t length;       /* of the series text; 0: too long to be predicted, or none */
    uint8_t bits;          /* the flags below */
} __attribute__((packed, aligned(4)));

/* slot of an entry without a series */
enum cache_reason {
    CACHE_UNRESOLVED,
    CACHE_DROPPED, /* by the rules, for good: nothing of it is looked at again */
    CACHE_REFUSED, /* the job is at its limit of series: asked again when there is room */
};

#define CACHE_SEEN 0x10  /* equals the cache's phase: seen in this scrape */
#define CACHE_TIMED 0x20 /* had a timestamp of its own: no staleness marker */

struct cache {
    struct cache_entry *entries;
    size_t count, capacity;
    size_t stored;   /* entries with a series */
    uint8_t phase;   /* CACHE_SEEN or 0, changes with every scrape */
    size_t next;     /* predicted entry */
    uint32_t *order; /* after the first miss: the entries in the order of this scrape */
    size_t order_count, order_capacity;
    struct map by_hash;
    size_t hits; /* in order so far */
    bool missed;
};

void cache_release(struct cache *cache);
/* forgets everything, keeps nothing */
void cache_clear(struct cache *cache);
void cache_begin(struct cache *cache);
/* bytes of the series text that is expected next; 0: nothing is */
size_t cache_expects(const struct cache *cache);
/* the entry that is expected, marked seen, if that is its series text; else NULL */
struct cache_entry *cache_take_expected(struct cache *cache, struct span series);
/* The entry of a series text, marked seen; *is_new when it was not there. Valid until the next call. */
struct cache_entry *cache_take(struct cache *cache, struct span series, bool *is_new);
/* the same by hash alone: keyed, of what has no text of its own */
struct cache_entry *cache_take_hashed(struct cache *cache, uint64_t hash, bool *is_new);
/* where an entry is until cache_end */
uint32_t cache_index_of(const struct cache *cache, const struct cache_entry *entry);
/* calls vanished for every entry that this scrape has not seen, then drops those and puts the rest in order
 */
void cache_end(struct cache *cache, void (*vanished)(const struct cache_entry *entry, void *context),
               void *context);

/* false: its labels are needed */
static inline bool cache_entry_is_known(const struct cache_entry *entry) {
    return entry->ref.generation != 0;
}

static inline bool cache_entry_is(const struct cache_entry *entry, enum cache_reason reason) {
    return entry->ref.generation == 0 && entry->ref.slot == reason;
}
static inline void cache_entry_mark(struct cache_entry *entry, enum cache_reason reason) {
    entry->ref = (struct series_ref){reason, 0};
}
/* gives the entry its series, or none */
void cache_resolve(struct cache *cache, uint32_t index, struct series_ref ref);
