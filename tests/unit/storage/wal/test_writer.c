/* Batches of many producers through the log's thread: each is logged, applied and done once, in one order. */
#include "storage/wal/writer.h"

#include "lib/base/log.h"
#include "lib/model/appender.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "storage/wal/record.h"
#include "tests/check_main.h"
#include "tests/support/faulty_fs.h"
#include "tests/unit/storage/wal/log.h"

#include <errno.h>
#include <sched.h>

#define PRODUCERS 4
#define BATCHES 300

/* a store that only remembers */
struct store {
    struct mutex lock;
    struct condition changed;
    VEC(uint64_t) applied; /* first number of each batch */
    VEC(uint64_t) sequences;
    unsigned written, failed, done, refused;
    unsigned marked;      /* encodes since the last written or failed */
    bool is_held;         /* encode waits while set */
    bool is_waiting;      /* an encode does */
    uint64_t refuse_slot; /* encode refuses a batch whose first slot this is; 0: none */
};

struct bench {
    struct memory_fs *memory;
    struct faulty_fs faulty;
    struct wal *wal;
    struct store store;
    struct wal_writer *writer;
};

static void quiet(const char *line, void *context) {
    (void)line;
    (void)context;
}

static int store_encode(void *context, struct append_batch *batch, struct wal_group *group, struct err *err) {
    struct store *store = context;
    uint64_t numbers[16];
    mutex_lock(&store->lock);
    store->is_waiting = store->is_held;
    condition_broadcast(&store->changed);
    while (store->is_held) condition_wait(&store->changed, &store->lock);
    store->is_waiting = false;
    mutex_unlock(&store->lock);
    for (size_t i = 0; i < batch->count; i++) numbers[i] = batch->refs[i].slot;
    struct buf *out = wal_group_begin(group, RECORD_SAMPLES);
    struct samples_columns columns = {.numbers = numbers,
                                      .values = batch->values,
                                      .time_ms = batch->time_ms,
                                      .late_from = LATE_NEVER,
                                      .count = batch->count};
    int rc = samples_record_write(out, &columns, err);
    if (!rc) rc = wal_group_end(group, err);
    if (batch->refs[0].slot == store->refuse_slot && store->refuse_slot)
        return err_set(err, ERR_LIMIT, "refused");
    store->marked += !rc;
    return rc;
}

static void store_written(void *context) {
    struct store *store = context;
    store->written++;
    store->marked = 0;
}

static void store_failed(void *context, int rc) {
    struct store *store = context;
    ck_assert_int_ne(rc, 0);
    store->failed++;
    store->marked = 0;
}

static void store_apply(void *context, struct append_batch *batch, uint64_t sequence) {
    struct store *store = context;
    mutex_lock(&store->lock);
    *vec_push(&store->applied) = batch->refs[0].slot;
    *vec_push(&store->sequences) = sequence;
    mutex_unlock(&store->lock);
}

static const struct wal_writer_ops store_ops = {store_encode, store_written, store_failed, store_apply};

static void batch_done(struct append_batch *batch) {
    struct store *store = batch->context;
    mutex_lock(&store->lock);
    store->done++;
    store->refused += batch->rc != 0;
    condition_broadcast(&store->changed);
    mutex_unlock(&store->lock);
    append_batch_destroy(batch);
}

static void bench_init(struct bench *bench, struct wal_writer_options options) {
    *bench = (struct bench){.memory = memory_fs_create()};
    faulty_fs_init(&bench->faulty, memory_fs_base(bench->memory));
    log_capture(quiet, NULL);
    mutex_init(&bench->store.lock);
    condition_init(&bench->store.changed);
    bench->wal = open_log(&bench->faulty.base, SMALL);
    bench->writer = wal_writer_create(bench->wal, &options, &store_ops, &bench->store);
}

static void bench_release(struct bench *bench) {
    wal_writer_destroy(bench->writer);
    (void)wal_close(bench->wal, NULL);
    vec_release(&bench->store.applied);
    vec_release(&bench->store.sequences);
    condition_release(&bench->store.changed);
    mutex_release(&bench->store.lock);
    memory_fs_destroy(bench->memory);
    log_capture(NULL, NULL);
}

static void submit(struct bench *bench, uint32_t slot) {
    struct append_batch *batch = append_batch_create(2, false, batch_done, &bench->store);
    batch->time_ms = slot;
    batch->wait_sync = slot % 4 == 0;
    append_batch_add(batch, (struct series_ref){slot, 1}, slot, 0);
    append_batch_add(batch, (struct series_ref){slot + 1, 1}, 0.5, 0);
    wal_writer_submit(bench->writer, batch);
}

static void hold(struct bench *bench, bool held) {
    mutex_lock(&bench->store.lock);
    bench->store.is_held = held;
    condition_broadcast(&bench->store.changed);
    mutex_unlock(&bench->store.lock);
}

