#include "storage/chunk/chunk.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "storage/chunk/bits.h"

#include <math.h>
#include <string.h>

#define INTEGER_LIMIT 9007199254740992.0 /* 2^53: every whole number up to here is a double of its own */

/* A chunk of whole numbers is given up when so many, and an eighth of its values, are none: a raw double
   costs 70 bits, while XOR usually needs half of that. */
#define EXCEPTIONS_TAKEN 3

/* payload widths by the number of 1 bits in front; the last has no 0 behind its ones */
static const uint8_t time_widths[] = {0, 7, 12, 20, 32, 64};
static const uint8_t integer_widths[] = {0, 6, 10, 16, 32, 64, 64};
#define TIME_LAST 5u
#define INTEGER_RAW 6u

static void push_code(struct bit_piece *piece, unsigned ones, unsigned last, uint64_t payload,
                      unsigned width) {
    if (ones < last)
        piece_push(piece, (1u << (ones + 1)) - 2, ones + 1);
    else
        piece_push(piece, (1u << ones) - 1, ones);
    if (width) piece_push(piece, payload, width);
}

/* the smallest class whose payload holds a signed change */
static void push_change(struct bit_piece *piece, const uint8_t *widths, unsigned last, uint64_t change) {
    uint64_t zigzag = zigzag_encode((int64_t)change);
    unsigned wanted = zigzag ? 64 - (unsigned)__builtin_clzll(zigzag) : 0;
    unsigned ones = 0;
    while (widths[ones] < wanted) ones++;
    push_code(piece, ones, last, zigzag, widths[ones]);
}

static bool bits_are_integer(uint64_t bits, int64_t *integer) {
    double value = bits_double(bits);
    if (!(fabs(value) <= INTEGER_LIMIT)) return false;
    *integer = (int64_t)value;
    return double_bits((double)*integer) == bits; /* -0 and fractions differ */
}

/* the number that the next integer code is a step from */
static uint64_t integer_before(const struct chunk_state *state) {
    int64_t integer = 0;
    if (state->count == 0 || !bits_are_integer(state->last_bits, &integer)) return 0;
    return (uint64_t)integer;
}

static void encode_integer(struct chunk_state *next, const struct chunk_state *state, uint64_t bits,
                           struct bit_piece *piece) {
    int64_t integer;
    if (!bits_are_integer(bits, &integer)) {
        push_code(piece, INTEGER_RAW, INTEGER_RAW, bits, 64);
        next->value_step = 0;
        next->exceptions++;
        return;
    }
    uint64_t step = (uint64_t)integer - integer_before(state);
    push_change(piece, integer_widths, INTEGER_RAW, step - state->value_step);
    next->value_step = state->count ? step : 0;
}

