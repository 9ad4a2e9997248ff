#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "web/http/server_inside.h"

#include <string.h>
#include <unistd.h>

/*
 * A connection's life:
 *
 *     IDLE -> HEAD -> BODY -> ANSWER -> IDLE ...       next request, perhaps read already
 *                               +-> LINGER -> CLOSING  last answer
 *
 * Reading goes on while an answer is under way, to hear the client leave, but only until one read's worth of
 * the next requests is waiting. Each state but ANSWER on a worker has a deadline, which connection_tick
 * keeps.
 */
#define CONNECTION_MAGIC 0x636f6e6eu
#define LINGER_MS 1000

static void advance(struct connection *connection);

static void set_state(struct connection *connection, enum connection_state state, int64_t timeout_ms) {
    int64_t now_ms = clock_monotonic_ms();
    connection->state = state;
    connection->since_ms = now_ms;
    connection->deadline_ms = timeout_ms ? now_ms + timeout_ms : INT64_MAX;
}

/* ---- closing ---- */

static void forget_exchange(struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (!exchange) return;
    exchange->connection = NULL;
    if (!exchange->is_out) dispatch_destroy(exchange); /* else when it is back */
}

static void on_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    struct http_server *server = connection->server;
    forget_exchange(connection);
    request_parser_release(&connection->parser);
    buf_release(&connection->out);
    transport_close(connection);
    if (connection->before)
        connection->before->after = connection->after;
    else
        server->connections = connection->after;
    if (connection->after) connection->after->before = connection->before;
    server->connection_count--;
    http_metrics_closed(server->metrics);
    connection->magic = 0;
    mem_free(connection);
    server_check_end(server);
}

void connection_close(struct connection *connection) {
    CHECK_OBJ(connection, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_CLOSING) return;
    set_state(connection, CONNECTION_CLOSING, 0);
    if (connection->exchange) atomic_store(&connection->exchange->cancel, true);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status) {
    struct connection *connection = shutdown->data;
    if (status) connection_close(connection);
}

/* Closing with unread input would make the kernel reset the connection, and the client lose the answer. */
static void linger(struct connection *connection) {
    set_state(connection, CONNECTION_LINGER, LINGER_MS);
    transport_end(connection);
    connection->shutdown.data = connection;
    if (uv_shutdown(&connection->shutdown, (uv_stream_t *)&connection->tcp, on_shutdown))
        connection_close(connection);
}

/* ---- writing ---- */

static void finish_answer(struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    bool is_last = exchange->close_after || connection->server->is_stopping;
    http_metrics_count(connection->server->metrics, exchange);
    connection->exchange = NULL;
    dispatch_destroy(exchange);
    buf_release(&connection->out);
    if (is_last) {
        linger(connection);
        return;
    }
    set_state(connection, CONNECTION_IDLE, connection->server->options.idle_timeout_ms);
    advance(connection);
}

static void send_wire(struct connection *connection);

static void after_write(struct connection *connection) {
    if (connection->is_last) {
        finish_answer(connection);
        return;
    }
    set_state(connection, CONNECTION_ANSWER, 0);
    if (!connection->is_ready) return;
    connection->is_ready = false;
    send_wire(connection);
}

/* a live stream, and nothing of it is under way */
static bool is_resting(const struct connection *connection) {
    const struct exchange *exchange = connection->exchange;
    return connection->state == CONNECTION_ANSWER && exchange && exchange->is_live && !exchange->is_out &&
           !connection->is_writing;
}

static void on_written(uv_write_t *write, int status) {
    struct connection *connection = write->data;
    connection->is_writing = false;
    if (connection->state == CONNECTION_CLOSING) return;
    if (status)
        connection_close(connection);
    else
        after_write(connection);
}

/* the next bytes are made meanwhile */
static void take_wire(struct connection *connection) {
    struct exchange *exchange = connection->exchange;
    struct buf written = connection->out;
    connection->out = exchange->wire;
    exchange->wire = written;
    connection->is_last = exchange->is_last;
    if (!connection->is_last && !exchange->is_live) dispatch_more(exchange);
}

static void send_wire(struct connection *connection) {
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    uv_buf_t wire;
    take_wire(connection);
    if (!transport_seal(connection, buf_view(&connection->out), &wire)) {
        connection_close(connection);
        return;
    }
    int sent = wire.len ? uv_try_write(stream, &wire, 1) : 0;
    if (sent < 0 && sent != UV_EAGAIN) {
        connection_close(connection);
        return;
    }
    if (sent > 0) {
        wire.base += sent;
        wire.len -= (size_t)sent;
    }
    if (!wire.len) {
        after_write(connection);
        return;
    }
    set_state(connection, CONNECTION_ANSWER, connection->server->options.stall_timeout_ms);
    connection->write.data = connection;
    connection->is_writing = true;
    connection->queued_bytes = wire.len;
    if (uv_write(&connection->write, stream, &wire, 1, on_written)) connection_close(connection);
}

void connection_send(struct connection *connection) {
    CHECK_OBJ(connection, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_CLOSING) return;
    if (connection->exchange->is_broken) /* a reply cut off is told by the connection's end */
        connection_close(connection);
    else if (connection->is_writing)
        connection->is_ready = true;
    else
        send_wire(connection);
}

