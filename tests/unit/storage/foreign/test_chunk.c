/*
 * Chunks written bit by bit here, after the published format, and read by storage/foreign.
 */
#include "tests/check_main.h"

#include "storage/foreign/chunk.h"

#include <math.h>

/* "1 01 11..." high bit first, blanks left out */
struct bits {
    uint8_t bytes[256];
    size_t count;
};

static void put(struct bits *bits, uint64_t value, unsigned count) {
    for (unsigned i = count; i-- > 0; bits->count++)
        if (value >> i & 1) bits->bytes[bits->count / 8] |= (uint8_t)(0x80 >> bits->count % 8);
}

static void put_text(struct bits *bits, const char *text) {
    for (; *text; text++)
        if (*text != ' ') put(bits, *text == '1', 1);
}

static void put_double(struct bits *bits, double value) {
    put(bits, double_bits(value), 64);
}

static int read(const struct bits *bits, uint8_t encoding, struct columns *columns) {
    return foreign_chunk_read(encoding, span_of((const char *)bits->bytes, (bits->count + 7) / 8), columns,
                              NULL);
}

START_TEST(xor_chunk_reads_every_code) {
    struct bits bits = {0};
    put(&bits, 4, 16);
    put(&bits, 0xd0, 8), put(&bits, 0x0f, 8); /* 1000 as zigzag LEB128 */
    put_double(&bits, 1);
    put(&bits, 100, 8); /* step */
    put_text(&bits, "0");
    put_text(&bits, "10"), put(&bits, 5, 14); /* step 105 */
    put_text(&bits, "11"), put(&bits, 1, 5), put(&bits, 12, 6), put(&bits, 0x3ff ^ 0x400, 11);
    put(&bits, 0, 1);                                        /* bits 1..12: 1.0 -> 2.0 is 0x7ff0... */
    put_text(&bits, "1111"), put(&bits, (uint64_t)-205, 64); /* step -100 */
    put_text(&bits, "0");
    struct columns columns;
    columns_init(&columns, NULL);
    ck_assert_int_eq(read(&bits, FOREIGN_XOR, &columns), 0);
    ck_assert_uint_eq(columns.count, 4);
    static const int64_t times[] = {1000, 1100, 1205, 1105};
    for (int i = 0; i < 4; i++) ck_assert_int_eq(columns.times_ms[i], times[i]);
    ck_assert_double_eq(columns.values[1], 1);
    ck_assert_double_eq(columns.values[2], 2);
    ck_assert_double_eq(columns.values[3], 2);
    columns_release(&columns);
}
END_TEST

START_TEST(xor_chunk_that_ends_early_keeps_what_was_read) {
    struct bits bits = {0};
    put(&bits, 9, 16);
    put(&bits, 2, 8);
    put_double(&bits, 7);
    struct columns columns;
    columns_init(&columns, NULL);
    ck_assert_int_eq(read(&bits, FOREIGN_XOR, &columns), ERR_CORRUPT);
    ck_assert_uint_eq(columns.count, 1);
    columns_release(&columns);
}
END_TEST

START_TEST(unknown_encoding_and_short_data_are_refused) {
    struct bits bits = {.count = 64};
    struct columns columns;
    columns_init(&columns, NULL);
    ck_assert_int_eq(read(&bits, 9, &columns), ERR_UNSUPPORTED);
    bits.count = 8;
    ck_assert_int_eq(read(&bits, FOREIGN_XOR, &columns), ERR_CORRUPT);
    columns_release(&columns);
}
END_TEST

/* schema 1, threshold 0.5, positive span {-1, 2}, no negative one */
static void put_layout(struct bits *bits) {
    put(bits, 243, 8);                      /* 2^(243 - 244) = 0.5 */
    put_text(bits, "10 001");               /* schema 1 */
    put_text(bits, "10 001 10 010 10 111"); /* one span, length 2, offset -1 */
    put_text(bits, "0");                    /* no negative span */
}

