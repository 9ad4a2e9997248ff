/*
 * chunk_decode.c - the decoders of chunks of floats.
 *
 * Most samples of numbers come at the time expected and are told by a few bits. These are taken from a word
 * that holds the next bits and is filled again every few samples, so that one sample need not wait for the
 * load of another; what is unusual is read code by code.
 */
#include "storage/chunk/bits.h"
#include "storage/chunk/chunk_code.h"
#include "storage/chunk/decimals.h"

bool chunk_has_floats(uint8_t encoding) {
    return (encoding & ~CHUNK_EVEN) == CHUNK_XOR ||
           (chunk_kind(encoding) == CHUNK_NUMBERS && scale_of(encoding) <= CHUNK_SCALE_MAX);
}

static void decode_times(struct bit_reader *reader, size_t i, uint64_t *time, uint64_t *step) {
    unsigned width = chunk_time_widths[bits_unary(reader, TIME_LAST)];
    if (width) *step += (uint64_t)zigzag_decode(bits_read(reader, width));
    *time += *step;
    *step = i == 0 ? 0 : chunk_kept_step(*step);
}

/* ---- numbers ---- */

/* What numbers are decoded from and into. */
struct numbers {
    struct bit_reader reader;
    uint64_t window; /* the bits from the reader's position on, left-aligned */
    unsigned left;   /* so many of them are there */
    uint64_t time, time_step, number, step;
    unsigned width;
};

/* the next number, of a code that is not RAW */
static void decode_number(struct numbers *n, unsigned ones, bool is_first) {
    if (ones == SAME_NUMBER) n->step = 0;
    if (ones < CHANGE) {
        n->number += n->step;
        return;
    }
    if (ones == CHANGE_WIDTH) n->width = (unsigned)bits_read(&n->reader, 6) + 1;
    uint64_t change = (uint64_t)zigzag_decode(bits_read(&n->reader, n->width));
    n->number += n->step + change;
    n->step = is_first ? 0 : (uint64_t)chunk_next_step(n->step + change, change);
}

/* any sample, code by code; true: it is raw bits */
static bool decode_any(struct numbers *n, bool is_first, uint64_t *raw) {
    n->left = 0;
    decode_times(&n->reader, !is_first, &n->time, &n->time_step);
    unsigned ones = bits_unary(&n->reader, RAW);
    if (ones != RAW) {
        decode_number(n, ones, is_first);
        return false;
    }
    n->number = n->step = 0;
    *raw = bits_read(&n->reader, 64);
    return true;
}

#define PEEK_BITS 57u /* that bits_peek has at least */

static inline void fill_window(struct numbers *n) {
    size_t there = n->reader.len * 8 - n->reader.position;
    n->window = bits_peek(&n->reader);
    n->left = there < PEEK_BITS ? (unsigned)there : PEEK_BITS;
}

/* fewer than 64 */
static inline void take_bits(struct numbers *n, unsigned count) {
    n->window <<= count;
    n->left -= count;
    n->reader.position += count;
}

/* how many samples in a row, of at most `most`, have the same step as before and, as value code, 0 */
static inline unsigned take_regular(struct numbers *n, size_t most) {
    unsigned zeros = n->window ? (unsigned)__builtin_clzll(n->window) : n->left;
    unsigned run = (zeros < n->left ? zeros : n->left) / 2;
    if (run > most) run = (unsigned)most;
    take_bits(n, run * 2);
    return run;
}

/* behind `before` bits of codes: a change of the step */
static inline bool take_change(struct numbers *n, unsigned before) {
    if (n->left < before + n->width) return false;
    uint64_t change = (uint64_t)zigzag_decode(n->window << before >> (64 - n->width));
    take_bits(n, before + n->width);
    n->step += change;
    n->number += n->step;
    n->step = (uint64_t)chunk_next_step(n->step, change);
    return true;
}

/* One at the time expected (0) whose number is the same (10) or changes (110, or 1110 and the width). False:
 * it is another, or reaches over the window; nothing was taken. */
static inline bool take_usual(struct numbers *n) {
    unsigned code = (unsigned)(n->window >> 59), width = n->width;
    bool is_usual = false;
    if (code >> 2 == 2 && n->left >= 3) {
        take_bits(n, 3);
        n->step = 0;
        is_usual = true;
    } else if (code >> 1 == 6) {
        is_usual = take_change(n, 4);
    } else if (code == 14) {
        n->width = (unsigned)(n->window << 5 >> 58) + 1;
        is_usual = take_change(n, 11);
        if (!is_usual) n->width = width;
    }
    if (is_usual) n->time += n->time_step;
    return is_usual;
}

/* The usual samples from i on; answers the first that is another, or count. What it works with stays in
 * registers: nobody else knows where it is. */
static size_t decode_usual(struct numbers *numbers, size_t i, size_t count, int64_t *times,
                           uint64_t *values) {
    struct numbers n = *numbers;
    for (;;) {
        if (n.left < 5 + n.width) fill_window(&n);
        for (unsigned run = n.window >> 62 ? 0 : take_regular(&n, count - i); run; run--) {
            times[i] = (int64_t)(n.time += n.time_step);
            values[i++] = n.number += n.step;
        }
        if (i == count || !take_usual(&n)) break;
        times[i] = (int64_t)n.time;
        values[i++] = n.number;
    }
    *numbers = n;
    return i;
}

/* one that is raw ends a run of numbers, which become values then */
static int decode_numbers(const struct bit_reader *reader, unsigned scale, size_t count, int64_t *times,
                          double *values) {
    struct numbers n = {.reader = *reader, .width = 1};
    uint64_t numbers[CHUNK_SAMPLES], raw;
    size_t done = 0, i = 0;
    if (count > CHUNK_SAMPLES) return ERR_CORRUPT;
    while (i < count && !n.reader.failed) {
        bool is_raw = decode_any(&n, i == 0, &raw);
        if (is_raw) {
            decimals_to_doubles(numbers + done, i - done, scale, values + done);
            values[i] = bits_double(raw);
            done = i + 1;
        }
        numbers[i] = n.number;
        times[i++] = (int64_t)n.time;
        if (!n.reader.failed) i = decode_usual(&n, i, count, times, numbers);
    }
    if (done < i) decimals_to_doubles(numbers + done, i - done, scale, values + done);
    return n.reader.failed ? ERR_CORRUPT : 0;
}

/* ---- xor ---- */

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
    if (!chunk_has_floats(encoding)) return err_set(err, ERR_CORRUPT, "unknown chunk encoding %u", encoding);
    if (chunk_kind(encoding) == CHUNK_XOR)
        rc = decode_xors(&reader, count, times, values);
    else
        rc = decode_numbers(&reader, scale_of(encoding), count, times, values);
    if (rc) return err_set(err, rc, "chunk of %zu samples does not fit its %zu bytes", count, len);
    return 0;
}

int64_t chunk_first_time(const uint8_t *bytes, size_t len) {
    struct bit_reader reader = {bytes, len, 0, false};
    uint64_t time = 0, step = 0;
    decode_times(&reader, 0, &time, &step);
    return (int64_t)time;
}
