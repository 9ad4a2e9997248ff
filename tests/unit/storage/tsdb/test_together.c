/*
 * While batches come, blocks are cut and merged, quiet series leave and snapshots are made, every query sees
 * each batch whole or not at all, and all of those before.
 */
#include "tests/unit/storage/tsdb/rounds.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 1500
#define READERS 2
#define RANGE 2000 /* two hundred rounds */

static struct memory_fs *disk;
static struct tsdb *tsdb;
static atomic_bool is_done;
static atomic_uint failures, reads, newest;

static void wrong(const char *what, size_t series, size_t count, int64_t at) {
    if (atomic_fetch_add(&failures, 1) < 10)
        (void)fprintf(stderr, "%s: series %zu, %zu rows, at %lld\n", what, series, count, (long long)at);
}

static void *append_all(void *context) {
    (void)context;
    for (int64_t k = 1; k <= ROUNDS; k++) {
        struct append_batch *batch = append_batch_create(SERIES, false, on_done, &waiter);
        batch->time_ms = k * 10;
        append_batch_hold(batch, tsdb_appender(tsdb));
        for (int i = 0; i < SERIES; i++) append_batch_add(batch, resolve(tsdb, i), (double)k, 0);
        if (send(tsdb, batch)) atomic_fetch_add(&failures, 1);
        for (int i = 0; i < SERIES; i++)
            if (waiter.results[i]) wrong("a row was not stored", (size_t)i, waiter.results[i], k * 10);
        atomic_store(&newest, (unsigned)k);
        if (k % 100 == 50) usleep(25000); /* long enough for its series to become quiet */
        /* somebody reads, however few processors there are */
        while (k % 100 == 0 && atomic_load(&reads) < (unsigned)k / 100) usleep(100);
    }
    atomic_store(&is_done, true);
    return NULL;
}

/* rows 10, 20, 30 ... with values 1, 2, 3 ...; the same number of them in each series */
static void check_set(struct series_set *set, unsigned at_least) {
    size_t rows = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct columns columns;
        columns_init(&columns, NULL);
        if (series_set_read(set, i, INT64_MIN, INT64_MAX, &columns, NULL)) wrong("cannot be read", i, 0, 0);
        if (i == 0) rows = columns.count;
        if (columns.count != rows || rows < at_least)
            wrong("another number of rows", i, columns.count, (int64_t)rows);
        for (size_t k = 0; k < columns.count; k++)
            if (columns.times_ms[k] != (int64_t)(k + 1) * 10 || columns.values[k] != (double)(k + 1)) {
                wrong("a wrong row", i, columns.count, columns.times_ms[k]);
                break;
            }
        columns_release(&columns);
    }
    if (set->count != SERIES && at_least) wrong("series are missing", set->count, 0, 0);
}

static void *read_all(void *context) {
    (void)context;
    while (!atomic_load(&is_done)) {
        unsigned at_least = atomic_load(&newest); /* what was acknowledged before the query began */
        struct series_set *set = select_all(tsdb);
        check_set(set, at_least);
        series_set_close(set);
        atomic_fetch_add(&reads, 1);
        usleep(200); /* on a busy machine the others get their turn, too */
    }
    return NULL;
}

static uint64_t block_count(void) {
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    return stats.blocks;
}

START_TEST(queries_see_batches_whole_whatever_goes_on) {
    static const enum tsdb_task tasks[] = {TSDB_CUT, TSDB_COMPACT, TSDB_SNAPSHOT,
                                           TSDB_CUT, TSDB_LATE,    TSDB_QUIET};
    struct thread writer, readers[READERS];
    uint64_t written = 0; /* blocks; how many are left is up to the merging */
    disk = memory_fs_create();
    struct tsdb_options options = {.path = "/data",
                                   .fs = memory_fs_base(disk),
                                   .no_maintenance = true,
                                   .block_range_ms = RANGE,
                                   .quiet_ms = 8};
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, NULL), 0);
    thread_start(&writer, "append", append_all, NULL);
    for (int i = 0; i < READERS; i++) thread_start(&readers[i], "read", read_all, NULL);
    for (size_t i = 0; !atomic_load(&is_done); i++) {
        struct err err;
        uint64_t before = block_count();
        int rc = tsdb_maintain(tsdb, tasks[i % (sizeof tasks / sizeof *tasks)], &err);
        ck_assert_msg(rc == 0, "%s", err.text);
        uint64_t after = block_count();
        if (after > before) written += after - before;
        usleep(500);
    }
    thread_join(&writer);
    for (int i = 0; i < READERS; i++) thread_join(&readers[i]);
    struct series_set *set = select_all(tsdb);
    check_set(set, ROUNDS);
    series_set_close(set);
    ck_assert_uint_gt(written, 1);
    ck_assert_uint_eq(failures, 0);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("together");
    tcase_set_timeout(tcase, 900);
    mutex_init(&waiter.lock);
    condition_init(&waiter.changed);
    tcase_add_test(tcase, queries_see_batches_whole_whatever_goes_on);
    return check_run("together", tcase);
}
