/* A start from a snapshot and the log's tail has what a start from the whole log has. */
#include "lib/codec/crc32c.h"
#include "tests/unit/storage/tsdb/rounds.h"

static struct memory_fs *disk;

static void add_rounds(struct tsdb *tsdb, int64_t from, int64_t to) {
    for (int64_t k = from; k <= to; k++) ck_assert_int_eq(append_round(tsdb, k * 10), 0);
}

static void snapshot(struct tsdb *tsdb) {
    struct err err;
    int rc = tsdb_maintain(tsdb, TSDB_SNAPSHOT, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

struct names {
    char list[20][40];
    size_t count;
};

static void note(const char *name, void *context) {
    struct names *names = context;
    ck_assert_uint_lt(names->count, 20);
    (void)snprintf(names->list[names->count++], 40, "%s", name);
}

static struct names list(const char *folder) {
    struct names names = {.count = 0};
    ck_assert_int_eq(folder_list(memory_fs_base(disk), folder, note, &names, NULL), 0);
    return names;
}

static char *newest(const char *folder) {
    static char path[80];
    struct names names = list(folder);
    size_t best = 0;
    for (size_t i = 1; i < names.count; i++)
        if (strcmp(names.list[i], names.list[best]) > 0) best = i;
    (void)snprintf(path, sizeof path, "%s/%s", folder, names.list[best]);
    return path;
}

/* what was not synced is gone with a power cut */
static struct tsdb *restart(struct tsdb *tsdb, bool power_cut) {
    tsdb_close(tsdb);
    if (power_cut) memory_fs_crash(disk, CRASH_KEEP_NONE, 1);
    return open_in(memory_fs_base(disk));
}

START_TEST(the_tail_is_replayed_over_the_snapshot) {
    disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    add_rounds(tsdb, 1, 300);
    snapshot(tsdb);
    add_rounds(tsdb, 301, 320);
    tsdb = restart(tsdb, _i);
    check_rounds(tsdb, 320);
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    ck_assert_uint_eq(stats.samples_appended, 20 * SERIES);
    add_rounds(tsdb, 321, 330);
    tsdb = restart(tsdb, _i);
    check_rounds(tsdb, 330);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_damaged_snapshot_falls_back_to_the_one_before) {
    disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    for (int i = 1; i <= 4; i++) {
        add_rounds(tsdb, (i - 1) * 200 + 1, i * 200);
        snapshot(tsdb);
    }
    add_rounds(tsdb, 801, 810);
    ck_assert_uint_eq(list("/data/head_snapshots").count, 2);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, newest("/data/head_snapshots"), &len);
    bytes[len / 2] ^= 1;
    tsdb = restart(tsdb, false);
    check_rounds(tsdb, 810);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(segments_go_when_the_older_snapshot_covers_them) {
    disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    for (int i = 0; i < 5; i++) {
        add_rounds(tsdb, i * 20 + 1, i * 20 + 20);
        snapshot(tsdb);
        tsdb = restart(tsdb, false); /* begins a new segment */
    }
    ck_assert_uint_le(list("/data/wal").count, 3);
    check_rounds(tsdb, 100);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_snapshot_of_an_unknown_version_is_refused_untouched) {
    disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    add_rounds(tsdb, 1, 3);
    snapshot(tsdb);
    tsdb_close(tsdb);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, newest("/data/head_snapshots"), &len), before[16];
    bytes[8] = 9;
    store_u32(bytes + 12, crc32c(0, bytes, 12));
    memcpy(before, bytes, 16);
    struct tsdb_options options = {.path = "/data", .fs = memory_fs_base(disk)};
    struct err err;
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, &err), ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "version 9"));
    ck_assert_mem_eq(memory_fs_bytes(disk, newest("/data/head_snapshots"), &len), before, 16);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_clean_end_makes_a_snapshot) {
    disk = memory_fs_create();
    struct tsdb_options options = {.path = "/data", .fs = memory_fs_base(disk), .max_exemplars = 1000};
    struct tsdb *tsdb;
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, NULL), 0);
    add_rounds(tsdb, 1, 150);
    tsdb_close(tsdb);
    ck_assert_uint_eq(list("/data/head_snapshots").count, 1);
    tsdb = open_in(memory_fs_base(disk));
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    ck_assert_uint_eq(stats.samples_appended, 0);
    check_rounds(tsdb, 150);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

/* the log holds what the older snapshot needs, however often it was started from the newer one */
START_TEST(starts_that_write_nothing_keep_the_way_back) {
    disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    add_rounds(tsdb, 1, 30);
    snapshot(tsdb);
    add_rounds(tsdb, 31, 60);
    snapshot(tsdb);
    for (int i = 0; i < 3; i++) tsdb = restart(tsdb, i == 1);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, newest("/data/head_snapshots"), &len);
    bytes[len / 2] ^= 1;
    tsdb = restart(tsdb, false);
    check_rounds(tsdb, 60);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

/* a snapshot in the middle of batches that are coded against a record in front of it */
START_TEST(the_tail_may_lean_on_records_the_snapshot_covers) {
    disk = memory_fs_create();
    struct tsdb *tsdb = open_in(memory_fs_base(disk));
    int64_t rounds = 0;
    for (int i = 0; i < 30; i++) {
        add_rounds(tsdb, rounds + 1, rounds + 3);
        rounds += 3;
        snapshot(tsdb);
        add_rounds(tsdb, rounds + 1, rounds + 2);
        rounds += 2;
        if (i % 3 == 0) tsdb = restart(tsdb, i % 2);
        check_rounds(tsdb, rounds);
    }
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("snapshots");
    tcase_set_timeout(tcase, 60);
    mutex_init(&waiter.lock);
    condition_init(&waiter.changed);
    tcase_add_loop_test(tcase, the_tail_is_replayed_over_the_snapshot, 0, 2);
    tcase_add_test(tcase, a_damaged_snapshot_falls_back_to_the_one_before);
    tcase_add_test(tcase, segments_go_when_the_older_snapshot_covers_them);
    tcase_add_test(tcase, a_snapshot_of_an_unknown_version_is_refused_untouched);
    tcase_add_test(tcase, a_clean_end_makes_a_snapshot);
    tcase_add_test(tcase, starts_that_write_nothing_keep_the_way_back);
    tcase_add_test(tcase, the_tail_may_lean_on_records_the_snapshot_covers);
    return check_run("snapshots", tcase);
}
