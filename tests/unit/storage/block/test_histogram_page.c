/* Histograms come back bit for bit, layouts changing between them; any bytes are an error or histograms. */
#include "storage/block/histogram_page.h"
#include "storage/chunk/histogram_code.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "tests/check_main.h"

#include <math.h>
#include <string.h>

#define SAMPLES 120

static uint64_t seed = 11;

static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct arena arena;
static const struct histogram *made[SAMPLES];
static int64_t times[SAMPLES];

static double draw_count(bool is_integer, double before) {
    return is_integer ? before + (double)(draw() % 50) : bits_double(draw());
}

static void draw_buckets(struct histogram_buckets *buckets, bool is_integer,
                         const struct histogram_buckets *before) {
    if (before) {
        *buckets = *before;
    } else {
        struct histogram_span *spans = arena_array(&arena, 2, sizeof *spans);
        spans[0] = (struct histogram_span){(int32_t)(draw() % 20) - 10, 1 + (uint32_t)(draw() % 4)};
        spans[1] = (struct histogram_span){(int32_t)(draw() % 5), (uint32_t)(draw() % 4)};
        *buckets = (struct histogram_buckets){
            .spans = spans, .span_count = 2, .count = spans[0].length + spans[1].length};
    }
    double *counts = arena_array(&arena, buckets->count, sizeof *counts);
    for (uint32_t i = 0; i < buckets->count; i++)
        counts[i] = draw_count(is_integer, before ? before->counts[i] : 0);
    buckets->counts = counts;
}

/* before: of the same layout, or NULL */
static struct histogram *draw_histogram(bool is_integer, const struct histogram *before) {
    struct histogram *h = arena_zalloc(&arena, sizeof *h);
    if (before) *h = *before;
    h->is_integer = is_integer;
    h->reset = (uint8_t)(draw() % 4);
    if (!before) h->schema = draw() % 4 ? (int8_t)(draw() % 12) - 4 : HISTOGRAM_SCHEMA_CUSTOM;
    if (!before) h->zero_threshold = bits_double(draw() >> 2);
    if (!before && h->schema == HISTOGRAM_SCHEMA_CUSTOM) {
        double *bounds = arena_array(&arena, 5, sizeof *bounds);
        for (int i = 0; i < 5; i++) bounds[i] = bits_double(draw());
        h->bounds = bounds;
        h->bound_count = 5;
    }
    draw_buckets(&h->positive, is_integer, before ? &before->positive : NULL);
    draw_buckets(&h->negative, is_integer, before ? &before->negative : NULL);
    h->count = draw_count(is_integer, h->count);
    h->zero_count = draw_count(is_integer, h->zero_count);
    h->sum = draw() % 9 ? (double)(int64_t)draw() / 1e9 : NAN;
    return h;
}

static void draw_page(void) {
    const struct histogram *before = NULL;
    arena_init(&arena, SIZE_MAX, NULL);
    for (int i = 0; i < SAMPLES; i++) {
        bool is_integer = i / 40 != 1;
        struct histogram *h = arena_zalloc(&arena, sizeof *h);
        if (i % 40 == 0 || draw() % 10 == 0) before = NULL;
        if (i % 13 == 5)
            *h = histogram_stale();
        else
            before = h = draw_histogram(is_integer, before);
        made[i] = h;
        times[i] = 1000 * i;
    }
}

static void write_page(struct buf *out) {
    buf_init(out, 1 << 20);
    draw_page();
    histogram_page_write(out, made, SAMPLES);
    ck_assert(!out->failed);
}

