#pragma once
/*
 * postings.h - for every name=value the series that have it, for every name its values.
 *
 *     name "job" -+- "node" -> 1 2 3 7 8 ...     posting.h
 *                 +- "api"  -> 4
 *
 * Names and values are symbols. All under the index lock; what is found is valid while it is held.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "storage/head/posting.h"

#include <stdint.h>

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
/* For an empty postings that is filled from a snapshot: an empty list, valid until the next, that the caller
 * fills at once. NULL when it is there already. */
struct posting *postings_restore(struct postings *postings, uint32_t name, uint32_t value);
/* takes the members of `gone` out of one list; an empty list goes too */
void postings_remove(struct postings *postings, uint32_t name, uint32_t value,
                     const struct slot_bitmap *gone);
/* NULL: no series has this name */
const struct posting_name *postings_name(const struct postings *postings, uint32_t name);
/* NULL when there is none */
const struct posting *postings_find(const struct posting_name *name, uint32_t value);
/* heap bytes, for statistics: walks everything */
size_t postings_bytes(const struct postings *postings);
