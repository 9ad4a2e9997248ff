/*
 * Outgoing requests over real sockets. A server thread answers by the path that is asked for and writes down
 * what it was asked; each test runs the client's loop in its own thread and stops it from `done`.
 *
 *     test: loop, client, requests --127.0.0.1--> server thread: up to 16 connections, poll
 */
#include "lib/http/client.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the server ---- */

#define MAX_CONNECTIONS 16
#define MAX_ASKED 16

static struct server {
    struct thread thread;
    struct mutex lock; /* guards all but the sockets */
    int port;
    bool stop;
    size_t accepted, count;       /* connections and requests so far */
    char asked[MAX_ASKED][2048];  /* heads of the requests */
    int fds[1 + MAX_CONNECTIONS]; /* the server's thread only; the first listens */
    size_t open;
} server;

/* "packed 1\n" */
static const char packed[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\x48\x4c\xce\x4e\x4d\x51\x30\xe4\x02\x00\x9a\xee\xd5"
    "\x29\x09\x00\x00\x00";
/* 100,000 times the byte 0 */
static const char bomb[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x0d\x0f"
    "\xa0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x80\x57\x03\x7d\x95\x11\xd4\xa0\x86\x01\x00";

static void send_all(int fd, const void *data, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t sent = send(fd, (const char *)data + at, len - at, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the client may well refuse the rest */
        at += (size_t)sent;
    }
}

static void send_answer(int fd, const char *head, const void *body, size_t len) {
    char text[512];
    int used = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, len);
    send_all(fd, text, (size_t)used);
    send_all(fd, body, len);
}

static void redirect(int fd, const char *host, const char *path) {
    char head[256];
    snprintf(head, sizeof head, "302 Found\r\nLocation: http://%s:%d%s", host, server.port, path);
    send_answer(fd, head, "moved\n", 6);
}

/* false: close the connection */
static bool answer(int fd, const char *path) {
    static const char big[100000], half[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    if (strcmp(path, "/plain") == 0)
        send_answer(fd, "200 OK\r\nContent-Type: text/plain; version=0.0.4", "plain 1\n", 8);
    else if (strcmp(path, "/gzip") == 0)
        send_answer(fd, "200 OK\r\nContent-Encoding: gzip", packed, sizeof packed - 1);
    else if (strcmp(path, "/torn") == 0)
        send_answer(fd, "200 OK\r\nContent-Encoding: gzip", packed, sizeof packed - 12);
    else if (strcmp(path, "/bomb") == 0)
        send_answer(fd, "200 OK\r\nContent-Encoding: gzip", bomb, sizeof bomb - 1);
    else if (strcmp(path, "/big") == 0)
        send_answer(fd, "200 OK", big, sizeof big);
    else if (strcmp(path, "/moved") == 0)
        redirect(fd, "127.0.0.1", "/gzip");
    else if (strcmp(path, "/elsewhere") == 0)
        redirect(fd, "localhost", "/plain");
    else if (strcmp(path, "/circle") == 0)
        redirect(fd, "127.0.0.1", "/circle");
    else if (strcmp(path, "/refused") == 0)
        send_answer(fd, "410 Gone", "gone\n", 5);
    else if (strcmp(path, "/indexed") == 0)
        send_answer(fd, "200 OK\r\nX-Index: 17", "", 0);
    else if (strcmp(path, "/half") == 0)
        send_all(fd, half, sizeof half - 1);
    else if (strcmp(path, "/silent") != 0)
        send_answer(fd, "404 Not Found", "", 0);
    return strcmp(path, "/half") != 0;
}

static void drop_connection(size_t index) {
    close(server.fds[index]);
    server.fds[index] = server.fds[server.open];
    mutex_lock(&server.lock);
    server.open--;
    mutex_unlock(&server.lock);
}

static void hear(size_t index) {
    char head[sizeof server.asked[0]], path[64] = "";
    ssize_t got = read(server.fds[index], head, sizeof head - 1);
    if (got <= 0) {
        drop_connection(index);
        return;
    }
    head[got] = '\0';
    mutex_lock(&server.lock);
    memcpy(server.asked[server.count++ % MAX_ASKED], head, (size_t)got + 1);
    mutex_unlock(&server.lock);
    if (sscanf(head, "GET %63s", path) != 1 || !answer(server.fds[index], path)) drop_connection(index);
}

static void accept_one(void) {
    int fd = accept(server.fds[0], NULL, NULL);
    if (fd < 0) return;
    mutex_lock(&server.lock);
    server.fds[++server.open] = fd;
    server.accepted++;
    mutex_unlock(&server.lock);
}

static void *serve(void *context) {
    struct server *self = context;
    while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd ready[1 + MAX_CONNECTIONS];
        size_t count = 1 + self->open;
        for (size_t i = 0; i < count; i++) ready[i] = (struct pollfd){self->fds[i], POLLIN, 0};
        if (poll(ready, count, 10) <= 0) continue;
        for (size_t i = count; i-- > 1;)
            if (ready[i].revents) hear(i);
        if (ready[0].revents && self->open < MAX_CONNECTIONS) accept_one();
    }
    while (self->open) drop_connection(self->open);
    return NULL;
}

static int bind_free_port(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void start_server(void) {
    memset(&server, 0, sizeof server);
    mutex_init(&server.lock);
    server.fds[0] = bind_free_port(&server.port);
    ck_assert_int_eq(listen(server.fds[0], 16), 0);
    thread_start(&server.thread, "target", serve, &server);
}

static void end_server(void) {
    __atomic_store_n(&server.stop, true, __ATOMIC_RELEASE);
    thread_join(&server.thread);
    close(server.fds[0]);
    mutex_release(&server.lock);
}

/* what the n-th request said; of the server, which must have ended */
static const char *asked(size_t n) {
    ck_assert_uint_lt(n, server.count);
    return server.asked[n];
}

/* ---- the client ---- */

#define MAX_ANSWERS 4

struct answer {
    int rc;
    char err[256], type[64], body[64];
    long status;
    size_t len;
};

/* one loop, one client, one request that is started `wanted` times */
struct session {
    struct loop *loop;
    struct http_client *client;
    struct http_request *request, *victim; /* the victim is destroyed when the first answer is there */
    size_t wanted, count;
    struct answer answers[MAX_ANSWERS];
    void (*between)(size_t count); /* called before each start but the first */
};

static void on_done(struct http_request *request, const struct http_response *response, void *context) {
    struct session *session = context;
    struct answer *answer = &session->answers[session->count++];
    ck_assert(!http_request_is_running(request));
    answer->rc = response->rc;
    answer->status = response->status;
    answer->len = response->body.len;
    snprintf(answer->err, sizeof answer->err, "%s", response->err.text);
    snprintf(answer->type, sizeof answer->type, "%s", response->content_type ? response->content_type : "");
    snprintf(answer->body, sizeof answer->body, "%.*s", SPAN_ARG(response->body));
    if (session->victim) ck_assert(http_request_is_running(session->victim));
    http_request_destroy(session->victim);
    session->victim = NULL;
    if (session->count == session->wanted) {
        loop_stop(session->loop);
        return;
    }
    if (session->between) session->between(session->count);
    http_request_start(request);
}

static void on_never(struct http_request *request, const struct http_response *response, void *context) {
    (void)request, (void)response, (void)context;
    ck_abort_msg("a destroyed request was answered");
}

static struct http_request_options options_for(const char *path) {
    static char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    return (struct http_request_options){.url = url, .timeout_ms = 20000, .max_body_bytes = 10000};
}

static void open_session(struct session *session, const struct http_request_options *options) {
    struct err err = {0};
    if (!session->wanted) session->wanted = 1;
    ck_assert_int_eq(loop_create(&session->loop, &err), 0);
    ck_assert_int_eq(http_client_create(session->loop, &session->client, &err), 0);
    ck_assert_int_eq(http_request_create(session->client, options, on_done, session, &session->request, &err),
                     0);
}

static void close_session(struct session *session) {
    http_request_destroy(session->request);
    http_client_destroy(session->client);
    loop_destroy(session->loop);
}

static void fetch(struct session *session, const struct http_request_options *options) {
    open_session(session, options);
    http_request_start(session->request);
    ck_assert(http_request_is_running(session->request));
    ck_assert_uint_eq(session->count, 0); /* never before start returns */
    loop_run(session->loop);
    close_session(session);
    ck_assert_uint_eq(session->count, session->wanted);
}

static struct answer fetch_once(const struct http_request_options *options) {
    struct session session = {.wanted = 1};
    fetch(&session, options);
    return session.answers[0];
}

static struct answer fetch_path(const char *path) {
    struct http_request_options options = options_for(path);
    return fetch_once(&options);
}

/* ---- bodies ---- */

START_TEST(a_plain_body_comes_with_its_status_and_type) {
    start_server();
    struct answer answer = fetch_path("/plain");
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.type, "text/plain; version=0.0.4");
    ck_assert_str_eq(answer.body, "plain 1\n");
    answer = fetch_path("/unknown");
    ck_assert_int_eq(answer.rc, 0); /* an answer, too */
    ck_assert_int_eq(answer.status, 404);
    ck_assert_str_eq(answer.type, "");
    end_server();
}
END_TEST

START_TEST(a_second_start_uses_the_connection_again) {
    struct session session = {.wanted = 3};
    start_server();
    struct http_request_options options = options_for("/plain");
    fetch(&session, &options);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(session.answers[i].rc, 0);
        ck_assert_str_eq(session.answers[i].body, "plain 1\n");
    }
    end_server();
    ck_assert_uint_eq(server.count, 3);
    ck_assert_uint_eq(server.accepted, 1);
}
END_TEST

