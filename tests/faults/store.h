#pragma once
/*
 * store.h - a tsdb under test: batches sent and waited for, and everything noted in a ledger.
 *
 *     store_row(series, time, value) ...   store_send()      a batch under way; several may be
 *                                          store_wait()      all of them are answered and in the ledger
 *
 * A sample is acknowledged when its batch was answered with rc 0, its row with "stored", and the batch was to
 * be on the disk then; what was only taken is acknowledged by a clean close. An answer that does not come
 * within a minute ends the program: it is what a hang looks like.
 */
#include "storage/tsdb/tsdb.h"
#include "tests/faults/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flight; /* a batch under way */

struct store {
    struct tsdb_options options; /* fs and path set by store_init */
    struct ledger *ledger;
    /* what time the ledger has it; NULL: always 0 */
    size_t (*moment)(void *context);
    void *context;
    void (*before_open)(void *context); /* may be NULL */
    struct tsdb *tsdb;                  /* NULL: closed */
    struct flight *filling, *under_way;
    VEC(struct series_ref) refs; /* by series number; generation 0: not resolved */
    bool close_promises;         /* at first true: what was taken is on the disk after a close */
    bool keep_late;              /* of the next batch */
    size_t stored_rows, refused_rows, failed_batches, largest_batch;
    int last_rc; /* of the last batch that was waited for */
};

void store_init(struct store *store, struct file_system *fs, struct ledger *ledger);
void store_release(struct store *store);
/* 0, or why not; nothing is reported */
int store_open(struct store *store, struct err *err);
/* waits for what is under way */
void store_close(struct store *store);

void store_row(struct store *store, uint32_t series, int64_t time_ms, double value);
/* the rows since the last send as one batch; does not wait. wait_sync as in struct append_batch */
void store_send(struct store *store, bool wait_sync);
/* 0, or the first rc of a batch that failed */
int store_wait(struct store *store);
