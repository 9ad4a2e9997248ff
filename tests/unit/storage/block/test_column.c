/* Columns come back bit for bit in every form, and any bytes are an error or a column. */
#include "storage/block/column.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "tests/check_main.h"

#include <math.h>
#include <string.h>

static uint64_t seed = 7;

static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void init_streams(struct buf streams[STREAM_COUNT]) {
    for (int i = 0; i < STREAM_COUNT; i++) buf_init(&streams[i], 1 << 20);
}

static void release_streams(struct buf streams[STREAM_COUNT]) {
    for (int i = 0; i < STREAM_COUNT; i++) buf_release(&streams[i]);
}

static void read_from(const struct buf streams[STREAM_COUNT], struct cursor cursors[STREAM_COUNT]) {
    for (int i = 0; i < STREAM_COUNT; i++)
        cursors[i] = cursor_of(streams[i].data ? streams[i].data : "", streams[i].len);
}

static size_t bytes_of(const struct buf streams[STREAM_COUNT]) {
    size_t bytes = 0;
    for (int i = 0; i < STREAM_COUNT; i++) bytes += streams[i].len;
    return bytes;
}

/* any part of a page comes as the whole page has it; and its staleness markers, of CONTROL alone where that
 * tells them */
static void check_part(const struct buf streams[STREAM_COUNT], const double *values, size_t count) {
    struct cursor cursors[STREAM_COUNT];
    struct column_part part = {.to = 1 + draw() % count};
    double *back = mem_array(count, sizeof *back);
    part.from = draw() % (part.to + 1);
    read_from(streams, cursors);
    ck_assert_int_eq(column_read_values(cursors, count, &part, back, NULL), 0);
    ck_assert(memcmp(back, values + part.from, (part.to - part.from) * sizeof *values) == 0);
    for (int i = 0; i < STREAM_COUNT; i++) ck_assert_uint_eq(cursor_left(&cursors[i]), streams[i].len / 2);
    part.only_markers = true;
    read_from(streams, cursors);
    struct buf blank[STREAM_COUNT];
    init_streams(blank);
    bool hides = column_hides_markers(&cursors[STREAM_CONTROL]);
    for (int i = STREAM_LOW; !hides && i < STREAM_COUNT; i++) {
        for (size_t k = 0; k < streams[i].len; k++) buf_putc(&blank[i], 0x55);
        cursors[i] = cursor_of(blank[i].data ? blank[i].data : "", blank[i].len);
    }
    ck_assert_int_eq(column_read_values(cursors, count, &part, back, NULL), 0);
    for (size_t i = part.from; i < part.to; i++)
        ck_assert(value_is_stale(back[i - part.from]) == value_is_stale(values[i]));
    for (int i = 0; i < STREAM_COUNT; i++) ck_assert_uint_eq(cursor_left(&cursors[i]), streams[i].len / 2);
    release_streams(blank);
    mem_free(back);
}

/* twice in a row: the first is skipped, the second read; everything is used up. Answers the bytes of one. */
static size_t check_values(const double *values, size_t count) {
    struct buf streams[STREAM_COUNT];
    struct cursor cursors[STREAM_COUNT];
    const struct column_part nothing = {0}, all = {.to = count};
    double *back = mem_array(count, sizeof *back);
    init_streams(streams);
    column_write_values(streams, values, count);
    size_t bytes = bytes_of(streams);
    column_write_values(streams, values, count);
    read_from(streams, cursors);
    ck_assert_int_eq(column_read_values(cursors, count, &nothing, NULL, NULL), 0);
    ck_assert_int_eq(column_read_values(cursors, count, &all, back, NULL), 0);
    ck_assert(memcmp(back, values, count * sizeof *values) == 0);
    for (int i = 0; i < STREAM_COUNT; i++) ck_assert_uint_eq(cursor_left(&cursors[i]), 0);
    check_part(streams, values, count);
    mem_free(back);
    release_streams(streams);
    return bytes;
}

START_TEST(a_constant_costs_nine_bytes_whatever_its_bits) {
    static const double constants[] = {
        0, -0.0, 42, 0.1, INFINITY, -INFINITY, NAN, 5e-324, 1.7976931348623157e308};
    double values[PAGE_SAMPLES];
    for (size_t c = 0; c <= sizeof constants / sizeof *constants; c++) {
        double value = c < sizeof constants / sizeof *constants ? constants[c] : value_stale();
        for (size_t i = 0; i < PAGE_SAMPLES; i++) values[i] = value;
        ck_assert_uint_eq(check_values(values, PAGE_SAMPLES), 9);
        ck_assert_uint_eq(check_values(values, 1), 9);
    }
}
END_TEST

START_TEST(a_steady_counter_is_told_by_its_second_differences) {
    double values[PAGE_SAMPLES];
    for (size_t i = 0; i < PAGE_SAMPLES; i++) values[i] = 1e6 + 1000.0 * (double)i;
    /* one change in a bitmap of all: beyond it nothing grows with the samples */
    ck_assert_uint_lt(check_values(values, PAGE_SAMPLES), PAGE_SAMPLES / 8 + 32);
}
END_TEST

START_TEST(changes_that_are_rare_cost_a_bit_each) {
    double values[PAGE_SAMPLES], value = 7;
    for (size_t i = 0; i < PAGE_SAMPLES; i++) values[i] = i % 16 == 15 ? value += 3 + (double)(i % 7) : value;
    ck_assert_uint_lt(check_values(values, PAGE_SAMPLES), PAGE_SAMPLES / 8 + PAGE_SAMPLES / 16 + 32);
}
END_TEST