static size_t open_connections(void) {
    mutex_lock(&server.lock);
    size_t open = server.open;
    mutex_unlock(&server.lock);
    return open;
}

START_TEST(a_request_keeps_its_connection_and_closes_it_at_the_end) {
    struct session session = {.wanted = 1};
    start_server();
    struct http_request_options options = options_for("/plain");
    open_session(&session, &options);
    http_request_start(session.request);
    loop_run(session.loop);
    ck_assert_uint_eq(open_connections(), 1); /* kept, though its request is over */
    http_request_destroy(session.request);
    http_client_destroy(session.client);
    loop_destroy(session.loop);
    for (int64_t until = clock_monotonic_ms() + 20000; open_connections();) {
        ck_assert_msg(clock_monotonic_ms() < until, "the connection stays open");
        usleep(1000);
    }
    end_server();
}
END_TEST

START_TEST(a_packed_body_is_unpacked) {
    start_server();
    struct answer answer = fetch_path("/gzip");
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_str_eq(answer.body, "packed 1\n");
    end_server();
}
END_TEST

START_TEST(a_torn_packed_body_is_refused) {
    start_server();
    struct answer answer = fetch_path("/torn");
    ck_assert_int_eq(answer.rc, ERR_INVALID);
    ck_assert_str_eq(answer.err, "gzip: invalid data");
    end_server();
}
END_TEST

