/*
 * What makes room works on a full disk, by the reserve; samples do not take that room.
 */
#include "tests/support/faulty_fs.h"
#include "tests/unit/storage/tsdb/rounds.h"

#define LIMIT ((uint64_t)64 << 20) /* so the reserve is 8 MiB */
#define RANGE 1000
#define ROUNDS 180 /* up to time 1800: a cut is due */

static struct memory_fs *disk;

static struct tsdb *open_ranges(struct file_system *fs) {
    struct tsdb_options options = {
        .path = "/data", .fs = fs, .no_maintenance = true, .max_exemplars = 1000, .block_range_ms = RANGE};
    struct tsdb *tsdb;
    struct err err;
    int rc = tsdb_open(&options, NULL, &tsdb, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return tsdb;
}

static struct tsdb *open_filled(void) {
    disk = memory_fs_create();
    memory_fs_limit(disk, LIMIT);
    struct tsdb *tsdb = open_ranges(memory_fs_base(disk));
    for (int64_t i = 1; i <= ROUNDS; i++) ck_assert_int_eq(append_round(tsdb, i * 10), 0);
    return tsdb;
}

static uint64_t reserved(void) {
    size_t len = 0;
    return memory_fs_bytes(disk, "/data/reserve", &len) ? len : 0;
}

/* but for so many bytes */
static void fill_disk(uint64_t left) {
    struct file_space space;
    struct file filler;
    struct file_system *fs = memory_fs_base(disk);
    ck_assert_int_eq(folder_space(fs, "/data", &space, NULL), 0);
    ck_assert_int_eq(file_open(fs, "/data/filler", FILE_CREATE, &filler, NULL), 0);
    ck_assert_int_eq(file_allocate(&filler, space.available - left, NULL), 0);
    file_close(&filler);
}

static void clear_disk(void) {
    ck_assert_int_eq(file_remove(memory_fs_base(disk), "/data/filler", NULL), 0);
}

/* series with samples, and all their samples */
static size_t count_samples(struct tsdb *tsdb, size_t *series) {
    struct series_set *set = select_all(tsdb);
    size_t samples = 0;
    *series = 0;
    for (size_t at = 0; at < set->count; at++) {
        struct columns columns;
        columns_init(&columns, NULL);
        ck_assert_int_eq(series_set_read(set, at, INT64_MIN, INT64_MAX, &columns, NULL), 0);
        *series += columns.count > 0;
        samples += columns.count;
        columns_release(&columns);
    }
    series_set_close(set);
    return samples;
}

static void close_all(struct tsdb *tsdb) {
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}

static uint64_t block_count(struct tsdb *tsdb) {
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    return stats.blocks;
}

START_TEST(a_block_is_cut_on_a_full_disk_with_the_reserve_only) {
    for (int with_reserve = 0; with_reserve < 2; with_reserve++) {
        struct tsdb *tsdb = open_filled();
        if (with_reserve) ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
        ck_assert_uint_eq(reserved(), with_reserve ? LIMIT / 8 : 0);
        fill_disk(0);
        ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_CUT, NULL), with_reserve ? 0 : ERR_NO_SPACE);
        ck_assert_uint_eq(block_count(tsdb), (unsigned)with_reserve);
        ck_assert_uint_eq(reserved(), 0);
        check_rounds(tsdb, ROUNDS);
        close_all(tsdb);
    }
}
END_TEST

START_TEST(samples_are_refused_while_the_reserve_is_used_and_taken_when_it_is_there_again) {
    struct tsdb *tsdb = open_filled();
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    fill_disk(0);
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_CUT, NULL), 0);
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), ERR_NO_SPACE);
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), ERR_NO_SPACE);
    check_rounds(tsdb, ROUNDS);
    clear_disk();
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), ERR_NO_SPACE);
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    ck_assert_uint_eq(reserved(), LIMIT / 8);
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), 0);
    check_rounds(tsdb, ROUNDS + 1);
    close_all(tsdb);
}
END_TEST

START_TEST(series_are_deleted_on_a_full_disk) {
    struct tsdb *tsdb = open_filled();
    struct matcher matcher;
    size_t series;
    struct err err;
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("even"), SPAN("yes"), NULL), 0);
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_CUT | TSDB_RESERVE, NULL), 0);
    fill_disk(0);
    int rc = tsdb_delete(tsdb, &matcher, 1, INT64_MIN, INT64_MAX, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_eq(count_samples(tsdb, &series), SERIES / 2 * ROUNDS);
    ck_assert_uint_eq(series, SERIES / 2);
    ck_assert_uint_eq(reserved(), 0);
    matcher_release(&matcher);
    close_all(tsdb);
}
END_TEST

START_TEST(after_a_kill_while_it_was_used_the_room_is_awaited_again) {
    struct tsdb *tsdb = open_filled();
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    fill_disk(0);
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_CUT, NULL), 0);
    tsdb_close(tsdb);
    clear_disk();
    fill_disk(16384); /* the start itself needs a little */
    tsdb = open_ranges(memory_fs_base(disk));
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), ERR_NO_SPACE);
    clear_disk();
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), 0);
    check_rounds(tsdb, ROUNDS + 1);
    close_all(tsdb);
}
END_TEST

START_TEST(the_reserve_of_a_run_before_is_kept) {
    struct tsdb *tsdb = open_filled();
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    tsdb_close(tsdb);
    ck_assert_uint_eq(reserved(), LIMIT / 8);
    tsdb = open_ranges(memory_fs_base(disk));
    fill_disk(1 << 20); /* too little for another one */
    ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
    ck_assert_int_eq(append_round(tsdb, (ROUNDS + 1) * 10), 0);
    check_rounds(tsdb, ROUNDS + 1);
    close_all(tsdb);
}
END_TEST

START_TEST(a_failing_call_leaves_no_part_of_it_and_stops_no_samples) {
    bool struck = true;
    for (uint64_t fail_at = 1; struck; fail_at++) {
        struct faulty_fs faulty;
        disk = memory_fs_create();
        memory_fs_limit(disk, LIMIT);
        faulty_fs_init(&faulty, memory_fs_base(disk));
        struct tsdb *tsdb = open_ranges(&faulty.base);
        ck_assert_int_eq(append_round(tsdb, 10), 0);
        faulty.kinds = FAULTY_SPACE | FAULTY_ALLOCATE | FAULTY_SYNC_FOLDER | FAULTY_OPEN;
        faulty.calls = 0;
        faulty.fail_at = fail_at;
        int rc = tsdb_maintain(tsdb, TSDB_RESERVE, NULL);
        struck = faulty.failures > 0;
        faulty.fail_at = 0;
        ck_assert(reserved() == 0 || reserved() == LIMIT / 8);
        ck_assert(struck || rc == 0);
        ck_assert_int_eq(append_round(tsdb, 20), 0);
        ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_RESERVE, NULL), 0);
        ck_assert_uint_eq(reserved(), LIMIT / 8);
        check_rounds(tsdb, 2);
        close_all(tsdb);
    }
}
END_TEST

CHECK_MAIN("reserve", a_block_is_cut_on_a_full_disk_with_the_reserve_only,
           samples_are_refused_while_the_reserve_is_used_and_taken_when_it_is_there_again,
           series_are_deleted_on_a_full_disk, after_a_kill_while_it_was_used_the_room_is_awaited_again,
           the_reserve_of_a_run_before_is_kept, a_failing_call_leaves_no_part_of_it_and_stops_no_samples)
