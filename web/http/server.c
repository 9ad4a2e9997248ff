#include "web/http/server.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/vec.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/pool.h"
#include "lib/sys/thread.h"
#include "web/http/request_parser.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define SERVER_MAGIC 0x68737276u
#define READ_BUFFER ((size_t)64 << 10)
#define SWEEP_MS 1000
#define HEADER_TIMEOUT_MS 10000
#define WRITE_STALL_MS 30000
#define WRITE_PIECE ((size_t)256 << 10)
#define BACKLOG 511

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct http_server *server;
    struct connection *before, *after; /* the server's list */
    struct request_parser parser;
    struct http_exchange *exchange; /* being answered */
    const struct http_route *route; /* of the exchange; NULL when none */
    struct pool_job job;
    char head[4096];     /* of the answer */
    size_t sent;         /* bytes of the answer's body */
    int64_t deadline_ms; /* monotonic */
    int64_t begin_ns;
    bool is_running; /* the exchange is with the pool */
    bool is_writing, is_closing, is_reading, close_after;
};

struct listener {
    uv_tcp_t tcp;
    struct http_server *server;
    int port;
};

struct http_server {
    uint32_t magic;
    struct http_server_options options;
    const struct http_router *router;
    struct pool *pool;
    struct registry *registry;
    struct loop *loop;
    struct thread thread;
    struct listener *listeners;
    size_t listener_count;
    uv_timer_t sweep;
    struct connection *connections; /* newest first */
    size_t connection_count;
    size_t open_handles; /* listeners and timer not closed yet */
    bool is_stopping;
    char *read_buffer; /* one for all: the loop reads one connection at a time */
};

static void next_request(struct connection *connection);

/* ---- metrics
 * -------------------------------------------------------------------------------------------------------- */

static void count_request(struct connection *connection) {
    static const double seconds[] = {.1, .2, .4, 1, 3, 8, 20, 60, 120};
    static const double bytes[] = {100, 1000, 10000, 100000, 1e6, 1e7, 1e8, 1e9};
    struct registry *registry = connection->server->registry;
    const struct http_exchange *exchange = connection->exchange;
    if (!registry || !connection->route) return;
    const char *handler = connection->route->name ? connection->route->name : connection->route->path;
    char code[16];
    snprintf(code, sizeof code, "%d", exchange->status);
    counter_inc(registry_counter(registry, "prometheus_http_requests_total",
                                 "Requests by handler and status.",
                                 (const char *[]){"handler", handler, "code", code, NULL}));
    instrument_labels by_handler = (const char *[]){"handler", handler, NULL};
    histogram_observe(registry_histogram(registry, "prometheus_http_request_duration_seconds",
                                         "Time to answer.", by_handler, seconds, 9),
                      (double)(clock_monotonic_ns() - connection->begin_ns) * 1e-9);
    histogram_observe(registry_histogram(registry, "prometheus_http_response_size_bytes", "Size of answers.",
                                         by_handler, bytes, 8),
                      (double)exchange->answer.len);
}

/* ---- closing
 * -------------------------------------------------------------------------------------------------------- */

static void stop_if_empty(struct http_server *server) {
    if (server->is_stopping && server->connection_count == 0 && server->open_handles == 0)
        loop_stop(server->loop);
}

static void free_connection(struct connection *connection) {
    struct http_server *server = connection->server;
    if (connection->before)
        connection->before->after = connection->after;
    else
        server->connections = connection->after;
    if (connection->after) connection->after->before = connection->before;
    server->connection_count--;
    request_parser_release(&connection->parser);
    exchange_destroy(connection->exchange);
    mem_free(connection);
    stop_if_empty(server);
}

static void on_connection_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    connection->is_reading = false;
    if (!connection->is_running) free_connection(connection); /* else the job's end does */
}

