#include "lib/sys/clock.h"
#include "promql/eval/engine.h"
#include "storage/remote/intake.h"
#include "storage/tsdb/tsdb.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"
#include "tests/unit/storage/remote/write_body.h"
#include "tests/unit/web/client.h"
#include "web/api/api.h"

#include <stdio.h>

/* POST /api/v1/write through the HTTP server, over a database in memory (which is done before append returns)
 * or over one with a log (which is done later, on its own thread). */

static struct {
    struct memory_fs *fs;
    struct engine *engine;
    struct tsdb *tsdb;
    struct intake *intake;
    struct api *api;
    struct http_server *server;
    struct write_body body;
    struct buf request, out;
} t;

static struct budget *series_memory; /* NULL: no limit */

static void start(bool has_log, bool is_enabled) {
    static const char *const addresses[] = {"127.0.0.1:0"};
    struct tsdb_options options = {
        .path = has_log ? "/data" : NULL, .memory = series_memory, .max_exemplars = 100};
    struct engine_options engine = {.timeout_ms = 10000, .max_samples = 1000000};
    struct http_server_options server = {.addresses = addresses, .address_count = 1};
    struct err err = {0};
    t.fs = memory_fs_create();
    options.fs = memory_fs_base(t.fs);
    options.no_lockfile = true;
    ck_assert_msg(tsdb_open(&options, NULL, &t.tsdb, &err) == 0, "%s", err.text);
    t.engine = engine_create(&engine, NULL);
    if (is_enabled) t.intake = intake_create(NULL, NULL);
    struct api_context context = {.engine = t.engine, .intake = t.intake};
    t.api = api_create(&context);
    ck_assert_int_eq(http_server_create(&server, api_router(t.api), NULL, &t.server, &err), 0);
    http_server_start(t.server);
    api_set_ready(t.api, tsdb_queryable(t.tsdb), t.tsdb, NULL);
    write_body_init(&t.body);
    buf_init(&t.request, (size_t)64 << 20);
    buf_init(&t.out, 1 << 20);
}

static void stop(void) {
    api_set_stopping(t.api);
    http_server_stop(t.server);
    http_server_destroy(t.server);
    api_destroy(t.api);
    if (t.intake) ck_assert_uint_eq(intake_memory(t.intake)->used_bytes, 0);
    intake_destroy(t.intake);
    t.intake = NULL;
    engine_destroy(t.engine);
    tsdb_close(t.tsdb);
    memory_fs_destroy(t.fs);
    write_body_release(&t.body);
    buf_release(&t.request);
    buf_release(&t.out);
}

/* status and body of the answer in out */
static int post_to(const char *path, const char *headers, struct span body) {
    buf_reset(&t.request);
    buf_reset(&t.out);
    buf_printf(&t.request, "POST %s HTTP/1.1\r\n%sContent-Length: %zu\r\n" HOST "Connection: close\r\n\r\n",
               path, headers, body.len);
    buf_span(&t.request, body);
    int fd = connect_to(t.server);
    for (size_t at = 0; at < t.request.len;) {
        ssize_t sent = send(fd, t.request.data + at, t.request.len - at, MSG_NOSIGNAL);
        if (sent <= 0) break; /* refused by its head */
        at += (size_t)sent;
    }
    hear_all(fd, &t.out);
    close(fd);
    ck_assert_uint_gt(t.out.len, 12);
    return atoi(buf_text(&t.out) + 9);
}

static int post(const char *headers, struct span body) {
    return post_to("/api/v1/write", headers, body);
}

#define USUAL                                                                                                \
    "Content-Type: application/x-protobuf\r\nContent-Encoding: "                                             \
    "snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"

static int post_body(void) {
    return post(USUAL, write_body_packed(&t.body));
}

static bool says(const char *text) {
    return strstr(buf_text(&t.out), text) != NULL;
}

static void write_and_query(bool has_log) {
    int64_t now = clock_wall_ms();
    start(has_log, true);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            char labels[40];
            snprintf(labels, sizeof labels, "__name__=m i=%d", i);
            write_series(&t.body, labels, round * 1000 + i, now - 3000 + round * 1000);
        }
        ck_assert_int_eq(post_body(), 204);
        ck_assert(says("\r\n\r\n") && !says("Content-Type"));
    }
    ask(t.server, "GET /api/v1/query?query=sum(m) HTTP/1.1\r\n" CLOSE, &t.out);
    ck_assert_msg(says(",\"644850\"]"), "%s", buf_text(&t.out)); /* 300 * 2000 + 299 * 150 */
    stop();
}

START_TEST(samples_are_there_when_it_is_answered) {
    write_and_query(false);
    write_and_query(true);
}
END_TEST

