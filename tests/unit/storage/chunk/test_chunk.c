#include "storage/chunk/chunk.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "tests/check_main.h"

#include <math.h>
#include <stdio.h>

struct column {
    int64_t times[CHUNK_SAMPLES];
    uint64_t bits[CHUNK_SAMPLES];
    size_t count;
};

/* appends as head does: grows by exactly what is asked for, so that sanitizers see one byte too many */
static uint8_t *pack(const struct column *column, struct chunk_state *state, size_t *stored) {
    uint8_t *bytes = mem_alloc(1);
    size_t capacity = 0, needed = 0, i = 0;
    chunk_begin(state);
    while (i < column->count) {
        enum chunk_result result =
            chunk_append(state, bytes, capacity, column->times[i], column->bits[i], &needed);
        if (result == CHUNK_FULL) break;
        if (result == CHUNK_STORED) i++;
        if (result == CHUNK_GROW) {
            ck_assert_uint_gt(needed, capacity);
            ck_assert_uint_le(needed, CHUNK_MAX_BYTES);
            bytes = mem_resize(bytes, needed, 1);
            capacity = needed;
        }
    }
    *stored = i;
    return bytes;
}

static bool is_even(const struct column *column, size_t count) {
    bool is_even = true;
    for (size_t i = 0; i < count; i++) {
        if (column->bits[i] == STALE_BITS) is_even = false;
        if (i > 1) {
            uint64_t step = (uint64_t)column->times[i] - (uint64_t)column->times[i - 1],
                     before = (uint64_t)column->times[i - 1] - (uint64_t)column->times[i - 2];
            if (step != before || step > UINT32_MAX) is_even = false;
        }
    }
    return is_even;
}

/* the bytes it takes; everything that was taken comes back */
static size_t round_trip(const struct column *column, size_t *stored) {
    struct chunk_state state = {0};
    uint8_t *bytes = pack(column, &state, stored);
    size_t len = chunk_bytes(&state);
    uint8_t *exact = mem_alloc(len);
    memcpy(exact, bytes, len);
    int64_t times[CHUNK_SAMPLES];
    double values[CHUNK_SAMPLES];
    struct err err;
    ck_assert_uint_eq(state.count, *stored);
    ck_assert_int_eq(chunk_decode(state.encoding, exact, len, *stored, times, values, &err), 0);
    for (size_t i = 0; i < *stored; i++) {
        ck_assert_int_eq(times[i], column->times[i]);
        ck_assert_uint_eq(double_bits(values[i]), column->bits[i]);
    }
    if (*stored) {
        ck_assert_int_eq(chunk_first_time(exact, len), column->times[0]);
        ck_assert_int_eq(state.last_time, column->times[*stored - 1]);
        ck_assert_uint_eq(state.last_bits, column->bits[*stored - 1]);
        ck_assert_int_eq(state.is_uneven, !is_even(column, *stored));
        ck_assert_int_eq(chunk_decode(state.encoding, exact, len / 2, *stored, times, values, &err),
                         ERR_CORRUPT);
    }
    mem_free(exact);
    mem_free(bytes);
    return len;
}

