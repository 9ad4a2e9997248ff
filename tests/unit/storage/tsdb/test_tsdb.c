#include "storage/tsdb/tsdb.h"

#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"
#include "tests/support/faulty_fs.h"
#include "tests/support/memory_fs.h"
#include "tests/unit/storage/tsdb/rounds.h"

#include <errno.h>

START_TEST(samples_are_there_after_a_restart) {
    struct memory_fs *disk = memory_fs_create();
    int64_t rounds = 0;
    for (int start = 0; start < 3; start++) {
        struct tsdb *tsdb = open_in(memory_fs_base(disk));
        check_rounds(tsdb, rounds);
        for (int k = 0; k < 200; k++) ck_assert_int_eq(append_round(tsdb, ++rounds * 10), 0);
        check_rounds(tsdb, rounds);
        tsdb_close(tsdb);
    }
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(what_was_acknowledged_survives_a_power_cut) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct memory_fs *disk = memory_fs_create();
        struct faulty_fs faulty;
        faulty_fs_init(&faulty, memory_fs_base(disk));
        struct tsdb *tsdb = open_in(&faulty.base);
        int64_t rounds = 0;
        for (int k = 0; k < 10; k++) ck_assert_int_eq(append_round(tsdb, ++rounds * 10), 0);
        faulty.fail_at = faulty.calls + 1; /* the program's end changes nothing on the disk any more */
        faulty.persistent = true;
        tsdb_close(tsdb);
        memory_fs_crash(disk, seed % 2 ? CRASH_KEEP_NONE : CRASH_KEEP_SOME, seed);
        tsdb = open_in(memory_fs_base(disk));
        check_rounds(tsdb, rounds);
        ck_assert_int_eq(append_round(tsdb, ++rounds * 10), 0);
        check_rounds(tsdb, rounds);
        tsdb_close(tsdb);
        memory_fs_destroy(disk);
    }
}
END_TEST

START_TEST(each_failing_call_leaves_what_was_acknowledged) {
    bool failed_once = true;
    for (uint64_t fail_at = 1; failed_once; fail_at++) {
        struct memory_fs *disk = memory_fs_create();
        struct faulty_fs faulty;
        faulty_fs_init(&faulty, memory_fs_base(disk));
        faulty.fail_at = fail_at;
        struct tsdb_options options = {.path = "/data", .fs = &faulty.base};
        struct tsdb *tsdb = NULL;
        struct err err;
        int64_t rounds = 0;
        if (tsdb_open(&options, NULL, &tsdb, &err) == 0) {
            for (int k = 0; k < 5; k++)
                if (append_round(tsdb, (rounds + 1) * 10) == 0) rounds++;
            check_rounds(tsdb, rounds);
            tsdb_close(tsdb);
        }
        failed_once = faulty.failures > 0;
        memory_fs_crash(disk, CRASH_KEEP_NONE, 0);
        tsdb = open_in(memory_fs_base(disk));
        check_rounds(tsdb, rounds);
        tsdb_close(tsdb);
        memory_fs_destroy(disk);
    }
}
END_TEST

START_TEST(samples_do_not_lean_on_a_log_that_could_not_be_synced) {
    struct memory_fs *disk = memory_fs_create();
    struct faulty_fs faulty;
    faulty_fs_init(&faulty, memory_fs_base(disk));
    faulty.kinds = FAULTY_SYNC;
    faulty.fail_at = 2; /* the first is of a new segment */
    faulty.persistent = true;
    struct tsdb *tsdb = open_in(&faulty.base);
    ck_assert_int_ne(append_round(tsdb, 10), 0);
    tsdb_close(tsdb);
    faulty.calls = 0;
    faulty.fail_at = 1; /* what was read, which names the series */
    faulty.persistent = false;
    tsdb = open_in(&faulty.base);
    check_rounds(tsdb, 1);
    ck_assert_int_eq(append_round(tsdb, 20), 0);
    faulty.kinds = FAULTY_ANY;
    faulty.fail_at = faulty.calls + 1;
    faulty.persistent = true;
    tsdb_close(tsdb);
    memory_fs_crash(disk, CRASH_KEEP_NONE, 0);
    tsdb = open_in(memory_fs_base(disk));
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    ck_assert_uint_eq(stats.samples_appended, SERIES);
    ck_assert_int_eq(stats.max_time, 20);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_second_instance_is_refused) {
    char folder[] = "/tmp/ferula-test-tsdb-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct tsdb_options options = {.path = folder, .sync = TSDB_SYNC_OFF};
    struct tsdb *first, *second;
    struct err err;
    ck_assert_int_eq(tsdb_open(&options, NULL, &first, &err), 0);
    ck_assert_int_eq(tsdb_open(&options, NULL, &second, &err), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.text, "in use by another process"));
    tsdb_close(first);
    ck_assert_int_eq(tsdb_open(&options, NULL, &first, &err), 0);
    tsdb_close(first);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

