#pragma once
/*
 * value.h - inside of storage/wal: doubles that are short decimals, as the integers that stand for them.
 */
#include "lib/base/bits.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define EXACT_LIMIT 9007199254740992.0 /* 2^53: integers below are exact */

/* m, when the value is m; -0 and NaN are none */
static inline bool value_is_whole(double value, int64_t *m) {
    if (!(fabs(value) < EXACT_LIMIT)) return false;
    *m = (int64_t)value;
    return double_bits((double)*m) == double_bits(value);
}

#define VALUE_SCALE_MAX 3u

static inline double value_of_scaled(int64_t m, unsigned scale) {
    static const double powers[VALUE_SCALE_MAX + 1] = {1, 10, 100, 1000};
    return (double)m / powers[scale];
}

/* m, when the value is m / 10^scale as a division of doubles; -0 and NaN are none */
static inline bool value_is_scaled(double value, unsigned scale, int64_t *m) {
    static const double powers[VALUE_SCALE_MAX + 1] = {1, 10, 100, 1000};
    double scaled = value * powers[scale];
    if (!(fabs(scaled) < EXACT_LIMIT)) return false;
    *m = (int64_t)(scaled + copysign(0.5, scaled));
    return double_bits(value_of_scaled(*m, scale)) == double_bits(value);
}

/* m, when the value is m / 1000 as a division of doubles */
static inline bool value_is_thousandths(double value, int64_t *m) {
    double scaled = value * 1000;
    if (!(fabs(scaled) < EXACT_LIMIT)) return false;
    *m = (int64_t)(scaled + copysign(0.5, scaled));
    return double_bits((double)*m / 1000) == double_bits(value);
}
