#include "web/http/server.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/gzip.h"
#include "lib/codec/zstd.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"
#include "tests/unit/web/client.h"

#include <poll.h>
#include <stdio.h>

/* A server in this process, asked over real sockets. */

#define PLAIN "text/plain"

static struct {
    atomic_int waiting, canceled; /* /wait handlers under way; and those that heard it */
    atomic_bool released;         /* lets /wait handlers go */
    atomic_size_t produced;       /* bytes of /stream */
    atomic_int done;              /* states of /stream given back */
    struct mutex lock;
    struct condition changed;
} seen;

static void signal_seen(void) {
    mutex_lock(&seen.lock);
    condition_broadcast(&seen.changed);
    mutex_unlock(&seen.lock);
}

/* waits for an int to become `wanted` */
static bool comes_to(atomic_int *value, int wanted) {
    int64_t end = clock_monotonic_ms() + 20000;
    mutex_lock(&seen.lock);
    while (atomic_load(value) != wanted && clock_monotonic_ms() < end)
        (void)condition_wait_ms(&seen.changed, &seen.lock, 20);
    mutex_unlock(&seen.lock);
    return atomic_load(value) == wanted;
}

/* ---- handlers ---- */

static void on_plain(struct exchange *exchange, void *context) {
    (void)context;
    reply_text(exchange, 200, PLAIN, exchange_request(exchange)->path);
}

static void on_echo(struct exchange *exchange, void *context) {
    (void)context;
    const struct web_request *request = exchange_request(exchange);
    struct buf out;
    buf_init(&out, (size_t)8 << 20);
    buf_printf(&out, "%.*s|%.*s|", SPAN_ARG(request->captured), SPAN_ARG(web_request_param(request, "a")));
    buf_span(&out, request->body);
    reply_buf(exchange, 200, PLAIN, &out);
}

static void on_wait(struct exchange *exchange, void *context) {
    (void)context;
    atomic_fetch_add(&seen.waiting, 1);
    signal_seen();
    mutex_lock(&seen.lock);
    while (!atomic_load(exchange_cancel(exchange)) && !atomic_load(&seen.released))
        (void)condition_wait_ms(&seen.changed, &seen.lock, 5);
    mutex_unlock(&seen.lock);
    if (atomic_load(exchange_cancel(exchange))) atomic_fetch_add(&seen.canceled, 1);
    atomic_fetch_sub(&seen.waiting, 1);
    signal_seen();
    reply_text(exchange, 200, PLAIN, SPAN("waited"));
}

struct numbers {
    size_t left, break_at;
    uint32_t next;
};

/* lines of eight digits, so that any loss or exchange of bytes is seen */
static bool more_numbers(void *state, struct buf *piece) {
    struct numbers *numbers = state;
    if (numbers->left == numbers->break_at) piece->failed = true;
    while (numbers->left && piece->len < REPLY_PIECE_BYTES) {
        buf_printf(piece, "%07u\n", numbers->next++ % 10000000);
        numbers->left -= 8;
        if (numbers->left == numbers->break_at) break;
    }
    atomic_fetch_add(&seen.produced, piece->len);
    return numbers->left > 0;
}

static void numbers_done(void *state) {
    mem_free(state);
    atomic_fetch_add(&seen.done, 1);
    signal_seen();
}

static size_t size_param(struct exchange *exchange, const char *name, size_t otherwise) {
    struct span text = web_request_param(exchange_request(exchange), name);
    return text.len ? (size_t)strtoull(text.ptr, NULL, 10) : otherwise;
}

static void on_stream(struct exchange *exchange, void *context) {
    (void)context;
    struct numbers *numbers = mem_zalloc(sizeof *numbers);
    numbers->left = size_param(exchange, "n", 8) / 8 * 8;
    numbers->break_at = size_param(exchange, "break", SIZE_MAX);
    reply_stream(exchange, 200, PLAIN, more_numbers, numbers_done, numbers);
}

static void on_none(struct exchange *exchange, void *context) {
    (void)exchange;
    (void)context;
}

static bool gate(struct exchange *exchange, const struct route *route, void *context) {
    (void)route;
    (void)context;
    if (web_request_has_param(exchange_request(exchange), "open")) return true;
    reply_text(exchange, 503, PLAIN, SPAN("closed"));
    return false;
}

