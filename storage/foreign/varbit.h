#pragma once
/*
 * varbit.h - the codes inside of Prometheus' chunks.
 *
 *     varbit   0 | 10 + 3 bits | 110 + 6 | 1110 + 9 | 11110 + 12 | 111110 + 18 | 1111110 + 25 | 8 ones:
 * 11111110
 *              + 56, 11111111 + 64                   signed: two's complement, the positive limit included
 *     xor      0 same | 10 the window of before | 11 + 5 leading zeros + 6 length (0: 64) + bits
 */
#include "lib/base/bits.h"
#include "storage/chunk/bits.h"

struct xor_state {
    uint64_t bits;
    uint8_t leading, trailing;
};

uint64_t varbit_uint(struct bit_reader *reader);
int64_t varbit_int(struct bit_reader *reader);
/* a LEB128 integer whose bytes need not begin at a byte */
uint64_t varbit_leb(struct bit_reader *reader);
/* the low `count` bits of value as Prometheus signs them: 2^(count-1) is positive */
int64_t varbit_sign(uint64_t value, unsigned count);
/* the next value after state->bits; a window that does not fit sets failed */
double xor_read(struct bit_reader *reader, struct xor_state *state);
double bits_read_double(struct bit_reader *reader);