START_TEST(histogram_chunk_adds_up_differences) {
    struct bits bits = {0};
    put(&bits, 3, 16), put(&bits, 0, 8);
    put_layout(&bits);
    put_text(&bits, "110 001010");        /* time 10 */
    put_text(&bits, "110 001000 10 001"); /* count 8, zero 1 */
    put_double(&bits, 2.5);
    put_text(&bits, "10 011 10 001");       /* buckets 3, 3 + 1 */
    put_text(&bits, "110 000101 10 010 0"); /* time +5, count +2, zero +0 */
    put_text(&bits, "0");                   /* the same sum */
    put_text(&bits, "10 001 0");            /* first difference +1, second +0: 4, 5 */
    put_text(&bits, "0 0 0 0 0 0");         /* all steps again: 5, 6 */
    struct columns columns;
    columns_init(&columns, NULL);
    ck_assert_int_eq(read(&bits, FOREIGN_HISTOGRAM, &columns), 0);
    ck_assert_uint_eq(columns.count, 3);
    static const struct {
        int64_t time;
        double count, first, second;
        enum histogram_reset reset;
    } wanted[] = {{10, 8, 3, 4, HISTOGRAM_RESET_UNKNOWN},
                  {15, 10, 4, 5, HISTOGRAM_RESET_NO},
                  {20, 12, 5, 6, HISTOGRAM_RESET_NO}};
    for (size_t i = 0; i < 3; i++) {
        const struct histogram *h = columns_histogram(&columns, i);
        ck_assert_int_eq(columns.times_ms[i], wanted[i].time);
        ck_assert(h->is_integer && h->schema == 1 && h->positive.count == 2);
        ck_assert_int_eq(h->positive.spans[0].offset, -1);
        ck_assert_int_eq(h->reset, wanted[i].reset);
        ck_assert_double_eq(h->zero_threshold, 0.5);
        ck_assert_double_eq(h->zero_count, 1);
        ck_assert_double_eq(h->sum, 2.5);
        ck_assert_double_eq(h->count, wanted[i].count);
        ck_assert_double_eq(h->positive.counts[0], wanted[i].first);
        ck_assert_double_eq(h->positive.counts[1], wanted[i].second);
    }
    columns_release(&columns);
}
END_TEST

START_TEST(float_histogram_chunk_of_gauges_with_custom_bounds) {
    struct bits bits = {0};
    put(&bits, 2, 16), put(&bits, 0xc0, 8);
    put(&bits, 0, 8); /* threshold 0 */
    put_text(&bits, "11111110"), put(&bits, (uint64_t)(((int64_t)1 << 56) - 53), 56);
    put_text(&bits, "10 001 10 010 0 0");               /* span {0, 2}; no negative */
    put_text(&bits, "10 001");                          /* one bound */
    put_text(&bits, "111110"), put(&bits, 250 + 1, 18); /* 0.25 */
    put_text(&bits, "10 001");                          /* time 1 */
    put_double(&bits, 3.5), put_double(&bits, 0), put_double(&bits, 9);
    put_double(&bits, 1.5), put_double(&bits, 2);
    put_text(&bits, "10 001 0 0 0 0 0"); /* a millisecond later the same */
    struct columns columns;
    columns_init(&columns, NULL);
    ck_assert_int_eq(read(&bits, FOREIGN_FLOAT_HISTOGRAM, &columns), 0);
    const struct histogram *h = columns_histogram(&columns, 1);
    ck_assert_int_eq(columns.times_ms[1], 2);
    ck_assert(!h->is_integer && h->schema == HISTOGRAM_SCHEMA_CUSTOM && h->reset == HISTOGRAM_RESET_GAUGE);
    ck_assert_uint_eq(h->bound_count, 1);
    ck_assert_double_eq(h->bounds[0], 0.25);
    ck_assert_double_eq(h->positive.counts[0], 1.5);
    ck_assert_double_eq(h->count, 3.5);
    columns_release(&columns);
}
END_TEST

START_TEST(histogram_of_too_many_buckets_is_refused) {
    struct bits bits = {0};
    put(&bits, 1, 16), put(&bits, 0, 8), put(&bits, 0, 8);
    put_text(&bits, "0 10 001 11111110"), put(&bits, (uint64_t)1 << 40, 56);
    bits.count = 1600;
    struct columns columns;
    columns_init(&columns, NULL);
    ck_assert_int_eq(read(&bits, FOREIGN_HISTOGRAM, &columns), ERR_CORRUPT);
    ck_assert_uint_eq(columns.count, 0);
    columns_release(&columns);
}
END_TEST

CHECK_MAIN("foreign chunk", xor_chunk_reads_every_code, xor_chunk_that_ends_early_keeps_what_was_read,
           unknown_encoding_and_short_data_are_refused, histogram_chunk_adds_up_differences,
           float_histogram_chunk_of_gauges_with_custom_bounds, histogram_of_too_many_buckets_is_refused)