static const struct route routes[] = {
    {"/", METHOD_GET | METHOD_HEAD, ROUTE_AT_ONCE, 0, on_plain, ACCESS_ANY, NULL, NULL, NULL},
    {"/light", METHOD_GET, ROUTE_LIGHT, ROUTE_CORS, on_plain, ACCESS_ANY, NULL, NULL, NULL},
    {"/heavy", METHOD_GET, ROUTE_HEAVY, 0, on_plain, ACCESS_ANY, NULL, NULL, NULL},
    {"/echo/:name", METHOD_GET | METHOD_POST, ROUTE_HEAVY, 0, on_echo, ACCESS_ANY, NULL, NULL, NULL},
    {"/wait", METHOD_GET, ROUTE_HEAVY, 0, on_wait, ACCESS_ANY, NULL, NULL, NULL},
    {"/stream", METHOD_GET, ROUTE_HEAVY, 0, on_stream, ACCESS_ANY, NULL, NULL, NULL},
    {"/stream-light", METHOD_GET, ROUTE_LIGHT, 0, on_stream, ACCESS_ANY, NULL, NULL, NULL},
    {"/none", METHOD_GET, ROUTE_LIGHT, 0, on_none, ACCESS_ANY, NULL, NULL, NULL},
    {"/gated", METHOD_GET, ROUTE_LIGHT, ROUTE_GATED, on_plain, ACCESS_ANY, NULL, NULL, NULL},
};

/* ---- the server ---- */

static const char *const address = "127.0.0.1:0";
static const struct router router = {.routes = routes, .count = sizeof routes / sizeof *routes, .gate = gate};

static struct http_server *start(struct http_server_options options, struct registry *registry) {
    struct http_server *server = NULL;
    struct err err = {0};
    options.addresses = &address;
    options.address_count = 1;
    atomic_store(&seen.waiting, 0);
    atomic_store(&seen.canceled, 0);
    atomic_store(&seen.done, 0);
    atomic_store(&seen.produced, 0);
    atomic_store(&seen.released, false);
    ck_assert_msg(http_server_create(&options, &router, registry, &server, &err) == 0, "%s", err.text);
    http_server_start(server);
    return server;
}

static void stop(struct http_server *server) {
    atomic_store(&seen.released, true);
    signal_seen();
    http_server_stop(server);
    http_server_destroy(server);
}

static void check_numbers(struct span text, size_t len) {
    ck_assert_uint_eq(text.len, len);
    for (size_t i = 0; i < len / 8; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, "%07u\n", (unsigned)i % 10000000);
        if (memcmp(text.ptr + 8 * i, wanted, 8) != 0) ck_abort_msg("wrong bytes at %zu", 8 * i);
    }
}

#define BEGIN(...)                                                                                           \
    struct buf out;                                                                                          \
    buf_init(&out, (size_t)128 << 20);                                                                       \
    struct http_server *server = start((struct http_server_options){__VA_ARGS__}, NULL)
#define END()                                                                                                \
    stop(server);                                                                                            \
    buf_release(&out)

/* ---- tests ---- */

START_TEST(every_place_answers) {
    BEGIN(0);
    const char *paths[] = {"/", "/light", "/heavy"};
    for (int i = 0; i < 3; i++) {
        char request[128];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" CLOSE, paths[i]);
        const char *answer = ask(server, request, &out);
        ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 200 OK\r\n"));
        ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
        ck_assert(span_is(body_of(&out), paths[i]));
    }
    const char *answer =
        ask(server, "POST /echo/x%20y?a=1 HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "b=2", &out);
    ck_assert_ptr_nonnull(strstr(answer, "x y|1|b=2"));
    END();
}
END_TEST

START_TEST(what_is_not_there_is_said) {
    BEGIN(0);
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /x HTTP/1.1\r\n" CLOSE, &out), "404 Not Found"));
    ck_assert(span_is(body_of(&out), "404 page not found\n"));
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /light/ HTTP/1.1\r\n" CLOSE, &out), "404 Not Found"));
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /echo/ HTTP/1.1\r\n" CLOSE, &out), "404 Not Found"));
    const char *answer = ask(server, "PUT /echo/x HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "405 Method Not Allowed"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\nAllow: GET, POST, OPTIONS\r\n"));
    answer = ask(server, "PROPFIND / HTTP/1.1\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "405 Method Not Allowed"));
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /none HTTP/1.1\r\n" CLOSE, &out), "500 Internal"));
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /gated HTTP/1.1\r\n" CLOSE, &out), "503 Service"));
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /gated?open HTTP/1.1\r\n" CLOSE, &out), "200 OK"));
    END();
}
END_TEST

START_TEST(head_has_no_body) {
    BEGIN(0);
    const char *answer = ask(server, "HEAD / HTTP/1.1\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 1\r\n"));
    ck_assert_uint_eq(body_of(&out).len, 0);
    ck_assert_ptr_nonnull(strstr(ask(server, "HEAD /light HTTP/1.1\r\n" CLOSE, &out), "405"));
    END();
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order) {
    BEGIN(0);
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "GET /echo/%d HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", i);
    buf_puts(&text, "GET /light HTTP/1.1\r\n" CLOSE);
    const char *at = ask(server, buf_text(&text), &out);
    for (int i = 0; i < 500; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "\r\n\r\n%d||HTTP/1.1", i);
        at = strstr(at, wanted);
        ck_assert_msg(at != NULL, "answer %d is missing", i);
    }
    ck_assert_ptr_nonnull(strstr(at, "\r\n\r\n/light"));
    buf_release(&text);
    END();
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte) {
    BEGIN(0);
    int fd = connect_to(server);
    for (const char *c = "GET /echo/slow HTTP/1.0\r\n\r\n"; *c; c++) say(fd, (char[]){*c, '\0'});
    hear_all(fd, &out);
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "slow||"));
    close(fd);
    END();
}
END_TEST

