/*
 * One thread appends, one makes series, several read: every batch gives all series the same value, so a
 * reader that sees two different newest values has seen a part of a batch.
 */
#include "storage/head/head.h"

#include "lib/base/mem.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define SERIES 600
#define BATCHES 400
#define READERS 3

static struct head *head;
static atomic_bool is_done;
static atomic_uint failures, reads;

static struct series_ref resolve(const char *metric, int i) {
    char text[16];
    (void)snprintf(text, sizeof text, "%d", i);
    struct label items[] = {{SPAN(LABEL_NAME), span_from(metric)}, {SPAN("id"), span_from(text)}};
    struct labels labels = {items, 2};
    struct series_ref ref = {0};
    struct err err;
    if (head_resolve(head, &labels, 1, &ref, NULL, &err)) atomic_fetch_add(&failures, 1);
    return ref;
}

static void *append(void *context) {
    (void)context;
    struct series_ref refs[SERIES];
    double values[SERIES];
    for (int i = 0; i < SERIES; i++) refs[i] = resolve("kept", i);
    for (int batch = 1; batch <= BATCHES; batch++) {
        while (batch == BATCHES && !atomic_load(&reads)) sched_yield(); /* somebody has read meanwhile */
        uint8_t results[SERIES] = {0};
        for (int i = 0; i < SERIES; i++) values[i] = batch;
        head_append(head, &(struct head_rows){.refs = refs,
                                              .values = values,
                                              .time_ms = batch * 10,
                                              .late_from = LATE_NEVER,
                                              .count = SERIES,
                                              .results = results});
        for (int i = 0; i < SERIES; i++)
            if (results[i] != APPEND_STORED) atomic_fetch_add(&failures, 1);
    }
    atomic_store(&is_done, true);
    return NULL;
}

static void *make_series(void *context) {
    (void)context;
    for (int i = 0; !atomic_load(&is_done) && i < 100000; i++) resolve("made", i % 5000);
    return NULL;
}

static void read_all(struct series_set *set) {
    struct err err;
    size_t rows = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct columns columns;
        columns_init(&columns, NULL);
        if (series_set_read(set, i, INT64_MIN, INT64_MAX, &columns, &err)) atomic_fetch_add(&failures, 1);
        if (i == 0) rows = columns.count;
        if (columns.count != rows) atomic_fetch_add(&failures, 1);
        for (size_t k = 0; k < columns.count; k++)
            if (columns.times_ms[k] != (int64_t)(k + 1) * 10 || (size_t)columns.values[k] != k + 1)
                atomic_fetch_add(&failures, 1);
        columns_release(&columns);
    }
}

static void *read_sets(void *context) {
    (void)context;
    struct matcher matcher;
    struct err err;
    if (matcher_init(&matcher, MATCH_EQUAL, SPAN(LABEL_NAME), SPAN("kept"), &err)) abort();
    while (!atomic_load(&is_done)) {
        struct series_set *set;
        if (head_select(head, NULL, &matcher, 1, INT64_MIN, INT64_MAX, NULL, &set, &err)) {
            atomic_fetch_add(&failures, 1);
            break;
        }
        read_all(set);
        read_all(set); /* many batches later */
        series_set_close(set);
        atomic_fetch_add(&reads, 1);
    }
    matcher_release(&matcher);
    return NULL;
}

START_TEST(readers_see_batches_whole) {
    struct memory_fs *disk = memory_fs_create();
    struct head_options options = {.fs = memory_fs_base(disk), .chunk_folder = "/chunks_head"};
    struct err err;
    struct thread writer, maker, readers[READERS];
    ck_assert_int_eq(head_create(&options, &head, &err), 0);
    thread_start(&writer, "append", append, NULL);
    thread_start(&maker, "make", make_series, NULL);
    for (int i = 0; i < READERS; i++) thread_start(&readers[i], "read", read_sets, NULL);
    thread_join(&writer);
    thread_join(&maker);
    for (int i = 0; i < READERS; i++) thread_join(&readers[i]);
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_gt(reads, 0);
    head_destroy(head);
    memory_fs_destroy(disk);
}
END_TEST

CHECK_MAIN("threads", readers_see_batches_whole)
