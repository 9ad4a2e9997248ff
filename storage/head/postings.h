#pragma once
/*
 * postings.h - for every name=value the series that have it, for every name its values.
 *
 *     name "job" -+- "node" -> 1 2 3 7 8 ...     a sorted array
 *                 +- "api"  -> 4                 one slot: inline, no memory of its own
 *
 * Arrays hold 4, 8, 12 ... 32, 40, 48, 56, 64, 80 ... slots, the sizes that the allocator has: what they can
 * hold follows from how many they hold, so it is not stored. Names and values are symbols. All under the
 * index lock; views are valid while it is held.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "storage/head/slots.h"

#include <stdint.h>

struct posting {
    uint32_t value; /* symbol */
    uint32_t count;
    union {
        uint32_t one;    /* count 1 */
        uint32_t *slots; /* count > 1, owned */
    };
};

struct posting_name {
    uint32_t name; /* symbol */
    struct map by_value;
    VEC(struct posting) values;
    uint32_t newest; /* value found last: tried first, as neighbours share most values */
};

struct postings {
    struct map by_name;
    VEC(struct posting_name) names;
    size_t pairs; /* different name=value */
};

void postings_release(struct postings *postings);
/* place: where the name was found last, tried first: right or wrong, never trusted */
void postings_add(struct postings *postings, uint32_t name, uint32_t value, uint32_t slot, uint32_t *place);
/* the place of a name, which is added when it is new; hint: where it may be */
uint32_t postings_place(struct postings *postings, uint32_t name, uint32_t hint);
/* at least one slot, ascending and higher than all that are there, for the name of a place */
void postings_add_run(struct postings *postings, uint32_t place, uint32_t value, const uint32_t *slots,
                      uint32_t count);
/* For an empty postings that is filled from a snapshot: room for a list's slots, ascending, which the caller
 * sets at once. NULL when it is there already. */
uint32_t *postings_restore(struct postings *postings, uint32_t name, uint32_t value, uint32_t count);
/* takes the members of `gone` out of one list; an empty list goes too */
void postings_remove(struct postings *postings, uint32_t name, uint32_t value,
                     const struct slot_bitmap *gone);
/* NULL: no series has this name */
const struct posting_name *postings_name(const struct postings *postings, uint32_t name);
/* empty when there is none */
struct slot_view posting_find(const struct posting_name *name, uint32_t value);
struct slot_view posting_view(const struct posting *posting);
/* heap bytes, for statistics: walks everything */
size_t postings_bytes(const struct postings *postings);