START_TEST(http_1_0_is_kept_alive_when_asked) {
    BEGIN(0);
    const char *answer =
        ask(server, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /light HTTP/1.0\r\n\r\n", &out);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: keep-alive\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n/light"));
    END();
}
END_TEST

START_TEST(a_refusal_can_be_read) {
    BEGIN(0);
    const char *answer = ask(server, "GET / HTTP/1.1\r\n\r\n", &out);
    ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 400 Bad Request"));
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
    /* with a body that nobody will read */
    struct buf text;
    buf_init(&text, (size_t)8 << 20);
    buf_puts(&text, "POST /echo/x HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n");
    for (int i = 0; i < 100000; i++) buf_putc(&text, 'x');
    ck_assert_ptr_nonnull(strstr(ask(server, buf_text(&text), &out), "413 Content Too Large"));
    buf_release(&text);
    END();
}
END_TEST

START_TEST(continue_is_said_before_the_body) {
    BEGIN(0);
    int fd = connect_to(server);
    say(fd, "POST /echo/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" CLOSE);
    hear_until(fd, &out, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "hi");
    hear_all(fd, &out);
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "x||hi"));
    close(fd);
    END();
}
END_TEST

START_TEST(answers_are_compressed_as_asked) {
    BEGIN(0);
    struct gzip_reader *reader = gzip_reader_create();
    size_t sizes[] = {8, 4096, 1 << 20};
    for (int i = 0; i < 3; i++) {
        char request[160];
        struct buf plain, packed;
        struct err err = {0};
        buf_init(&plain, (size_t)16 << 20);
        buf_init(&packed, (size_t)16 << 20);
        snprintf(request, sizeof request,
                 "GET /stream?n=%zu HTTP/1.1\r\nAccept-Encoding: br, gzip;q=0.5, deflate\r\n" CLOSE,
                 sizes[i]);
        const char *answer = ask(server, request, &out);
        bool is_packed = strstr(answer, "Content-Encoding: gzip\r\n") != NULL;
        ck_assert_ptr_nonnull(strstr(answer, "Vary: Accept-Encoding\r\n"));
        ck_assert_int_eq(is_packed, sizes[i] >= 512); /* small ones are not worth it */
        if (strstr(answer, "Transfer-Encoding: chunked"))
            unchunk(body_of(&out), &packed);
        else
            buf_span(&packed, body_of(&out));
        if (is_packed) ck_assert_msg(gzip_read(reader, buf_view(&packed), &plain, &err) == 0, "%s", err.text);
        check_numbers(is_packed ? buf_view(&plain) : buf_view(&packed), sizes[i]);
        buf_release(&plain);
        buf_release(&packed);
    }
    const char *answer =
        ask(server, "GET /stream?n=4096 HTTP/1.1\r\nAccept-Encoding: gzip;q=0, Deflate\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Encoding: deflate\r\n"));
    ck_assert_int_eq(body_of(&out).ptr[0], 0x78); /* zlib's form, as every client expects */
    answer = ask(server, "GET /stream?n=40000 HTTP/1.0\r\nAccept-Encoding: zstd, gzip\r\n\r\n", &out);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Encoding: zstd\r\n"));
    char *plain = mem_alloc(40000);
    struct span packed = body_of(&out);
    ck_assert_int_eq(zstd_read(packed.ptr, packed.len, plain, 40000, NULL), 0);
    check_numbers(span_of(plain, 40000), 40000);
    mem_free(plain);
    ck_assert_ptr_null(
        strstr(ask(server, "GET /stream?n=4096 HTTP/1.1\r\n" CLOSE, &out), "Content-Encoding"));
    gzip_reader_destroy(reader);
    END();
}
END_TEST

