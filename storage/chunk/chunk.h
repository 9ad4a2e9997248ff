#pragma once
/*
 * chunk.h - up to 120 samples of one series, packed into bits as they come.
 *
 *     bits, high bit of each byte first:
 *     | time code | value code | time code | value code | ...          no header: count, encoding and length
 *                                                                      are kept by whoever keeps the bytes
 *     time code: the change of the step against the step before, zigzag, in the smallest of
 *         0 = same step | 10 + 7 bits | 110 + 12 | 1110 + 20 | 11110 + 44 | 11111 + 64
 *     value code, CHUNK_NUMBERS: values are m / 10^k with one k from 0 to 6 for the chunk, |m| <= 2^53
 *         0 = m took the same step as before | 10 = m is the same, the step is now 0
 *         110 + the change of the step, zigzag, in as many bits as the last such change
 *         1110 + 6 bits: how many (- 1) + that many bits | 1111 + 64 raw bits: any other double
 *     value code, CHUNK_XOR: the bits against the bits before
 *         0 = same | 10 + the window of before | 11 + 5 leading zeros + 6 (length - 1) + that many bits
 *
 * The first sample is coded against time 0 and value 0; after it the steps are 0. A step of m that predicted
 * worse than no step would have is forgotten: counters keep theirs, gauges have none. After raw bits m is 0
 * again. A step that is kept fits 32 bits, of times unsigned, of m signed; a longer one counts as 0 for the
 * next sample. Steps are added modulo 2^64, so every time and every bit pattern of a double survives. A value
 * that needs a larger k, and too many that are no such numbers, make the chunk be rewritten.
 *
 * Example: a counter that grows by 10 every 15 s costs 2 bits a sample.
 *
 * The caller owns the bytes and makes them larger when asked to. Nothing here locks.
 */
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SAMPLES 120
#define CHUNK_MAX_BYTES 1024

enum chunk_kind { CHUNK_NUMBERS = 1, CHUNK_XOR = 2, CHUNK_HISTOGRAM = 3 /* histogram_chunk.h */ };
#define CHUNK_SCALE_MAX 6u

/* Beside the encoding of a chunk that is full: its times ascend by one step, and none of its values is a
 * staleness marker. Whoever wants no more than that need not decode it. */
#define CHUNK_EVEN 128u

/* a chunk's encoding, one byte: the kind in the low four bits, k in three above, CHUNK_EVEN */
static inline enum chunk_kind chunk_kind(uint8_t encoding) {
    return (enum chunk_kind)(encoding & 15);
}
/* is it one of floats that chunk_decode knows? */
bool chunk_has_floats(uint8_t encoding);

/* the step of time that is kept */
static inline uint32_t chunk_kept_step(uint64_t step) {
    return step <= UINT32_MAX ? (uint32_t)step : 0;
}

/* what the next append to an open chunk needs to know; all zero for an empty chunk */
struct chunk_state {
    int64_t last_time;
    uint64_t last_bits; /* of the last value */
    uint32_t time_step;
    int32_t value_step; /* CHUNK_NUMBERS: of m */
    uint16_t bit_count;
    uint8_t count;
    uint8_t encoding;
    uint8_t width;      /* payload bits of the last change, or of the window; 0: none yet */
    uint8_t leading;    /* CHUNK_XOR: of the window */
    uint8_t exceptions; /* CHUNK_NUMBERS: raw values */
    bool is_uneven;     /* not CHUNK_EVEN */
};

/* with CHUNK_EVEN */
static inline uint8_t chunk_encoding(const struct chunk_state *state) {
    return (uint8_t)(state->encoding | (state->is_uneven ? 0 : CHUNK_EVEN));
}

enum chunk_result {
    CHUNK_STORED,
    CHUNK_GROW, /* *needed bytes of capacity are wanted; nothing was changed */
    CHUNK_FULL, /* begin a new one; nothing was changed */
};

/* an empty chunk; last_time, last_bits and the k that numbers had stay */
void chunk_begin(struct chunk_state *state);
/* time must be after the last one (not checked); bytes has room for `capacity` */
enum chunk_result chunk_append(struct chunk_state *state, uint8_t *bytes, size_t capacity, int64_t time,
                               uint64_t bits, size_t *needed);
static inline size_t chunk_bytes(const struct chunk_state *state) {
    return (state->bit_count + 7u) / 8;
}
/* All `count` samples, at most CHUNK_SAMPLES, into times and values. The bytes may be anything: ERR_CORRUPT
   when they end early or the encoding is unknown; what was decoded till then is then in the arrays. */
int chunk_decode(uint8_t encoding, const uint8_t *bytes, size_t len, size_t count, int64_t *times,
                 double *values, struct err *err);
/* the first sample's time, of bytes that hold at least one sample */
int64_t chunk_first_time(const uint8_t *bytes, size_t len);
