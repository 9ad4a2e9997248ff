// links: storage_foreign
/*
 * POST /api/v1/read through the HTTP server: samples and chunks, what is refused, and that no more than so
 * many are answered at once.
 */
#include "lib/codec/crc32c.h"
#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"
#include "storage/foreign/chunk.h"
#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"

static struct buf message, part, request, plain, told;

/* ---- asking ---- */

static void add_matcher(int type, const char *name, const char *value, struct buf *query) {
    buf_reset(&part);
    protobuf_put_varint(&part, 1, (uint64_t)type);
    protobuf_put_bytes(&part, 2, span_from(name));
    protobuf_put_bytes(&part, 3, span_from(value));
    protobuf_put_bytes(query, 3, buf_view(&part));
}

/* matchers: "=name value", "~name value" ..., none: NULL */
static void add_query(int64_t mint, int64_t maxt, const char *const *matchers) {
    struct buf query;
    buf_init(&query, 1 << 16);
    protobuf_put_varint(&query, 1, (uint64_t)mint);
    protobuf_put_varint(&query, 2, (uint64_t)maxt);
    for (; *matchers; matchers++) {
        char name[32] = {0};
        const char *end = strchr(*matchers, ' ');
        memcpy(name, *matchers + 1, (size_t)(end - *matchers - 1));
        add_matcher((int)(strchr("=!~^", **matchers) - "=!~^"), name, end + 1, &query);
    }
    protobuf_put_bytes(&message, 1, buf_view(&query));
    buf_release(&query);
}

static void write_request(struct span body) {
    buf_reset(&request);
    buf_printf(&request,
               "POST /api/v1/read HTTP/1.1\r\nAccept-Encoding: gzip\r\nContent-Length: %zu\r\n" CLOSE,
               body.len);
    buf_span(&request, body);
}

