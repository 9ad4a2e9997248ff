#pragma once
/*
 * writer.h - a block is written, series by series, in the order of their labels.
 *
 *     create -> add(labels, columns) ... ascending by labels_compare -> finish
 *     data      data                                                    index, then meta makes it a block
 *
 * Memory: the symbols and postings of the block, and a few pages. Samples are encoded as they come. One
 * thread.
 */
#include "storage/block/block.h"

struct block_writer;

struct block_writer_options {
    struct file_system *fs;
    const char *folder; /* of the blocks, made if missing */
    int64_t now_ms;     /* for the ULID */
    uint32_t level;
    enum block_origin origin;
    int64_t head_end;
    const struct ulid *sources; /* NULL: the block is its own source */
    uint32_t source_count;
};

int block_writer_create(const struct block_writer_options *options, struct block_writer **writer,
                        struct err *err);
/* All samples of one series, times ascending strictly; labels above those before. No samples: nothing is
 * done. */
int block_writer_add(struct block_writer *writer, struct labels labels, const struct columns *columns,
                     struct err *err);
/* samples taken so far */
uint64_t block_writer_samples(const struct block_writer *writer);
/* The block is there and on disk; the writer is freed. Without any sample no block is made: meta->samples is
 * 0. On failure the writer is freed too, and what it wrote is removed. */
int block_writer_finish(struct block_writer *writer, struct block_meta *meta, struct err *err);
/* gives up, removes what was written; NULL accepted */
void block_writer_abort(struct block_writer *writer);
