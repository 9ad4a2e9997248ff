#pragma once
/*
 * sample.h - a sample's value, and the one value that is no value.
 *
 * Times are milliseconds since the epoch, int64_t. A staleness marker says that a series has ended; it is a
 * NaN of its own bits, other than the ordinary NaN. Compare bits, never values.
 */
#include "lib/base/bits.h"

#include <stdbool.h>
#include <stdint.h>

#define STALE_BITS 0x7ff0000000000002u
#define NAN_BITS 0x7ff8000000000001u

#define TIME_MIN INT64_MIN
#define TIME_MAX INT64_MAX

static inline bool value_is_stale(double value) {
    return double_bits(value) == STALE_BITS;
}

static inline double value_stale(void) {
    return bits_double(STALE_BITS);
}

static inline double value_nan(void) {
    return bits_double(NAN_BITS);
}
