#include "storage/remote/intake_histogram.h"
#include "tests/check_main.h"
#include "tests/unit/storage/remote/fake_store.h"
#include "tests/unit/storage/remote/write_body.h"

#include "storage/remote/intake.h"

static struct arena arena;
static struct buf message, part;
static struct histogram h;
static int64_t time_ms;
static struct err err;

static void begin(void) {
    arena_init(&arena, 1 << 24, NULL);
    buf_init(&message, 1 << 24);
    buf_init(&part, 1 << 24);
}

static void end(void) {
    arena_release(&arena);
    buf_release(&message);
    buf_release(&part);
}

static int read_message(void) {
    struct span bytes = buf_view(&message);
    err = (struct err){0};
    int rc = intake_histogram_read(bytes, &arena, &h, &time_ms, &err);
    buf_reset(&message);
    return rc;
}

static void put_zigzag(uint32_t number, int64_t value) {
    protobuf_put_varint(&message, number, zigzag_encode(value));
}

static void put_span(uint32_t number, int32_t offset, uint32_t length) {
    buf_reset(&part);
    protobuf_put_varint(&part, 1, zigzag_encode(offset));
    protobuf_put_varint(&part, 2, length);
    protobuf_put_bytes(&message, number, buf_view(&part));
}

static void put_packed_deltas(uint32_t number, const int64_t *deltas, size_t count) {
    buf_reset(&part);
    for (size_t i = 0; i < count; i++) buf_zigzag(&part, deltas[i]);
    protobuf_put_bytes(&message, number, buf_view(&part));
}

static void put_integer_histogram(void) {
    static const int64_t deltas[] = {4, 3, -5};
    protobuf_put_varint(&message, 1, 15);
    protobuf_put_double(&message, 3, 42.5);
    put_zigzag(4, 1);
    protobuf_put_double(&message, 5, 0.001);
    protobuf_put_varint(&message, 6, 1);
    put_span(11, -2, 2);
    put_span(11, 3, 1);
    put_packed_deltas(12, deltas, 3);
    put_span(8, 0, 1);
    put_zigzag(9, 1); /* not packed */
    protobuf_put_varint(&message, 14, 3);
    protobuf_put_varint(&message, 15, 1234);
}

START_TEST(integer_histograms_become_absolute) {
    begin();
    put_integer_histogram();
    ck_assert_int_eq(read_message(), 0);
    ck_assert(h.is_integer && h.schema == 1 && h.reset == HISTOGRAM_RESET_GAUGE && time_ms == 1234);
    ck_assert(h.count == 15 && h.sum == 42.5 && h.zero_threshold == 0.001 && h.zero_count == 1);
    ck_assert_uint_eq(h.positive.span_count, 2);
    ck_assert(h.positive.spans[0].offset == -2 && h.positive.spans[1].length == 1);
    ck_assert_uint_eq(h.positive.count, 3);
    ck_assert(h.positive.counts[0] == 4 && h.positive.counts[1] == 7 && h.positive.counts[2] == 2);
    ck_assert(h.negative.count == 1 && h.negative.counts[0] == 1);
    end();
}
END_TEST

START_TEST(float_histograms_are_absolute_already) {
    static const double counts[] = {1.5, 2.25};
    begin();
    protobuf_put_double(&message, 2, 4.25);
    protobuf_put_double(&message, 7, 0.5);
    put_zigzag(4, -4);
    put_span(11, 0, 2);
    protobuf_put_bytes(&message, 13, span_of((const char *)counts, sizeof counts));
    ck_assert_int_eq(read_message(), 0);
    ck_assert(!h.is_integer && h.schema == -4 && h.count == 4.25 && h.zero_count == 0.5);
    ck_assert(h.positive.count == 2 && h.positive.counts[0] == 1.5 && h.positive.counts[1] == 2.25);
    end();
}
END_TEST

START_TEST(custom_buckets_have_bounds) {
    static const double bounds[] = {0.1, 1, 10};
    static const int64_t deltas[] = {1, 0, 1, 3};
    begin();
    protobuf_put_varint(&message, 1, 9);
    put_zigzag(4, HISTOGRAM_SCHEMA_CUSTOM);
    put_span(11, 0, 4);
    put_packed_deltas(12, deltas, 4);
    protobuf_put_bytes(&message, 16, span_of((const char *)bounds, sizeof bounds));
    ck_assert_int_eq(read_message(), 0);
    ck_assert(h.schema == HISTOGRAM_SCHEMA_CUSTOM && h.bound_count == 3 && h.bounds[2] == 10);
    ck_assert(h.positive.counts[3] == 5);
    end();
}
END_TEST