static uint64_t random_state;
static uint64_t draw(void) { /* splitmix64 */
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const uint64_t odd_bits[] = {
    0,                   /* 0 */
    0x8000000000000000u, /* -0 */
    STALE_BITS,
    NAN_BITS,
    0x7ff0000000000001u, /* a signalling NaN */
    0xffffffffffffffffu,
    0x7ff0000000000000u, /* Inf */
    0xfff0000000000000u,
    1,                   /* the smallest double */
    0x4340000000000000u, /* 2^53 */
    0x4340000000000001u, /* the next */
    0xc340000000000000u,
    0x43e0000000000000u, /* 2^63 */
};

/* one of several ways to make a next value */
static uint64_t next_bits(unsigned kind, uint64_t before) {
    double value = bits_double(before);
    switch (kind) {
    case 0: return before;
    case 1:
        return double_bits(isfinite(value) && fabs(value) < 1e15 ? floor(value) + (double)(draw() % 100) : 5);
    case 2: return double_bits((double)(draw() % 1000) / 8);
    case 3: return draw();
    case 4: return odd_bits[draw() % (sizeof odd_bits / sizeof *odd_bits)];
    case 5: { /* decimals, of few and of many digits */
        static const double powers[] = {1, 10, 1e3, 1e6, 1e7};
        return double_bits((double)(int64_t)(draw() >> (draw() % 64)) / powers[draw() % 5]);
    }
    default: return double_bits((double)(int64_t)(draw() >> (draw() % 64)));
    }
}

static int64_t next_time(unsigned kind, int64_t before) {
    switch (kind) {
    case 0: return before + 15000;
    case 1: return before + 14990 + (int64_t)(draw() % 21);
    case 2: return before + 1 + (int64_t)(draw() % 100000);
    default: return before + 1 + (int64_t)(draw() >> (40 + draw() % 24));
    }
}

START_TEST(random_columns_come_back) {
    for (uint64_t seed = 0; seed < 20000; seed++) {
        random_state = seed;
        struct column column = {.count = 1 + draw() % CHUNK_SAMPLES};
        int64_t time = (int64_t)(draw() >> (draw() % 64)) / 2;
        uint64_t bits = next_bits((unsigned)(draw() % 7), 0);
        unsigned kinds = (unsigned)draw(), often = (unsigned)(draw() % 20) + 1,
                 time_kind = (unsigned)draw() % 4;
        for (size_t i = 0; i < column.count; i++) {
            column.times[i] = time;
            column.bits[i] = bits;
            time = next_time(time_kind, time);
            bits = next_bits(draw() % often ? kinds % 7 : (unsigned)(draw() % 7), bits);
        }
        size_t stored;
        round_trip(&column, &stored);
        if (stored < column.count) ck_assert_uint_ge(stored, 50);
    }
}
END_TEST

START_TEST(extreme_times_come_back) {
    struct column column = {.count = 4};
    int64_t times[] = {INT64_MIN, -1, 0, INT64_MAX};
    memcpy(column.times, times, sizeof times);
    size_t stored;
    round_trip(&column, &stored);
    ck_assert_uint_eq(stored, 4);
}
END_TEST

START_TEST(odd_bit_patterns_come_back) {
    struct column column = {.count = sizeof odd_bits / sizeof *odd_bits};
    for (size_t i = 0; i < column.count; i++) {
        column.times[i] = (int64_t)i;
        column.bits[i] = odd_bits[i];
    }
    size_t stored;
    round_trip(&column, &stored);
    ck_assert_uint_eq(stored, column.count);
}
END_TEST

static size_t size_of(double (*value)(size_t i)) {
    struct column column = {.count = CHUNK_SAMPLES};
    for (size_t i = 0; i < CHUNK_SAMPLES; i++) {
        column.times[i] = 1700000000000 + (int64_t)i * 15000;
        column.bits[i] = double_bits(value(i));
    }
    size_t stored;
    size_t size = round_trip(&column, &stored);
    ck_assert_uint_eq(stored, CHUNK_SAMPLES);
    return size;
}

static double constant(size_t i) {
    (void)i;
    return 42.5;
}
static double steady_counter(size_t i) {
    return 1e6 + (double)i * 100;
}
static double busy_counter(size_t i) {
    return 1e6 + (double)i * 100 + (double)(i * i * 7919 % 23);
}
static double ended_counter(size_t i) {
    return i == CHUNK_SAMPLES - 1 ? value_stale() : steady_counter(i);
}

static double seldom_counter(size_t i) {
    return 5000 + (double)(i / 8 * 37);
}
static double decimal_gauge(size_t i) {
    return (double)(i * i * 7919 % 99991) / 1000;
}
static double growing_scale(size_t i) {
    return i < 40 ? (double)i : i < 80 ? (double)i / 10 : (double)i / 1000;
}

START_TEST(ordinary_series_are_small) {
    ck_assert_uint_le(size_of(constant), 42);
    ck_assert_uint_le(size_of(steady_counter), 45);
    ck_assert_uint_le(size_of(ended_counter), 55);
    ck_assert_uint_le(size_of(busy_counter), 200);
    ck_assert_uint_le(size_of(seldom_counter), 75);
    ck_assert_uint_le(size_of(decimal_gauge), 360);
    ck_assert_uint_le(size_of(growing_scale), 60);
}
END_TEST

START_TEST(a_full_chunk_takes_no_more) {
    struct chunk_state state = {0};
    uint8_t bytes[CHUNK_MAX_BYTES];
    size_t needed;
    for (int64_t i = 0; i < CHUNK_SAMPLES; i++)
        ck_assert_int_eq(chunk_append(&state, bytes, sizeof bytes, i, double_bits(1), &needed), CHUNK_STORED);
    struct chunk_state before = state;
    ck_assert_int_eq(chunk_append(&state, bytes, sizeof bytes, 1000, double_bits(1), &needed), CHUNK_FULL);
    ck_assert_mem_eq(&before, &state, sizeof state);
}
END_TEST

START_TEST(fractions_turn_a_chunk_to_xor) {
    struct chunk_state state = {0};
    uint8_t bytes[CHUNK_MAX_BYTES];
    size_t needed;
    for (int64_t i = 0; i < 10; i++)
        ck_assert_int_eq(chunk_append(&state, bytes, sizeof bytes, i, double_bits((double)i), &needed),
                         CHUNK_STORED);
    ck_assert_int_eq(chunk_kind(state.encoding), CHUNK_NUMBERS);
    for (int64_t i = 10; i < 30; i++)
        ck_assert_int_eq(chunk_append(&state, bytes, sizeof bytes, i, double_bits(sqrt((double)i)), &needed),
                         CHUNK_STORED);
    ck_assert_int_eq(state.encoding, CHUNK_XOR);
    ck_assert_uint_eq(state.count, 30);
}
END_TEST

START_TEST(unknown_encodings_are_refused) {
    int64_t time;
    double value;
    struct err err;
    ck_assert_int_eq(chunk_decode(0, (const uint8_t *)"x", 1, 1, &time, &value, &err), ERR_CORRUPT);
    ck_assert_int_eq(chunk_decode(9, (const uint8_t *)"x", 1, 1, &time, &value, &err), ERR_CORRUPT);
}
END_TEST

CHECK_MAIN("chunk", random_columns_come_back, extreme_times_come_back, odd_bit_patterns_come_back,
           ordinary_series_are_small, a_full_chunk_takes_no_more, fractions_turn_a_chunk_to_xor,
           unknown_encodings_are_refused)
