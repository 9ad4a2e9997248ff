/*
 * Series draw from a budget: new ones are refused beyond it, known ones go on, what is on disk comes back
 * whatever the budget.
 */
#include "lib/base/budget.h"
#include "tests/unit/storage/tsdb/rounds.h"

static struct memory_fs *disk;

static struct tsdb *open_with(struct budget *memory) {
    struct tsdb_options options = {
        .path = "/data", .fs = memory_fs_base(disk), .no_maintenance = true, .memory = memory};
    struct tsdb *tsdb;
    struct err err;
    int rc = tsdb_open(&options, NULL, &tsdb, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return tsdb;
}

static int add_series(struct tsdb *tsdb, const char *value, struct err *err) {
    struct label items[] = {{SPAN(LABEL_NAME), SPAN("other")}, {SPAN("x"), span_from(value)}};
    struct labels labels = {items, 2};
    struct series_ref ref;
    return appender_resolve(tsdb_appender(tsdb), &labels, 1, &ref, NULL, err);
}

/* until no more are taken; how many were */
static int fill(struct tsdb *tsdb) {
    for (int i = 0; i < 100000; i++) {
        char value[16];
        struct err err;
        (void)snprintf(value, sizeof value, "%d", i);
        int rc = add_series(tsdb, value, &err);
        if (!rc) continue;
        ck_assert_int_eq(rc, ERR_LIMIT);
        ck_assert_str_eq(err.text,
                         "limit of 100000 bytes of memory of series reached, no new series are taken");
        return i;
    }
    ck_abort_msg("all were taken");
}

START_TEST(new_series_are_refused_beyond_the_budget_and_known_ones_go_on) {
    struct budget all, memory;
    disk = memory_fs_create();
    budget_init(&all, "all", 1000000, NULL);
    budget_init(&memory, "memory of series", 100000, &all);
    struct tsdb *tsdb = open_with(&memory);
    ck_assert_int_eq(append_round(tsdb, 10), 0);
    int added = fill(tsdb);
    ck_assert_int_gt(added, 100);
    ck_assert_int_lt(added, 200);
    ck_assert_uint_le(memory.used_bytes, 100000);
    ck_assert_uint_eq(memory.used_bytes, all.used_bytes);
    ck_assert_int_eq(append_round(tsdb, 20), 0);
    ck_assert_int_eq(add_series(tsdb, "3", NULL), 0);
    check_rounds(tsdb, 2);
    tsdb_close(tsdb);
    ck_assert_uint_eq(all.used_bytes, 0);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(nothing_stays_of_a_refused_series) {
    struct budget memory;
    static char text[10000];
    disk = memory_fs_create();
    budget_init(&memory, "memory of series", 100000, NULL);
    struct tsdb *tsdb = open_with(&memory);
    ck_assert_int_eq(append_round(tsdb, 10), 0);
    (void)fill(tsdb);
    struct tsdb_stats before, after;
    size_t used = memory.used_bytes;
    tsdb_stats(tsdb, &before);
    for (int i = 0; i < 1000; i++) {
        memset(text, 'x', sizeof text - 1);
        (void)snprintf(text, sizeof text, "%d", i);
        text[strlen(text)] = 'x';
        ck_assert_int_eq(add_series(tsdb, text, NULL), ERR_LIMIT);
    }
    tsdb_stats(tsdb, &after);
    ck_assert_uint_eq(memory.used_bytes, used);
    ck_assert_uint_eq(after.label_pairs, before.label_pairs);
    ck_assert_uint_eq(after.series, before.series);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(long_labels_count_by_their_text_and_others_draw_from_what_is_left) {
    struct budget all, memory;
    static char text[50001];
    disk = memory_fs_create();
    budget_init(&all, "all", 100000, NULL);
    budget_init(&memory, "memory of series", 90000, &all);
    struct tsdb *tsdb = open_with(&memory);
    memset(text, 'x', sizeof text - 1);
    ck_assert_int_eq(add_series(tsdb, text, NULL), 0);
    ck_assert_uint_gt(memory.used_bytes, 50000);
    text[0] = 'y';
    ck_assert_int_eq(add_series(tsdb, text, NULL), ERR_LIMIT);
    ck_assert(budget_take(&all, all.max_bytes - all.used_bytes)); /* a query */
    ck_assert_int_eq(add_series(tsdb, "short", NULL), ERR_LIMIT);
    budget_give(&all, 10000);
    ck_assert_int_eq(add_series(tsdb, "short", NULL), 0);
    tsdb_close(tsdb);
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(series_that_leave_give_their_share_back) {
    struct budget memory;
    struct matcher matcher;
    struct err err;
    disk = memory_fs_create();
    budget_init(&memory, "memory of series", 100000, NULL);
    struct tsdb *tsdb = open_with(&memory);
    ck_assert_int_eq(append_round(tsdb, 10), 0);
    (void)fill(tsdb);
    size_t used = memory.used_bytes;
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("even"), SPAN("yes"), NULL), 0);
    int rc = tsdb_delete(tsdb, &matcher, 1, INT64_MIN, INT64_MAX, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_le(memory.used_bytes, used - SERIES / 2 * 400);
    ck_assert_int_eq(add_series(tsdb, "new", NULL), 0);
    matcher_release(&matcher);
    tsdb_close(tsdb);
    ck_assert_uint_eq(memory.used_bytes, 0);
    memory_fs_destroy(disk);
}
END_TEST

/* by the snapshot of a clean end, and by the log after a kill */
START_TEST(what_is_on_disk_comes_back_beyond_the_budget) {
    for (int has_snapshot = 0; has_snapshot < 2; has_snapshot++) {
        struct budget small;
        disk = memory_fs_create();
        struct tsdb *tsdb = open_with(NULL);
        ck_assert_int_eq(append_round(tsdb, 10), 0);
        if (has_snapshot) ck_assert_int_eq(tsdb_maintain(tsdb, TSDB_SNAPSHOT, NULL), 0);
        tsdb_close(tsdb);
        budget_init(&small, "memory of series", 1000, NULL);
        tsdb = open_with(&small);
        check_rounds(tsdb, 1);
        ck_assert_uint_ge(small.used_bytes, SERIES * 400);
        ck_assert_int_eq(append_round(tsdb, 20), 0);
        ck_assert_int_eq(add_series(tsdb, "new", NULL), ERR_LIMIT);
        check_rounds(tsdb, 2);
        tsdb_close(tsdb);
        ck_assert_uint_eq(small.used_bytes, 0);
        memory_fs_destroy(disk);
    }
}
END_TEST

CHECK_MAIN("memory", new_series_are_refused_beyond_the_budget_and_known_ones_go_on,
           nothing_stays_of_a_refused_series,
           long_labels_count_by_their_text_and_others_draw_from_what_is_left,
           series_that_leave_give_their_share_back, what_is_on_disk_comes_back_beyond_the_budget)
