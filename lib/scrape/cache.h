#pragma once
/*
 * cache.h - inside of lib/scrape: what a target said last time, in order, so that saying it again costs next
 * to nothing.
 *
 *     entries   [hash|ref|value|"1027"] [hash|ref|value|"3"] ...       40 bytes each, in the order of the
 * last exposition ^ next
 *
 * An exposition is nearly the same text every time: the next line is predicted to begin with the series of
 * the next entry. A hit costs one hash of as many bytes and one compare; an unchanged value text of at most
 * 13 bytes is not even parsed. A miss looks the hash up among all entries (by_hash exists only during a
 * scrape that has missed), and one that is not there becomes a new entry. cache_end puts the entries into the
 * new order and drops what was not seen.
 */
#include "lib/base/map.h"
#include "lib/base/span.h"
#include "lib/model/appender.h"

#include <stdbool.h>
#include <stdint.h>

#define CACHE_TEXT_MAX 13

struct cache_entry {
    uint64_t hash;         /* keyed, of the series text */
    struct series_ref ref; /* generation 0: no series, and slot says why */
    double value;          /* of text */
    uint16_t length;       /* of the series text; 0: too long to be predicted */
    char text[CACHE_TEXT_MAX];
    uint8_t bits; /* length of text, and the flags below */
};

/* slot of an entry without a series */
enum cache_reason {
    CACHE_UNRESOLVED,
    CACHE_DROPPED, /* by the rules, for good: nothing of it is looked at again */
    CACHE_REFUSED, /* the job is at its limit of series: asked again when there is room */
};

#define CACHE_LENGTH 0x0f
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
/* where an entry is until cache_end */
uint32_t cache_index_of(const struct cache *cache, const struct cache_entry *entry);
/* calls vanished for every entry that this scrape has not seen, then drops those and puts the rest in order
 */
void cache_end(struct cache *cache, void (*vanished)(const struct cache_entry *entry, void *context),
               void *context);

static inline bool cache_entry_is(const struct cache_entry *entry, enum cache_reason reason) {
    return entry->ref.generation == 0 && entry->ref.slot == reason;
}
static inline void cache_entry_mark(struct cache_entry *entry, enum cache_reason reason) {
    entry->ref = (struct series_ref){reason, 0};
}
/* gives the entry its series, or none */
void cache_resolve(struct cache *cache, uint32_t index, struct series_ref ref);

static inline bool cache_entry_same_text(const struct cache_entry *entry, struct span text) {
    return (entry->bits & CACHE_LENGTH) == text.len && text.len > 0 &&
           memcmp(entry->text, text.ptr, text.len) == 0;
}
void cache_entry_set(struct cache_entry *entry, struct span text, double value);