START_TEST(what_is_wrong_is_said_as_prometheus_does) {
    int64_t now = clock_wall_ms();
    start(true, true);
    write_series(&t.body, "__name__=a", 1, now);
    ck_assert_int_eq(post_body(), 204);
    write_series(&t.body, "__name__=a", 2, now);
    write_series(&t.body, "__name__=b", 2, now);
    ck_assert_int_eq(post_body(), 400);
    ck_assert_msg(says("\r\n\r\nduplicate sample for timestamp\n"), "%s", buf_text(&t.out));
    ck_assert(says("X-Content-Type-Options: nosniff\r\n"));
    write_series(&t.body, "__name__=a", 1, now + 86400000);
    ck_assert_int_eq(post_body(), 400);
    ck_assert(says("\r\n\r\nout of bounds\n"));
    ck_assert_int_eq(post(USUAL, SPAN("rubbish")), 400);
    ck_assert(says("\r\n\r\nsnappy: corrupt input\n"));
    ck_assert_int_eq(post(USUAL, SPAN("\xff\xff\xff\xff\x0f\x00")), 413);
    ck_assert_int_eq(post(USUAL, SPAN("\x02\x04\x0a\x05")), 400);
    ck_assert(says("\r\n\r\nproto: malformed write request\n"));
    ask(t.server, "GET /api/v1/query?query=b HTTP/1.1\r\n" CLOSE, &t.out);
    ck_assert_msg(says(",\"2\"]"), "%s", buf_text(&t.out));
    ask(t.server, "GET /api/v1/write HTTP/1.1\r\n" CLOSE, &t.out);
    ck_assert(says(" 405 "));
    stop();
}
END_TEST

START_TEST(only_messages_that_are_known_in_snappy_are_taken) {
    static const struct {
        const char *headers;
        int status;
        const char *text;
    } cases[] = {
        {"", 204, ""},
        {"Content-Type: application/x-protobuf;proto=prometheus.WriteRequest\r\n", 204, ""},
        {"Content-Type: application/x-protobuf; proto=io.prometheus.write.v2.Request\r\n", 204,
         "X-Prometheus-Remote-Write-Samples-Written: 0\r\n"},
        {"Content-Type: application/x-protobuf;proto=other\r\n", 415,
         "unknown remote write protobuf message other"},
        {"Content-Type: application/json\r\n", 415,
         "expected application/x-protobuf as the first (media) part, got application/json content-type\n"},
        {"Content-Encoding: gzip\r\n", 415,
         "gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n"},
    };
    start(false, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_series(&t.body, "__name__=a", (double)i, clock_wall_ms() + (int64_t)i * 1000);
        ck_assert_int_eq(post(cases[i].headers, write_body_packed(&t.body)), cases[i].status);
        ck_assert_msg(says(cases[i].text), "%s", buf_text(&t.out));
    }
    stop();
}
END_TEST

START_TEST(large_bodies_are_taken_only_here_and_up_to_the_limit) {
    start(false, true);
    char *large = malloc((size_t)33 << 20);
    memset(large, 'x', (size_t)33 << 20);
    ck_assert_int_eq(post(USUAL, span_of(large, (size_t)33 << 20)), 413);
    ck_assert_int_eq(post(USUAL, span_of(large, (size_t)32 << 20)), 400); /* read, and then no snappy */
    free(large);
    ask(t.server, "POST /api/v1/query HTTP/1.1\r\nContent-Length: 5000000\r\n" CLOSE, &t.out);
    ck_assert(says(" 413 "));
    ck_assert(budget_take(intake_memory(t.intake), INTAKE_MEMORY - 100));
    write_series(&t.body, "__name__=a", 1, clock_wall_ms());
    ck_assert_int_eq(post_body(), 503);
    ck_assert(says("Retry-After: 1\r\n"));
    budget_give(intake_memory(t.intake), INTAKE_MEMORY - 100);
    stop();
}
END_TEST

START_TEST(new_series_beyond_the_memory_get_429_and_known_ones_are_stored) {
    struct budget memory;
    budget_init(&memory, "memory of series", 1000, NULL);
    series_memory = &memory;
    start(false, true);
    int64_t now = clock_wall_ms();
    write_series(&t.body, "__name__=known", 1, now);
    ck_assert_int_eq(post_body(), 204);
    write_series(&t.body, "__name__=new_one x=a", 1, now);
    write_series(&t.body, "__name__=known", 2, now + 1);
    write_series(&t.body, "__name__=new_two x=b", 1, now);
    write_series(&t.body, "__name__=new_three x=c", 1, now);
    ck_assert_int_eq(post_body(), 429);
    ck_assert(says("Retry-After: 30\r\n"));
    ck_assert(says("limit of 1000 bytes of memory of series reached, no new series are taken"));
    struct tsdb_stats stats;
    tsdb_stats(t.tsdb, &stats);
    ck_assert_int_eq(stats.max_time, now + 1);
    ck_assert_uint_lt(stats.series, 4);
    write_series(&t.body, "__name__=known", 3, now + 2);
    ck_assert_int_eq(post_body(), 204);
    stop();
    series_memory = NULL;
    ck_assert_uint_eq(memory.used_bytes, 0);
}
END_TEST

