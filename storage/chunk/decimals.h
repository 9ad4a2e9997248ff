#pragma once
/*
 * decimals.h - whole numbers m and one scale k become doubles m / 10^k, several at a time.
 */
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_SCALE_MAX 6u

static const double decimal_powers[DECIMAL_SCALE_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

/* numbers are int64_t's bits; scale <= DECIMAL_SCALE_MAX; the division is that of doubles */
void decimals_to_doubles(const uint64_t *numbers, size_t count, unsigned scale, double *values);