START_TEST(decimals_are_whole_numbers_of_a_scale) {
    double values[PAGE_SAMPLES], power = 1;
    for (int scale = 0; scale <= 6; scale++, power *= 10) {
        int64_t number = 123456;
        for (size_t i = 0; i < PAGE_SAMPLES; i++)
            values[i] = (double)(number += (int64_t)(draw() % 201) - 100) / power;
        ck_assert_uint_lt(check_values(values, PAGE_SAMPLES), PAGE_SAMPLES * 5 / 4 + 64);
    }
}
END_TEST

START_TEST(what_is_no_number_of_the_scale_is_an_exception_in_place) {
    static const uint64_t odd[] = {0x8000000000000000u,
                                   0x7ff8dead0000beefu,
                                   0x7ff0000000000001u,
                                   0xfff8000000000001u,
                                   0x7ff0000000000000u,
                                   0xfff0000000000000u,
                                   1u,
                                   STALE_BITS};
    for (size_t count = 2; count <= PAGE_SAMPLES; count = count * 3 + 1) {
        double values[PAGE_SAMPLES];
        for (size_t i = 0; i < count; i++) values[i] = (double)(draw() % 1000);
        (void)check_values(values, count);
        for (size_t i = 0; i < count; i += 17)
            values[i] = bits_double(odd[i / 17 % 8]); /* first, and last at times */
        (void)check_values(values, count);
        values[count - 1] = bits_double(odd[count % 8]);
        (void)check_values(values, count);
    }
}
END_TEST

START_TEST(random_bits_and_mixtures_come_back) {
    double values[PAGE_SAMPLES];
    for (int round = 0; round < 300; round++) {
        size_t count = 1 + draw() % (round % 10 ? 300 : PAGE_SAMPLES);
        int kind = round % 5;
        for (size_t i = 0; i < count; i++) {
            double before = i ? values[i - 1] : 1;
            switch (kind) {
            case 0: values[i] = bits_double(draw()); break;
            case 1: values[i] = sin((double)i) * 1e3; break;
            case 2: values[i] = draw() % 2 ? before : bits_double(draw()); break;
            case 3: values[i] = (double)(int64_t)draw(); break; /* beyond 2^53 */
            default: values[i] = 9007199254740992.0 - (double)(draw() % 4); break;
            }
        }
        (void)check_values(values, count);
    }
}
END_TEST

START_TEST(times_of_any_steps_come_back) {
    int64_t times[PAGE_SAMPLES], back[PAGE_SAMPLES];
    for (int round = 0; round < 100; round++) {
        size_t count = 1 + draw() % PAGE_SAMPLES;
        struct buf streams[STREAM_COUNT];
        struct cursor cursors[STREAM_COUNT];
        for (size_t i = 0; i < count; i++)
            times[i] =
                round % 3 == 0 ? (int64_t)draw() : 1700000000000 + (int64_t)i * 15000 + (int64_t)(draw() % 5);
        if (round == 1) times[0] = INT64_MIN, times[count - 1] = INT64_MAX;
        init_streams(streams);
        column_write_times(streams, times, count);
        read_from(streams, cursors);
        ck_assert_int_eq(column_read_times(cursors, back, count, NULL), 0);
        ck_assert(memcmp(times, back, count * sizeof *times) == 0);
        release_streams(streams);
    }
}
END_TEST

START_TEST(missing_bytes_and_unknown_forms_are_corrupt) {
    double values[200], back[PAGE_SAMPLES];
    struct buf streams[STREAM_COUNT];
    struct cursor cursors[STREAM_COUNT];
    const struct column_part all = {.to = 200};
    struct err err;
    for (size_t i = 0; i < 200; i++) values[i] = i % 50 ? (double)(draw() % 100000) : value_stale();
    init_streams(streams);
    column_write_values(streams, values, 200);
    for (int i = 0; i < STREAM_COUNT; i++) {
        for (size_t len = 0; len < streams[i].len; len++) {
            read_from(streams, cursors);
            cursors[i] = cursor_of(streams[i].data, len);
            ck_assert_int_eq(column_read_values(cursors, 200, &all, back, &err), ERR_CORRUPT);
        }
    }
    for (unsigned head = 0; head < 256; head++) {
        bool is_unknown = (head & 3) == 3 || ((head & 3) == 1 && head >> 4 > 6);
        streams[STREAM_CONTROL].data[0] = (char)head;
        read_from(streams, cursors);
        int rc = column_read_values(cursors, 200, &all, back, &err);
        ck_assert(rc == 0 || rc == ERR_CORRUPT);
        if (is_unknown) ck_assert_int_eq(rc, ERR_CORRUPT);
    }
    read_from(streams, cursors);
    ck_assert_int_eq(column_read_values(cursors, 0, &all, back, &err), ERR_CORRUPT);
    read_from(streams, cursors);
    ck_assert_int_eq(column_read_values(cursors, PAGE_SAMPLES + 1, &all, back, &err), ERR_CORRUPT);
    release_streams(streams);
}
END_TEST

CHECK_MAIN("column", a_constant_costs_nine_bytes_whatever_its_bits,
           a_steady_counter_is_told_by_its_second_differences, changes_that_are_rare_cost_a_bit_each,
           decimals_are_whole_numbers_of_a_scale, what_is_no_number_of_the_scale_is_an_exception_in_place,
           random_bits_and_mixtures_come_back, times_of_any_steps_come_back,
           missing_bytes_and_unknown_forms_are_corrupt)
