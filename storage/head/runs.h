#pragma once
/*
 * runs.h - memory for open chunks: those of 64 neighbouring slots (a run) lie in one block.
 *
 *     run of slots 64 .. 127:   | 64 | 66 | (hole) | 127 | 65    | tail ....... |
 *                                each with a little room behind its bytes
 *
 * A chunk that outgrows its room moves to the tail and leaves a hole; when the tail is used up, the block is
 * made anew, as large as what lives in it needs. So a run never holds much more than its chunks, whatever
 * others hold: series that begin together grow, and end, together. The first sample of a run makes room for
 * some of its neighbours, the last chunk that goes takes the block with it.
 *
 * Threads: the appending one changes, under the page's lock; who reads holds that too.
 */
#include "storage/head/series.h"

/* room for `needed` bytes of a slot's open chunk, whose bytes stay; needed <= CHUNK_MAX_BYTES */
void run_grow(struct series_table *table, uint32_t slot, size_t needed);
/* gives the memory of a slot's chunk of floats back, if it has any */
void run_free(struct series_table *table, uint32_t slot);
