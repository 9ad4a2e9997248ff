#pragma once
/*
 * read.h - remote read: what other servers ask of the store, answered in samples or in chunks.
 *
 *     read_open(packed request)   decodes, finds the series of every query, as of one moment, sorts them;
 *                                 an answer in samples is made here, as its length comes first
 *     read_more(piece) ...        chunks: packed when the piece is asked for, one series in memory at a time
 *     read_close
 *
 * Labels of the server (external_labels) are added where a series has none of that name. Staleness markers
 * are samples like others. What is in memory comes from one budget per read.
 *
 * Threads: one at a time.
 */
#include "lib/base/budget.h"
#include "lib/model/queryable.h"

#include <stdatomic.h>

struct read;

struct read_options {
    struct labels external;    /* outlives the read */
    uint64_t max_samples;      /* of one query that is answered in samples; 0: no limit */
    size_t max_frame_bytes;    /* about */
    size_t max_bytes;          /* memory of this read */
    struct budget *memory;     /* from which all reads draw; may be NULL; outlives them */
    const atomic_bool *cancel; /* may be NULL */
};

/* ERR_INVALID: no request that can be answered. ERR_LIMIT: too much is asked for. ERR_CANCELED. The queryable
   outlives the read. */
int read_open(struct queryable *queryable, struct span packed, const struct read_options *options,
              struct read **result, struct err *err);
/* chunks; else samples, as one snappy block */
bool read_is_streamed(const struct read *read);
/* Appends the next piece; false when that was the last. What cannot be read or is too large breaks the answer
   off: piece->failed. */
bool read_more(struct read *read, struct buf *piece);
void read_close(struct read *read);