/* ---- reading ---- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct connection *connection = handle->data;
    (void)suggested;
    *buf = uv_buf_init(connection->server->read_buffer, (unsigned)READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    struct connection *connection = stream->data;
    if (count < 0) { /* the client has left; one that only half closes is taken for gone, as Go does */
        connection_close(connection);
        return;
    }
    if (count == 0 || connection->state == CONNECTION_LINGER) return;
    if (transport_take(connection, buf->base, (size_t)count))
        advance(connection);
    else
        connection_close(connection);
}

static void keep_reading(struct connection *connection) {
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    bool wants = !connection->exchange || connection->parser.in.len < READ_BUFFER_BYTES;
    if (connection->state == CONNECTION_CLOSING || wants == connection->is_reading) return;
    connection->is_reading = wants;
    if (!wants)
        uv_read_stop(stream);
    else if (uv_read_start(stream, give_buffer, on_read))
        connection_close(connection);
}

/* A deadline runs from the first byte of what is waited for, whatever trickles in later; a body may take
 * longer as long as it keeps up the lowest rate. */
static void await_rest(struct connection *connection) {
    const struct http_server_options *options = &connection->server->options;
    enum parse_place place = request_parser_place(&connection->parser);
    if (place == PLACE_HEAD && connection->state == CONNECTION_IDLE)
        set_state(connection, CONNECTION_HEAD, options->header_timeout_ms);
    if (place == PLACE_BODY && connection->state != CONNECTION_BODY)
        set_state(connection, CONNECTION_BODY, options->body_timeout_ms);
    if (place == PLACE_BODY) {
        int64_t earned_ms = (int64_t)(connection->parser.body_bytes * 1000 / BODY_RATE_LOWEST);
        int64_t may_take_ms = options->body_timeout_ms + earned_ms;
        if (may_take_ms > options->read_timeout_ms) may_take_ms = options->read_timeout_ms;
        connection->deadline_ms = connection->since_ms + may_take_ms;
    }
    if (request_parser_take_continue(&connection->parser) &&
        !transport_say(connection, SPAN("HTTP/1.1 100 Continue\r\n\r\n")))
        connection_close(connection); /* 25 bytes that do not fit: nobody reads */
}

/* Answers what is complete. Not recursive: an answer given at once comes back here for the next request. */
static void advance(struct connection *connection) {
    if (connection->is_advancing) return;
    connection->is_advancing = true;
    enum parse_state parsed = PARSE_DONE;
    while (parsed == PARSE_DONE && !connection->exchange && connection->state < CONNECTION_LINGER) {
        struct incoming *incoming;
        parsed = request_parser_next(&connection->parser, &incoming);
        if (parsed == PARSE_MORE) break;
        set_state(connection, CONNECTION_ANSWER, 0);
        if (parsed == PARSE_DONE)
            dispatch(connection, incoming);
        else
            dispatch_refusal(connection, connection->parser.refused, connection->parser.reason);
    }
    connection->is_advancing = false;
    if (parsed == PARSE_MORE && connection->state < CONNECTION_ANSWER) await_rest(connection);
    keep_reading(connection);
}

/* ---- time ---- */

void connection_tick(struct connection *connection) {
    const struct http_server *server = connection->server;
    if (is_resting(connection)) {
        dispatch_more(connection->exchange);
        return;
    }
    if (connection->is_writing) {
        size_t queued = uv_stream_get_write_queue_size((uv_stream_t *)&connection->tcp);
        if (queued < connection->queued_bytes) {
            connection->queued_bytes = queued;
            connection->deadline_ms = server->now_ms + server->options.stall_timeout_ms;
        }
    }
    if (server->now_ms < connection->deadline_ms) return;
    if (connection->state == CONNECTION_HEAD || connection->state == CONNECTION_BODY) {
        set_state(connection, CONNECTION_ANSWER, 0);
        dispatch_refusal(connection, 408, "the request took too long\n");
    } else {
        connection_close(connection);
    }
}

/* ---- opening ---- */

void connection_open(struct http_server *server, int fd, const struct sockaddr_storage *peer) {
    char text[PEER_MAX];
    bool is_reserve;
    if (server->is_stopping || !room_take(server, peer, text, &is_reserve)) {
        http_metrics_refused(server->metrics);
        close(fd);
        return;
    }
    struct connection *connection = mem_zalloc(sizeof *connection);
    connection->magic = CONNECTION_MAGIC;
    connection->server = server;
    connection->is_reserve = is_reserve;
    memcpy(connection->peer, text, sizeof text);
    request_parser_init(&connection->parser, &server->memory);
    buf_init(&connection->out, WIRE_MAX);
    connection->parser.router = server->router;
    connection->parser.guard = server->options.guard;
    connection->parser.prefix = span_from(server->options.route_prefix);
    uv_tcp_init(loop_uv(server->loop), &connection->tcp); /* cannot fail: it opens nothing */
    connection->tcp.data = connection;
    connection->after = server->connections;
    if (server->connections) server->connections->before = connection;
    server->connections = connection;
    server->connection_count++;
    http_metrics_opened(server->metrics);
    transport_open(connection);
    if (connection->tls) /* a handshake is a head that has begun */
        set_state(connection, CONNECTION_HEAD, server->options.header_timeout_ms);
    else
        set_state(connection, CONNECTION_IDLE, server->options.idle_timeout_ms);
    if (uv_tcp_open(&connection->tcp, fd)) {
        close(fd);
        connection_close(connection);
        return;
    }
    keep_reading(connection);
}