static void close_connection(struct connection *connection) {
    if (connection->is_closing) return;
    connection->is_closing = true;
    if (connection->exchange) atomic_store(&connection->exchange->canceled, true);
    uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

/* ---- writing
 * -------------------------------------------------------------------------------------------------------- */

static const char *status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {{200, "OK"},
                 {204, "No Content"},
                 {302, "Found"},
                 {304, "Not Modified"},
                 {400, "Bad Request"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {408, "Request Timeout"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {422, "Unprocessable Entity"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {499, "Client Closed Request"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {503, "Service Unavailable"},
                 {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status) return texts[i].text;
    return "Unknown";
}

static size_t write_head(struct connection *connection) {
    const struct http_exchange *exchange = connection->exchange;
    struct buf head;
    char date[64];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    buf_init(&head, sizeof connection->head - 1);
    buf_printf(&head, "HTTP/1.1 %d %s\r\nDate: %s\r\n", exchange->status, status_text(exchange->status),
               date);
    if (exchange->status != 204 && exchange->status != 304)
        buf_printf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", exchange->answer_type,
                   exchange->answer.len);
    for (size_t i = 0; i < exchange->header_count; i++) buf_printf(&head, "%s\r\n", exchange->headers[i]);
    if (connection->close_after)
        buf_puts(&head, "Connection: close\r\n");
    else if (connection->parser.is_http10)
        buf_puts(&head, "Connection: keep-alive\r\n");
    buf_puts(&head, "\r\n");
    ASSERT(!head.failed);
    size_t len = head.len;
    memcpy(connection->head, head.data, len);
    buf_release(&head);
    return len;
}

static void finish_answer(struct connection *connection) {
    exchange_destroy(connection->exchange);
    connection->exchange = NULL;
    connection->route = NULL;
    if (connection->close_after || connection->server->is_stopping)
        close_connection(connection);
    else
        next_request(connection);
}

static void on_written(uv_write_t *write, int status);

/* the body goes out piece by piece: a client that stops reading is noticed by its deadline */
static void write_piece(struct connection *connection, const char *head, size_t head_len) {
    const struct http_exchange *exchange = connection->exchange;
    bool has_body =
        exchange->method != HTTP_HEAD_METHOD && exchange->status != 204 && exchange->status != 304;
    size_t left = has_body ? exchange->answer.len - connection->sent : 0,
           piece = left < WRITE_PIECE ? left : WRITE_PIECE;
    uv_buf_t bufs[2] = {uv_buf_init((char *)head, (unsigned)head_len),
                        uv_buf_init(exchange->answer.data + connection->sent, (unsigned)piece)};
    connection->sent += piece;
    connection->is_writing = true;
    connection->deadline_ms = clock_monotonic_ms() + WRITE_STALL_MS;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, bufs + (head_len == 0),
                 head_len ? 2 : 1, on_written) != 0)
        close_connection(connection);
}

static void on_written(uv_write_t *write, int status) {
    struct connection *connection = write->data;
    connection->is_writing = false;
    if (connection->is_closing) return;
    if (status < 0) {
        close_connection(connection);
        return;
    }
    const struct http_exchange *exchange = connection->exchange;
    bool has_body =
        exchange->method != HTTP_HEAD_METHOD && exchange->status != 204 && exchange->status != 304;
    if (has_body && connection->sent < exchange->answer.len)
        write_piece(connection, NULL, 0);
    else
        finish_answer(connection);
}

static void send_answer(struct connection *connection) {
    struct http_exchange *exchange = connection->exchange;
    if (exchange->answer.failed)
        http_answer_text(exchange, 500, "the answer is larger than this server sends");
    count_request(connection);
    connection->sent = 0;
    write_piece(connection, connection->head, write_head(connection));
}

/* ---- handling
 * ------------------------------------------------------------------------------------------------------- */

static void on_job_done(void *argument) {
    struct connection *connection = argument;
    connection->is_running = false;
    if (!connection->is_closing)
        send_answer(connection);
    else if (uv_is_closing((uv_handle_t *)&connection->tcp) && !connection->is_reading)
        free_connection(connection);
}

static void run_job(struct pool_job *job) {
    struct connection *connection = (struct connection *)((char *)job - offsetof(struct connection, job));
    connection->route->handler(connection->exchange);
    http_compress(connection->exchange);
    loop_post(connection->server->loop, on_job_done, connection);
}

static void put_methods(struct http_exchange *exchange, unsigned allowed) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
    struct buf text;
    buf_init(&text, 200);
    buf_puts(&text, "Allow: ");
    for (size_t i = 0; i < 6; i++)
        if (allowed >> i & 1) buf_printf(&text, "%s%s", text.len > 7 ? ", " : "", names[i]);
    http_header(exchange, arena_strndup(&exchange->arena, text.data, text.len));
    buf_release(&text);
}

/* What needs no handler: true when it is answered. */
static bool answer_directly(struct connection *connection, const struct http_route *route, unsigned allowed) {
    struct http_exchange *exchange = connection->exchange;
    const struct http_router *router = connection->server->router;
    if (router->before && router->before(exchange)) return true;
    if (!route) {
        http_answer_text(exchange, 404, "404 page not found");
        return true;
    }
    if (route->methods & exchange->method) return false;
    http_answer_text(exchange, 405, "Method Not Allowed");
    put_methods(exchange, allowed);
    return true;
}

static void handle(struct connection *connection) {
    struct http_exchange *exchange = connection->exchange;
    struct err err;
    unsigned allowed;
    const struct http_route *route = http_route_find(connection->server->router, exchange, &allowed);
    connection->begin_ns = clock_monotonic_ns();
    connection->route = route;
    exchange->context = connection->server->router->context;
    connection->deadline_ms = INT64_MAX; /* a handler has limits of its own */
    if (!connection->parser.keep_alive) connection->close_after = true;
    if (answer_directly(connection, route, allowed)) {
        send_answer(connection);
        return;
    }
    if (route->on_loop) {
        route->handler(exchange);
        send_answer(connection);
        return;
    }
    connection->is_running = true;
    connection->job.run = run_job;
    if (pool_submit(connection->server->pool, &connection->job, &err) == 0) return;
    connection->is_running = false;
    http_answer_text(exchange, 503, "too many queries are waiting, try again");
    http_header(exchange, "Retry-After: 1");
    send_answer(connection);
}

static void refuse(struct connection *connection) {
    exchange_destroy(connection->exchange);
    connection->exchange = exchange_create();
    connection->exchange->method = HTTP_GET_METHOD;
    connection->close_after = true;
    connection->route = NULL;
    http_answer_text(connection->exchange, connection->parser.refused, connection->parser.reason);
    send_answer(connection);
}

static int64_t or_default(int64_t value, int64_t fallback) {
    return value ? value : fallback;
}

/* takes the next request out of what has come, or waits */
static void next_request(struct connection *connection) {
    const struct http_server_options *options = &connection->server->options;
    switch (request_parser_next(&connection->parser, &connection->exchange)) {
    case PARSE_DONE: handle(connection); return;
    case PARSE_REFUSED: refuse(connection); return;
    case PARSE_MORE: break;
    }
    int64_t now = clock_monotonic_ms();
    if (!request_parser_has_begun(&connection->parser))
        connection->deadline_ms = now + or_default(options->idle_timeout_ms, 60000);
    else if (connection->parser.in_body)
        connection->deadline_ms =
            connection->deadline_ms < now + or_default(options->read_timeout_ms, 30000) &&
                    connection->deadline_ms > now + HEADER_TIMEOUT_MS
                ? connection->deadline_ms
                : now + or_default(options->read_timeout_ms, 30000);
}

/* ---- reading
 * -------------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct connection *connection = handle->data;
    (void)suggested;
    *buf = uv_buf_init(connection->server->read_buffer, READ_BUFFER);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf) {
    struct connection *connection = stream->data;
    if (got < 0) {
        close_connection(connection);
        return;
    }
    if (got == 0) return;
    bool had_begun = request_parser_has_begun(&connection->parser);
    if (!request_parser_feed(&connection->parser, buf->base, (size_t)got)) {
        close_connection(
            connection); /* more than a request may have, while another is being answered or not */
        return;
    }
    if (connection->exchange) return; /* pipelined: later */
    if (!had_begun) connection->deadline_ms = clock_monotonic_ms() + HEADER_TIMEOUT_MS;
    next_request(connection);
}