START_TEST(streams_are_whole_or_chunked_or_to_the_end) {
    BEGIN(0);
    const char *answer = ask(server, "GET /stream?n=1000 HTTP/1.1\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 1000\r\n"));
    check_numbers(body_of(&out), 1000);
    for (int i = 0; i < 2; i++) {
        struct buf plain;
        buf_init(&plain, (size_t)16 << 20);
        answer = ask(server,
                     i ? "GET /stream-light?n=3000000 HTTP/1.1\r\n" CLOSE
                       : "GET /stream?n=3000000 HTTP/1.1\r\n" CLOSE,
                     &out);
        ck_assert_ptr_nonnull(strstr(answer, "Transfer-Encoding: chunked\r\n"));
        unchunk(body_of(&out), &plain);
        check_numbers(buf_view(&plain), 3000000);
        buf_release(&plain);
    }
    answer = ask(server, "GET /stream?n=3000000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &out);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    check_numbers(body_of(&out), 3000000);
    ck_assert(comes_to(&seen.done, 4));
    END();
}
END_TEST

START_TEST(a_stream_waits_for_its_reader) {
    BEGIN(0);
    size_t size = (size_t)64 << 20, before;
    int fd = connect_to(server);
    say(fd, "GET /stream?n=67108864 HTTP/1.0\r\n\r\n");
    do { /* until nothing moved for a while */
        before = atomic_load(&seen.produced);
        poll(NULL, 0, 200);
    } while (before == 0 || before != atomic_load(&seen.produced));
    ck_assert_uint_lt(before, size / 4); /* what the sockets hold, no more */
    hear_all(fd, &out);
    check_numbers(body_of(&out), size);
    close(fd);
    END();
}
END_TEST

START_TEST(a_reader_that_stalls_is_dropped) {
    BEGIN(.stall_timeout_ms = 100);
    int fd = connect_to(server);
    say(fd, "GET /stream?n=67108864 HTTP/1.0\r\n\r\n");
    ck_assert(comes_to(&seen.done, 1)); /* given up without a byte read */
    ck_assert_uint_lt(atomic_load(&seen.produced), (size_t)32 << 20);
    close(fd);
    END();
}
END_TEST

START_TEST(a_broken_stream_is_not_mistaken_for_a_whole_one) {
    BEGIN(0);
    const char *answer = ask(server, "GET /stream?n=800000&break=400000 HTTP/1.1\r\n" HOST "\r\n", &out);
    ck_assert_ptr_nonnull(strstr(answer, "200 OK"));
    ck_assert(!span_ends_with(buf_view(&out), SPAN("0\r\n\r\n")));
    answer = ask(server, "GET /stream?n=800&break=800 HTTP/1.1\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "500 Internal Server Error"));
    ck_assert(comes_to(&seen.done, 2));
    END();
}
END_TEST

START_TEST(a_client_that_leaves_cancels_its_request) {
    BEGIN(0);
    int fd = connect_to(server);
    say(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(comes_to(&seen.waiting, 1));
    close(fd);
    ck_assert(comes_to(&seen.canceled, 1));
    END();
}
END_TEST

START_TEST(a_full_line_is_a_503) {
    BEGIN(.workers = 1, .max_waiting = 1, .patience_ms = -1);
    int first = connect_to(server), second = connect_to(server);
    say(first, "GET /wait HTTP/1.1\r\n" CLOSE);
    ck_assert(comes_to(&seen.waiting, 1));
    say(second, "GET /wait HTTP/1.1\r\n" CLOSE);
    const char *answer;
    do { /* until the second is in line */
        answer = ask(server, "GET /heavy HTTP/1.1\r\n" CLOSE, &out);
    } while (strstr(answer, "200 OK"));
    ck_assert_ptr_nonnull(strstr(answer, "503 Service Unavailable"));
    ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(ask(server, "GET /light HTTP/1.1\r\n" CLOSE, &out), "200 OK"));
    atomic_store(&seen.released, true);
    signal_seen();
    hear_all(first, &out);
    hear_all(second, &out);
    close(first);
    close(second);
    END();
}
END_TEST

START_TEST(who_is_too_slow_is_told) {
    BEGIN(.idle_timeout_ms = 150, .header_timeout_ms = 100, .body_timeout_ms = 100);
    const char *slow[] = {"", "GET / HT", "POST /echo/x HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nx"};
    for (int i = 0; i < 3; i++) {
        const char *answer = ask(server, slow[i], &out);
        if (i == 0)
            ck_assert_uint_eq(out.len, 0);
        else
            ck_assert_ptr_nonnull(strstr(answer, "408 Request Timeout"));
    }
    END();
}
END_TEST

START_TEST(the_longest_idle_connection_gives_way) {
    BEGIN(.max_connections = 2);
    int first = connect_to(server), second;
    char byte;
    say(first, "GET / HTTP/1.1\r\n" HOST "\r\n");
    hear_until(first, &out, "\r\n\r\n/");
    second = connect_to(server);
    buf_reset(&out);
    say(second, "GET / HTTP/1.1\r\n" HOST "\r\n");
    hear_until(second, &out, "\r\n\r\n/");
    ck_assert_ptr_nonnull(strstr(ask(server, "GET / HTTP/1.1\r\n" CLOSE, &out), "200 OK"));
    ck_assert_int_eq(recv(first, &byte, 1, 0), 0);
    buf_reset(&out);
    say(second, "GET /light HTTP/1.1\r\n" CLOSE);
    hear_all(second, &out);
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "200 OK"));
    close(first);
    close(second);
    END();
}
END_TEST

