#pragma once
/*
 * index_lists.h - inside of storage/block: of each name and value the series that have it, from notes that
 * are in the order of series.
 *
 *     notes    0: a=1 b=7   1: a=1 b=8   2: a=2 b=7
 *     lists    a: 1 -> 0 1   2 -> 2      b: 7 -> 0 2   8 -> 1
 *
 * Some names at a time, as many as fit a few MiB: the notes are read once for each such part.
 */
#include "storage/block/index_notes.h"

/* The series of a value, ascending. */
struct index_list {
    uint32_t value; /* rank */
    uint32_t count;
    const uint32_t *series;
};

/* All lists of a name, by the ranks of the values; valid during the call. Not 0 ends it. */
typedef int index_lists_fn(void *context, uint32_t name, const struct index_list *lists, size_t count,
                           struct err *err);

/* names in the order of their ranks; ranks: of each symbol of the notes */
int index_lists_each(const struct index_notes *notes, const uint32_t *ranks, index_lists_fn *each,
                     void *context, struct err *err);
