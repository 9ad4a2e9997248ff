#include "storage/chunk/chunk.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/model/sample.h"
#include "storage/chunk/bits.h"
#include "storage/chunk/chunk_code.h"
#include "storage/chunk/decimals.h"

#include <math.h>
#include <string.h>

#define NUMBER_LIMIT 9007199254740992.0 /* 2^53: every whole number up to here is a double of its own */

/* A chunk of numbers is given up when so many, and an eighth of its values, are none: a raw double costs 68
   bits, while XOR usually needs half of that. */
#define EXCEPTIONS_TAKEN 3

/* A change is written in more bits than it needs, up to so many, before the width is written anew. */
#define SPARE_BITS 6u

static unsigned bits_wanted(uint64_t zigzag) {
    return zigzag ? 64 - (unsigned)__builtin_clzll(zigzag) : 0;
}

static void push_ones(struct bit_piece *piece, unsigned ones, unsigned last) {
    if (ones < last)
        piece_push(piece, (1u << (ones + 1)) - 2, ones + 1);
    else
        piece_push(piece, (1u << ones) - 1, ones);
}

static void push_time(struct bit_piece *piece, uint64_t change) {
    uint64_t zigzag = zigzag_encode((int64_t)change);
    unsigned wanted = bits_wanted(zigzag), ones = 0;
    while (chunk_time_widths[ones] < wanted) ones++;
    push_ones(piece, ones, TIME_LAST);
    if (ones) piece_push(piece, zigzag, chunk_time_widths[ones]);
}

static uint8_t numbers_of(unsigned scale) {
    return (uint8_t)(CHUNK_NUMBERS | scale << 4);
}

/* m, when m / 10^scale is exactly this double; -0 and NaN are none */
static bool to_number(uint64_t bits, unsigned scale, int64_t *number) {
    double value = bits_double(bits), scaled = scale ? value * decimal_powers[scale] : value;
    if (!(fabs(scaled) <= NUMBER_LIMIT)) return false;
    *number = (int64_t)(scale ? scaled + copysign(0.5, scaled) : scaled);
    double back = scale ? (double)*number / decimal_powers[scale] : (double)*number;
    return double_bits(back) == bits;
}

/* the smallest k from here on that suits the value; above CHUNK_SCALE_MAX: none does */
static unsigned find_scale(uint64_t bits, unsigned from) {
    int64_t number;
    while (from <= CHUNK_SCALE_MAX && !to_number(bits, from, &number)) from++;
    return from;
}

/* the number that the next one is a step from */
static uint64_t number_before(const struct chunk_state *state) {
    int64_t number = 0;
    if (state->count == 0 || !to_number(state->last_bits, scale_of(state->encoding), &number)) return 0;
    return (uint64_t)number;
}

static void push_change(struct chunk_state *next, uint64_t change, struct bit_piece *piece) {
    uint64_t zigzag = zigzag_encode((int64_t)change);
    unsigned wanted = bits_wanted(zigzag);
    if (wanted <= next->width && next->width < wanted + SPARE_BITS) {
        push_ones(piece, CHANGE, RAW);
    } else {
        push_ones(piece, CHANGE_WIDTH, RAW);
        piece_push(piece, wanted - 1, 6);
        next->width = (uint8_t)wanted;
    }
    piece_push(piece, zigzag, next->width);
}

static void encode_number(struct chunk_state *next, const struct chunk_state *state, uint64_t bits,
                          struct bit_piece *piece) {
    int64_t number;
    if (!to_number(bits, scale_of(state->encoding), &number)) {
        push_ones(piece, RAW, RAW);
        piece_push(piece, bits, 64);
        next->value_step = 0;
        next->exceptions++;
        return;
    }
    uint64_t step = (uint64_t)number - number_before(state), change = step - (uint64_t)state->value_step;
    if (!change) {
        push_ones(piece, SAME_STEP, RAW);
    } else if (!step) {
        push_ones(piece, SAME_NUMBER, RAW);
        next->value_step = 0;
    } else {
        push_change(next, change, piece);
        next->value_step = state->count ? chunk_next_step(step, change) : 0;
    }
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
    unsigned old_leading = state->leading, old_length = state->width;
    bool fits = old_length && leading >= old_leading && 64 - trailing <= old_leading + old_length;
    /* a window much wider than needed is given up: eleven bits buy a new one */
    if (fits && old_length < length + 12) {
        piece_push(piece, 2, 2);
        piece_push(piece, change >> (64 - old_leading - old_length), old_length);
        return;
    }
    piece_push(piece, (3u << 11) | (leading << 6) | (length - 1), 13);
    piece_push(piece, change >> trailing, length);
    next->leading = (uint8_t)leading;
    next->width = (uint8_t)length;
}

