/*
 * What we send, read by the decoder of what others send us.
 */
#include "storage/send/send_message.h"

#include "lib/base/mem.h"
#include "storage/remote/intake_inside.h"
#include "tests/check_main.h"

static struct send_message message;
static struct columns columns;
static struct intake *intake;
static struct intake_request *request;

static void begin(void) {
    send_message_init(&message, 2000, false, NULL);
    columns_init(&columns, NULL);
    intake = intake_create(NULL, NULL);
    request = NULL;
}

static void end(void) {
    intake_request_destroy(request);
    intake_destroy(intake);
    columns_release(&columns);
    send_message_release(&message);
}

static void limit_samples(size_t max_samples) {
    send_message_release(&message);
    send_message_init(&message, max_samples, false, NULL);
}

static void add(int64_t time_ms, double value) {
    ck_assert_int_eq(columns_reserve(&columns, 1, NULL), 0);
    columns.times_ms[columns.count] = time_ms;
    columns.values[columns.count++] = value;
}

static struct labels named(const char *value) {
    static struct label items[2];
    items[0] = (struct label){SPAN("__name__"), SPAN("m")};
    items[1] = (struct label){SPAN("host"), span_from(value)};
    return (struct labels){items, 2};
}

/* the message is read; its rows are the request's */
static void deliver(void) {
    struct span body;
    struct err err = {0};
    ck_assert_int_eq(send_message_pack(&message, 0, message.starts.count, &body, &err), 0);
    intake_request_destroy(request);
    ck_assert_msg(intake_read(intake, body, &request, &err) == 0, "%s", err.text);
}

/* row `at` of what arrived is row i of the columns */
static void row_is(size_t at, size_t i) {
    const struct append_batch *batch = request->batch;
    const struct histogram *sent = columns_histogram(&columns, i),
                           *got = batch->histograms ? batch->histograms[at] : NULL;
    ck_assert_int_eq(batch->times_ms[at], columns.times_ms[i]);
    ck_assert(!sent == !got);
    if (sent)
        ck_assert_msg(histogram_equal(sent, got) && sent->reset == got->reset, "row %zu", i);
    else
        ck_assert_uint_eq(double_bits(batch->values[at]), double_bits(columns.values[i]));
}

static void labels_are(size_t series, const char *value) {
    ck_assert_uint_eq(request->misses.len / sizeof(struct intake_miss), intake_series_count(request));
    const struct intake_miss *misses = (const struct intake_miss *)request->misses.data;
    ck_assert(labels_equal(misses[series].labels, named(value)));
}

/* what kinds of rows there are and how they arrive: test_read_message.c */
static void add_kinds(void) {
    static const double counts[] = {1, 2, 3};
    static const struct histogram_span spans[] = {{-3, 2}, {4, 1}};
    struct histogram stale = histogram_stale(), h = {.is_integer = true, .count = 6, .sum = 42.5};
    h.positive = (struct histogram_buckets){spans, counts, 2, 3};
    for (int i = 0; i < 18; i += 3) {
        add(i, i % 2 ? value_stale() : i);
        h.schema = (int8_t)(i % 8);
        ck_assert_int_eq(columns_add_histogram(&columns, i + 1, &h, NULL), 0);
        ck_assert_int_eq(columns_add_histogram(&columns, i + 2, &stale, NULL), 0);
    }
    add(18, -0.0);
    add(19, 1 / 3.0);
}

START_TEST(a_full_message_goes_on_in_the_next_in_order) {
    size_t row = 0, arrived = 0, messages = 0;
    limit_samples(7);
    add_kinds();
    while (row < columns.count) {
        ck_assert_int_eq(
            send_message_add(&message, named("a"), &columns, (struct send_exemplars){0}, &row, NULL), 0);
        ck_assert(send_message_is_full(&message) == (row < columns.count));
        deliver();
        for (size_t i = 0; i < request->batch->count; i++) row_is(i, arrived++);
        send_message_reset(&message);
        messages++;
    }
    ck_assert_uint_eq(arrived, 20);
    ck_assert_uint_eq(messages, 3);
}
END_TEST

START_TEST(series_share_a_message_and_a_full_one_takes_none) {
    size_t first = 18, second = 19, third = 0;
    limit_samples(3);
    for (int i = 0; i < 20; i++) add(i, i);
    ck_assert_int_eq(
        send_message_add(&message, named("a"), &columns, (struct send_exemplars){0}, &first, NULL), 0);
    ck_assert_int_eq(send_message_add(&message, named("\xc3\xa4\"\n"), &columns, (struct send_exemplars){0},
                                      &second, NULL),
                     0);
    ck_assert(send_message_is_full(&message));
    ck_assert_int_eq(
        send_message_add(&message, named("c"), &columns, (struct send_exemplars){0}, &third, NULL), 0);
    ck_assert_uint_eq(third, 0);
    deliver();
    ck_assert_uint_eq(intake_series_count(request), 2);
    labels_are(0, "a");
    labels_are(1, "\xc3\xa4\"\n");
    row_is(0, 18);
    row_is(1, 19);
    row_is(2, 19);
}
END_TEST

START_TEST(where_memory_ends_fewer_rows_go_and_what_was_there_stays) {
    static struct budget budget; /* outlives the message */
    size_t row = 0, before;
    budget_init(&budget, "message", 20000, NULL);
    send_message_release(&message);
    send_message_init(&message, 2000, false, &budget);
    for (int i = 0; i < 2000; i++) add(i, i);
    ck_assert_int_eq(send_message_add(&message, named("a"), &columns, (struct send_exemplars){0}, &row, NULL),
                     0);
    ck_assert(row > 0 && row < 2000);
    while (send_message_add(&message, named("b"), &columns, (struct send_exemplars){0}, &row, NULL) == 0)
        ck_assert_uint_lt(row, 2000);
    before = row;
    ck_assert_int_eq(send_message_add(&message, named("c"), &columns, (struct send_exemplars){0}, &row, NULL),
                     ERR_LIMIT);
    ck_assert_uint_eq(row, before);
    ck_assert_uint_eq(message.samples, row);
    message.packed.budget = NULL; /* memory is there again */
    deliver();
    ck_assert_uint_eq(request->batch->count, row);
    for (size_t i = 0; i < row; i++) row_is(i, i);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {a_full_message_goes_on_in_the_next_in_order,
                                  series_share_a_message_and_a_full_one_takes_none,
                                  where_memory_ends_fewer_rows_go_and_what_was_there_stays};
    TCase *tcase = tcase_create("send_message");
    tcase_add_checked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("send_message", tcase);
}
