// links: storage_foreign
/*
 * Rows packed as Prometheus' chunks, and read back by the reader of Prometheus' own files.
 */
#include "storage/remote/read_chunk.h"

#include "storage/foreign/chunk.h"
#include "tests/check_main.h"

#include <math.h>

static struct columns columns, back;
static struct buf out;
static struct read_chunk chunk;
static size_t chunks;

static void begin(void) {
    columns_init(&columns, NULL);
    columns_init(&back, NULL);
    buf_init(&out, (size_t)64 << 20);
    chunks = 0;
}

static void end(void) {
    columns_release(&columns);
    columns_release(&back);
    buf_release(&out);
}

static void add(int64_t time_ms, double value) {
    ck_assert_int_eq(columns_reserve(&columns, 1, NULL), 0);
    columns.times_ms[columns.count] = time_ms;
    columns.values[columns.count++] = value;
}

static void add_histogram(int64_t time_ms, const struct histogram *histogram) {
    struct err err = {0};
    ck_assert_msg(value_is_stale(histogram->sum) || histogram_check(histogram, &err) == 0, "%s", err.text);
    ck_assert_int_eq(columns_add_histogram(&columns, time_ms, histogram, NULL), 0);
}

/* everything packed, read back, the same; what is told of each chunk is true */
static void check(void) {
    for (size_t row = 0; row < columns.count; row = chunk.end, chunks++) {
        struct err err = {0};
        buf_reset(&out);
        ck_assert(read_chunk_write(&columns, row, &out, &chunk));
        ck_assert_uint_gt(chunk.end, row);
        ck_assert_int_eq(chunk.mint, columns.times_ms[row]);
        ck_assert_int_eq(chunk.maxt, columns.times_ms[chunk.end - 1]);
        ck_assert_msg(foreign_chunk_read((uint8_t)chunk.encoding, buf_view(&out), &back, &err) == 0, "%s",
                      err.text);
        ck_assert_uint_eq(back.count, chunk.end);
    }
    for (size_t i = 0; i < columns.count; i++) {
        const struct histogram *a = columns_histogram(&columns, i), *b = columns_histogram(&back, i);
        ck_assert_int_eq(columns.times_ms[i], back.times_ms[i]);
        ck_assert_uint_eq(double_bits(columns.values[i]), double_bits(back.values[i]));
        ck_assert(!a == !b);
        if (!a) continue;
        struct histogram same = *b;
        same.reset = a->reset; /* told apart below */
        ck_assert_msg(histogram_equal(a, &same), "row %zu", i);
    }
}

START_TEST(floats_of_every_kind_come_back) {
    static const double values[] = {0,   -0.0,     1,         1.5,       1e300,     -1e-300,  1 / 3.0,
                                    NAN, INFINITY, -INFINITY, 123456789, 123456790, 123456790};
    static const int64_t steps[] = {1, 15000, 15001, 1000, 100000, 700000, 1, (int64_t)1 << 40, 15000};
    int64_t time_ms = -100000;
    for (size_t i = 0; i < 500; i++) {
        add(time_ms, i % 50 == 49 ? value_stale() : values[i % 13] * (double)(1 + i / 13));
        time_ms += steps[i % 9];
    }
    check();
    ck_assert_uint_eq(chunks, 5); /* 120 rows each */
    ck_assert_int_eq(chunk.encoding, READ_XOR);
}
END_TEST

START_TEST(steps_at_the_limits_of_their_codes_come_back) {
    static const int sizes[] = {14, 17, 20, 40};
    int64_t time_ms = 0, step = (int64_t)1 << 45;
    add(time_ms, 1);
    for (int i = 0; i < 4; i++)
        for (int64_t off = -2; off <= 2; off++)
            for (int sign = -1; sign <= 1; sign += 2) {
                step += sign * (((int64_t)1 << (sizes[i] - 1)) + off);
                add(time_ms += step, (double)i);
            }
    check();
}
END_TEST

static const struct histogram_span spans[] = {{-3, 2}, {4, 1}};

/* n: what has been counted */
static struct histogram make(double n, double counts[6], bool is_integer) {
    for (int i = 0; i < 6; i++) counts[i] = n * (i + 1) + (is_integer ? 0 : 0.25 * i);
    double sum = 0;
    for (int i = 0; i < 6; i++) sum += counts[i];
    return (struct histogram){.schema = 2,
                              .is_integer = is_integer,
                              .zero_threshold = 0.001,
                              .zero_count = n,
                              .count = sum + n,
                              .sum = n * 1.25,
                              .positive = {spans, counts, 2, 3},
                              .negative = {spans, counts + 3, 2, 3}};
}