START_TEST(histograms_come_back_bit_for_bit) {
    for (int round = 0; round < 50; round++) {
        struct buf page;
        struct columns columns;
        write_page(&page);
        for (int part = 0; part < 2; part++) {
            int64_t mint = part ? 10000 : INT64_MIN, maxt = part ? 99999 : INT64_MAX;
            size_t first = part ? 10 : 0, count = part ? 90 : SAMPLES;
            struct cursor cursor = cursor_of(page.data, page.len);
            columns_init(&columns, NULL);
            ck_assert_int_eq(histogram_page_read(&cursor, times, SAMPLES, mint, maxt, &columns, NULL), 0);
            ck_assert_uint_eq(cursor_left(&cursor), 0);
            ck_assert_uint_eq(columns.count, count);
            for (size_t i = 0; i < count; i++) {
                ck_assert_int_eq(columns.times_ms[i], times[first + i]);
                ck_assert(histogram_equal(columns.histograms[i], made[first + i]));
                ck_assert_uint_eq(columns.histograms[i]->reset, made[first + i]->reset);
            }
            columns_release(&columns);
        }
        buf_release(&page);
        arena_release(&arena);
    }
}
END_TEST

START_TEST(no_sample_takes_more_than_its_bound) {
    for (int round = 0; round < 50; round++) {
        size_t most = VARINT_MAX;
        struct buf page;
        write_page(&page);
        for (int i = 0; i < SAMPLES; i++) most += histogram_code_most(made[i]);
        ck_assert_uint_le(page.len, most);
        buf_release(&page);
        arena_release(&arena);
    }
}
END_TEST

START_TEST(a_page_that_is_cut_or_too_long_is_corrupt) {
    struct buf page;
    write_page(&page);
    struct cursor whole = cursor_of(page.data, page.len);
    uint64_t len = cursor_varint(&whole);
    for (uint64_t cut = 0; cut <= len; cut++) {
        struct buf shorter;
        struct columns columns;
        buf_init(&shorter, 1 << 20);
        columns_init(&columns, NULL);
        buf_varint(&shorter, cut == len ? len + 1 : cut);
        buf_append(&shorter, whole.p, (size_t)cut);
        if (cut == len) buf_putc(&shorter, 0);
        struct cursor cursor = cursor_of(shorter.data, shorter.len);
        ck_assert_int_eq(histogram_page_read(&cursor, times, SAMPLES, INT64_MIN, INT64_MAX, &columns, NULL),
                         ERR_CORRUPT);
        columns_release(&columns);
        buf_release(&shorter);
    }
    buf_release(&page);
    arena_release(&arena);
}
END_TEST

START_TEST(changed_bytes_crash_nothing) {
    struct buf page;
    write_page(&page);
    for (int round = 0; round < 3000; round++) {
        struct columns columns;
        size_t at = draw() % page.len;
        char was = page.data[at];
        page.data[at] = (char)draw();
        struct cursor cursor = cursor_of(page.data, page.len);
        columns_init(&columns, NULL);
        int rc = histogram_page_read(&cursor, times, SAMPLES, INT64_MIN, INT64_MAX, &columns, NULL);
        ck_assert(rc == 0 || rc == ERR_CORRUPT);
        ck_assert_uint_le(columns.count, SAMPLES);
        columns_release(&columns);
        page.data[at] = was;
    }
    buf_release(&page);
    arena_release(&arena);
}
END_TEST

START_TEST(a_whole_count_never_leaves_its_range) {
    /* flags layout|integer, is_integer, schema 0, threshold, no spans, no bounds, then count: 2^53 or -1 */
    static const int64_t outside[] = {(int64_t)1 << 53, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++) {
        struct buf body, page;
        struct columns columns;
        buf_init(&body, 1000);
        buf_init(&page, 1000);
        buf_append(&body, "\6\1\0\0\0\0\0\0\0\0\0\0\0\0", 14);
        buf_zigzag(&body, outside[i]);
        buf_append(&body, "\0\0", 2);
        buf_varint(&page, body.len);
        buf_span(&page, buf_view(&body));
        struct cursor cursor = cursor_of(page.data, page.len);
        columns_init(&columns, NULL);
        ck_assert_int_eq(histogram_page_read(&cursor, times, 1, INT64_MIN, INT64_MAX, &columns, NULL),
                         ERR_CORRUPT);
        columns_release(&columns);
        buf_release(&body);
        buf_release(&page);
    }
}
END_TEST

CHECK_MAIN("histogram_page", histograms_come_back_bit_for_bit, no_sample_takes_more_than_its_bound,
           a_page_that_is_cut_or_too_long_is_corrupt, changed_bytes_crash_nothing,
           a_whole_count_never_leaves_its_range)