static char captured[8192];
static void capture(const char *line, void *context) {
    (void)context;
    if (strlen(captured) + strlen(line) < sizeof captured) strcat(captured, line); /* NOLINT: bounded */
}

/* where the n-th record of a segment begins; zeros may lie before it */
static size_t record_at(const uint8_t *bytes, int n) {
    size_t at = 4096;
    for (int i = 1;; i++) {
        while (!load_u64(bytes + at)) at += 8;
        if (i == n) return at;
        at += (24 + load_u32(bytes + at + 4) + 7) / 8 * 8;
    }
}

START_TEST(damage_in_the_log_is_reported_and_the_rest_is_kept) {
    struct memory_fs *disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    for (int k = 1; k <= 20; k++) ck_assert_int_eq(append_round(tsdb, k * 10), 0);
    tsdb_close(tsdb);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, "/data/wal/00000001", &len);
    ck_assert_ptr_nonnull(bytes);
    /* the last that is coded against record 3 */
    bytes[record_at(bytes, 21) + 24 + 5] ^= 0x10;
    captured[0] = 0;
    log_capture(capture, NULL);
    struct registry *registry = registry_create();
    struct tsdb_options options = {.path = "/data", .fs = memory_fs_base(disk), .no_maintenance = true};
    struct err err;
    ck_assert_int_eq(tsdb_open(&options, registry, &tsdb, &err), 0);
    log_capture(NULL, NULL);
    ck_assert_ptr_nonnull(strstr(captured, "records of the log are damaged and lost"));
    struct buf text;
    buf_init(&text, 1 << 20);
    registry_write(registry, &text);
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "prometheus_tsdb_wal_corruptions_total 1\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "prometheus_tsdb_head_series 50\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "prometheus_tsdb_clean_start 1\n"));
    buf_release(&text);
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    ck_assert_uint_eq(stats.samples_appended, 19 * SERIES);
    tsdb_close(tsdb);
    registry_destroy(registry);
    memory_fs_destroy(disk);
}
END_TEST

/* Record 1 names the series, 2 is whole, 3 is the key of 16 more: with it they are lost, and said to be. */
START_TEST(what_is_coded_against_a_lost_record_is_lost_with_it) {
    struct memory_fs *disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    for (int k = 1; k <= 40; k++) ck_assert_int_eq(append_round(tsdb, k * 10), 0);
    tsdb_close(tsdb);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, "/data/wal/00000001", &len);
    bytes[record_at(bytes, 3) + 24 + 20] ^= 4;
    captured[0] = 0;
    log_capture(capture, NULL);
    tsdb = open_in(memory_fs_base(disk));
    log_capture(NULL, NULL);
    ck_assert_ptr_nonnull(strstr(captured, "lost_records=17"));
    struct series_set *set = select_all(tsdb);
    ck_assert_uint_eq(set->count, SERIES);
    for (size_t i = 0; i < set->count; i++) {
        struct columns columns;
        columns_init(&columns, NULL);
        ck_assert_int_eq(series_set_read(set, i, INT64_MIN, INT64_MAX, &columns, NULL), 0);
        ck_assert_uint_eq(columns.count, 23);
        for (size_t k = 0; k < columns.count; k++) {
            ck_assert_int_eq(columns.times_ms[k], k ? (int64_t)(k + 18) * 10 : 10);
            check_sample(&columns, k, series_index(set, i));
        }
        columns_release(&columns);
    }
    series_set_close(set);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(samples_of_a_lost_series_record_are_never_given_to_another_series) {
    struct memory_fs *disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    for (int k = 1; k <= 5; k++) ck_assert_int_eq(append_round(tsdb, k * 10), 0);
    tsdb_close(tsdb);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, "/data/wal/00000001", &len);
    ck_assert_ptr_nonnull(bytes);
    bytes[4096 + 24 + 100] ^= 1; /* in the payload of the first record, which names the series */
    captured[0] = 0;
    log_capture(capture, NULL);
    tsdb = open_in(memory_fs_base(disk));
    log_capture(NULL, NULL);
    ck_assert_ptr_nonnull(strstr(captured, "samples are lost whose series"));
    ck_assert_ptr_nonnull(strstr(captured, "samples=250"));
    check_rounds(tsdb, 0);
    for (int start = 0; start < 2; start++) {
        if (start == 0) ck_assert_int_eq(append_round(tsdb, 10), 0);
        check_rounds(tsdb, 1);
        tsdb_close(tsdb);
        tsdb = open_in(memory_fs_base(disk));
        check_rounds(tsdb, 1);
    }
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(rows_get_their_results) {
    struct memory_fs *disk = memory_fs_create();
    for (int pass = 0; pass < 2; pass++) { /* in memory, then with a log */
        struct tsdb_options options = {.path = pass ? "/data" : NULL, .fs = memory_fs_base(disk)};
        struct tsdb *tsdb;
        struct err err;
        ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, &err), 0);
        struct append_batch *batch = append_batch_create(8, true, on_done, &waiter);
        struct series_ref ref = resolve(tsdb, 1), stranger = {7000, 1}, never = {ref.slot, 0};
        append_batch_add(batch, ref, 1, 1000);
        append_batch_add(batch, ref, 1, 1000);
        append_batch_add(batch, ref, 2, 1000);
        append_batch_add(batch, ref, 1, 999);
        append_batch_add(batch, ref, 1, clock_wall_ms() + 3600 * 1000);
        append_batch_add(batch, stranger, 1, 1000);
        append_batch_add(batch, never, 1, 1000);
        append_batch_add(batch, ref, 3, 1001);
        ck_assert_int_eq(send(tsdb, batch), 0);
        const uint8_t wanted[] = {APPEND_STORED,       APPEND_REPEATED,      APPEND_DUPLICATE,
                                  APPEND_OUT_OF_ORDER, APPEND_OUT_OF_BOUNDS, APPEND_NO_SERIES,
                                  APPEND_NO_SERIES,    APPEND_STORED};
        ck_assert_mem_eq(waiter.results, wanted, sizeof wanted);
        tsdb_close(tsdb);
    }
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(the_future_is_taken_when_asked_to) {
    struct tsdb_options options = {.take_any_time = true};
    struct tsdb *tsdb;
    struct err err;
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, &err), 0);
    struct append_batch *batch = append_batch_create(1, true, on_done, &waiter);
    append_batch_add(batch, resolve(tsdb, 1), 1, INT64_MAX);
    ck_assert_int_eq(send(tsdb, batch), 0);
    ck_assert_int_eq(waiter.results[0], APPEND_STORED);
    tsdb_close(tsdb);
}
END_TEST

