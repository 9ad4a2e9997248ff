#pragma once
/*
 * slots.h - sorted lists of series slots, and what is done with them: intersect, subtract, unite.
 *
 *     a: 3 7 9 20 21      intersect {7 20 30} -> 7 20
 *                         subtract  {7 20 30} -> 3 9 21
 *
 * A small list meets a large one by galloping; many lists are united in a bitmap over all slots.
 * Memory is counted against the query's budget. One thread each.
 */
#include "lib/base/budget.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* somebody else's sorted slots */
struct slot_view {
    const uint32_t *items;
    size_t count;
};

struct slots {
    uint32_t *items; /* ascending, no slot twice */
    size_t count, capacity;
    struct budget *budget; /* may be NULL */
};

void slots_init(struct slots *slots, struct budget *budget);
void slots_release(struct slots *slots);
int slots_reserve(struct slots *slots, size_t more, struct err *err);
/* replaces the contents */
int slots_copy(struct slots *slots, struct slot_view view, struct err *err);
void slots_intersect(struct slots *slots, struct slot_view with);
void slots_subtract(struct slots *slots, struct slot_view what);

struct slot_bitmap {
    uint64_t *words;
    size_t slot_count; /* slots at and above are never members */
    struct budget *budget;
};

int slot_bitmap_init(struct slot_bitmap *bitmap, size_t slot_count, struct budget *budget, struct err *err);
void slot_bitmap_release(struct slot_bitmap *bitmap);
static inline bool slot_bitmap_has(const struct slot_bitmap *bitmap, uint32_t slot) {
    return slot < bitmap->slot_count && (bitmap->words[slot / 64] >> (slot % 64) & 1);
}

void slot_bitmap_add(struct slot_bitmap *bitmap, struct slot_view view);
/* keeps the members, or with `keep` false the others */
void slots_filter(struct slots *slots, const struct slot_bitmap *bitmap, bool keep);
/* replaces the contents by the members */
int slots_from_bitmap(struct slots *slots, const struct slot_bitmap *bitmap, struct err *err);