static void add_made(int64_t time_ms, double n, bool is_integer) {
    double counts[6];
    struct histogram h = make(n, counts, is_integer);
    add_histogram(time_ms, &h);
}

START_TEST(histograms_come_back_and_a_reset_begins_a_chunk) {
    for (int is_integer = 0; is_integer <= 1; is_integer++) {
        columns_reset(&columns);
        columns_reset(&back);
        chunks = 0;
        for (int i = 0; i < 100; i++) add_made(15000 * i, 5 + i * i, is_integer);
        check();
        ck_assert_uint_eq(chunks, 1);
        ck_assert_int_eq(chunk.encoding, is_integer ? READ_HISTOGRAM : READ_FLOAT_HISTOGRAM);
        add_made(15000 * 100, 3, is_integer);
        add_made(15000 * 101, 4, is_integer);
        columns_reset(&back);
        chunks = 0;
        check();
        ck_assert_uint_eq(chunks, 2);
        ck_assert_int_eq(columns_histogram(&back, 100)->reset, HISTOGRAM_RESET_UNKNOWN);
        ck_assert_int_eq(columns_histogram(&back, 101)->reset, HISTOGRAM_RESET_NO);
    }
}
END_TEST

START_TEST(kinds_and_layouts_and_markers_are_chunks_of_their_own) {
    static const double bounds[] = {0.005, 1, 2.5, 1e9, 1.0 / 3 * 1e10};
    double counts[6] = {1, 2, 3, 4, 5, 6};
    struct histogram h = make(4, counts, true), stale = histogram_stale();
    const struct histogram_span all = {0, 6};
    const struct histogram custom = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                                     .is_integer = true,
                                     .count = 84,
                                     .sum = 3,
                                     .positive = {&all, counts, 1, 6},
                                     .bounds = bounds,
                                     .bound_count = 5};
    add(1, 1);
    add_histogram(2, &h);
    h.zero_threshold = 0.3; /* no power of two */
    add_histogram(3, &h);
    add_histogram(4, &stale);
    add_histogram(5, &custom);
    add_histogram(6, &custom);
    h.reset = HISTOGRAM_RESET_GAUGE;
    add_histogram(7, &h);
    add_made(8, 2, false);
    add(9, 2);
    h.zero_threshold = 0x1p-10;
    h.schema = -4;
    add_histogram(10, &h);
    check();
    ck_assert_uint_eq(chunks, 9);
    ck_assert_int_eq(columns_histogram(&back, 6)->reset, HISTOGRAM_RESET_GAUGE);
}
END_TEST

START_TEST(numbers_beyond_doubles_do_no_harm) {
    double counts[6];
    struct histogram h = make(0x1p61, counts, true);
    h.count = 0x1p64;
    for (int i = 0; i < 6; i++) counts[i] = i == 5 ? 0x1p64 : i == 3 ? 0x1p63 : 0;
    ck_assert_int_eq(columns_add_histogram(&columns, 1, &h, NULL), 0);
    ck_assert_int_eq(columns_add_histogram(&columns, 2, &h, NULL), 0);
    ck_assert(read_chunk_write(&columns, 0, &out, &chunk));
    ck_assert_uint_eq(chunk.end, 2);
}
END_TEST

START_TEST(gauges_that_go_up_and_down_are_one_chunk) {
    for (int i = 0; i < 60; i++) {
        double counts[6];
        struct histogram h = make(1 + (i * 7) % 13, counts, i >= 30);
        h.reset = HISTOGRAM_RESET_GAUGE;
        add_histogram(i, &h);
    }
    check();
    ck_assert_uint_eq(chunks, 2);
}
END_TEST

START_TEST(a_buf_that_is_too_small_is_told) {
    add(1, 1);
    buf_release(&out);
    buf_init(&out, 16);
    ck_assert(!read_chunk_write(&columns, 0, &out, &chunk));
}
END_TEST

int main(void) {
    const TTest *const tests[] = {floats_of_every_kind_come_back,
                                  steps_at_the_limits_of_their_codes_come_back,
                                  histograms_come_back_and_a_reset_begins_a_chunk,
                                  kinds_and_layouts_and_markers_are_chunks_of_their_own,
                                  numbers_beyond_doubles_do_no_harm,
                                  gauges_that_go_up_and_down_are_one_chunk,
                                  a_buf_that_is_too_small_is_told};
    TCase *tcase = tcase_create("read_chunk");
    tcase_add_checked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("read_chunk", tcase);
}