static int send_body(struct span body) {
    write_request(body);
    int fd = connect_to(t.server);
    buf_reset(&t.out);
    ck_assert_int_eq(send(fd, request.data, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
    hear_all(fd, &t.out);
    close(fd);
    (void)buf_text(&t.out);
    return status();
}

/* the message packed; empty afterwards */
static struct span packed(void) {
    buf_reset(&part);
    ck_assert_int_eq(snappy_write(buf_view(&message), &part, NULL), 0);
    buf_reset(&message);
    return buf_view(&part);
}

static int ask_for(int64_t mint, int64_t maxt, const char *matcher, int form) {
    add_query(mint, maxt, (const char *[]){matcher, NULL});
    if (form >= 0) protobuf_put_varint(&message, 2, (uint64_t)form);
    return send_body(packed());
}

static bool says(const char *text) {
    return strstr(t.out.data, text) != NULL;
}

/* ---- hearing ---- */

static void tell_label(struct span bytes) {
    struct cursor cursor = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (protobuf_next(&cursor, &field))
        buf_printf(&told, "%.*s%s", SPAN_ARG(field.bytes), field.number == 1 ? "=" : " ");
    ck_assert(!cursor.failed);
}

static void tell_sample(struct span bytes) {
    struct cursor cursor = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field value, time;
    ck_assert(protobuf_next(&cursor, &value) && protobuf_next(&cursor, &time));
    buf_printf(&told, "%g@%lld ", bits_double(value.value), (long long)time.value);
}

/* a histogram by those of its fields that are not buckets */
static void tell_histogram(struct span bytes) {
    struct cursor cursor = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    buf_puts(&told, "histogram");
    while (protobuf_next(&cursor, &field)) {
        if (field.type == PROTOBUF_BYTES)
            buf_printf(&told, " %u:%zu", field.number, field.bytes.len);
        else if (field.type == PROTOBUF_FIXED64)
            buf_printf(&told, " %u:%g", field.number, bits_double(field.value));
        else
            buf_printf(&told, " %u:%lld", field.number, (long long)field.value);
    }
    ck_assert(!cursor.failed);
}

static void tell_chunk(struct span bytes) {
    struct cursor cursor = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field fields[5] = {0}, field;
    struct columns columns;
    while (protobuf_next(&cursor, &field)) fields[field.number] = field;
    columns_init(&columns, NULL);
    ck_assert_int_eq(foreign_chunk_read((uint8_t)fields[3].value, fields[4].bytes, &columns, NULL), 0);
    ck_assert_int_eq((int64_t)fields[1].value, columns.times_ms[0]);
    ck_assert_int_eq((int64_t)fields[2].value, columns.times_ms[columns.count - 1]);
    for (size_t i = 0; i < columns.count; i++)
        buf_printf(&told, "%s%g@%lld ", columns_histogram(&columns, i) ? "h" : "", columns.values[i],
                   (long long)columns.times_ms[i]);
    columns_release(&columns);
}

static void tell_series(struct span bytes, bool is_chunked) {
    struct cursor cursor = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (protobuf_next(&cursor, &field)) {
        if (field.number == 1)
            tell_label(field.bytes);
        else if (is_chunked)
            tell_chunk(field.bytes);
        else if (field.number == 2)
            tell_sample(field.bytes);
        else
            tell_histogram(field.bytes);
    }
    ck_assert(!cursor.failed);
    buf_putc(&told, '\n');
}

/* what the samples say, a line a series, "-" before each result */
static const char *samples(void) {
    struct protobuf_field result, series;
    buf_reset(&plain);
    buf_reset(&told);
    ck_assert(says("Content-Encoding: snappy\r\n") && says("Content-Type: application/x-protobuf\r\n"));
    ck_assert_int_eq(snappy_read(body_of(&t.out), &plain, NULL), 0);
    struct cursor all = cursor_of(plain.data, plain.len);
    while (protobuf_next(&all, &result)) {
        struct cursor of_result = cursor_of(result.bytes.ptr, result.bytes.len);
        buf_puts(&told, "-\n");
        while (protobuf_next(&of_result, &series)) tell_series(series.bytes, false);
        ck_assert(!of_result.failed);
    }
    ck_assert(!all.failed);
    return buf_text(&told);
}

/* what the frames say, a line each, begun with the query's index */
static const char *frames(size_t *count) {
    buf_reset(&plain);
    buf_reset(&told);
    ck_assert(
        says("Content-Type: application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse\r\n"));
    if (says("Transfer-Encoding: chunked"))
        unchunk(body_of(&t.out), &plain);
    else
        buf_span(&plain, body_of(&t.out));
    struct cursor all = cursor_of(plain.data, plain.len);
    for (*count = 0; cursor_left(&all); ++*count) {
        struct protobuf_field series = {0}, query = {0};
        uint64_t len = protobuf_varint(&all);
        const uint8_t *checksum = cursor_bytes(&all, 4), *data = cursor_bytes(&all, len);
        ck_assert(data != NULL);
        ck_assert_uint_eq(crc32c(0, data, len), __builtin_bswap32(load_u32(checksum)));
        struct cursor of_frame = cursor_of(data, len);
        ck_assert(protobuf_next(&of_frame, &series) && protobuf_next(&of_frame, &query));
        ck_assert(series.number == 1 && query.number == 2 && !cursor_left(&of_frame));
        buf_printf(&told, "%d ", (int)query.value);
        tell_series(series.bytes, true);
    }
    return buf_text(&told);
}

/* ---- the store ---- */

static void add(const char *name, const char *value, int64_t time_ms, double number) {
    struct label labels[] = {{SPAN(LABEL_NAME), span_from(name)}, {SPAN("a"), span_from(value)}};
    append(labels, 2, time_ms, number);
}

static void add_histogram(int64_t time_ms) {
    static const struct histogram_span spans[] = {{-1, 2}};
    static const double counts[] = {2, 3};
    const struct histogram histogram = {.schema = 1,
                                        .is_integer = true,
                                        .zero_threshold = 0.5,
                                        .zero_count = 1,
                                        .count = 6,
                                        .sum = 7.5,
                                        .positive = {spans, counts, 1, 2}};
    const struct label items[] = {{SPAN(LABEL_NAME), SPAN("h")}};
    struct labels labels = {items, 1};
    struct series_ref ref;
    ck_assert_int_eq(appender_resolve(tsdb_appender(t.tsdb), &labels, 1, &ref, NULL, NULL), 0);
    struct append_batch *batch = append_batch_create(1, false, on_done, NULL);
    batch->time_ms = time_ms;
    ck_assert_int_eq(append_batch_add_histogram(batch, ref, &histogram, 0, NULL), 0);
    appender_append(tsdb_appender(t.tsdb), batch);
}

static void configure(const char *text) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    config_unref(t.config);
    ck_assert_int_eq(config_load_text(span_from(text), "x.yml", &t.config, errors), 0);
    mem_free(errors);
}

static void begin(void) {
    struct buf *bufs[] = {&message, &part, &request, &plain, &told};
    for (size_t i = 0; i < 5; i++) buf_init(bufs[i], (size_t)64 << 20);
    set_up();
    for (int i = 1; i <= 4; i++) {
        add("m", "2", i * 1000, i);
        add("m", "1", i * 1000, -i);
        add("other", "1", i * 1000, 7);
    }
    add_histogram(2000);
}

static void end(void) {
    struct buf *bufs[] = {&message, &part, &request, &plain, &told};
    memset(&start_read, 0, sizeof start_read);
    tear_down();
    for (size_t i = 0; i < 5; i++) buf_release(bufs[i]);
}

START_TEST(samples_are_those_of_the_range_both_ends_included) {
    start(false, true);
    ck_assert_int_eq(ask_for(2000, 3000, "=__name__ m", -1), 200);
    ck_assert_str_eq(samples(), "-\n__name__=m a=1 -2@2000 -3@3000 \n__name__=m a=2 2@2000 3@3000 \n");
    ck_assert_int_eq(ask_for(2000, 3000, "=__name__ nothing", 0), 200);
    ck_assert_str_eq(samples(), "-\n");
    ck_assert_int_eq(ask_for(0, 9000, "=__name__ h", 7 /* unknown */), 400);
    ck_assert_int_eq(ask_for(0, 9000, "=__name__ h", 0), 200);
    ck_assert_str_eq(samples(), "-\n__name__=h histogram 1:6 3:7.5 4:2 5:0.5 6:1 11:4 12:2 14:0 15:2000\n");
    stop();
}
END_TEST

START_TEST(every_query_and_kind_of_matcher_gets_its_result) {
    start(false, true);
    add_query(1000, 1000, (const char *[]){"~__name__ m|other", "!a 2", NULL});
    add_query(4000, 9000, (const char *[]){"^__name__ other|h", "~a .*", NULL});
    add_query(1000, 1000, (const char *[]){NULL});
    ck_assert_int_eq(send_body(packed()), 200);
    ck_assert_str_eq(samples(),
                     "-\n__name__=m a=1 -1@1000 \n__name__=other a=1 7@1000 \n"
                     "-\n__name__=m a=1 -4@4000 \n__name__=m a=2 4@4000 \n"
                     "-\n__name__=m a=1 -1@1000 \n__name__=m a=2 1@1000 \n__name__=other a=1 7@1000 \n");
    ck_assert_int_eq(send_body(packed()), 200); /* of no query, nothing */
    ck_assert_str_eq(samples(), "");
    stop();
}
END_TEST

START_TEST(chunks_are_streamed_in_the_order_of_labels) {
    size_t count;
    start(false, true);
    add_query(2000, 3000, (const char *[]){"=__name__ m", NULL});
    add_query(0, 9000, (const char *[]){"=__name__ h", NULL});
    protobuf_put_bytes(&message, 2, SPAN("\x09\x01\x00")); /* an unknown one, chunks, samples */
    ck_assert_int_eq(send_body(packed()), 200);
    ck_assert_str_eq(frames(&count), "0 __name__=m a=1 -2@2000 -3@3000 \n0 __name__=m a=2 2@2000 3@3000 \n"
                                     "1 __name__=h h7.5@2000 \n");
    ck_assert_int_eq(ask_for(0, 9000, "=__name__ nothing", 1), 200);
    ck_assert_str_eq(frames(&count), "");
    stop();
}
END_TEST

START_TEST(external_labels_are_added_and_asked_for) {
    size_t count;
    configure("global: {external_labels: {a: outer, zone: eu}}\n");
    start(false, true);
    add_query(1000, 1000, (const char *[]){"~__name__ m|h", "=zone eu", NULL});
    ck_assert_int_eq(send_body(packed()), 200);
    ck_assert_str_eq(samples(), "-\n__name__=m a=1 zone=eu -1@1000 \n__name__=m a=2 zone=eu 1@1000 \n");
    ck_assert_int_eq(ask_for(2000, 2000, "=__name__ h", 1), 200);
    ck_assert_str_eq(frames(&count), "0 __name__=h a=outer zone=eu h7.5@2000 \n");
    add_query(1000, 1000, (const char *[]){"=__name__ m", "=zone us", NULL});
    ck_assert_int_eq(send_body(packed()), 200);
    ck_assert_str_eq(samples(), "-\n");
    stop();
}
END_TEST

START_TEST(long_series_are_cut_into_frames_and_nothing_is_lost) {
    size_t count;
    start_read.samples_max = 2000;
    start_read.frame_bytes = 600;
    for (int i = 0; i < 2000; i++) add("long", "1", 10000 + i * 15000, i * i % 977 * 0.37);
    start(false, true);
    ck_assert_int_eq(ask_for(0, INT64_MAX, "=__name__ long", 1), 200);
    const char *line = frames(&count);
    ck_assert_uint_gt(count, 8);
    for (int i = 0, seen = 0; i < 2000; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, " %g@%d ", i * i % 977 * 0.37, 10000 + i * 15000);
        line = strstr(line, wanted);
        ck_assert_msg(line, "%s is missing after %d", wanted, seen);
        line += strlen(wanted) - 1;
        seen++;
    }
    ck_assert_int_eq(ask_for(0, INT64_MAX, "=__name__ long", 0), 200);
    ck_assert(strstr(samples(), " 0@10000 ") && strstr(told.data, "@29995000 "));
    add("long", "2", 29995000, 1);
    ck_assert_int_eq(ask_for(0, INT64_MAX, "=__name__ long", 0), 400);
    ck_assert_msg(says("\r\n\r\nexceeded sample limit (2000)\n"), "%s", t.out.data);
    stop();
}
END_TEST

