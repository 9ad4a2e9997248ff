/*
 * Series as remote read writes them, taken by the intake of remote write, where a TimeSeries has the same
 * fields: each row arrives with its bits.
 */
#include "storage/remote/read_message.h"

#include "storage/remote/intake.h"
#include "tests/check_main.h"
#include "tests/unit/storage/remote/fake_store.h"
#include "tests/unit/storage/remote/write_body.h"

#include <math.h>

#define WRITE_REQUEST_SERIES 1
#define SERIES 2

static struct fake_store store;
static struct appender_ops keeping;
static struct columns sent[SERIES], arrived[SERIES];
static struct write_body body;

static void add(struct columns *to, int64_t time_ms, double value) {
    ck_assert_int_eq(columns_reserve(to, 1, NULL), 0);
    to->times_ms[to->count] = time_ms;
    to->values[to->count++] = value;
}

static void keep(struct appender *appender, struct append_batch *batch) {
    (void)appender;
    if (!batch->results) batch->results = mem_array(batch->count, 1);
    for (size_t i = 0; i < batch->count; i++) {
        int64_t time_ms = batch->times_ms ? batch->times_ms[i] : batch->time_ms;
        const struct histogram *histogram = batch->histograms ? batch->histograms[i] : NULL;
        ck_assert_uint_lt(batch->refs[i].slot, SERIES);
        struct columns *to = &arrived[batch->refs[i].slot];
        if (histogram)
            ck_assert_int_eq(columns_add_histogram(to, time_ms, histogram, NULL), 0);
        else
            add(to, time_ms, batch->values[i]);
        batch->results[i] = APPEND_STORED;
    }
    batch->rc = 0;
    batch->done(batch);
}

static void begin(void) {
    fake_store_init(&store);
    keeping = *store.port.ops;
    keeping.append = keep;
    store.port.ops = &keeping;
    write_body_init(&body);
    for (size_t i = 0; i < SERIES; i++) {
        columns_init(&sent[i], NULL);
        columns_init(&arrived[i], NULL);
    }
}

static void end(void) {
    for (size_t i = 0; i < SERIES; i++) {
        columns_release(&sent[i]);
        columns_release(&arrived[i]);
    }
    write_body_release(&body);
    fake_store_release(&store);
}

static void nothing(void *context) {
    (void)context;
}

static void send(void) {
    struct intake *intake = intake_create(NULL, NULL);
    struct intake_request *request;
    struct err err = {0};
    ck_assert_msg(intake_read(intake, write_body_packed(&body), &request, &err) == 0, "%s", err.text);
    ck_assert(intake_append(request, &store.port, nothing, NULL));
    ck_assert_msg(intake_finish(request, &err) == 0, "%s", err.text);
    intake_request_destroy(request);
    intake_destroy(intake);
}

static void check(const struct columns *a, const struct columns *b) {
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct histogram *x = columns_histogram(a, i), *y = columns_histogram(b, i);
        ck_assert_int_eq(a->times_ms[i], b->times_ms[i]);
        ck_assert_uint_eq(double_bits(a->values[i]), double_bits(b->values[i]));
        ck_assert(!x == !y);
        if (x) ck_assert_msg(histogram_equal(x, y), "row %zu", i);
    }
}

START_TEST(floats_arrive_with_their_bits) {
    static const struct label up[] = {{SPAN("__name__"), SPAN("up")}, {SPAN("job"), SPAN("a \"b\"\n")}};
    static const struct label down[] = {{SPAN("__name__"), SPAN("down")}};
    const double values[] = {0, -0.0, 1, -2.5, 0x1p-1074, 0x1.fffffffffffffp1023, INFINITY, -INFINITY};
    begin();
    for (size_t i = 0; i < 8; i++) add(&sent[0], 1000 + (int64_t)i, values[i]);
    add(&sent[0], 2000, value_nan());
    add(&sent[0], 3000, value_stale());
    add(&sent[1], -5, 7);
    read_message_series((struct labels){up, 2}, &sent[0], WRITE_REQUEST_SERIES, &body.request);
    read_message_series((struct labels){down, 1}, &sent[1], WRITE_REQUEST_SERIES, &body.request);
    send();
    ck_assert(labels_equal(store.series.items[0], (struct labels){up, 2}));
    ck_assert(labels_equal(store.series.items[1], (struct labels){down, 1}));
    for (size_t i = 0; i < SERIES; i++) check(&sent[i], &arrived[i]);
    end();
}
END_TEST

START_TEST(histograms_arrive_with_their_buckets) {
    static const struct label name[] = {{SPAN("__name__"), SPAN("h")}};
    static const struct histogram_span spans[] = {{-2, 2}, {3, 1}};
    static const double whole[] = {4, 0, 9}, parts[] = {0.5, 2, 0.25}, bounds[] = {0.1, 1};
    struct histogram_buckets integers = {spans, whole, 2, 3}, floats = {spans, parts, 2, 3};
    struct histogram integer = {.schema = 3, .is_integer = true, .zero_threshold = 0x1p-128, .zero_count = 2};
    integer.positive = integer.negative = integers;
    integer.count = 28;
    integer.sum = -3.5;
    struct histogram gauge = {.schema = -1, .reset = HISTOGRAM_RESET_GAUGE, .zero_count = 0.125};
    gauge.positive = floats;
    gauge.count = 2.875;
    gauge.sum = 17;
    static const struct histogram_span all[] = {{0, 3}};
    struct histogram custom = {.schema = HISTOGRAM_SCHEMA_CUSTOM, .is_integer = true, .bound_count = 2};
    custom.bounds = bounds;
    custom.positive = (struct histogram_buckets){all, whole, 1, 3};
    custom.count = 13;
    custom.sum = 40;
    begin();
    ck_assert_int_eq(columns_add_histogram(&sent[0], 10, &integer, NULL), 0);
    ck_assert_int_eq(columns_add_histogram(&sent[0], 20, &gauge, NULL), 0);
    ck_assert_int_eq(columns_add_histogram(&sent[0], 30, &custom, NULL), 0);
    read_message_series((struct labels){name, 1}, &sent[0], WRITE_REQUEST_SERIES, &body.request);
    send();
    check(&sent[0], &arrived[0]);
    end();
}
END_TEST

CHECK_MAIN("read_message", floats_arrive_with_their_bits, histograms_arrive_with_their_buckets)