/* the first numbers of the sample records in the log, in order */
struct logged {
    VEC(uint64_t) first;
    VEC(uint64_t) sequences;
};

static int collect(void *context, int type, struct wal_place place, const void *payload, size_t len,
                   struct err *err) {
    static struct samples_rows rows;
    struct logged *logged = context;
    struct samples_reader reader;
    ck_assert_int_eq(type, RECORD_SAMPLES);
    ck_assert_int_eq(samples_reader_init(&reader, payload, len, err), 0);
    ck_assert_int_eq(samples_reader_next(&reader, &rows, err), 1);
    *vec_push(&logged->first) = rows.numbers[0];
    *vec_push(&logged->sequences) = place.sequence;
    samples_reader_release(&reader);
    return 0;
}

/* the log holds exactly what was applied, in the order of application */
static void check_log(struct bench *bench) {
    struct logged logged = {0};
    struct wal_report report;
    ck_assert_int_eq(wal_replay(&bench->faulty.base, FOLDER, 0, collect, &logged, &report, NULL), 0);
    ck_assert_uint_eq(logged.first.count, bench->store.applied.count);
    for (size_t i = 0; i < logged.first.count; i++) {
        ck_assert_uint_eq(logged.first.items[i], bench->store.applied.items[i]);
        ck_assert_uint_eq(logged.sequences.items[i], bench->store.sequences.items[i]);
    }
    vec_release(&logged.first);
    vec_release(&logged.sequences);
}

static bool store_has_done(struct store *store) {
    mutex_lock(&store->lock);
    bool has_done = store->done > 0;
    mutex_unlock(&store->lock);
    return has_done;
}

struct producer {
    struct thread thread;
    struct bench *bench;
    uint32_t number;
};

static void *produce(void *context) {
    struct producer *producer = context;
    for (uint32_t i = 0; i < BATCHES; i++) submit(producer->bench, producer->number * 1000000 + i * 2 + 2);
    return NULL;
}

static void run_producers(struct bench *bench) {
    struct producer producers[PRODUCERS];
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.bench = bench, .number = i};
        thread_start(&producers[i].thread, "producer", produce, &producers[i]);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) thread_join(&producers[i].thread);
}

START_TEST(batches_of_many_threads_are_logged_and_applied_in_one_order) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = _i ? WAL_SYNC_ACK : WAL_SYNC_INTERVAL,
                                                   .max_rows_waiting = 8});
    run_producers(&bench);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    ck_assert_uint_eq(bench.store.applied.count, PRODUCERS * BATCHES);
    ck_assert_uint_eq(bench.store.done, PRODUCERS * BATCHES);
    ck_assert_uint_eq(bench.store.refused, 0);
    uint64_t last[PRODUCERS] = {0};
    for (size_t i = 0; i < bench.store.applied.count; i++) { /* each producer's own order is kept */
        uint64_t slot = bench.store.applied.items[i];
        ck_assert_uint_gt(slot % 1000000, last[slot / 1000000]);
        last[slot / 1000000] = slot % 1000000;
    }
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

START_TEST(what_waits_is_written_as_one_group) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_INTERVAL});
    hold(&bench, true);
    for (uint32_t i = 1; i <= 50; i++) submit(&bench, i * 2);
    hold(&bench, false);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    ck_assert_uint_le(bench.store.written, 2); /* the first alone perhaps, the others together */
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

START_TEST(a_full_queue_makes_the_producer_wait) {
    struct bench bench;
    struct producer producer;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_INTERVAL, .max_rows_waiting = 4});
    hold(&bench, true);
    submit(&bench, 2);
    submit(&bench, 4); /* 4 rows wait: full */
    producer = (struct producer){.bench = &bench, .number = 1};
    thread_start(&producer.thread, "producer", produce, &producer);
    mutex_lock(&bench.store.lock);
    ck_assert_uint_eq(bench.store.done, 0);
    mutex_unlock(&bench.store.lock);
    hold(&bench, false);
    thread_join(&producer.thread);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    ck_assert_uint_eq(bench.store.done, BATCHES + 2);
    bench_release(&bench);
}
END_TEST

START_TEST(a_failed_write_refuses_its_group_and_the_next_is_taken) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_ACK});
    submit(&bench, 2);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    memory_fs_limit(bench.memory, 1);
    bench.faulty.kinds = FAULTY_WRITE;
    bench.faulty.error = ENOSPC;
    bench.faulty.fail_at = 1;
    bench.faulty.persistent = true;
    submit(&bench, 4);
    submit(&bench, 6);
    (void)wal_writer_flush(bench.writer, NULL);
    ck_assert_uint_eq(bench.store.done, 3);
    ck_assert_uint_eq(bench.store.refused, 2);
    ck_assert_uint_ge(bench.store.failed, 1);
    ck_assert_uint_eq(bench.store.marked, 0);
    memory_fs_limit(bench.memory, 0);
    bench.faulty.fail_at = 0;
    submit(&bench, 8);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    ck_assert_uint_eq(bench.store.applied.count, 2);
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