START_TEST(a_body_over_the_limit_is_refused_plain_or_packed) {
    static const char *const paths[] = {"/big", "/bomb"};
    start_server();
    for (size_t i = 0; i < 2; i++) {
        struct http_request_options options = options_for(paths[i]);
        options.max_body_bytes = 99999;
        struct answer answer = fetch_once(&options);
        ck_assert_int_eq(answer.rc, ERR_LIMIT);
        ck_assert_str_eq(answer.err, "body size limit exceeded: larger than 99999 bytes");
        options.max_body_bytes = 100000;
        answer = fetch_once(&options);
        ck_assert_int_eq(answer.rc, 0);
        ck_assert_uint_eq(answer.len, 100000);
    }
    end_server();
}
END_TEST

START_TEST(a_request_works_again_after_its_body_was_too_large) {
    struct session session = {.wanted = 2};
    start_server();
    struct http_request_options options = options_for("/big");
    fetch(&session, &options);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(session.answers[i].rc, ERR_LIMIT);
        ck_assert_str_eq(session.answers[i].err, "body size limit exceeded: larger than 10000 bytes");
    }
    end_server();
}
END_TEST

/* ---- streams ---- */

struct stream {
    struct session session; /* first: it is the context of done */
    size_t received, wanted_bytes;
};

