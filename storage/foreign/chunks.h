#pragma once
/*
 * chunks.h - the files chunks stand in.
 *
 *     of a block   chunks/000001 ...   magic 85BD40DD, version 1, 3 zeros
 *                                      length LEB128 | encoding u8 | data | CRC-32C of encoding and data, BE
 *         a reference is (number of the file from 0) << 32 | offset
 *     of the head  chunks_head/000001  magic 0130BC91, version 1, 3 zeros
 *                                      series u64 | mint u64 | maxt u64 | encoding u8 | length LEB128 | data
 * | CRC-32C of all of it; zeros end the file
 */
#include "storage/foreign/source.h"

#include "lib/base/span.h"

struct foreign_chunks {
    struct file_system *fs;
    char *folder; /* owned */
    struct source_numbers files;
    struct source *sources; /* opened when first asked */
};

int foreign_chunks_open(struct file_system *fs, const char *folder, struct foreign_chunks *chunks,
                        struct err *err);
void foreign_chunks_close(struct foreign_chunks *chunks);
/* data is valid until the next call */
int foreign_chunks_get(struct foreign_chunks *chunks, uint64_t reference, uint8_t *encoding,
                       struct span *data, struct err *err);

struct foreign_head_chunk {
    uint64_t series;
    int64_t mint, maxt;
    uint8_t encoding;
    bool is_out_of_order; /* the high bit of the encoding */
    struct span data;
};
typedef int foreign_head_chunk_each(const struct foreign_head_chunk *chunk, void *context, struct err *err);
/* All chunks in the order of the files. A damaged file is read up to the damage; *warnings counts such, and
   `warning` gets the last one's text. */
int foreign_head_chunks_read(struct file_system *fs, const char *folder, foreign_head_chunk_each *each,
                             void *context, uint64_t *warnings, struct err *warning, struct err *err);