START_TEST(series_beyond_the_limit_are_refused) {
    struct tsdb_options options = {.max_series = 2};
    struct tsdb *tsdb;
    struct err err;
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, &err), 0);
    resolve(tsdb, 1);
    resolve(tsdb, 2);
    struct label items[3];
    char text[32];
    make_labels(items, text, 3);
    struct labels labels = {items, 3};
    struct series_ref ref = {77, 77};
    ck_assert_int_eq(appender_resolve(tsdb_appender(tsdb), &labels, 1, &ref, NULL, &err), ERR_LIMIT);
    ck_assert_uint_eq(ref.slot, 77);
    resolve(tsdb, 2);
    tsdb_close(tsdb);
}
END_TEST

START_TEST(a_missing_write_is_never_seen) {
    struct memory_fs *disk = memory_fs_create();
    struct faulty_fs faulty;
    faulty_fs_init(&faulty, memory_fs_base(disk));
    struct tsdb *tsdb = open_in(&faulty.base);
    ck_assert_int_eq(append_round(tsdb, 10), 0);
    faulty.kinds = FAULTY_WRITE | FAULTY_ALLOCATE | FAULTY_OPEN;
    faulty.calls = 0;
    faulty.fail_at = 1;
    faulty.persistent = true;
    faulty.error = ENOSPC;
    ck_assert_int_eq(append_round(tsdb, 20), ERR_NO_SPACE);
    check_rounds(tsdb, 1);
    faulty.fail_at = 0;
    ck_assert_int_eq(append_round(tsdb, 20), 0);
    check_rounds(tsdb, 2);
    tsdb_close(tsdb);
    tsdb = open_in(memory_fs_base(disk));
    check_rounds(tsdb, 2);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

int main(void) {
    mutex_init(&waiter.lock);
    condition_init(&waiter.changed);
    TCase *tcase = tcase_create("tsdb");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, samples_are_there_after_a_restart);
    tcase_add_test(tcase, what_was_acknowledged_survives_a_power_cut);
    tcase_add_test(tcase, each_failing_call_leaves_what_was_acknowledged);
    tcase_add_test(tcase, samples_do_not_lean_on_a_log_that_could_not_be_synced);
    tcase_add_test(tcase, a_second_instance_is_refused);
    tcase_add_test(tcase, damage_in_the_log_is_reported_and_the_rest_is_kept);
    tcase_add_test(tcase, what_is_coded_against_a_lost_record_is_lost_with_it);
    tcase_add_test(tcase, samples_of_a_lost_series_record_are_never_given_to_another_series);
    tcase_add_test(tcase, rows_get_their_results);
    tcase_add_test(tcase, the_future_is_taken_when_asked_to);
    tcase_add_test(tcase, series_beyond_the_limit_are_refused);
    tcase_add_test(tcase, a_missing_write_is_never_seen);
    return check_run("tsdb", tcase);
}
