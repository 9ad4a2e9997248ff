#pragma once
/*
 * posting.h - inside of storage/head: the series that have one name=value, a set of slots.
 *
 *     count 1          | one |                               inline, no memory of its own
 *     few for their    | 1 2 3 7 8 ... |                     a sorted array
 *       highest slot
 *     many             | 0111 0001 1000 ... |                a bit for each slot up to the highest
 *
 * A series that comes takes the slot of one that left, anywhere in the set: what finds its place costs no
 * more than a few microseconds in either form, as an array of many slots is never short for its span. Arrays
 * hold 4, 8, 12 ... 32, 40, 48, 56, 64, 80 ... slots, the sizes that the allocator has: what they can hold
 * follows from how many they hold, so it is not stored. Under the index lock.
 */
#include "storage/head/slots.h"

struct posting {
    uint32_t value; /* symbol */
    uint32_t count : 31, is_dense : 1;
    union {
        uint32_t one;               /* count 1 */
        uint32_t *slots;            /* count > 1, owned */
        struct posting_bits *dense; /* owned */
    };
};

void posting_release(struct posting *posting);
/* one that is not there yet */
void posting_add(struct posting *posting, uint32_t slot);
/* at least one slot, ascending and higher than all that are there */
void posting_append(struct posting *posting, const uint32_t *slots, uint32_t count);
/* takes the members of `gone` out */
void posting_remove(struct posting *posting, const struct slot_bitmap *gone);
/* heap bytes */
size_t posting_bytes(const struct posting *posting);

/* ---- reading; NULL is an empty one ---- */

/* replaces the contents of slots */
int posting_copy(const struct posting *posting, struct slots *slots, struct err *err);
/* keeps what is in the posting, or with `keep` false the others */
void posting_filter(const struct posting *posting, struct slots *slots, bool keep);
/* adds all to the bitmap, whose slot_count is above the highest */
void posting_unite(const struct posting *posting, struct slot_bitmap *bitmap);

/* each slot, ascending */
struct posting_walk {
    const struct posting *posting;
    size_t at; /* index, or slot, of the next */
};
bool posting_next(struct posting_walk *walk, uint32_t *slot);
