#pragma once
/*
 * inside.h - inside of storage/head: the head's parts and what its files call of each other.
 *
 * Locks, in this order: index_lock, a page, commits.lock, chunks.lock or late.lock.
 */
#include "lib/sys/thread.h"
#include "storage/chunk/histogram_chunk.h"
#include "storage/head/chunks.h"
#include "storage/head/commits.h"
#include "storage/head/head.h"
#include "storage/head/late.h"
#include "storage/head/postings.h"
#include "storage/head/runs.h"
#include "storage/head/series.h"
#include "storage/head/shapes.h"
#include "storage/head/symbols.h"

#include <stdatomic.h>

#define HEAD_MAGIC 0x48454144u /* "HEAD" */

/* slots that wait for their next series, by the number of labels their record has room for */
#define FREE_LISTS 64u

struct free_slots {
    VEC(uint32_t) by_labels[FREE_LISTS];
    uint32_t count;
};

/* a label set as symbols: words[0] is the shape, then the values */
struct label_ids {
    uint32_t places[SHAPE_MAX_LABELS]; /* of the first `placed` names in the postings: hints */
    uint32_t placed;
    uint32_t names[SHAPE_MAX_LABELS];
    uint32_t words[1 + SHAPE_MAX_LABELS];
    uint32_t count;
};

struct head {
    uint32_t magic;
    struct rwlock index_lock; /* symbols, shapes, postings, by_labels, next_number; slots in use or not */
    struct symbols symbols;
    struct shapes shapes;
    struct postings postings;
    struct map by_labels; /* hash of the label record -> slot */
    struct free_slots free_slots;
    uint64_t quiet_number;   /* next_number at the last head_quiet */
    struct mutex holds_lock; /* the two below; no other lock is taken under it */
    struct turns holds;      /* of producers */
    uint64_t announced;      /* how often */
    uint32_t resting;        /* slots not in use that readers may still look at */
    uint64_t next_number, series_created;
    uint64_t max_series;
    atomic_uint_least64_t life;    /* see head_life */
    struct budget *memory;         /* may be NULL */
    atomic_size_t memory_drawn;    /* of it */
    atomic_uint_least64_t refused; /* new series, for want of it or by max_series */
    struct series_table table;
    struct commits commits;
    struct chunk_store chunks;
    struct late late;
    atomic_int_least64_t closed; /* no sample before it goes into a chunk */
    atomic_int_least64_t mint;   /* chunks hold nothing that counts before it: that is in blocks */
    /* written by the appending thread, read by statistics */
    atomic_uint_least64_t samples, full_chunks, open_chunks, out_of_order, out_of_bounds, too_old, duplicates,
        late_samples, no_series;
    atomic_int_least64_t min_time, max_time;
};

/* head.c: chunks and their memory; by the appending thread, the page is locked or nobody reads it */
void series_free(struct head *head, uint32_t slot);

/* index.c; the index lock is held, exclusively for add */

/* the slot of the series with these labels, or MAP_NONE; ids is scratch, and speeds up the next call when its
 * labels are nearly the same (count and placed 0 at first) */
uint32_t index_find(const struct head *head, struct labels labels, struct label_ids *ids);
/* a series in the head with everything around it but its texts: measured, rounded up */
#define HEAD_SERIES_BYTES 400u
/* draws from the head's memory whatever its limit */
void index_charge(struct head *head, size_t bytes);
/* gets or creates */
int index_add(struct head *head, struct labels labels, struct label_ids *ids, uint32_t *slot, bool *created,
              struct err *err);

/* of words[0] = shape and the values */
uint64_t index_hash(const struct head *head, const uint32_t *words);
/* The series of these words for a log, which is new, with this number, or is there; without postings and
 * charge, and without a lock (replay.h). */
int index_replay(struct head *head, const uint32_t *words, uint32_t count, uint64_t hash, uint64_t number,
                 uint32_t *slot, bool *created, struct err *err);
/* words[0] = shape and the values of a series; no lock needed */
const uint32_t *index_record(const struct head *head, uint32_t slot);
/* symbol of the value of a name, SYMBOL_NONE when the series has no such label; no lock needed */
uint32_t index_value(const struct head *head, uint32_t slot, uint32_t name);

/* series in use; the index lock is held */
uint32_t index_series(const struct head *head);
/* the series of these slots are not found any more; exclusively */
void index_remove(struct head *head, const uint32_t *slots, size_t count);
/* the slots, whose memory was given back, wait for others; exclusively */
void index_free_slots(struct head *head, const uint32_t *slots, size_t count);

/* for a head that is filled from a snapshot: room for so many series; a series in the next slot, without
 * postings: false when its labels are there already or memory is full */
void index_reserve(struct head *head, uint32_t count);
bool index_restore(struct head *head, uint64_t number, struct label_ids *ids);

/* labels_identity; no lock needed */
struct hash128 index_identity(const struct head *head, uint32_t slot);
/* as labels_compare; no lock needed */
int index_compare(const struct head *head, uint32_t a, uint32_t b);

/* match.c; the index lock is held: the slots that match, ascending */
int match_slots(const struct head *head, const struct matcher *matchers, size_t count, struct slots *slots,
                struct err *err);

/* read.c: keeps the slots that have samples in [mint, maxt]; a chunk counts with all of its time */
void slots_keep_overlapping(struct head *head, struct slots *slots, int64_t chunks_from, int64_t mint,
                            int64_t maxt);
bool any_overlaps(struct head *head, const struct posting *posting, int64_t mint, int64_t maxt);
/* a series' samples in [mint, maxt] that a reader sees, appended to columns; late ones or not */
int read_series(struct head *head, uint32_t slot, const struct head_moment *moment, bool with_late,
                int64_t mint, int64_t maxt, struct columns *columns, struct err *err);
/* the newest of these, when the open chunk's state tells it: as newest of a series set; late ones are older
 */
bool newest_of_series(struct head *head, uint32_t slot, const struct head_moment *moment, int64_t mint,
                      int64_t maxt, bool *is_there, int64_t *time_ms, double *value);