static bool on_piece(struct span piece, void *context) {
    struct stream *stream = context;
    stream->received += piece.len;
    return stream->received < stream->wanted_bytes;
}

static struct answer stream_path(struct stream *stream, const char *path) {
    struct http_request_options options = options_for(path);
    options.on_body = on_piece;
    fetch(&stream->session, &options);
    return stream->session.answers[0];
}

START_TEST(a_streamed_body_may_be_longer_than_the_limit_of_collected_ones) {
    struct stream stream = {.wanted_bytes = SIZE_MAX};
    start_server();
    struct answer answer = stream_path(&stream, "/big");
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_uint_eq(answer.len, 0);
    ck_assert_uint_eq(stream.received, 100000);
    end_server();
}
END_TEST

START_TEST(a_stream_ends_when_its_reader_has_had_enough) {
    struct stream stream = {.wanted_bytes = 1};
    start_server();
    struct answer answer = stream_path(&stream, "/big");
    ck_assert_int_eq(answer.rc, ERR_CANCELED);
    ck_assert_uint_lt(stream.received, 100000);
    end_server();
}
END_TEST

START_TEST(a_refusal_is_collected_also_where_a_stream_was_wanted) {
    struct stream stream = {.wanted_bytes = SIZE_MAX};
    start_server();
    struct answer answer = stream_path(&stream, "/refused");
    ck_assert_int_eq(answer.status, 410);
    ck_assert_str_eq(answer.body, "gone\n");
    ck_assert_uint_eq(stream.received, 0);
    end_server();
}
END_TEST

static void on_done_with_headers(struct http_request *request, const struct http_response *response,
                                 void *context) {
    struct session *session = context;
    (void)response;
    ck_assert_str_eq(http_request_header(request, "x-index"), "17");
    ck_assert_ptr_null(http_request_header(request, "x-other"));
    session->count++;
    loop_stop(session->loop);
}

START_TEST(the_headers_of_an_answer_can_be_asked_for) {
    struct session session = {.wanted = 1};
    struct err err;
    start_server();
    struct http_request_options options = options_for("/indexed");
    options.wants_headers = true;
    open_session(&session, &options);
    http_request_destroy(session.request);
    ck_assert_int_eq(
        http_request_create(session.client, &options, on_done_with_headers, &session, &session.request, &err),
        0);
    http_request_start(session.request);
    loop_run(session.loop);
    close_session(&session);
    ck_assert_uint_eq(session.count, 1);
    end_server();
}
END_TEST

/* ---- failures ---- */

START_TEST(a_silent_server_ends_in_a_timeout) {
    start_server();
    struct http_request_options options = options_for("/silent");
    options.timeout_ms = 100;
    int64_t begin = clock_monotonic_ms();
    struct answer answer = fetch_once(&options);
    ck_assert_int_eq(answer.rc, ERR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(answer.err, "context deadline exceeded"));
    ck_assert_int_ge(clock_monotonic_ms() - begin, 99);
    end_server();
}
END_TEST

START_TEST(a_refused_connection_names_the_address) {
    int port, fd = bind_free_port(&port); /* bound, and not listening: nobody else gets it */
    char url[64], name[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    struct http_request_options options = {.url = url, .timeout_ms = 20000, .max_body_bytes = 100};
    struct answer answer = fetch_once(&options);
    ck_assert_int_eq(answer.rc, ERR_IO);
    snprintf(name, sizeof name, "127.0.0.1 port %d", port);
    ck_assert_msg(strstr(answer.err, name), "%s", answer.err);
    ck_assert_msg(strstr(answer.err, "Connection refused"), "%s", answer.err);
    close(fd);
}
END_TEST

START_TEST(a_body_that_ends_early_is_no_answer) {
    start_server();
    struct answer answer = fetch_path("/half");
    ck_assert_int_eq(answer.rc, ERR_IO);
    ck_assert_str_ne(answer.err, "");
    end_server();
}
END_TEST

START_TEST(only_http_and_https_are_spoken) {
    struct http_request_options options = {
        .url = "file:///etc/hosts", .timeout_ms = 20000, .max_body_bytes = 9999};
    struct answer answer = fetch_once(&options);
    ck_assert_int_eq(answer.rc, ERR_IO);
    ck_assert_uint_eq(answer.len, 0);
}
END_TEST

/* ---- redirects and credentials ---- */

START_TEST(a_redirect_is_followed_only_when_asked_for) {
    start_server();
    struct http_request_options options = options_for("/moved");
    struct answer answer = fetch_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(answer.status, 302);
    options.follow_redirects = true;
    answer = fetch_once(&options);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, "packed 1\n");
    end_server();
}
END_TEST