static int import(const char *headers, const char *text) {
    return post_to("/api/v1/import/prometheus", headers, span_from(text));
}

static void put_refs(struct buf *to, uint32_t number, const char *refs) {
    protobuf_put_bytes(to, number, span_from(refs));
}

/* a sample of each, of the second version, under these references */
static void write_second(const char *refs, double value, int64_t time_ms) {
    put_refs(&t.body.series, 1, refs);
    protobuf_put_double(&t.body.part, 1, value);
    protobuf_put_varint(&t.body.part, 2, (uint64_t)time_ms);
    protobuf_put_varint(&t.body.part, 3, (uint64_t)time_ms - 1000); /* a start time */
    write_part(&t.body, &t.body.series, 2);
}

static void end_second(void) {
    protobuf_put_bytes(&t.body.request, 5, buf_view(&t.body.series));
    buf_reset(&t.body.series);
}

static void write_symbols(void) {
    static const char *const symbols[] = {"", "__name__", "m", "a", "b", "trace", "what it is", "s"};
    for (size_t i = 0; i < 8; i++) protobuf_put_bytes(&t.body.request, 4, span_from(symbols[i]));
}

#define SECOND                                                                                               \
    "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\nContent-Encoding: "        \
    "snappy\r\nX-Prometheus-Remote-Write-Version: 2.0.0\r\n"
#define WRITTEN(samples, histograms, exemplars)                                                              \
    "X-Prometheus-Remote-Write-Samples-Written: " #samples                                                   \
    "\r\nX-Prometheus-Remote-Write-Histograms-Written: " #histograms                                         \
    "\r\nX-Prometheus-Remote-Write-Exemplars-Written: " #exemplars "\r\n"

START_TEST(the_second_version_is_told_what_was_written) {
    int64_t now = clock_wall_ms();
    start(true, true);
    write_symbols();
    write_second("\1\2\3\4", 1, now);
    write_second("", 2, now + 1); /* one more of the same series */
    put_refs(&t.body.part, 1, "\5\4");
    protobuf_put_double(&t.body.part, 2, 0.5);
    protobuf_put_varint(&t.body.part, 3, (uint64_t)now);
    write_part(&t.body, &t.body.series, 4);
    protobuf_put_varint(&t.body.part, 1, 1); /* a counter */
    protobuf_put_varint(&t.body.part, 3, 6);
    write_part(&t.body, &t.body.series, 5);
    end_second();
    protobuf_put_varint(&t.body.series, 1, 1); /* references one by one */
    protobuf_put_varint(&t.body.series, 1, 7);
    protobuf_put_varint(&t.body.part, 1, 3); /* a histogram of three observations at zero */
    protobuf_put_double(&t.body.part, 3, 0);
    protobuf_put_varint(&t.body.part, 6, 3);
    protobuf_put_varint(&t.body.part, 15, (uint64_t)now);
    write_part(&t.body, &t.body.series, 3);
    end_second();
    ck_assert_int_eq(post(SECOND, write_body_packed(&t.body)), 204);
    ck_assert_msg(says(WRITTEN(2, 1, 1)), "%s", buf_text(&t.out));
    ask(t.server,
        "GET /api/v1/query?query=sum_over_time(m{a=%22b%22}[1m])%2Bon()histogram_count(s) HTTP/1.1\r\n" CLOSE,
        &t.out);
    ck_assert_msg(says(",\"6\"]"), "%s", buf_text(&t.out));
    ask(t.server, "GET /api/v1/metadata HTTP/1.1\r\n" CLOSE, &t.out);
    ck_assert_msg(says("\"m\":[{\"type\":\"counter\",\"help\":\"what it is\",\"unit\":\"\"}]"), "%s",
                  buf_text(&t.out));
    ask(t.server, "GET /api/v1/query_exemplars?query=m&start=0&end=9e9 HTTP/1.1\r\n" CLOSE, &t.out);
    ck_assert_msg(says("\"labels\":{\"trace\":\"b\"},\"value\":\"0.5\""), "%s", buf_text(&t.out));
    stop();
}
END_TEST