START_TEST(cors_answers_the_origins_it_should) {
    BEGIN(0);
    const char *answer = ask(server, "OPTIONS /any/thing HTTP/1.1\r\nOrigin: http://a\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "204 No Content"));
    ck_assert_ptr_nonnull(strstr(answer, "Access-Control-Allow-Origin: *\r\n"));
    ck_assert_ptr_null(strstr(answer, "Content-Length"));
    answer = ask(server, "GET /light HTTP/1.1\r\nOrigin: http://a\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Access-Control-Expose-Headers: Date\r\n"));
    ck_assert_ptr_null(strstr(ask(server, "GET /light HTTP/1.1\r\n" CLOSE, &out), "Access-Control"));
    ck_assert_ptr_null(
        strstr(ask(server, "GET /heavy HTTP/1.1\r\nOrigin: http://a\r\n" CLOSE, &out), "Access-Control"));
    stop(server);
    server = start((struct http_server_options){.cors_origin = "https?://(a|b)"}, NULL);
    answer = ask(server, "GET /light HTTP/1.1\r\nOrigin: http://b\r\n" CLOSE, &out);
    ck_assert_ptr_nonnull(strstr(answer, "Access-Control-Allow-Origin: http://b\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Vary: Origin\r\n"));
    answer = ask(server, "GET /light HTTP/1.1\r\nOrigin: http://bb\r\n" CLOSE, &out);
    ck_assert_ptr_null(strstr(answer, "Access-Control-Allow-Origin"));
    END();
}
END_TEST

START_TEST(a_taken_port_is_named) {
    BEGIN(0);
    char taken[64];
    const char *addresses[] = {taken};
    struct http_server_options options = {.addresses = addresses, .address_count = 1};
    struct http_server *second = NULL;
    struct err err = {0};
    snprintf(taken, sizeof taken, "127.0.0.1:%d", http_server_port(server, 0));
    ck_assert_int_eq(http_server_create(&options, &router, NULL, &second, &err), ERR_IO);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(err.text, taken));
    ck_assert_ptr_nonnull(strstr(err.text, "bind: address already in use"));
    const char *bad[] = {"127.0.0.1", "::1:80", "[::1:80", "127.0.0.1:99999", "127.0.0.1:http x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        addresses[0] = bad[i];
        ck_assert_int_ne(http_server_create(&options, &router, NULL, &second, &err), 0);
    }
    options.cors_origin = "(";
    addresses[0] = address;
    ck_assert_int_eq(http_server_create(&options, &router, NULL, &second, &err), ERR_INVALID);
    END();
}
END_TEST

