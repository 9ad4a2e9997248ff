#pragma once
/*
 * sum.h - sums that keep what rounding takes away (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen", 1974).
 */
#include <stdbool.h>
#include <stddef.h>

static inline void sum_add(double value, double *sum, double *rest) {
    double next = *sum + value;
    bool is_larger = __builtin_fabs(*sum) >= __builtin_fabs(value);
    double large = is_larger ? *sum : value, small = is_larger ? value : *sum;
    double more = *rest + ((large - next) + small);
    *rest = __builtin_isinf(next) ? 0 : more; /* chosen, not branched: columns of sums go side by side */
    *sum = next;
}

/* The same for numbers that do not overflow, without asking which is larger (Knuth's two-sum): the new sum.
 * After an overflow sum or rest is not finite. */
static inline double sum_exactly(double value, double sum, double *rest) {
    double next = sum + value, added = next - sum;
    *rest += (sum - (next - added)) + (value - added);
    return next;
}

/* sum_add of each value to the sum and rest of its place */
void sum_add_columns(const double *values, size_t count, double *sums, double *rests);

static inline double sum_total(double sum, double rest) {
    return __builtin_isinf(sum) ? sum : sum + rest;
}