static void close_longest_idle(struct http_server *server) {
    struct connection *oldest = NULL;
    for (struct connection *c = server->connections; c; c = c->after)
        if (!c->exchange && !c->is_closing && (!oldest || c->deadline_ms < oldest->deadline_ms)) oldest = c;
    if (oldest) close_connection(oldest);
}

static void on_connect(uv_stream_t *stream, int status) {
    struct listener *listener = stream->data;
    struct http_server *server = listener->server;
    if (status < 0) return; /* no descriptors left: the backlog keeps the client for a while */
    struct connection *connection = mem_zalloc(sizeof *connection);
    uv_tcp_init(loop_uv(server->loop), &connection->tcp);
    connection->tcp.data = connection;
    connection->write.data = connection;
    connection->server = server;
    connection->after = server->connections;
    if (server->connections) server->connections->before = connection;
    server->connections = connection;
    server->connection_count++;
    connection->deadline_ms = clock_monotonic_ms() + HEADER_TIMEOUT_MS;
    connection->is_reading = true;
    request_parser_init(&connection->parser, server->options.max_body_bytes);
    if (uv_accept(stream, (uv_stream_t *)&connection->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0)
        close_connection(connection);
    uv_tcp_nodelay(&connection->tcp, 1);
    if (server->connection_count > server->options.max_connections) close_longest_idle(server);
}

static void on_sweep(uv_timer_t *timer) {
    struct http_server *server = timer->data;
    int64_t now = clock_monotonic_ms();
    for (struct connection *c = server->connections, *after; c; c = after) {
        after = c->after;
        if (!c->is_closing && now > c->deadline_ms) close_connection(c);
    }
}

/* ---- start and stop
 * ------------------------------------------------------------------------------------------------- */

static int parse_address(const char *text, struct sockaddr_storage *address, struct err *err) {
    char host[256];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || len >= sizeof host)
        return err_set(err, ERR_INVALID, "listen address \"%s\": expected host:port", text);
    snprintf(host, sizeof host, "%.*s", (int)len, text);
    int port = -1;
    char end;
    if (sscanf(colon + 1, "%5d%c", &port, &end) != 1 || port < 0 || port > 65535)
        return err_set(err, ERR_INVALID, "listen address \"%s\": bad port", text);
    bool is_v6 = len > 1 && host[0] == '[' && host[len - 1] == ']';
    if (is_v6) {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    }
    if (!host[0]) snprintf(host, sizeof host, "0.0.0.0");
    if (strcmp(host, "localhost") == 0) snprintf(host, sizeof host, "127.0.0.1");
    int rc = is_v6 ? uv_ip6_addr(host, port, (struct sockaddr_in6 *)address)
                   : uv_ip4_addr(host, port, (struct sockaddr_in *)address);
    return rc ? err_set(err, ERR_INVALID, "listen address \"%s\": not an address", text) : 0;
}

