/*
 * Two stores of the same series, read as one: our rows, and the other's where ours have a gap.
 */
#include "storage/ask/pair.h"

#include "storage/tsdb/tsdb.h"
#include "tests/check_main.h"

#define STEP 15000

static void on_done(struct append_batch *batch) {
    ck_assert_int_eq(batch->rc, 0);
    append_batch_destroy(batch);
}

static struct tsdb *open_memory(void) {
    struct tsdb_options options = {.take_any_time = true};
    struct tsdb *tsdb;
    ck_assert_int_eq(tsdb_open(&options, NULL, &tsdb, NULL), 0);
    return tsdb;
}

static void add(struct tsdb *tsdb, const char *name, int64_t time_ms, double value) {
    struct label item = {SPAN(LABEL_NAME), span_from(name)};
    struct labels labels = {&item, 1};
    struct append_batch *batch = append_batch_create(1, false, on_done, NULL);
    struct series_ref ref;
    batch->time_ms = time_ms;
    append_batch_hold(batch, tsdb_appender(tsdb));
    ck_assert_int_eq(appender_resolve(tsdb_appender(tsdb), &labels, 1, &ref, NULL, NULL), 0);
    append_batch_add(batch, ref, value, 0);
    appender_append(tsdb_appender(tsdb), batch);
}

static struct series_set *select_all(struct tsdb *tsdb) {
    struct series_set *set;
    ck_assert_int_eq(queryable_select(tsdb_queryable(tsdb), NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, NULL),
                     0);
    return set;
}

static bool is_named(struct series_set *set, size_t index, const char *name) {
    struct arena arena;
    struct labels labels;
    arena_init(&arena, 1 << 16, NULL);
    ck_assert_int_eq(series_set_labels(set, index, &arena, &labels, NULL), 0);
    bool is_it = span_is(labels_get(labels, SPAN(LABEL_NAME)), name);
    arena_release(&arena);
    return is_it;
}

/* the rows of the one series of that name */
static void read_named(struct series_set *set, const char *name, int64_t mint, int64_t maxt,
                       struct columns *columns) {
    size_t found = 0;
    columns_init(columns, NULL);
    for (size_t i = 0; i < set->count; i++) {
        if (!is_named(set, i, name)) continue;
        found++;
        ck_assert_int_eq(series_set_read(set, i, mint, maxt, columns, NULL), 0);
    }
    ck_assert_uint_eq(found, 1);
}

/* ours at 0, 15, 30 ... with value 1; the other's 6 seconds behind each, with value 2. Both have gaps. */
static struct series_set *open_pair(struct tsdb *ours, struct tsdb *other) {
    struct series_set *set;
    for (int64_t i = 0; i < 200; i++) {
        bool is_ours_away = (i >= 50 && i < 70) || i >= 190, is_other_away = i >= 100 && i < 120;
        if (!is_ours_away) add(ours, "both", i * STEP, 1);
        if (!is_other_away) add(other, "both", i * STEP + 6000, 2);
    }
    add(ours, "mine", 1000, 1);
    add(other, "theirs", 2000, 2);
    ck_assert_int_eq(pair_set(select_all(ours), select_all(other), NULL, &set, NULL), 0);
    return set;
}

START_TEST(gaps_are_filled_and_nothing_is_there_twice) {
    struct tsdb *ours = open_memory(), *other = open_memory();
    struct series_set *set = open_pair(ours, other);
    struct columns columns;
    ck_assert_uint_eq(set->count, 3);
    read_named(set, "both", 0, 200 * STEP, &columns);
    ck_assert_uint_eq(columns.count, 200);
    for (size_t i = 0; i < columns.count; i++) {
        bool is_away = (i >= 50 && i < 70) || i >= 190;
        ck_assert_int_eq(columns.times_ms[i], (int64_t)i * STEP + (is_away ? 6000 : 0));
        ck_assert_double_eq(columns.values[i], is_away ? 2 : 1);
    }
    columns_release(&columns);
    read_named(set, "mine", INT64_MIN, INT64_MAX, &columns);
    ck_assert_uint_eq(columns.count, 1);
    columns_release(&columns);
    read_named(set, "theirs", INT64_MIN, INT64_MAX, &columns);
    ck_assert_uint_eq(columns.count, 1);
    columns_release(&columns);
    series_set_close(set);
    tsdb_close(ours);
    tsdb_close(other);
}
END_TEST

START_TEST(a_range_that_ends_or_begins_in_a_gap_is_filled) {
    struct tsdb *ours = open_memory(), *other = open_memory();
    struct series_set *set = open_pair(ours, other);
    struct columns columns;
    read_named(set, "both", 55 * STEP, 80 * STEP, &columns); /* begins in one */
    ck_assert_uint_eq(columns.count, 15 + 11);
    ck_assert_int_eq(columns.times_ms[0], 55 * STEP + 6000);
    columns_release(&columns);
    read_named(set, "both", 40 * STEP, 60 * STEP, &columns); /* ends in one */
    ck_assert_uint_eq(columns.count, 10 + 10);
    columns_release(&columns);
    read_named(set, "both", 55 * STEP, 60 * STEP, &columns); /* has none of ours */
    ck_assert_uint_eq(columns.count, 5);
    columns_release(&columns);
    read_named(set, "both", 10 * STEP, 20 * STEP, &columns); /* has all of ours */
    ck_assert_uint_eq(columns.count, 11);
    for (size_t i = 0; i < columns.count; i++) ck_assert_double_eq(columns.values[i], 1);
    columns_release(&columns);
    series_set_close(set);
    tsdb_close(ours);
    tsdb_close(other);
}
END_TEST

CHECK_MAIN("pair", gaps_are_filled_and_nothing_is_there_twice, a_range_that_ends_or_begins_in_a_gap_is_filled)
