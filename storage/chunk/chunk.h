#pragma once
/*
 * chunk.h - up to 120 samples of one series, packed into bits as they come.
 *
 *     bits, high bit of each byte first:
 *     | time code | value code | time code | value code | ...          no header: count, encoding and length
 *                                                                      are kept by whoever keeps the bytes
 *     time code: the change of the step against the step before, zigzag, in the smallest of
 *         0 = same step | 10 + 7 bits | 110 + 12 | 1110 + 20 | 11110 + 32 | 11111 + 64
 *     value code, CHUNK_INTEGER: the same idea over whole numbers up to 2^53
 *         0 = same step | 10 + 6 | 110 + 10 | 1110 + 16 | 11110 + 32 | 111110 + 64 | 111111 + 64 raw bits
 *         (the last is any other double; prediction then starts again at value 0, step 0)
 *     value code, CHUNK_XOR: the bits against the bits before
 *         0 = same | 10 + the window of before | 11 + 5 leading zeros + 6 (length - 1) + that many bits
 *
 * The first sample is coded against time 0 and value 0; after it the steps are 0. Steps are added modulo
 * 2^64, so every time and every bit pattern of a double survives. A chunk starts as CHUNK_INTEGER when its
 * first value is a whole number and is rewritten as CHUNK_XOR once too many of its values are not.
 *
 * Example: a counter that grows by 10 every 15 s costs 2 bits a sample.
 *
 * The caller owns the bytes and makes them larger when asked to. Nothing here locks.
 */
#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CHUNK_SAMPLES 120
#define CHUNK_MAX_BYTES 1024

enum chunk_encoding { CHUNK_INTEGER = 1, CHUNK_XOR = 2, CHUNK_HISTOGRAM = 3 /* histogram_chunk.h */ };

/* what the next append to an open chunk needs to know; all zero for an empty chunk */
struct chunk_state {
    int64_t last_time;
    uint64_t last_bits; /* of the last value */
    uint64_t time_step;
    union {
        uint64_t value_step; /* CHUNK_INTEGER */
        struct {
            uint8_t leading, length; /* CHUNK_XOR: the window; length 0: none yet */
        } window;
    };
    uint16_t bit_count;
    uint8_t count;
    uint8_t encoding;
    uint8_t exceptions; /* CHUNK_INTEGER: values that were not whole numbers */
};

enum chunk_result {
    CHUNK_STORED,
    CHUNK_GROW, /* *needed bytes of capacity are wanted; nothing was changed */
    CHUNK_FULL, /* begin a new one; nothing was changed */
};

/* an empty chunk; last_time and last_bits stay */
void chunk_begin(struct chunk_state *state);
/* time must be after the last one (not checked); bytes has room for `capacity` */
enum chunk_result chunk_append(struct chunk_state *state, uint8_t *bytes, size_t capacity, int64_t time,
                               uint64_t bits, size_t *needed);
static inline size_t chunk_bytes(const struct chunk_state *state) {
    return (state->bit_count + 7u) / 8;
}
/* All `count` samples into times and values. The bytes may be anything: ERR_CORRUPT when they end early or
   the encoding is unknown; what was decoded till then is then in the arrays. */
int chunk_decode(uint8_t encoding, const uint8_t *bytes, size_t len, size_t count, int64_t *times,
                 double *values, struct err *err);
/* the first sample's time, of bytes that hold at least one sample */
int64_t chunk_first_time(const uint8_t *bytes, size_t len);
