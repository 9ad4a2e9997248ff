/*
 * Samples go on from the head into blocks, from small blocks into large ones, and out of the window's order:
 * whatever was done, what is read is what a plain table of samples says.
 */
#include "storage/block/block.h"
#include "tests/unit/storage/tsdb/rounds.h"

#include <unistd.h>

#define TIMES 400
#define STEP 100
#define RANGE 4000 /* of a block, so that a few hundred rounds make several */

static struct memory_fs *disk;
static uint64_t seed;

static uint32_t draw(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 20) % below;
}

/* sample t of series i is at (t + 1) * STEP, with value_at; or it is not there */
struct table {
    bool has[SERIES][TIMES];
    int now; /* rounds begun */
};

static int64_t time_of(int t) {
    return (int64_t)(t + 1) * STEP;
}

static struct registry *registry; /* NULL: nothing is counted */

static struct tsdb *open_history(int64_t window) {
    struct tsdb_options options = {.path = "/data",
                                   .fs = memory_fs_base(disk),
                                   .no_maintenance = true,
                                   .block_range_ms = RANGE,
                                   .quiet_ms = 8,
                                   .late_window_ms = window};
    struct tsdb *tsdb;
    struct err err;
    int rc = tsdb_open(&options, registry, &tsdb, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return tsdb;
}

/* a round in which some series have no sample, and some get one of an earlier round */
static void add_round(struct tsdb *tsdb, struct table *table, int64_t window) {
    struct append_batch *batch = append_batch_create(SERIES, true, on_done, &waiter);
    bool expected[2 * SERIES];
    size_t rows = 0;
    int now = table->now++;
    for (int i = 0; i < SERIES; i++) {
        if (draw(10) == 0 || (i > SERIES / 2 && now / 40 % 2)) continue; /* half of them come and go */
        add_sample(batch, tsdb, i, time_of(now));
        expected[rows++] = true;
        table->has[i][now] = true;
    }
    for (int k = 0; k < 5; k++) {
        int i = (int)draw(SERIES), t = now - 1 - (int)draw(60);
        if (t < 0 || table->has[i][t] || !table->has[i][now]) continue;
        bool taken = time_of(t) >= time_of(now - 1) - window; /* the newest when the batch is judged */
        add_sample(batch, tsdb, i, time_of(t));
        expected[rows++] = taken && window;
        if (taken && window) table->has[i][t] = true;
    }
    ck_assert_int_eq(send(tsdb, batch), 0);
    for (size_t row = 0; row < rows; row++)
        ck_assert_msg((waiter.results[row] == APPEND_STORED) == expected[row], "row %zu: %d", row,
                      waiter.results[row]);
}

static void check_series(const struct table *table, int i, const struct columns *columns, int64_t mint,
                         int64_t maxt) {
    size_t at = 0;
    for (int t = 0; t < table->now; t++) {
        if (!table->has[i][t] || time_of(t) < mint || time_of(t) > maxt) continue;
        ck_assert_msg(at < columns->count && columns->times_ms[at] == time_of(t),
                      "series %d misses time %lld", i, (long long)time_of(t));
        check_sample(columns, at, i);
        at++;
    }
    ck_assert_uint_eq(at, columns->count);
}

static void check_range(struct tsdb *tsdb, const struct table *table, int64_t mint, int64_t maxt) {
    struct matcher matcher;
    struct series_set *set;
    bool seen[SERIES] = {false};
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN(LABEL_NAME), SPAN("metric"), NULL), 0);
    ck_assert_int_eq(queryable_select(tsdb_queryable(tsdb), &matcher, 1, mint, maxt, NULL, &set, NULL), 0);
    for (size_t at = 0; at < set->count; at++) {
        struct columns columns;
        int i = series_index(set, at);
        columns_init(&columns, NULL);
        ck_assert(!seen[i]);
        seen[i] = true;
        ck_assert_int_eq(series_set_read(set, at, mint, maxt, &columns, NULL), 0);
        check_series(table, i, &columns, mint, maxt);
        columns_release(&columns);
    }
    for (int i = 0; i < SERIES; i++) {
        struct columns none = {.count = 0};
        if (!seen[i]) check_series(table, i, &none, mint, maxt);
    }
    ck_assert_ptr_null((void *)set->warning);
    series_set_close(set);
    matcher_release(&matcher);
}