START_TEST(several_addresses_are_served) {
    const char *addresses[] = {"127.0.0.1:0", "localhost:0", ":0"};
    struct http_server_options options = {.addresses = addresses, .address_count = 3};
    struct http_server *server = NULL;
    struct err err = {0};
    ck_assert_msg(http_server_create(&options, &router, NULL, &server, &err) == 0, "%s", err.text);
    for (size_t i = 0; i < 3; i++) ck_assert_int_gt(http_server_port(server, i), 0);
    http_server_destroy(server); /* never started */
}
END_TEST

START_TEST(stopping_breaks_off_what_takes_too_long) {
    BEGIN(.stop_grace_ms = 50);
    int fd = connect_to(server), idle = connect_to(server);
    say(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(comes_to(&seen.waiting, 1));
    http_server_stop(server); /* returns although nobody released the handler */
    ck_assert_int_eq(atomic_load(&seen.canceled), 1);
    hear_all(fd, &out);
    hear_all(idle, &out);
    ck_assert_uint_eq(out.len, 0);
    close(fd);
    close(idle);
    END();
}
END_TEST

static void *stop_it(void *context) {
    http_server_stop(context);
    return NULL;
}

START_TEST(stopping_lets_an_answer_finish) {
    BEGIN(.stop_grace_ms = 20000);
    struct thread stopper;
    int fd = connect_to(server), idle = connect_to(server);
    char byte;
    say(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    ck_assert(comes_to(&seen.waiting, 1));
    thread_start(&stopper, "stopper", stop_it, server);
    ck_assert_int_eq(recv(idle, &byte, 1, 0), 0); /* it is stopping */
    atomic_store(&seen.released, true);
    signal_seen();
    hear_all(fd, &out);
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "\r\n\r\nwaited"));
    close(fd);
    close(idle);
    thread_join(&stopper);
    END();
}
END_TEST

START_TEST(requests_are_counted_by_route_and_status) {
    struct registry *registry = registry_create();
    struct http_server *server = start((struct http_server_options){0}, registry);
    struct buf out, text;
    buf_init(&out, 1 << 20);
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 3; i++) (void)ask(server, "GET /echo/x HTTP/1.1\r\n" CLOSE, &out);
    (void)ask(server, "GET /none HTTP/1.1\r\n" CLOSE, &out);
    (void)ask(server, "GET /nowhere HTTP/1.1\r\n" CLOSE, &out);
    stop(server);
    registry_write(registry, &text);
    const char *lines[] = {
        "prometheus_http_requests_total{code=\"200\",handler=\"/echo/:name\"} 3\n",
        "prometheus_http_requests_total{code=\"500\",handler=\"/none\"} 1\n",
        "prometheus_http_requests_total{code=\"200\",handler=\"/heavy\"} 0\n",
        "prometheus_http_request_duration_seconds_count{handler=\"/echo/:name\"} 3\n",
        "prometheus_http_response_size_bytes_bucket{handler=\"/echo/:name\",le=\"100\"} 3\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(buf_text(&text), lines[i]) != NULL, "no %s in\n%s", lines[i], buf_text(&text));
    ck_assert_ptr_null(strstr(buf_text(&text), "nowhere"));
    registry_destroy(registry);
    buf_release(&out);
    buf_release(&text);
}
END_TEST

int main(void) {
    mutex_init(&seen.lock);
    condition_init(&seen.changed);
    const TTest *const tests[] = {every_place_answers,
                                  what_is_not_there_is_said,
                                  head_has_no_body,
                                  pipelined_requests_are_answered_in_order,
                                  a_request_may_come_byte_by_byte,
                                  http_1_0_is_kept_alive_when_asked,
                                  a_refusal_can_be_read,
                                  continue_is_said_before_the_body,
                                  answers_are_compressed_as_asked,
                                  streams_are_whole_or_chunked_or_to_the_end,
                                  a_stream_waits_for_its_reader,
                                  a_reader_that_stalls_is_dropped,
                                  a_broken_stream_is_not_mistaken_for_a_whole_one,
                                  a_client_that_leaves_cancels_its_request,
                                  a_full_line_is_a_503,
                                  who_is_too_slow_is_told,
                                  the_longest_idle_connection_gives_way,
                                  cors_answers_the_origins_it_should,
                                  a_taken_port_is_named,
                                  several_addresses_are_served,
                                  stopping_breaks_off_what_takes_too_long,
                                  stopping_lets_an_answer_finish,
                                  requests_are_counted_by_route_and_status};
    TCase *tcase = tcase_create("server");
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    int failed = check_run("server", tcase);
    condition_release(&seen.changed);
    mutex_release(&seen.lock);
    return failed;
}