START_TEST(redirects_in_a_circle_end_after_ten) {
    start_server();
    struct http_request_options options = options_for("/circle");
    options.follow_redirects = true;
    struct answer answer = fetch_once(&options);
    ck_assert_int_eq(answer.rc, ERR_IO);
    end_server();
    ck_assert_uint_eq(server.count, 11);
}
END_TEST

/* fetches path with credentials; the first request must carry them, the second as told */
static void check_credentials(struct http_request_options options, const char *header, bool second) {
    start_server();
    struct http_request_options with_url = options_for(second ? "/moved" : "/elsewhere");
    options.url = with_url.url;
    options.timeout_ms = with_url.timeout_ms;
    options.max_body_bytes = with_url.max_body_bytes;
    options.follow_redirects = true;
    struct answer answer = fetch_once(&options);
    ck_assert_msg(answer.rc == 0, "%s", answer.err);
    ck_assert_int_eq(answer.status, 200);
    end_server();
    ck_assert_uint_eq(server.count, 2);
    ck_assert_msg(strstr(asked(0), header), "%s", asked(0));
    ck_assert_msg(second == (strstr(asked(1), header) != NULL), "%s", asked(1));
    if (!second) ck_assert_msg(!strstr(asked(1), "Authorization:"), "%s", asked(1));
}

START_TEST(basic_auth_is_sent_but_never_to_another_host) {
    static const char header[] = "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"; /* me:secret */
    struct http_request_options options = {.username = "me", .password = "secret"};
    check_credentials(options, header, true);
    check_credentials(options, header, false);
}
END_TEST

START_TEST(a_token_is_sent_but_never_to_another_host) {
    static const char header[] = "\r\nAuthorization: Bearer abc\r\n";
    struct http_request_options options = {.authorization = "Bearer", .credentials = "abc"};
    check_credentials(options, header, true);
    check_credentials(options, header, false);
}
END_TEST

static char secret_path[64];

static void write_secret(const char *text) {
    ck_assert_int_eq(file_write_atomic(file_system_real(), secret_path, text, strlen(text), NULL), 0);
}

static void make_secret(const char *text) {
    snprintf(secret_path, sizeof secret_path, "/tmp/test_client.XXXXXX");
    int fd = mkstemp(secret_path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    write_secret(text);
}

static void rotate_secret(size_t count) {
    write_secret(count == 1 ? "second" : "third\r\n");
}

/* three starts, the file changed between them */
static void check_rotation(struct http_request_options options, const char *const *headers) {
    struct session session = {.wanted = 3, .between = rotate_secret};
    make_secret("first\n");
    start_server();
    struct http_request_options with_url = options_for("/plain");
    options.url = with_url.url;
    options.timeout_ms = with_url.timeout_ms;
    options.max_body_bytes = with_url.max_body_bytes;
    fetch(&session, &options);
    end_server();
    unlink(secret_path);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(session.answers[i].rc, 0);
        ck_assert_msg(strstr(asked(i), headers[i]), "%s", asked(i));
    }
}

START_TEST(a_file_of_credentials_is_read_again_at_each_start) {
    static const char *const headers[] = {"\r\nAuthorization: Bearer first\r\n",
                                          "\r\nAuthorization: Bearer second\r\n",
                                          "\r\nAuthorization: Bearer third\r\n"};
    struct http_request_options options = {.authorization = "Bearer", .credentials_file = secret_path};
    check_rotation(options, headers);
    static const char *const others[] = {"\r\nAuthorization: Token first\r\n",
                                         "\r\nAuthorization: Token second\r\n",
                                         "\r\nAuthorization: Token third\r\n"};
    options.authorization = "Token";
    check_rotation(options, others);
    options = (struct http_request_options){.credentials_file = secret_path};
    check_credentials((make_secret("first"), options), headers[0], false);
    unlink(secret_path);
}
END_TEST

