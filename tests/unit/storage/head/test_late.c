/* Samples that come late stand among the others for whoever may see them, and go when their block is there.
 */
#include "storage/head/late.h"

#include "lib/base/bits.h"
#include "storage/head/head.h"
#include "tests/check_main.h"

static struct head *head;
static struct series_ref ref;

static void setup(void) {
    struct head_options options = {0};
    struct label items[] = {{SPAN("__name__"), SPAN("m")}};
    struct labels labels = {items, 1};
    ck_assert_int_eq(head_create(&options, &head, NULL), 0);
    ck_assert_int_eq(head_resolve(head, &labels, 1, &ref, NULL, NULL), 0);
}

static void teardown(void) {
    head_destroy(head);
}

static uint8_t append(int64_t time, double value, int64_t late_from) {
    uint8_t result = APPEND_STORED;
    struct head_rows rows = {.refs = &ref,
                             .values = &value,
                             .time_ms = time,
                             .late_from = late_from,
                             .count = 1,
                             .results = &result};
    head_append(head, &rows);
    return result;
}

static struct series_set *select_all(int64_t mint, int64_t maxt) {
    struct series_set *set;
    ck_assert_int_eq(head_select(head, NULL, NULL, 0, mint, maxt, NULL, &set, NULL), 0);
    return set;
}

static void check_times(struct series_set *set, int64_t mint, int64_t maxt, const char *wanted) {
    struct columns columns;
    struct buf text;
    buf_init(&text, 4096);
    columns_init(&columns, NULL);
    if (set->count) ck_assert_int_eq(series_set_read(set, 0, mint, maxt, &columns, NULL), 0);
    for (size_t i = 0; i < columns.count; i++)
        buf_printf(&text, "%lld=%g ", (long long)columns.times_ms[i], columns.values[i]);
    ck_assert_str_eq(buf_text(&text), wanted);
    columns_release(&columns);
    buf_release(&text);
}

START_TEST(late_samples_are_read_in_their_place) {
    setup();
    for (int64_t t = 100; t <= 500; t += 100) append(t, (double)t, LATE_NEVER);
    ck_assert_int_eq(append(250, 1, 200), APPEND_STORED);
    ck_assert_int_eq(append(220, 2, 200), APPEND_STORED);
    ck_assert_int_eq(append(300, 3, 200), APPEND_STORED); /* the one in the chunk stays */
    struct series_set *set = select_all(0, 1000);
    check_times(set, 0, 1000, "100=100 200=200 220=2 250=1 300=300 400=400 500=500 ");
    check_times(set, 210, 240, "220=2 ");
    check_times(set, 260, 420, "300=300 400=400 ");
    series_set_close(set);
    set = select_all(210, 230);
    ck_assert_uint_eq(set->count, 1);
    series_set_close(set);
    teardown();
}
END_TEST

START_TEST(what_is_too_old_or_there_already_is_refused) {
    setup();
    append(1000, 1, LATE_NEVER);
    ck_assert_int_eq(append(500, 1, LATE_NEVER), APPEND_OUT_OF_ORDER);
    ck_assert_int_eq(append(500, 1, 600), APPEND_TOO_OLD);
    ck_assert_int_eq(append(500, 1, 500), APPEND_STORED);
    ck_assert_int_eq(append(500, 1, 500), APPEND_REPEATED);
    ck_assert_int_eq(append(500, 2, 500), APPEND_DUPLICATE);
    ck_assert_int_eq(append(1000, 2, 500), APPEND_DUPLICATE);
    struct head_stats stats;
    head_stats(head, &stats);
    ck_assert_uint_eq(stats.out_of_order, 1);
    ck_assert_uint_eq(stats.too_old, 1);
    ck_assert_uint_eq(stats.duplicates, 2);
    ck_assert_uint_eq(stats.late_samples, 1);
    teardown();
}
END_TEST

START_TEST(a_reader_sees_no_late_sample_of_a_later_batch) {
    setup();
    append(1000, 1, LATE_NEVER);
    append(100, 1, 0);
    struct series_set *before = select_all(0, 2000);
    append(200, 2, 0);
    struct series_set *after = select_all(0, 2000);
    check_times(before, 0, 2000, "100=1 1000=1 ");
    check_times(after, 0, 2000, "100=1 200=2 1000=1 ");
    series_set_close(before);
    series_set_close(after);
    teardown();
}
END_TEST

static void count_emptied(void *context, uint32_t slot) {
    ck_assert_uint_lt(slot, 3);
    ++*(int *)context;
}

START_TEST(those_of_batches_in_a_block_are_dropped_others_stay) {
    struct late late;
    struct columns columns;
    int emptied = 0;
    late_init(&late);
    for (uint32_t slot = 0; slot < 3; slot++)
        for (uint64_t sequence = 1; sequence <= slot + 1; sequence++)
            ck_assert_int_eq(late_add(&late, slot, sequence, 100 - (int64_t)sequence, 1, NULL),
                             APPEND_STORED);
    late_drop(&late, 2, 1000, count_emptied, &emptied);
    ck_assert_int_eq(emptied, 2);
    ck_assert_uint_eq(late.samples, 1);
    ck_assert(late_overlaps(&late, 2, 97, 97));
    ck_assert(!late_overlaps(&late, 1, 0, 1000));
    columns_init(&columns, NULL);
    ck_assert_int_eq(late_read(&late, 2, 9, 0, 100, 0, &columns, NULL), 0);
    ck_assert_uint_eq(columns.count, 1);
    columns_release(&columns);
    late_release(&late);
}
END_TEST

CHECK_MAIN("late", late_samples_are_read_in_their_place, what_is_too_old_or_there_already_is_refused,
           a_reader_sees_no_late_sample_of_a_later_batch, those_of_batches_in_a_block_are_dropped_others_stay)
