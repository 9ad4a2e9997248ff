/* Columns of floats and histograms: merged by time, copied, cut down to floats. */
#include "lib/model/queryable.h"

#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "tests/check_main.h"

static const struct histogram_span spans[] = {{0, 2}, {3, 1}};
static const double counts[] = {4, 7, 2};

static struct histogram sample(double sum) {
    return (struct histogram){
        .schema = 1, .count = 13, .sum = sum, .positive = {spans, counts, 2, 3}, .is_integer = true};
}

static void add(struct columns *columns, int64_t time, double value, bool is_histogram) {
    struct histogram histogram = sample(value);
    if (is_histogram) {
        ck_assert_int_eq(columns_add_histogram(columns, time, &histogram, NULL), 0);
        return;
    }
    ck_assert_int_eq(columns_reserve(columns, 1, NULL), 0);
    columns->times_ms[columns->count] = time;
    columns->values[columns->count++] = value;
}

static void check(const struct columns *columns, const int64_t *times, const double *values, size_t count) {
    ck_assert_uint_eq(columns->count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(columns->times_ms[i], times[i]);
        ck_assert(columns->values[i] == values[i]);
    }
}

START_TEST(two_runs_become_one_and_the_first_wins) {
    struct columns columns;
    columns_init(&columns, NULL);
    add(&columns, 5, 0, false); /* before both, left alone */
    for (int64_t t = 10; t <= 50; t += 10) add(&columns, t, (double)t, t == 30);
    for (int64_t t = 15; t <= 65; t += 15) add(&columns, t, 1, t == 45);
    ck_assert_int_eq(columns_merge(&columns, 1, 6, NULL), 0);
    check(&columns, (const int64_t[]){5, 10, 15, 20, 30, 40, 45, 50, 60},
          (const double[]){0, 10, 1, 20, 30, 40, 1, 50, 1}, 9);
    for (size_t i = 0; i < columns.count; i++)
        ck_assert((columns_histogram(&columns, i) != NULL) ==
                  (columns.times_ms[i] == 30 || columns.times_ms[i] == 45));
    struct histogram wanted = sample(30);
    ck_assert(histogram_equal(columns_histogram(&columns, 4), &wanted));
    columns_release(&columns);
}
END_TEST

START_TEST(without_histograms_floats_stay_in_order) {
    struct columns columns;
    columns_init(&columns, NULL);
    for (int64_t t = 1; t <= 300; t++) add(&columns, t, (double)t, t % 3 == 0);
    ck_assert_uint_eq(columns_drop_histograms(&columns), 100);
    ck_assert_uint_eq(columns.count, 200);
    for (size_t i = 0; i < columns.count; i++) {
        ck_assert_int_eq(columns.times_ms[i], (int64_t)(i + i / 2 + 1));
        ck_assert_ptr_null(columns_histogram(&columns, i));
    }
    ck_assert_uint_eq(columns_drop_histograms(&columns), 0);
    columns_release(&columns);
}
END_TEST

START_TEST(a_histogram_is_checked_copied_and_compared) {
    struct histogram histogram = sample(2.5), other = sample(2.5);
    struct histogram_span cut[] = {{0, 1}, {0, 1}, {3, 1}};
    struct err err;
    ck_assert_int_eq(histogram_check(&histogram, &err), 0);
    other.positive.spans = cut; /* the same buckets, cut otherwise */
    other.positive.span_count = 3;
    ck_assert(histogram_equal(&histogram, &other));
    struct histogram *clone = histogram_clone(&histogram);
    ck_assert(histogram_equal(&histogram, clone));
    mem_free(clone);
    other.positive.count = 2;
    ck_assert_int_eq(histogram_check(&other, &err), ERR_INVALID);
    other = sample(1);
    other.schema = 9;
    ck_assert_int_eq(histogram_check(&other, &err), ERR_INVALID);
    other = histogram_stale();
    ck_assert_int_eq(histogram_check(&other, &err), 0);
    ck_assert(!histogram_equal(&other, &histogram));
}
END_TEST

START_TEST(start_times_stay_with_their_rows) {
    struct columns columns, copy;
    columns_init(&columns, NULL);
    columns_init(&copy, NULL);
    for (int64_t t = 10; t <= 50; t += 10) {
        add(&columns, t, t == 20 ? value_stale() : (double)t, t == 40);
        if (t != 10) columns_set_start(&columns, columns.count - 1, t - 5);
    }
    columns_drop_stale(&columns);
    for (int64_t t = 1; t <= 300; t++) add(&columns, 60 + t, 1, false); /* grows */
    ck_assert_int_eq(columns_add_row(&copy, &columns, 2, NULL), 0);
    ck_assert_int_eq(copy.starts_ms[0], 35);
    ck_assert_uint_eq(columns_drop_histograms(&columns), 1);
    static const int64_t starts[] = {0, 25, 45, 0};
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(columns.starts_ms[i], starts[i]);
    columns_reset(&columns);
    add(&columns, 1, 1, false);
    ck_assert_int_eq(columns.starts_ms[0], 0);
    columns_release(&columns);
    columns_release(&copy);
}
END_TEST

CHECK_MAIN("queryable", start_times_stay_with_their_rows, two_runs_become_one_and_the_first_wins,
           without_histograms_floats_stay_in_order, a_histogram_is_checked_copied_and_compared)