START_TEST(a_file_with_a_password_is_read_again_at_each_start) {
    static const char *const headers[] = {"\r\nAuthorization: Basic bWU6Zmlyc3Q=\r\n",
                                          "\r\nAuthorization: Basic bWU6c2Vjb25k\r\n",
                                          "\r\nAuthorization: Basic bWU6dGhpcmQ=\r\n"};
    struct http_request_options options = {.username = "me", .password_file = secret_path};
    check_rotation(options, headers);
}
END_TEST

START_TEST(a_file_with_a_user_name_is_read_again_at_each_start) {
    static const char *const headers[] = {"\r\nAuthorization: Basic Zmlyc3Q6cHc=\r\n",
                                          "\r\nAuthorization: Basic c2Vjb25kOnB3\r\n",
                                          "\r\nAuthorization: Basic dGhpcmQ6cHc=\r\n"};
    struct http_request_options options = {.username_file = secret_path, .password = "pw"};
    check_rotation(options, headers);
}
END_TEST

START_TEST(a_proxy_that_is_given_does_not_look_at_the_environment) {
    char proxy[64];
    start_server();
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
    setenv("no_proxy", "*", 1);
    struct http_request_options options = options_for("/plain");
    options.url = "http://there.test/plain";
    options.proxy.url = proxy;
    struct answer answer = fetch_once(&options);
    unsetenv("no_proxy");
    end_server();
    ck_assert_msg(answer.rc == 0, "%s", answer.err);
    ck_assert_ptr_nonnull(strstr(asked(0), "GET http://there.test/plain HTTP/1.1\r\n"));
}
END_TEST

START_TEST(a_missing_file_of_credentials_fails_the_start_through_done) {
    struct session session = {.wanted = 1};
    start_server();
    struct http_request_options options = options_for("/plain");
    options.credentials_file = "/nonexistent/token";
    fetch(&session, &options);
    end_server();
    ck_assert_int_lt(session.answers[0].rc, 0);
    ck_assert_ptr_nonnull(strstr(session.answers[0].err, "/nonexistent/token"));
    ck_assert_uint_eq(server.count, 0);
}
END_TEST

/* ---- headers ---- */

