#pragma once
/*
 * index_writer.h - inside of storage/block: series are noted as they are written, the index file is made at
 * the end.
 *
 *     symbols   pages of 256: varint length, text; sorted, so that a symbol's number is its rank
 *     series    pages of 64: labels as symbols, then the pages of the data
 *     values    of each name, ascending: symbol, number of series, their numbers as differences; pages of 64
 * KiB table     how many of each, and the offset of each page; of pages of values also the first symbol
 */
#include "lib/base/arena.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/codec/zstd.h"
#include "lib/model/labels.h"
#include "lib/sys/file.h"

/* A page of the data, as a series knows it. */
struct page_ref {
    uint64_t group; /* offset */
    uint64_t times; /* offset of the group of times; 0: regular from mint to maxt */
    int64_t mint, maxt;
    uint32_t page, count;
    bool is_histogram;
};

struct index_writer {
    struct arena texts;
    VEC(struct span) symbols; /* in the order they came */
    struct map by_text;
    VEC(uint32_t) labels; /* of all series: count, then name, value, name, value ... as numbers of symbols */
    VEC(struct page_ref) pages;
    VEC(uint32_t) page_ends; /* of each series in pages */
    size_t series, last;     /* last: where the labels of the series before begin */
};

void index_writer_init(struct index_writer *index);
void index_writer_release(struct index_writer *index);
void index_writer_page(struct index_writer *index, struct page_ref page);
/* ERR_INVALID: not above the series before; asked before its pages are noted */
int index_writer_check(const struct index_writer *index, struct labels labels, struct err *err);
/* checked, and behind its pages */
void index_writer_series(struct index_writer *index, struct labels labels);
/* the whole file; mint of the block: times are stored from there */
int index_writer_end(struct index_writer *index, int64_t mint, struct file *file, uint64_t *bytes,
                     struct err *err);
