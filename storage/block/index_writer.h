#pragma once
/*
 * index_writer.h - inside of storage/block: the index file, made from what was noted of the series.
 *
 *     symbols   pages of 256: varint length, text; sorted, so that a symbol's number is its rank
 *     series    pages of 64: labels as symbols, then the pages of the data
 *     values    of each name, ascending: symbol, number of series, their numbers as differences; pages of 64
 * KiB table     how many of each, and the offset of each page; of pages of values also the first symbol
 */
#include "storage/block/index_notes.h"

/* the whole file; mint of the block: times are stored from there */
int index_write(const struct index_notes *notes, int64_t mint, struct file *file, uint64_t *bytes,
                struct err *err);