START_TEST(the_head_of_a_request_says_what_was_asked_for) {
    static const char *const headers[] = {"Accept: text/plain", "X-More: yes", NULL};
    start_server();
    struct http_request_options options = options_for("/gzip");
    options.headers = headers;
    options.user_agent = "test/1";
    ck_assert_int_eq(fetch_once(&options).rc, 0);
    options.accept_gzip = true;
    ck_assert_int_eq(fetch_once(&options).rc, 0);
    end_server();
    ck_assert_ptr_nonnull(strstr(asked(0), "GET /gzip HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(asked(0), "\r\nAccept: text/plain\r\n"));
    ck_assert_ptr_nonnull(strstr(asked(0), "\r\nX-More: yes\r\n"));
    ck_assert_ptr_nonnull(strstr(asked(0), "\r\nUser-Agent: test/1\r\n"));
    ck_assert_ptr_nonnull(strstr(asked(0), "\r\nAccept-Encoding: identity\r\n"));
    ck_assert_ptr_nonnull(strstr(asked(1), "\r\nAccept-Encoding: gzip\r\n"));
    ck_assert_ptr_null(strstr(asked(1), "identity"));
}
END_TEST

/* ---- destroying ---- */

START_TEST(a_running_request_can_be_destroyed_in_the_answer_of_another) {
    struct session session = {.wanted = 2};
    start_server();
    struct http_request_options options = options_for("/plain");
    open_session(&session, &options);
    options = options_for("/silent");
    ck_assert_int_eq(http_request_create(session.client, &options, on_never, NULL, &session.victim, NULL), 0);
    http_request_start(session.victim);
    http_request_start(session.request);
    loop_run(session.loop);
    ck_assert_uint_eq(session.count, 2);
    ck_assert_int_eq(session.answers[1].rc, 0); /* the rest of the client goes on */
    close_session(&session);
    end_server();
}
END_TEST

START_TEST(a_request_can_be_destroyed_right_after_its_start_or_never_started) {
    struct session session = {.wanted = 1};
    struct http_request *idle;
    start_server();
    struct http_request_options options = options_for("/plain");
    open_session(&session, &options);
    ck_assert_int_eq(http_request_create(session.client, &options, on_never, NULL, &session.victim, NULL), 0);
    ck_assert_int_eq(http_request_create(session.client, &options, on_never, NULL, &idle, NULL), 0);
    http_request_start(session.victim);
    http_request_destroy(session.victim);
    http_request_destroy(idle);
    http_request_destroy(NULL);
    session.victim = NULL;
    http_request_start(session.request);
    loop_run(session.loop);
    ck_assert_int_eq(session.answers[0].rc, 0);
    close_session(&session);
    end_server();
}
END_TEST

START_TEST(a_request_whose_secret_is_missing_can_be_destroyed_before_it_says_so) {
    struct session session = {.wanted = 1};
    start_server();
    struct http_request_options options = options_for("/plain");
    open_session(&session, &options);
    options.credentials_file = "/nonexistent/token";
    ck_assert_int_eq(http_request_create(session.client, &options, on_never, NULL, &session.victim, NULL), 0);
    http_request_start(session.victim);
    http_request_destroy(session.victim);
    session.victim = NULL;
    http_request_start(session.request);
    loop_run(session.loop);
    ck_assert_int_eq(session.answers[0].rc, 0);
    close_session(&session);
    end_server();
}
END_TEST

/* takes the place of the C library's: a name server that is away */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    (void)node, (void)service, (void)hints, (void)result;
    usleep(3000000);
    return EAI_AGAIN;
}

START_TEST(a_name_that_does_not_resolve_in_time_holds_up_nobody) {
    struct session session = {.wanted = 1};
    struct http_request_options options = {
        .url = "http://slow.test/", .timeout_ms = 100, .max_body_bytes = 100};
    int64_t begin = clock_monotonic_ms();
    fetch(&session, &options);
    ck_assert_int_eq(session.answers[0].rc, ERR_TIMEOUT);
    ck_assert_int_lt(clock_monotonic_ms() - begin, 2000);
}
END_TEST

CHECK_MAIN("http client", a_file_with_a_user_name_is_read_again_at_each_start,
           a_proxy_that_is_given_does_not_look_at_the_environment,
           a_request_whose_secret_is_missing_can_be_destroyed_before_it_says_so,
           a_name_that_does_not_resolve_in_time_holds_up_nobody, a_plain_body_comes_with_its_status_and_type,
           a_second_start_uses_the_connection_again, a_request_keeps_its_connection_and_closes_it_at_the_end,
           a_packed_body_is_unpacked, a_torn_packed_body_is_refused,
           a_body_over_the_limit_is_refused_plain_or_packed,
           a_request_works_again_after_its_body_was_too_large, a_silent_server_ends_in_a_timeout,
           a_refused_connection_names_the_address, a_body_that_ends_early_is_no_answer,
           only_http_and_https_are_spoken, a_redirect_is_followed_only_when_asked_for,
           redirects_in_a_circle_end_after_ten, basic_auth_is_sent_but_never_to_another_host,
           a_token_is_sent_but_never_to_another_host, a_file_of_credentials_is_read_again_at_each_start,
           a_file_with_a_password_is_read_again_at_each_start,
           a_missing_file_of_credentials_fails_the_start_through_done,
           the_head_of_a_request_says_what_was_asked_for,
           a_running_request_can_be_destroyed_in_the_answer_of_another,
           a_request_can_be_destroyed_right_after_its_start_or_never_started,
           a_streamed_body_may_be_longer_than_the_limit_of_collected_ones,
           a_stream_ends_when_its_reader_has_had_enough,
           a_refusal_is_collected_also_where_a_stream_was_wanted, the_headers_of_an_answer_can_be_asked_for)