START_TEST(the_second_version_stores_what_it_can) {
    static const struct {
        const char *refs, *why;
    } wrong[] = {{"\1\2\3", "labels_refs"}, {"\1\2\3\10", "labels_refs"}, {"\3\4\3\2", "not unique"}};
    int64_t now = clock_wall_ms();
    start(true, true);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_symbols();
        write_second(wrong[i].refs, 1, now);
        end_second();
        write_second("\1\2", (double)i, now + (int64_t)i);
        end_second();
        ck_assert_int_eq(post(SECOND, write_body_packed(&t.body)), 400);
        ck_assert_msg(says(WRITTEN(1, 0, 0)) && says(wrong[i].why), "%s", buf_text(&t.out));
    }
    write_symbols();
    put_refs(&t.body.series, 1, "\1\2");
    end_second();
    write_second("\1\2", 9, now);
    end_second();
    ck_assert_int_eq(post(SECOND, write_body_packed(&t.body)), 400);
    ck_assert(says(WRITTEN(0, 0, 0)) && says("must contain at least one sample or histogram"));
    ck_assert_int_eq(post(SECOND, SPAN("rubbish")), 400);
    ck_assert(says(WRITTEN(0, 0, 0)) && says("snappy: corrupt input"));
    ck_assert_int_eq(post(SECOND, SPAN("\x02\x04\x2a\x05")), 400);
    ck_assert(says("proto: malformed write request"));
    stop();
}
END_TEST

/* the head holds samples of now; without an out-of-order window */
START_TEST(text_of_any_age_is_taken_beside_what_is_there) {
    char text[256];
    int64_t now = clock_wall_ms(), year = (int64_t)365 * 86400000;
    start(true, true);
    write_series(&t.body, "__name__=m a=b", 5, now);
    ck_assert_int_eq(post_body(), 204);
    snprintf(text, sizeof text, "m{a=\"b\"} 1 %lld\nm{a=\"b\"} 2 %lld\nnew{a=\"b\"} 4 %lld\nnew{a=\"b\"} 3\n",
             (long long)(now - year), (long long)(now - year + 15000), (long long)(now - 2 * year));
    ck_assert_int_eq(import("Content-Type: text/plain\r\n", text), 204);
    snprintf(text, sizeof text, "GET /api/v1/query?query=m[366d]&time=%lld HTTP/1.1\r\n" CLOSE,
             (long long)(now / 1000 + 1));
    ask(t.server, text, &t.out);
    ck_assert_msg(says(",\"1\"],[") && says(",\"2\"],[") && says(",\"5\"]]"), "%s", buf_text(&t.out));
    snprintf(text, sizeof text,
             "GET /api/v1/query?query=sum_over_time(new[800d])&time=%lld HTTP/1.1\r\n" CLOSE,
             (long long)(now / 1000 + 5));
    ask(t.server, text, &t.out);
    ck_assert_msg(says(",\"7\"]"), "%s", buf_text(&t.out));
    ck_assert_int_eq(
        import("Content-Type: application/openmetrics-text; version=1.0.0\r\n", "o 1 1\n# EOF\n"), 204);
    ck_assert_int_eq(import("Content-Type: application/openmetrics-text\r\n", "o 1 1\n"), 400);
    ck_assert(says("\r\n\r\ndata does not end with # EOF\n"));
    ck_assert_int_eq(import("Content-Encoding: gzip\r\n", "m 1\n"), 415);
    snprintf(text, sizeof text, "m{a=\"b\"} 6 %lld\n", (long long)now);
    ck_assert_int_eq(import("", text), 400);
    ck_assert(says("\r\n\r\nduplicate sample for timestamp\n"));
    snprintf(text, sizeof text, "m{a=\"b\"} 6 %lld\n", (long long)(now + 86400000));
    ck_assert_int_eq(import("", text), 400);
    ck_assert(says("\r\n\r\nout of bounds\n"));
    stop();
}
END_TEST

START_TEST(without_the_flag_it_says_how_to_enable_it) {
    start(false, false);
    ck_assert_int_eq(import("", "m 1\n"), 404);
    ck_assert_int_eq(post_body(), 404);
    ck_assert(
        says("\r\n\r\nremote write receiver needs to be enabled with --web.enable-remote-write-receiver\n"));
    stop();
}
END_TEST

CHECK_MAIN("write", samples_are_there_when_it_is_answered, what_is_wrong_is_said_as_prometheus_does,
           only_messages_that_are_known_in_snappy_are_taken,
           large_bodies_are_taken_only_here_and_up_to_the_limit,
           new_series_beyond_the_memory_get_429_and_known_ones_are_stored,
           the_second_version_is_told_what_was_written, the_second_version_stores_what_it_can,
           text_of_any_age_is_taken_beside_what_is_there, without_the_flag_it_says_how_to_enable_it)