START_TEST(a_stale_marker_is_nothing_but_its_sum) {
    begin();
    protobuf_put_double(&message, 3, value_stale());
    put_zigzag(4, 3);
    protobuf_put_varint(&message, 15, 7);
    ck_assert_int_eq(read_message(), 0);
    ck_assert(value_is_stale(h.sum) && h.count == 0 && h.positive.count == 0 && time_ms == 7);
    end();
}
END_TEST

START_TEST(what_is_no_histogram_is_invalid_and_what_is_no_protobuf_corrupt) {
    static const int64_t negative[] = {-1}, huge[] = {INT64_MAX, 1};
    begin();
    put_zigzag(4, 9);
    ck_assert_int_eq(read_message(), ERR_INVALID);
    ck_assert_str_eq(err.text, "invalid histogram schema 9");
    put_zigzag(4, 256);
    ck_assert_int_eq(read_message(), ERR_INVALID);
    put_span(11, 0, 2);
    ck_assert_int_eq(read_message(), ERR_INVALID);
    put_span(11, 0, 1);
    put_packed_deltas(12, negative, 1);
    ck_assert_int_eq(read_message(), ERR_INVALID);
    put_span(11, 0, 2);
    put_packed_deltas(12, huge, 2);
    ck_assert_int_eq(read_message(), ERR_INVALID);
    put_span(11, 0, UINT32_MAX);
    ck_assert_int_eq(read_message(), ERR_INVALID);
    protobuf_put_bytes(&message, 13, SPAN("1234567"));
    ck_assert_int_eq(read_message(), ERR_CORRUPT);
    protobuf_put_bytes(&message, 12, SPAN("\x80"));
    ck_assert_int_eq(read_message(), ERR_CORRUPT);
    protobuf_put_bytes(&message, 11, SPAN("\x08"));
    ck_assert_int_eq(read_message(), ERR_CORRUPT);
    protobuf_put_double(&message, 1, 5);
    ck_assert_int_eq(read_message(), ERR_CORRUPT);
    put_integer_histogram();
    for (size_t whole = message.len, len = whole - 1; len > 0; len--) {
        put_integer_histogram();
        char *exact = mem_alloc(len);
        memcpy(exact, message.data, len);
        (void)intake_histogram_read(span_of(exact, len), &arena, &h, &time_ms, &err);
        mem_free(exact);
        buf_reset(&message);
    }
    end();
}
END_TEST

static void ignore(void *context) {
    (void)context;
}

START_TEST(histograms_are_rows_like_samples) {
    struct fake_store store;
    struct write_body body;
    struct intake *intake = intake_create(NULL, NULL);
    struct intake_request *request;
    begin();
    fake_store_init(&store);
    write_body_init(&body);
    write_labels(&body, "__name__=m");
    write_sample(&body, 5, 10);
    put_integer_histogram();
    protobuf_put_bytes(&body.series, 4, buf_view(&message));
    buf_reset(&message);
    put_zigzag(4, 100); /* refused alone */
    protobuf_put_bytes(&body.series, 4, buf_view(&message));
    buf_reset(&message);
    write_labels(&body, "late=1"); /* all is read again, and nothing comes twice */
    write_series_end(&body);
    ck_assert_int_eq(intake_read(intake, write_body_packed(&body), &request, &err), 0);
    ck_assert(intake_append(request, &store.port, ignore, NULL));
    ck_assert_int_eq(intake_finish(request, &err), ERR_INVALID);
    ck_assert_str_eq(err.text, "invalid histogram schema 100");
    ck_assert_str_eq(
        buf_text(&store.rows),
        "m{late=\"1\"} 5@10\nm{late=\"1\"} histogram schema 1 count 15 sum 42.5 buckets 4 7 2@1234\n");
    intake_request_destroy(request);
    intake_destroy(intake);
    write_body_release(&body);
    fake_store_release(&store);
    end();
}
END_TEST

CHECK_MAIN("intake histogram", integer_histograms_become_absolute, float_histograms_are_absolute_already,
           custom_buckets_have_bounds, a_stale_marker_is_nothing_but_its_sum,
           what_is_no_histogram_is_invalid_and_what_is_no_protobuf_corrupt, histograms_are_rows_like_samples)