static void encode_xor(struct chunk_state *next, const struct chunk_state *state, uint64_t bits,
                       struct bit_piece *piece) {
    uint64_t change = bits ^ (state->count ? state->last_bits : 0);
    if (!change) {
        piece_push(piece, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(change), trailing = (unsigned)__builtin_ctzll(change);
    if (leading > 31) leading = 31;
    unsigned length = 64 - leading - trailing;
    unsigned old_leading = state->window.leading, old_length = state->window.length;
    bool fits = old_length && leading >= old_leading && 64 - trailing <= old_leading + old_length;
    /* a window much wider than needed is given up: eleven bits buy a new one */
    if (fits && old_length < length + 12) {
        piece_push(piece, 2, 2);
        piece_push(piece, change >> (64 - old_leading - old_length), old_length);
        return;
    }
    piece_push(piece, (3u << 11) | (leading << 6) | (length - 1), 13);
    piece_push(piece, change >> trailing, length);
    next->window.leading = (uint8_t)leading;
    next->window.length = (uint8_t)length;
}

/* the codes of one sample, and the state behind it */
static struct chunk_state encode(const struct chunk_state *state, int64_t time, uint64_t bits,
                                 struct bit_piece *piece) {
    struct chunk_state next = *state;
    uint64_t step = (uint64_t)time - (state->count ? (uint64_t)state->last_time : 0);
    push_change(piece, time_widths, TIME_LAST, step - state->time_step);
    next.time_step = state->count ? step : 0;
    if (state->encoding == CHUNK_INTEGER)
        encode_integer(&next, state, bits, piece);
    else
        encode_xor(&next, state, bits, piece);
    next.last_time = time;
    next.last_bits = bits;
    next.count++;
    return next;
}

void chunk_begin(struct chunk_state *state) {
    *state = (struct chunk_state){.last_time = state->last_time, .last_bits = state->last_bits};
}

static bool too_many_exceptions(const struct chunk_state *state) {
    return state->exceptions > EXCEPTIONS_TAKEN && state->exceptions * 8 > state->count;
}

static enum chunk_result place(struct chunk_state *state, uint8_t *bytes, size_t capacity,
                               struct chunk_state *next, const struct bit_piece *piece, size_t *needed) {
    size_t end = (state->bit_count + piece->count + 7) / 8;
    if (end > CHUNK_MAX_BYTES) return CHUNK_FULL;
    if (end > capacity) {
        *needed = end;
        return CHUNK_GROW;
    }
    piece_place(piece, bytes, state->bit_count);
    next->bit_count = (uint16_t)(state->bit_count + piece->count);
    *state = *next;
    return CHUNK_STORED;
}

/* the same samples as CHUNK_XOR, and one more */
static enum chunk_result rewrite(struct chunk_state *state, uint8_t *bytes, size_t capacity, int64_t time,
                                 uint64_t bits, size_t *needed) {
    int64_t times[CHUNK_SAMPLES];
    double values[CHUNK_SAMPLES];
    uint8_t rewritten[CHUNK_MAX_BYTES];
    size_t count = state->count;
    int rc = chunk_decode(CHUNK_INTEGER, bytes, chunk_bytes(state), count, times, values, NULL);
    ASSERT(rc == 0); /* our own bytes */
    struct chunk_state fresh = {.encoding = CHUNK_XOR};
    for (size_t i = 0; i <= count; i++) {
        struct bit_piece piece = {0};
        struct chunk_state next = i < count ? encode(&fresh, times[i], double_bits(values[i]), &piece)
                                            : encode(&fresh, time, bits, &piece);
        if (place(&fresh, rewritten, sizeof rewritten, &next, &piece, needed) != CHUNK_STORED)
            return CHUNK_FULL;
    }
    if (chunk_bytes(&fresh) > capacity) {
        *needed = chunk_bytes(&fresh);
        return CHUNK_GROW;
    }
    memcpy(bytes, rewritten, chunk_bytes(&fresh));
    *state = fresh;
    return CHUNK_STORED;
}

enum chunk_result chunk_append(struct chunk_state *state, uint8_t *bytes, size_t capacity, int64_t time,
                               uint64_t bits, size_t *needed) {
    if (state->count == CHUNK_SAMPLES) return CHUNK_FULL;
    struct chunk_state start = *state;
    int64_t integer;
    if (start.count == 0)
        start.encoding = (uint8_t)(bits_are_integer(bits, &integer) ? CHUNK_INTEGER : CHUNK_XOR);
    struct bit_piece piece = {0};
    struct chunk_state next = encode(&start, time, bits, &piece);
    if (start.encoding == CHUNK_INTEGER && next.exceptions != start.exceptions && too_many_exceptions(&next))
        return rewrite(state, bytes, capacity, time, bits, needed);
    return place(state, bytes, capacity, &next, &piece, needed);
}

static uint64_t read_change(struct bit_reader *reader, const uint8_t *widths, unsigned ones) {
    return widths[ones] ? (uint64_t)zigzag_decode(bits_read(reader, widths[ones])) : 0;
}

static void decode_times(struct bit_reader *reader, size_t i, uint64_t *time, uint64_t *step) {
    *step += read_change(reader, time_widths, bits_unary(reader, TIME_LAST));
    *time += *step;
    if (i == 0) *step = 0;
}

/* How many samples in a row, of at most `left`, have the same step as before and, as value code, 0. Not for
 * the first sample of a chunk. */
static unsigned read_regular(struct bit_reader *reader, size_t left) {
    uint64_t window = bits_peek(reader);
    unsigned zeros = window ? (unsigned)__builtin_clzll(window) : 64;
    if (zeros > 56) zeros = 56; /* the window may end there */
    unsigned run = zeros / 2 < left ? zeros / 2 : (unsigned)left;
    bits_skip(reader, run * 2);
    return reader->failed ? 0 : run;
}

static int decode_integers(struct bit_reader *reader, size_t count, int64_t *times, double *values) {
    uint64_t time = 0, time_step = 0, value = 0, value_step = 0;
    for (size_t i = 0; i < count && !reader->failed; i++) {
        decode_times(reader, i, &time, &time_step);
        times[i] = (int64_t)time;
        unsigned ones = bits_unary(reader, INTEGER_RAW);
        if (ones == INTEGER_RAW) {
            values[i] = bits_double(bits_read(reader, 64));
            value = value_step = 0;
            continue;
        }
        value_step += read_change(reader, integer_widths, ones);
        value += value_step;
        values[i] = (double)(int64_t)value;
        if (i == 0) value_step = 0;
        for (unsigned run = read_regular(reader, count - i - 1); run; run--) {
            times[++i] = (int64_t)(time += time_step);
            values[i] = (double)(int64_t)(value += value_step);
        }
    }
    return reader->failed ? ERR_CORRUPT : 0;
}

static int decode_xors(struct bit_reader *reader, size_t count, int64_t *times, double *values) {
    uint64_t time = 0, time_step = 0, bits = 0;
    unsigned leading = 0, length = 0;
    for (size_t i = 0; i < count && !reader->failed; i++) {
        decode_times(reader, i, &time, &time_step);
        times[i] = (int64_t)time;
        unsigned ones = bits_unary(reader, 2);
        if (ones == 2) {
            unsigned window = (unsigned)bits_read(reader, 11);
            leading = window >> 6;
            length = (window & 63) + 1;
        }
        if (ones) {
            if (length == 0 || leading + length > 64) return ERR_CORRUPT;
            bits ^= bits_read(reader, length) << (64 - leading - length);
        }
        values[i] = bits_double(bits);
        for (unsigned run = read_regular(reader, count - i - 1); run; run--) {
            times[++i] = (int64_t)(time += time_step);
            values[i] = bits_double(bits);
        }
    }
    return reader->failed ? ERR_CORRUPT : 0;
}

int chunk_decode(uint8_t encoding, const uint8_t *bytes, size_t len, size_t count, int64_t *times,
                 double *values, struct err *err) {
    struct bit_reader reader = {bytes, len, 0, false};
    int rc;
    if (encoding == CHUNK_INTEGER)
        rc = decode_integers(&reader, count, times, values);
    else if (encoding == CHUNK_XOR)
        rc = decode_xors(&reader, count, times, values);
    else
        return err_set(err, ERR_CORRUPT, "unknown chunk encoding %u", encoding);
    if (rc) return err_set(err, rc, "chunk of %zu samples does not fit its %zu bytes", count, len);
    return 0;
}

int64_t chunk_first_time(const uint8_t *bytes, size_t len) {
    struct bit_reader reader = {bytes, len, 0, false};
    uint64_t time = 0, step = 0;
    decode_times(&reader, 0, &time, &step);
    return (int64_t)time;
}
