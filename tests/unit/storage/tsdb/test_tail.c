/*
 * A tail gives its reader every row once, in order; whatever happens in between, it never knows less than
 * what its reader still has to do.
 */
#include "storage/tsdb/tail.h"

#include "tests/support/faulty_fs.h"
#include "tests/unit/storage/tsdb/rounds.h"

static unsigned woken;

static void wake(void *context) {
    (void)context;
    __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
}

static struct tail *open_tail(struct tsdb *tsdb, size_t max_rows) {
    return tail_open(tsdb, "one", max_rows, wake, NULL);
}

static void append_rounds(struct tsdb *tsdb, int64_t from, int64_t to) {
    for (int64_t i = from; i <= to; i++) ck_assert_int_eq(append_round(tsdb, i * 10), 0);
}

/* rows of the next round; whether they are dealt with */
static void take_round(struct tail *tail, int64_t round, bool is_done) {
    struct tail_rows *rows = tail_take(tail);
    ck_assert_ptr_nonnull(rows);
    ck_assert_uint_gt(rows->count, 0);
    ck_assert_int_eq(rows->min_time, round * 10);
    for (size_t i = 0; i < rows->count; i++) ck_assert_int_eq(rows->times_ms[i], round * 10);
    if (is_done) tail_done(tail, rows->place);
    tail_rows_destroy(rows);
}

static void check_begins_at(struct tail *tail, int64_t time_ms) {
    ck_assert_int_eq(tail_is_behind(tail), time_ms != INT64_MAX);
    ck_assert_int_eq(tail_begin(tail), time_ms);
    ck_assert(!tail_is_behind(tail));
}

START_TEST(rows_come_in_the_order_of_batches) {
    struct memory_fs *disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    append_rounds(tsdb, 1, 2); /* before there is a tail: not its business */
    struct tail *tail = open_tail(tsdb, 100000);
    ck_assert_ptr_null(tail_take(tail));
    woken = 0;
    append_rounds(tsdb, 3, 5);
    ck_assert_uint_eq(woken, 1);
    for (int64_t round = 3; round <= 5; round++) take_round(tail, round, true);
    ck_assert_ptr_null(tail_take(tail));
    ck_assert_uint_eq(tail_waiting(tail), 0);
    append_rounds(tsdb, 6, 6);
    ck_assert_uint_eq(woken, 2);
    tail_close(tail);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_full_tail_is_behind_from_the_earliest_it_has_missed) {
    struct memory_fs *disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    struct tail *tail = open_tail(tsdb, 1);
    append_rounds(tsdb, 1, 1); /* one batch is taken, however large */
    take_round(tail, 1, true);
    append_rounds(tsdb, 2, 9);
    ck_assert_ptr_null(tail_take(tail));
    check_begins_at(tail, 20);
    append_rounds(tsdb, 10, 10);
    take_round(tail, 10, true);
    tail_close(tail); /* with what was to be read */
    tail = open_tail(tsdb, 1);
    check_begins_at(tail, 20);
    tail_read(tail, 70);
    tail_close(tail);
    tail = open_tail(tsdb, 1);
    check_begins_at(tail, 70);
    tail_read(tail, INT64_MAX);
    append_rounds(tsdb, 11, 11);
    tail_miss(tail, 55); /* what waits goes with it */
    check_begins_at(tail, 55);
    tail_read(tail, INT64_MAX);
    tail_close(tail);
    append_rounds(tsdb, 12, 13); /* while nobody reads */
    tail = open_tail(tsdb, 1);
    check_begins_at(tail, 120);
    tail_close(tail);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

/* rounds up to `done` are done, `taken` taken, `last` appended */
static void run_to(struct tsdb *tsdb, struct tail *tail, int64_t from, int64_t done, int64_t taken,
                   int64_t last) {
    append_rounds(tsdb, from, last);
    for (int64_t round = from; round <= taken; round++) take_round(tail, round, round <= done);
}

START_TEST(a_clean_end_goes_on_where_it_was) {
    struct memory_fs *disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    struct tail *tail = open_tail(tsdb, 100000);
    run_to(tsdb, tail, 1, 5, 5, 5);
    tail_close(tail);
    tsdb_close(tsdb);
    tsdb = open_in(memory_fs_base(disk));
    tail = open_tail(tsdb, 100000);
    check_begins_at(tail, INT64_MAX);
    run_to(tsdb, tail, 6, 7, 8, 9);
    tail_close(tail);
    tsdb_close(tsdb);
    tsdb = open_in(memory_fs_base(disk));
    tail = open_tail(tsdb, 100000);
    check_begins_at(tail, 80);
    tail_close(tail);
    tail_keep(tsdb, NULL, 0);
    tail = open_tail(tsdb, 100000); /* forgotten: from now on */
    check_begins_at(tail, INT64_MAX);
    tail_close(tail);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

/* with_snapshot: what the position says is needed, as the log behind it is not replayed */
static void crash_once(bool with_snapshot, uint64_t seed) {
    struct memory_fs *disk = memory_fs_create();
    struct faulty_fs faulty;
    struct err err;
    faulty_fs_init(&faulty, memory_fs_base(disk));
    struct tsdb_options options = {.path = "/data", .fs = &faulty.base, .no_maintenance = true};
    struct tsdb *tsdb;
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, &err), 0);
    struct tail *tail = open_tail(tsdb, 100000);
    run_to(tsdb, tail, 1, 4, 4, 4);
    ck_assert_int_eq(tails_save(tsdb, true, &err), 0);
    run_to(tsdb, tail, 5, 5, 6, 7); /* round 5 is done, which nobody has saved */
    if (with_snapshot) ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_SNAPSHOT, &err), 0);
    faulty.fail_at = faulty.calls + 1;
    faulty.persistent = true;
    tail_close(tail);
    tsdb_close(tsdb);
    memory_fs_crash(disk, seed % 2 ? CRASH_KEEP_NONE : CRASH_KEEP_SOME, seed);
    tsdb = open_in(memory_fs_base(disk));
    tail = open_tail(tsdb, 100000);
    check_begins_at(tail, with_snapshot ? 60 : 50);
    tail_close(tail);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}

START_TEST(after_a_crash_nothing_is_left_out) {
    for (uint64_t seed = 0; seed < 10; seed++) {
        crash_once(false, seed);
        crash_once(true, seed);
    }
}
END_TEST

CHECK_MAIN("tail", rows_come_in_the_order_of_batches, a_full_tail_is_behind_from_the_earliest_it_has_missed,
           a_clean_end_goes_on_where_it_was, after_a_crash_nothing_is_left_out)
