#pragma once
/*
 * keys.h - batches that bring the same series again and again: scrapes of a target, requests of a sender.
 *
 *     hash of the references -> seen once | sequence of its key record in the log, and of each row what the
 *                                           last record of the key's chain left
 *
 * A batch like an earlier one is logged as what differs from that (storage/FORMAT.md, type 3). A key
 * serves a few batches of its own segment of the log, since the last snapshot was begun, and, for batches
 * that are just being put together when a segment ends, of the next; so a lost record takes few others with
 * it. 128 bits of hash stand for the references themselves.
 *
 * Threads: the log's.
 */
#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"
#include "storage/wal/record.h"

#include <stdint.h>

#define KEY_USES 16u

struct batch_key {
    struct hash128 hash;
    size_t rows;
    struct changes_row *state; /* NULL: seen, but no key was written yet */
    uint64_t sequence;         /* of the key record */
    uint64_t life;             /* of the head: no series was forgotten since (head_life) */
    unsigned uses;
    int64_t used_ms, interval_ms; /* monotonic: when it came last, and how long after the time before */
};

struct batch_keys {
    VEC(struct batch_key) items;
    struct map by_hash;
    uint64_t segment; /* of the log, the keys are in */
    int64_t swept_ms; /* when those were last looked for that come no more */
    size_t rows_kept; /* of all states */
};

void batch_keys_clear(struct batch_keys *keys);
/* another segment: every key is written anew at its next use */
void batch_keys_age(struct batch_keys *keys, uint64_t segment);
/* The entry for batches with these references, made when there is none; *is_new tells. Those that have not
 * come for a few of their intervals go. Valid until the next call. */
struct batch_key *batch_keys_get(struct batch_keys *keys, const struct series_ref *refs, size_t rows,
                                 bool *is_new);
/* what comes next leans on no record that was written so far */
void batch_keys_retire(struct batch_keys *keys);
/* the record with these values has this sequence, and is the entry's key from now on */
void batch_keys_set(struct batch_keys *keys, struct batch_key *key, const double *values, uint64_t sequence,
                    uint64_t life);