START_TEST(only_a_batch_that_waits_for_its_sync_hears_of_one_that_fails) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_ACK});
    bench.faulty.kinds = FAULTY_SYNC;
    bench.faulty.error = EIO;
    bench.faulty.fail_at = 1;
    bench.faulty.persistent = true;
    hold(&bench, true);
    submit(&bench, 2); /* alone, so that the next two are taken together */
    mutex_lock(&bench.store.lock);
    while (!bench.store.is_waiting) condition_wait(&bench.store.changed, &bench.store.lock);
    mutex_unlock(&bench.store.lock);
    submit(&bench, 4);
    submit(&bench, 6);
    hold(&bench, false);
    (void)wal_writer_flush(bench.writer, NULL);
    ck_assert_uint_eq(bench.store.done, 3);
    ck_assert_uint_eq(bench.store.refused, 1);
    ck_assert_uint_eq(bench.store.applied.count, 3);
    bench.faulty.fail_at = 0;
    submit(&bench, 8);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    ck_assert_uint_eq(bench.store.refused, 1);
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

START_TEST(a_batch_that_cannot_be_encoded_is_refused_alone) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_INTERVAL});
    bench.store.refuse_slot = 4;
    hold(&bench, true);
    for (uint32_t slot = 2; slot <= 8; slot += 2) submit(&bench, slot);
    hold(&bench, false);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    ck_assert_uint_eq(bench.store.refused, 1);
    ck_assert_uint_eq(bench.store.applied.count, 3);
    check_log(&bench); /* nothing of it is in the log */
    bench_release(&bench);
}
END_TEST

START_TEST(an_interval_later_everything_is_on_disk_without_being_asked) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_INTERVAL, .interval_ms = 20});
    submit(&bench, 2);
    int64_t limit_ms = clock_monotonic_ms() + 20000;
    bool is_synced = false;
    while (!is_synced && clock_monotonic_ms() < limit_ms) {
        sched_yield();
        is_synced = store_has_done(&bench.store) && memory_fs_is_synced(bench.memory, FOLDER "/00000001");
    }
    ck_assert(is_synced);
    bench_release(&bench);
}
END_TEST

START_TEST(what_nobody_waits_for_is_gathered_until_something_is_awaited) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_ACK, .gather_ms = 3600000});
    for (uint32_t slot = 2; slot <= 14; slot += 4) submit(&bench, slot);
    ck_assert(!store_has_done(&bench.store));
    submit(&bench, 16);
    mutex_lock(&bench.store.lock);
    while (bench.store.done < 5) condition_wait(&bench.store.changed, &bench.store.lock);
    mutex_unlock(&bench.store.lock);
    ck_assert_uint_eq(bench.store.written, 1);
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

START_TEST(destroy_writes_what_waits) {
    struct bench bench;
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_INTERVAL});
    for (uint32_t i = 1; i <= 100; i++) submit(&bench, i * 2);
    wal_writer_destroy(bench.writer);
    bench.writer = NULL;
    ck_assert_uint_eq(bench.store.done, 100);
    ck_assert(!wal_has_unsynced(bench.wal));
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

START_TEST(a_flush_says_why_nothing_is_on_disk) {
    struct bench bench;
    struct err err = {0};
    bench_init(&bench, (struct wal_writer_options){.mode = WAL_SYNC_INTERVAL, .interval_ms = 3600000});
    submit(&bench, 2);
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    bench.faulty.kinds = FAULTY_SYNC;
    bench.faulty.fail_at = 1;
    bench.faulty.persistent = true;
    submit(&bench, 4);
    ck_assert_int_eq(wal_writer_flush(bench.writer, &err), ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "sync"));
    ck_assert_uint_eq(bench.store.done, 2); /* applied: its record was written */
    bench.faulty.fail_at = 0;
    ck_assert_int_eq(wal_writer_flush(bench.writer, NULL), 0);
    check_log(&bench);
    bench_release(&bench);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("writer");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, batches_of_many_threads_are_logged_and_applied_in_one_order, 0, 2);
    tcase_add_test(tcase, what_waits_is_written_as_one_group);
    tcase_add_test(tcase, a_full_queue_makes_the_producer_wait);
    tcase_add_test(tcase, a_failed_write_refuses_its_group_and_the_next_is_taken);
    tcase_add_test(tcase, only_a_batch_that_waits_for_its_sync_hears_of_one_that_fails);
    tcase_add_test(tcase, a_batch_that_cannot_be_encoded_is_refused_alone);
    tcase_add_test(tcase, an_interval_later_everything_is_on_disk_without_being_asked);
    tcase_add_test(tcase, what_nobody_waits_for_is_gathered_until_something_is_awaited);
    tcase_add_test(tcase, destroy_writes_what_waits);
    tcase_add_test(tcase, a_flush_says_why_nothing_is_on_disk);
    return check_run("writer", tcase);
}
