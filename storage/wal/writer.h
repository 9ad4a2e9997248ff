#pragma once
/*
 * writer.h - the thread that owns the log and through which every batch passes.
 *
 *     producers                    the writer's thread, again and again
 *       submit --> [queue] -->  take what waits (about 4 MiB)
 *       (waits when full)       encode(batch) ...      store: series records for new series, one samples
 * record
 *                               one write               written()  store: the series are logged now
 *                               apply(batch, sequence)  store: into the head, then visible
 *                               batch->done(batch)      one with wait_sync: when a sync begun after the write
 * ended, which runs beside (syncer.h): one for all written before it
 *
 * A batch that does not wait for its sync may wait a moment for others, so that many scrapes are one group.
 * All callbacks run on the writer's thread. A group is in the log whole or not at all: if its write fails,
 * `failed` is called once and each batch of the group goes to done with rc set, never applied. A
 * sync follows at most interval_ms after the first unsynced record, whether more comes or not.
 */
#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct append_batch;
struct wal;
struct wal_group;
struct wal_writer;

enum wal_sync_mode {
    WAL_SYNC_ACK, /* a batch with wait_sync is done when it is on disk, others are there within interval_ms */
    WAL_SYNC_INTERVAL, /* no batch waits; all are on disk within interval_ms */
    WAL_SYNC_OFF,      /* left to the kernel (open the log with never_sync) */
};

struct wal_writer_ops {
    /* Adds the batch's records to the group. On an error nothing of the batch is logged or applied (its
     * records are taken out again), batch->rc is set, done is called; the store has taken back itself what
     * this call marked. No record added: the batch is applied all the same, with the sequence of the last
     * record before it. */
    int (*encode)(void *context, struct append_batch *batch, struct wal_group *group, struct err *err);
    /* the records of all encodes since the last written or failed are in the log */
    void (*written)(void *context);
    /* ... are not: series marked as logged by them are not logged. The thread has said so in the operator's
     * log. */
    void (*failed)(void *context, int rc);
    /* the batch was written; sequence: of its last record. Sets batch->results; batch->rc is 0. */
    void (*apply)(void *context, struct append_batch *batch, uint64_t sequence);
};

struct wal_writer_options {
    enum wal_sync_mode mode;
    int64_t interval_ms; /* 0: 1000 */
    int64_t gather_ms; /* so long batches that nobody waits for are gathered, for one waking and one write */
    size_t max_rows_waiting; /* 0: 2 million; one larger batch is taken when nothing else waits */
};

/* The wal is the caller's and outlives the writer; nobody else touches it meanwhile. */
struct wal_writer *wal_writer_create(struct wal *wal, const struct wal_writer_options *options,
                                     const struct wal_writer_ops *ops, void *context);
/* Any thread. Ownership of the batch moves until its done; waits while the queue is full. */
void wal_writer_submit(struct wal_writer *writer, struct append_batch *batch);
/* of all batches that are not done yet; any thread */
size_t wal_writer_rows_waiting(struct wal_writer *writer);
/* Waits until all that was submitted before is done and (but for mode off) synced: 0, or why it is not
 * synced. */
int wal_writer_flush(struct wal_writer *writer, struct err *err);
/* Runs fn on the writer's thread, between two groups, and waits for it: nothing is encoded and not yet
 * applied then. Any thread but the writer's. */
void wal_writer_run(struct wal_writer *writer, void (*fn)(void *context), void *context);
/* Writes what waits, syncs, joins the thread. No submit may run or follow. NULL accepted. */
void wal_writer_destroy(struct wal_writer *writer);