START_TEST(what_is_wrong_is_said_in_plain_text) {
    start(false, true);
    ck_assert_int_eq(send_body(SPAN("rubbish")), 400);
    ck_assert(says("\r\n\r\nsnappy: corrupt input\n") && says("X-Content-Type-Options: nosniff\r\n"));
    ck_assert_int_eq(send_body(SPAN("\x02\x04\x0a\x05")), 400);
    ck_assert(says("\r\n\r\nproto: malformed read request\n"));
    ck_assert_int_eq(ask_for(0, 1, "~a (", 0), 400);
    ck_assert_int_eq(ask_for(0, 1, "=a b", 5), 400);
    ck_assert(says("server does not support any of the requested response types"));
    for (int i = 0; i < 1001; i++) add_query(0, 1, (const char *[]){NULL});
    ck_assert_int_eq(send_body(packed()), 400);
    ck_assert(says("more than 1000 queries"));
    (void)get("/api/v1/read");
    ck_assert_int_eq(status(), 405);
    stop();
    ck_assert_uint_eq(atomic_load(&engine_memory(t.engine)->used_bytes), 0);
}
END_TEST

/* One turn for all, and a first answer that is far larger than what a connection holds: the second waits
 * until the first was taken, or its client has left. */
START_TEST(only_so_many_are_answered_at_once) {
    int first[2];
    start_read.max = 1;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        for (int n = 0; n < 300; n++) add("big", name, n * 1000, (double)(i * 7919 % 1013) / (n + 3));
    }
    start(false, true);
    for (int round = 0; round < 2; round++) {
        char byte;
        for (int i = 0; i < 2; i++) {
            for (int q = 0; q < (i ? 1 : 100); q++)
                add_query(0, INT64_MAX, (const char *[]){i ? "=__name__ m" : "=__name__ big", NULL});
            protobuf_put_varint(&message, 2, 1);
            write_request(packed());
            first[i] = connect_to(t.server);
            ck_assert_int_eq(send(first[i], request.data, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
            if (i == 0) ck_assert_int_eq(recv(first[0], &byte, 1, 0), 1);
        }
        struct timeval short_time = {.tv_usec = 200000}, patience = {.tv_sec = 20};
        setsockopt(first[1], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time);
        ck_assert_int_eq(recv(first[1], &byte, 1, 0), -1); /* it waits */
        setsockopt(first[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        buf_reset(&t.out);
        if (round == 0) hear_all(first[0], &t.out);
        close(first[0]);
        buf_reset(&t.out);
        hear_all(first[1], &t.out);
        close(first[1]);
        (void)buf_text(&t.out);
        ck_assert_int_eq(status(), 200);
    }
    stop();
    ck_assert_uint_eq(atomic_load(&engine_memory(t.engine)->used_bytes), 0);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {samples_are_those_of_the_range_both_ends_included,
                                  every_query_and_kind_of_matcher_gets_its_result,
                                  chunks_are_streamed_in_the_order_of_labels,
                                  external_labels_are_added_and_asked_for,
                                  long_series_are_cut_into_frames_and_nothing_is_lost,
                                  what_is_wrong_is_said_in_plain_text,
                                  only_so_many_are_answered_at_once};
    TCase *tcase = tcase_create("read");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("read", tcase);
}