static int listen_on(struct http_server *server, const char *text, struct err *err) {
    struct sockaddr_storage address = {0};
    struct listener *listener = &server->listeners[server->listener_count];
    int rc = parse_address(text, &address, err);
    if (rc) return rc;
    uv_tcp_init(loop_uv(server->loop), &listener->tcp);
    listener->tcp.data = listener;
    listener->server = server;
    server->listener_count++;
    server->open_handles++;
    rc = uv_tcp_bind(&listener->tcp, (struct sockaddr *)&address, 0);
    if (!rc) rc = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connect);
    if (rc)
        return err_set(err, rc == UV_EADDRINUSE ? ERR_BUSY : ERR_IO, "listen tcp %s: %s", text,
                       uv_strerror(rc));
    int len = sizeof address;
    uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &len);
    listener->port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                         : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static void on_handle_closed(uv_handle_t *handle) {
    struct http_server *server =
        handle->type == UV_TIMER ? handle->data : ((struct listener *)handle->data)->server;
    server->open_handles--;
    stop_if_empty(server);
}

static void do_stop(void *argument) {
    struct http_server *server = argument;
    server->is_stopping = true;
    for (size_t i = 0; i < server->listener_count; i++)
        uv_close((uv_handle_t *)&server->listeners[i].tcp, on_handle_closed);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
    for (struct connection *c = server->connections, *after; c; c = after) {
        after = c->after;
        if (c->exchange)
            atomic_store(&c->exchange->canceled, true); /* its answer, an error then, still goes out */
        else
            close_connection(c);
    }
}

static void *run(void *context) {
    struct http_server *server = context;
    loop_run(server->loop);
    return NULL;
}

static void set_limits(struct http_server_options *options) {
    struct rlimit files;
    if (!options->max_body_bytes) options->max_body_bytes = (size_t)4 << 20;
    if (options->max_connections) return;
    options->max_connections = 4096;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 4096 + 256)
        options->max_connections =
            files.rlim_cur > 512 ? (size_t)files.rlim_cur - 256 : (size_t)files.rlim_cur / 2;
}

int http_server_create(const struct http_server_options *options, const struct http_router *router,
                       struct pool *pool, struct registry *registry, struct http_server **result,
                       struct err *err) {
    struct http_server *server = mem_zalloc(sizeof *server);
    *server = (struct http_server){
        .magic = SERVER_MAGIC, .options = *options, .router = router, .pool = pool, .registry = registry};
    set_limits(&server->options);
    signal(SIGPIPE, SIG_IGN);
    int rc = loop_create(&server->loop, err);
    if (rc) {
        mem_free(server);
        return rc;
    }
    server->read_buffer = mem_alloc(READ_BUFFER);
    server->listeners = mem_array(options->address_count, sizeof *server->listeners);
    uv_timer_init(loop_uv(server->loop), &server->sweep);
    server->sweep.data = server;
    server->open_handles++;
    uv_timer_start(&server->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    for (size_t i = 0; i < options->address_count && !rc; i++)
        rc = listen_on(server, options->addresses[i], err);
    thread_start(&server->thread, "web", run, server);
    if (rc) {
        http_server_destroy(server);
        return rc;
    }
    *result = server;
    return 0;
}

void http_server_destroy(struct http_server *server) {
    if (!server) return;
    CHECK_OBJ(server, SERVER_MAGIC);
    loop_post(server->loop, do_stop, server);
    thread_join(&server->thread);
    loop_destroy(server->loop);
    mem_free(server->listeners);
    mem_free(server->read_buffer);
    server->magic = 0;
    mem_free(server);
}

int http_server_port(const struct http_server *server, size_t i) {
    ASSERT(i < server->listener_count);
    return server->listeners[i].port;
}
