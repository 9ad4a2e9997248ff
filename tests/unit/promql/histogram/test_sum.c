/* Many sums side by side are those that sum_add makes one by one, to the last bit. */
#include "promql/histogram/sum.h"

#include "lib/base/bits.h"
#include "tests/check_main.h"

#include <math.h>

#define PLACES 77

static uint64_t seed = 5;
static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double any_value(bool is_wild) {
    static const double wild[] = {INFINITY, -INFINITY, NAN, 1.7e308, -1.7e308, 5e-324, -0.0, 0};
    if (is_wild && draw() % 40 == 0) return wild[draw() % (sizeof wild / sizeof *wild)];
    return ldexp((double)(int64_t)draw(), (int)(draw() % 120) - 100);
}

static void check(bool is_wild) {
    double sums[PLACES] = {0}, rests[PLACES] = {0}, one_sums[PLACES] = {0}, one_rests[PLACES] = {0};
    for (int round = 0; round < 2000; round++) {
        double values[PLACES];
        size_t count = 1 + draw() % PLACES;
        for (size_t i = 0; i < count; i++) {
            values[i] = any_value(is_wild);
            sum_add(values[i], &one_sums[i], &one_rests[i]);
        }
        sum_add_columns(values, count, sums, rests);
        for (size_t i = 0; i < PLACES; i++) {
            bool are_none = isnan(sums[i]) && isnan(one_sums[i]);
            ck_assert(are_none || double_bits(sums[i]) == double_bits(one_sums[i]));
            ck_assert(isnan(rests[i]) == isnan(one_rests[i]));
            ck_assert(isnan(rests[i]) || double_bits(rests[i]) == double_bits(one_rests[i]));
        }
        if (!is_wild || round % 50) continue;
        for (size_t i = 0; i < PLACES; i++) sums[i] = rests[i] = one_sums[i] = one_rests[i] = 0;
    }
}

START_TEST(columns_of_sums_are_those_of_each_place) {
    check(false);
    check(true);
}
END_TEST

CHECK_MAIN("sum", columns_of_sums_are_those_of_each_place)
