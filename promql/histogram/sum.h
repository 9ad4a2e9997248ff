#pragma once
/*
 * sum.h - sums that keep what rounding takes away (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen", 1974).
 */
static inline void sum_add(double value, double *sum, double *rest) {
    double next = *sum + value;
    if (__builtin_isinf(next))
        *rest = 0;
    else if (__builtin_fabs(*sum) >= __builtin_fabs(value))
        *rest += (*sum - next) + value;
    else
        *rest += (value - next) + *sum;
    *sum = next;
}

static inline double sum_total(double sum, double rest) {
    return __builtin_isinf(sum) ? sum : sum + rest;
}