static void check(struct tsdb *tsdb, const struct table *table) {
    check_range(tsdb, table, INT64_MIN, INT64_MAX);
    int64_t from = time_of((int)draw((uint32_t)table->now));
    check_range(tsdb, table, from, from + (int64_t)draw(RANGE * 2));
}

static void maintain(struct tsdb *tsdb, unsigned tasks) {
    struct err err;
    int rc = tsdb_maintain(tsdb, tasks, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
}

static struct tsdb *reopen(struct tsdb *tsdb, int64_t window) {
    tsdb_close(tsdb);
    if (draw(2)) memory_fs_crash(disk, CRASH_KEEP_NONE, seed);
    return open_history(window);
}

/* the head holds one and a half ranges: what the maintenance thread would look at */
static bool cut_is_due(const struct table *table, struct tsdb *tsdb) {
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    return table->now * STEP > RANGE * 3 / 2 * (1 + (int)stats.blocks);
}

START_TEST(whatever_is_done_all_samples_are_read) {
    static struct table table;
    int64_t window = _i % 2 ? 3000 : 0;
    seed = 77 + (uint64_t)_i;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(window);
    while (table.now < TIMES) {
        add_round(tsdb, &table, window);
        switch (draw(40)) {
        case 0: maintain(tsdb, TSDB_SNAPSHOT); break;
        case 1: maintain(tsdb, TSDB_LATE); break;
        case 2: maintain(tsdb, TSDB_COMPACT); break;
        case 3:
        case 4:
            if (cut_is_due(&table, tsdb)) maintain(tsdb, TSDB_CUT);
            break;
        case 5: tsdb = reopen(tsdb, window); break;
        default: break;
        }
        if (draw(20) == 0) check(tsdb, &table);
    }
    for (int k = 0; k < 10; k++) maintain(tsdb, TSDB_COMPACT);
    check(tsdb, &table);
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    ck_assert_uint_gt(stats.blocks, 0);
    ck_assert_uint_eq(stats.damage, 0);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

static size_t series_in_head(struct tsdb *tsdb) {
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    return stats.series;
}

/* Its log names a series twice, by two numbers; there are full chunks of both lives. */
START_TEST(series_that_left_and_came_back_are_whole_after_a_crash) {
    static struct table table;
    seed = 21;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(0);
    while (table.now < TIMES / 2) add_round(tsdb, &table, 0);
    if (_i) maintain(tsdb, TSDB_SNAPSHOT);
    for (; series_in_head(tsdb); usleep(1000)) /* what is quiet is known as far back as 32 looks */
        maintain(tsdb, TSDB_QUIET);
    while (table.now < TIMES) add_round(tsdb, &table, 0);
    tsdb_close(tsdb); /* without a snapshot */
    tsdb = open_history(0);
    check(tsdb, &table);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(what_is_deleted_is_gone_from_head_and_blocks_also_after_a_restart) {
    static struct table table;
    struct matcher matcher;
    struct err err;
    int rc;
    seed = 5;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(0);
    while (table.now < 200) add_round(tsdb, &table, 0);
    maintain(tsdb, TSDB_CUT);
    maintain(tsdb, TSDB_CUT);
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("even"), SPAN("yes"), NULL), 0);
    rc = tsdb_delete(tsdb, &matcher, 1, time_of(20), time_of(150), &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    for (int i = 0; i < SERIES; i += 2)
        for (int t = 20; t <= 150; t++) table.has[i][t] = false;
    check(tsdb, &table);
    ck_assert_int_eq(tsdb_clean_tombstones(tsdb, &err), 0);
    check(tsdb, &table);
    tsdb = reopen(tsdb, 0);
    check(tsdb, &table);
    for (int k = 0; k < 5; k++) add_round(tsdb, &table, 0);
    check(tsdb, &table);
    matcher_release(&matcher);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_snapshot_folder_opens_as_a_database_of_its_own) {
    static struct table table;
    struct err err;
    char name[64], path[128];
    seed = 9;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(0), *copy;
    while (table.now < 150) add_round(tsdb, &table, 0);
    maintain(tsdb, TSDB_CUT);
    int rc = tsdb_snapshot_to(tsdb, true, name, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    tsdb_close(tsdb);
    (void)snprintf(path, sizeof path, "/data/snapshots/%s", name);
    struct tsdb_options options = {.path = path, .fs = memory_fs_base(disk), .no_maintenance = true};
    ck_assert_int_eq(tsdb_open(&options, NULL, &copy, &err), 0);
    check(copy, &table);
    tsdb_close(copy);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(blocks_beyond_the_retention_go) {
    static struct table table;
    struct tsdb_stats before, after;
    seed = 3;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(0);
    while (table.now < 250) add_round(tsdb, &table, 0);
    for (int k = 0; k < 4; k++) maintain(tsdb, TSDB_CUT);
    tsdb_stats(tsdb, &before);
    tsdb_set_retention(tsdb, &(struct tsdb_retention){.time_ms = RANGE * 3});
    maintain(tsdb, TSDB_RETAIN);
    tsdb_stats(tsdb, &after);
    ck_assert_uint_lt(after.blocks, before.blocks);
    ck_assert_int_gt(after.min_time, before.min_time);
    tsdb_set_retention(tsdb, &(struct tsdb_retention){.bytes = 1});
    maintain(tsdb, TSDB_RETAIN);
    tsdb_stats(tsdb, &after);
    ck_assert_uint_eq(after.blocks, 0);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(blocks_beyond_a_percentage_of_the_disk_go_whatever_the_limit_in_bytes) {
    static struct table table;
    struct tsdb_stats before, after;
    seed = 3;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(0);
    while (table.now < 250) add_round(tsdb, &table, 0);
    for (int k = 0; k < 4; k++) maintain(tsdb, TSDB_CUT);
    tsdb_stats(tsdb, &before);
    ck_assert_uint_gt(before.blocks, 2);
    memory_fs_limit(disk, before.block_bytes * 1000);
    tsdb_set_retention(tsdb, &(struct tsdb_retention){.bytes = 1, .percentage = 0.11});
    maintain(tsdb, TSDB_RETAIN); /* they take 0.1 % */
    tsdb_stats(tsdb, &after);
    ck_assert_uint_eq(after.blocks, before.blocks);
    tsdb_set_retention(tsdb, &(struct tsdb_retention){.percentage = 0.05});
    maintain(tsdb, TSDB_RETAIN);
    tsdb_stats(tsdb, &after);
    ck_assert_uint_lt(after.blocks, before.blocks);
    ck_assert_uint_gt(after.blocks, 0);
    ck_assert_uint_le(after.block_bytes, before.block_bytes / 2);
    ck_assert_int_gt(after.min_time, before.min_time);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

static int counted(const char *name) {
    char full[96];
    (void)snprintf(full, sizeof full, "prometheus_tsdb_%s_total", name);
    return (int)counter_value(registry_counter(registry, full, "", NULL));
}

START_TEST(what_maintenance_did_is_counted) {
    static struct table table;
    struct tsdb_stats stats;
    struct err err;
    seed = 3;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    registry = registry_create();
    struct tsdb *tsdb = open_history(0);
    while (table.now < 250) add_round(tsdb, &table, 0);
    for (int k = 0; k < 4; k++) maintain(tsdb, TSDB_CUT);
    ck_assert_int_eq(counted("compactions"), 4);
    ck_assert_int_eq(counted("compactions_triggered"), 4);
    ck_assert_int_eq(counted("head_truncations"), 4);
    ck_assert_int_eq(counted("reloads"), 4);
    maintain(tsdb, TSDB_COMPACT);
    ck_assert_int_eq(counted("compactions"), 5);
    for (int k = 0; k < 3; k++) {
        add_round(tsdb, &table, 0);
        maintain(tsdb, TSDB_SNAPSHOT);
    }
    ck_assert_int_eq(counted("checkpoint_creations"), 3);
    ck_assert_int_eq(counted("checkpoint_deletions"), 1); /* two are kept */
    ck_assert_int_eq(counted("wal_truncations"), 2);
    tsdb_stats(tsdb, &stats);
    tsdb_set_retention(tsdb, &(struct tsdb_retention){.bytes = 1});
    maintain(tsdb, TSDB_RETAIN);
    ck_assert_int_eq(counted("size_retentions"), (int)stats.blocks);
    ck_assert_int_eq(counted("time_retentions"), 0);
    add_round(tsdb, &table, 0);
    memory_fs_limit(disk, 1);
    ck_assert_int_ne(tsdb_maintain(tsdb, TSDB_SNAPSHOT, &err), 0);
    ck_assert_int_eq(counted("checkpoint_creations_failed"), 1);
    memory_fs_limit(disk, UINT64_MAX);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
    registry_destroy(registry);
    registry = NULL;
}
END_TEST

static void damage(const char *kind) {
    char path[96];
    size_t len;
    struct ulids ulids = {0};
    ck_assert_int_eq(block_list(memory_fs_base(disk), "/data/blocks", &ulids, NULL), 0);
    char text[ULID_TEXT + 1];
    ulid_text(ulids.list.items[0], text);
    (void)snprintf(path, sizeof path, "/data/blocks/%s.%s", text, kind);
    uint8_t *bytes = memory_fs_bytes(disk, path, &len);
    bytes[len / 2] ^= 1;
    vec_release(&ulids.list);
}

START_TEST(a_damaged_block_is_told_and_the_rest_is_served) {
    static const char *const kinds[] = {"meta", "index", "data"};
    static struct table table;
    seed = 11;
    memset(&table, 0, sizeof table);
    disk = memory_fs_create();
    struct tsdb *tsdb = open_history(0);
    while (table.now < 200) add_round(tsdb, &table, 0);
    maintain(tsdb, TSDB_CUT);
    maintain(tsdb, TSDB_CUT);
    tsdb_close(tsdb);
    damage(kinds[_i]);
    tsdb = open_history(0);
    struct series_set *set = select_all(tsdb);
    size_t rows = 0;
    for (size_t at = 0; at < set->count; at++) {
        struct columns columns;
        int i = series_index(set, at);
        columns_init(&columns, NULL);
        ck_assert_int_eq(series_set_read(set, at, INT64_MIN, INT64_MAX, &columns, NULL), 0);
        for (size_t k = 0; k < columns.count; k++) {
            ck_assert(table.has[i][columns.times_ms[k] / STEP - 1]);
            check_sample(&columns, k, i);
        }
        rows += columns.count;
        columns_release(&columns);
    }
    ck_assert_uint_gt(rows, 1000);
    struct tsdb_stats stats;
    tsdb_stats(tsdb, &stats);
    ck_assert_uint_gt(stats.damage, 0);
    if (_i) ck_assert_ptr_nonnull((void *)set->warning);
    series_set_close(set);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("history");
    tcase_set_timeout(tcase, 900);
    mutex_init(&waiter.lock);
    condition_init(&waiter.changed);
    tcase_add_loop_test(tcase, whatever_is_done_all_samples_are_read, 0, 8);
    tcase_add_loop_test(tcase, series_that_left_and_came_back_are_whole_after_a_crash, 0, 2);
    tcase_add_test(tcase, what_is_deleted_is_gone_from_head_and_blocks_also_after_a_restart);
    tcase_add_test(tcase, a_snapshot_folder_opens_as_a_database_of_its_own);
    tcase_add_test(tcase, blocks_beyond_the_retention_go);
    tcase_add_test(tcase, blocks_beyond_a_percentage_of_the_disk_go_whatever_the_limit_in_bytes);
    tcase_add_test(tcase, what_maintenance_did_is_counted);
    tcase_add_loop_test(tcase, a_damaged_block_is_told_and_the_rest_is_served, 0, 3);
    return check_run("history", tcase);
}
