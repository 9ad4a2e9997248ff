#pragma once
/*
 * sum.h - sums that keep what rounding takes away (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen", 1974).
 */
#include <stdbool.h>

static inline void sum_add(double value, double *sum, double *rest) {
    double next = *sum + value;
    bool is_larger = __builtin_fabs(*sum) >= __builtin_fabs(value);
    double large = is_larger ? *sum : value, small = is_larger ? value : *sum;
    double more = *rest + ((large - next) + small);
    *rest = __builtin_isinf(next) ? 0 : more; /* chosen, not branched: columns of sums go side by side */
    *sum = next;
}

static inline double sum_total(double sum, double rest) {
    return __builtin_isinf(sum) ? sum : sum + rest;
}