/* the codes of one sample, and the state behind it */
static struct chunk_state encode(const struct chunk_state *state, int64_t time, uint64_t bits,
                                 struct bit_piece *piece) {
    struct chunk_state next = *state;
    uint64_t step = (uint64_t)time - (state->count ? (uint64_t)state->last_time : 0);
    push_time(piece, step - state->time_step);
    if ((state->count > 1 && step != state->time_step) || bits == STALE_BITS) next.is_uneven = true;
    next.time_step = state->count ? chunk_kept_step(step) : 0;
    if (state->encoding == CHUNK_XOR)
        encode_xor(&next, state, bits, piece);
    else
        encode_number(&next, state, bits, piece);
    next.last_time = time;
    next.last_bits = bits;
    next.count++;
    return next;
}

void chunk_begin(struct chunk_state *state) {
    bool had_numbers = chunk_kind(state->encoding) == CHUNK_NUMBERS;
    *state = (struct chunk_state){.last_time = state->last_time,
                                  .last_bits = state->last_bits,
                                  .encoding = had_numbers ? state->encoding : 0};
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

/* the same samples in another encoding, and one more */
static enum chunk_result rewrite(struct chunk_state *state, uint8_t encoding, uint8_t *bytes, size_t capacity,
                                 int64_t time, uint64_t bits, size_t *needed) {
    int64_t times[CHUNK_SAMPLES];
    double values[CHUNK_SAMPLES];
    uint8_t rewritten[CHUNK_MAX_BYTES];
    size_t count = state->count;
    int rc = chunk_decode(state->encoding, bytes, chunk_bytes(state), count, times, values, NULL);
    ASSERT(rc == 0); /* our own bytes */
    struct chunk_state fresh = {.encoding = encoding};
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

/* of the first value; k is as before when it suits */
static uint8_t first_encoding(const struct chunk_state *state, uint64_t bits) {
    int64_t number;
    if (state->encoding && to_number(bits, scale_of(state->encoding), &number)) return state->encoding;
    unsigned scale = find_scale(bits, 0);
    return scale > CHUNK_SCALE_MAX ? CHUNK_XOR : numbers_of(scale);
}

/* what the chunk should be once this exception is in it */
static uint8_t better_encoding(const struct chunk_state *next, uint64_t bits) {
    unsigned scale = find_scale(bits, scale_of(next->encoding) + 1);
    if (scale <= CHUNK_SCALE_MAX) return numbers_of(scale);
    return too_many_exceptions(next) ? CHUNK_XOR : next->encoding;
}

/* What most samples are, at the time expected and with the value as before: two bits, both 0. As the bits
 * behind the last one of a byte are 0 already, three of four such samples need not look at the bytes. false:
 * it is another sample, or there is no room; nothing was changed. */
static bool append_same(struct chunk_state *state, uint8_t *bytes, size_t capacity, int64_t time,
                        uint64_t bits) {
    bool is_same = bits == state->last_bits && !state->value_step && !state->exceptions &&
                   (uint64_t)time - (uint64_t)state->last_time == state->time_step;
    unsigned used = state->bit_count % 8;
    size_t end = (state->bit_count + 2u + 7) / 8;
    if (!is_same || !state->count || end > capacity || end > CHUNK_MAX_BYTES) return false;
    if (used == 0 || used == 7) bytes[end - 1] = 0;
    state->last_time = time;
    state->bit_count = (uint16_t)(state->bit_count + 2);
    state->count++;
    return true;
}

enum chunk_result chunk_append(struct chunk_state *state, uint8_t *bytes, size_t capacity, int64_t time,
                               uint64_t bits, size_t *needed) {
    if (state->count == CHUNK_SAMPLES) return CHUNK_FULL;
    if (append_same(state, bytes, capacity, time, bits)) return CHUNK_STORED;
    struct chunk_state start = *state;
    if (start.count == 0) start.encoding = first_encoding(state, bits);
    struct bit_piece piece = {0};
    struct chunk_state next = encode(&start, time, bits, &piece);
    if (next.exceptions != start.exceptions) {
        uint8_t encoding = better_encoding(&next, bits);
        if (encoding != next.encoding) return rewrite(state, encoding, bytes, capacity, time, bits, needed);
    }
    return place(state, bytes, capacity, &next, &piece, needed);
}
