#pragma once
/*
 * index.h - the index of a block, version 2: its series in order, one at a time.
 *
 *     magic BAAAD700, version u8 | symbols | series ... | label indices | postings | ... | TOC 6 x u64, CRC
 *     series, at a multiple of 16:  length LEB128 | labels as symbol numbers | chunks, times delta coded |
 * CRC-32C
 *
 * Only the table of contents, the symbols and the series are read: postings are not needed to go through all.
 */
#include "storage/foreign/source.h"

#include "lib/base/arena.h"
#include "lib/model/labels.h"

struct foreign_chunk_meta {
    int64_t mint, maxt;
    uint64_t reference;
};

struct foreign_index {
    struct source source;
    uint64_t at, end; /* of the series */
    struct buf symbols_bytes;
    VEC(struct span) symbols;
    /* the series read last; valid until the next */
    uint64_t reference; /* as tombstones name it */
    VEC(struct label) labels;
    VEC(struct foreign_chunk_meta) chunks;
};

int foreign_index_open(struct file_system *fs, const char *path, struct foreign_index *index,
                       struct err *err);
void foreign_index_close(struct foreign_index *index);
/* *more is false behind the last one */
int foreign_index_next(struct foreign_index *index, bool *more, struct err *err);
static inline struct labels foreign_index_labels(const struct foreign_index *index) {
    return (struct labels){index->labels.items, (uint32_t)index->labels.count};
}
