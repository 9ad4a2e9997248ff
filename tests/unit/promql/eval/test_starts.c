/* What start times of counters say of resets, of the beginning of a window, and of each other. */
#include "promql/eval/starts.h"

#include "tests/check_main.h"

static bool is_reset(int64_t before, int64_t start) {
    static const int64_t times[] = {100, 200};
    const int64_t starts[] = {before, start};
    return start_is_reset(starts, times, 1);
}

START_TEST(a_start_behind_the_sample_before_is_a_reset) {
    ck_assert(is_reset(50, 150));
    ck_assert(is_reset(0, 101));
    ck_assert(!is_reset(50, 50));
    ck_assert(!is_reset(50, 0));
    ck_assert(!is_reset(50, 99));
    ck_assert(!is_reset(50, 200)); /* not before its own sample */
    ck_assert(!is_reset(50, 201));
}
END_TEST

START_TEST(a_start_at_the_sample_before_is_one_only_when_that_had_a_start) {
    ck_assert(is_reset(50, 100));
    ck_assert(!is_reset(0, 100));
    ck_assert(!is_reset(100, 100));
    ck_assert(!is_reset(150, 100));
}
END_TEST

START_TEST(a_window_counts_from_zero_only_from_inside) {
    static const int64_t times[] = {100}, inside[] = {60}, at_edge[] = {50}, at_sample[] = {100};
    ck_assert(start_is_inside(inside, times, 50));
    ck_assert(!start_is_inside(at_edge, times, 50));
    ck_assert(!start_is_inside(at_sample, times, 50));
    ck_assert(!start_is_inside(NULL, times, 50));
}
END_TEST

START_TEST(only_the_end_is_extrapolated) {
    static const int64_t times[] = {120000, 180000, 240000};
    ck_assert_double_eq_tol(start_factor(times, 3, 90000, 300000), 210.0 / 150, 1e-12);
    ck_assert_double_eq_tol(start_factor(times, 3, 90000, 400000), 180.0 / 150, 1e-12); /* half a gap */
    ck_assert_double_eq_tol(start_factor(times, 1, 90000, 400000), 1, 1e-12);
}
END_TEST

START_TEST(an_overlap_counts_in_a_window_that_has_both) {
    static const int64_t times[] = {100, 200, 300}, starts[] = {50, 80, 80}, fine[] = {50, 50, 250};
    struct window_steps windows = {.first_end_ms = 150, .step_ms = 100, .range_ms = 151, .steps = 2};
    ck_assert(starts_overlap(starts, times, 3, &windows)); /* (99, 250] */
    ck_assert(!starts_overlap(fine, times, 3, &windows));
    windows.range_ms = 150; /* (100, 250] */
    ck_assert(!starts_overlap(starts, times, 3, &windows));
    windows = (struct window_steps){.first_end_ms = 150, .step_ms = 1, .range_ms = 1000, .steps = 1};
    ck_assert(!starts_overlap(starts, times, 3, &windows)); /* ends before the later one */
}
END_TEST

CHECK_MAIN("starts", a_start_behind_the_sample_before_is_a_reset,
           a_start_at_the_sample_before_is_one_only_when_that_had_a_start,
           a_window_counts_from_zero_only_from_inside, only_the_end_is_extrapolated,
           an_overlap_counts_in_a_window_that_has_both)
