#include "promql/histogram/sum.h"

#include "lib/base/bits.h"

#include <stdint.h>

#define EXPONENT ((uint64_t)0x7ff << 52)
#define PIECE ((size_t)32)

/* the highest bit: infinite or NaN */
static uint64_t overflow_of(double value) {
    return (double_bits(value) & EXPONENT) + ((uint64_t)1 << 52);
}

/* false: something overflowed, nothing was changed */
static bool add_piece(const double *values, size_t count, double *sums, double *rests) {
    double next[PIECE], rest[PIECE];
    uint64_t any = 0;
    for (size_t i = 0; i < count; i++) {
        rest[i] = rests[i];
        next[i] = sum_exactly(values[i], sums[i], &rest[i]);
    }
    for (size_t i = 0; i < count; i++) any |= overflow_of(next[i]) | overflow_of(rest[i]);
    if (any >> 63) return false;
    for (size_t i = 0; i < count; i++) {
        sums[i] = next[i];
        rests[i] = rest[i];
    }
    return true;
}

void sum_add_columns(const double *values, size_t count, double *sums, double *rests) {
    for (size_t i = 0, piece; i < count; i += piece) {
        piece = count - i < PIECE ? count - i : PIECE;
        if (add_piece(values + i, piece, sums + i, rests + i)) continue;
        for (size_t k = i; k < i + piece; k++) sum_add(values[k], &sums[k], &rests[k]);
    }
}
