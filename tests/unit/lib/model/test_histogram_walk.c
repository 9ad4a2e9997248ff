/* Buckets come in the order of their bounds, whatever the spans; bounds are those of the specification. */
#include "lib/model/histogram_walk.h"

#include "tests/check_main.h"

#include <float.h>
#include <math.h>

static const struct histogram_span positive[] = {{-1, 2}, {1, 0}, {1, 1}};
static const struct histogram_span negative[] = {{0, 1}, {2, 2}};
static const double counts[] = {3, 4, 5};

START_TEST(all_parts_come_from_low_to_high) {
    struct histogram h = {.zero_threshold = 0.75, .zero_count = 9};
    h.positive = (struct histogram_buckets){positive, counts, 3, 3};
    h.negative = (struct histogram_buckets){negative, counts, 2, 3};
    /* base 2: positive indexes -1, 0, 3; negative 0, 3, 4 */
    static const struct histogram_bucket expected[] = {
        {-16, -8, 5, true, false},    {-8, -4, 4, true, false},    {-1, -0.75, 3, true, false},
        {-0.75, 0.75, 9, true, true}, {0.75, 0.5, 3, false, true}, {0.75, 1, 4, false, true},
        {4, 8, 5, false, true},
    };
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    size_t at = 0;
    histogram_walk_init(&walk, &h);
    for (; histogram_walk_next(&walk, &bucket); at++) {
        ck_assert_double_eq(bucket.lower, expected[at].lower);
        ck_assert_double_eq(bucket.upper, expected[at].upper);
        ck_assert_double_eq(bucket.count, expected[at].count);
        ck_assert_int_eq(bucket.lower_inclusive, expected[at].lower_inclusive);
        ck_assert_int_eq(bucket.upper_inclusive, expected[at].upper_inclusive);
    }
    ck_assert_uint_eq(at, 7);
    ck_assert(!histogram_walk_next(&walk, &bucket));
}
END_TEST

START_TEST(custom_buckets_reach_from_infinity_to_infinity) {
    static const double bounds[] = {1, 2.5};
    static const struct histogram_span spans[] = {{0, 3}};
    struct histogram h = {.schema = HISTOGRAM_SCHEMA_CUSTOM, .bounds = bounds, .bound_count = 2};
    h.positive = (struct histogram_buckets){spans, counts, 1, 3};
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    histogram_walk_init(&walk, &h);
    ck_assert(histogram_walk_next(&walk, &bucket));
    ck_assert(bucket.lower == -INFINITY && bucket.upper == 1 && bucket.lower_inclusive);
    ck_assert(histogram_walk_next(&walk, &bucket));
    ck_assert(bucket.lower == 1 && bucket.upper == 2.5 && !bucket.lower_inclusive);
    ck_assert(histogram_walk_next(&walk, &bucket));
    ck_assert(bucket.lower == 2.5 && bucket.upper == INFINITY && bucket.count == 5);
    ck_assert(!histogram_walk_next(&walk, &bucket));
}
END_TEST

START_TEST(bounds_are_powers_of_the_base) {
    struct histogram h = {.schema = 1};
    ck_assert_double_eq(histogram_bound(&h, 2), 2);
    ck_assert_double_eq(histogram_bound(&h, 1), 2 * 0.7071067811865475); /* as Prometheus has it */
    ck_assert_double_eq(histogram_bound(&h, -1), 0.7071067811865475);
    ck_assert_double_eq(histogram_bound(&h, 2048), DBL_MAX); /* the bucket of the largest numbers */
    ck_assert_double_eq(histogram_bound(&h, 2049), INFINITY);
    h.schema = -4;
    ck_assert_double_eq(histogram_bound(&h, 1), 65536);
    ck_assert_double_eq(histogram_bound(&h, -1), 1.0 / 65536);
    ck_assert_double_eq(histogram_bound(&h, 64), DBL_MAX);
    h.schema = 8;
    ck_assert_double_eq(histogram_bound(&h, 256), 2);
    ck_assert_double_eq(histogram_bound(&h, INT32_MIN), 0);
}
END_TEST

CHECK_MAIN("histogram walk", all_parts_come_from_low_to_high, custom_buckets_reach_from_infinity_to_infinity,
           bounds_are_powers_of_the_base)
