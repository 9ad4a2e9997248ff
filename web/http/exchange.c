#include "web/http/exchange_inside.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/gzip.h"
#include "lib/sys/clock.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#define EXCHANGE_MAGIC 0x65786368u
#define HEADERS_MAX ((size_t)64 << 10)
#define COMPRESS_FROM ((size_t)512) /* smaller answers gain nothing */
#define LATER_BYTES ((size_t)128 << 10)
#define RAW_PER_PRODUCE ((size_t)1 << 20) /* a writer's turn, when the compressor swallows it all */

struct exchange *exchange_create(struct http_server *server, struct incoming *incoming) {
    struct exchange *exchange = mem_zalloc(sizeof *exchange);
    exchange->magic = EXCHANGE_MAGIC;
    exchange->server = server;
    exchange->incoming = incoming;
    exchange->begin_ns = clock_monotonic_ns();
    buf_init(&exchange->headers, HEADERS_MAX);
    buf_init(&exchange->body, REPLY_PIECE_MAX);
    buf_init(&exchange->payload, WIRE_MAX);
    buf_init(&exchange->wire, WIRE_MAX);
    exchange->close_after = !incoming || !incoming->keep_alive;
    return exchange;
}

/* the handler's state goes as soon as nothing more is asked of it: it may hold much */
static void release_state(struct exchange *exchange) {
    if (exchange->done) exchange->done(exchange->state);
    exchange->done = NULL;
}

void exchange_destroy(struct exchange *exchange) {
    if (!exchange) return;
    CHECK_OBJ(exchange, EXCHANGE_MAGIC);
    release_state(exchange);
    if (exchange->release_access) exchange->release_access(exchange->access_owner);
    encoder_destroy(exchange->encoder);
    buf_release(&exchange->headers);
    buf_release(&exchange->body);
    buf_release(&exchange->payload);
    buf_release(&exchange->wire);
    incoming_destroy(exchange->incoming);
    exchange->magic = 0;
    mem_free(exchange);
}

const struct web_request *exchange_request(const struct exchange *exchange) {
    CHECK_OBJ(exchange, EXCHANGE_MAGIC);
    return &exchange->incoming->request;
}

struct arena *exchange_arena(struct exchange *exchange) {
    return &exchange->incoming->arena;
}

const char *exchange_client(const struct exchange *exchange) {
    return exchange->client;
}

const atomic_bool *exchange_cancel(const struct exchange *exchange) {
    return &exchange->cancel;
}

/* ---- access ---- */

void exchange_grant(struct exchange *exchange, const struct access *access, void (*release)(void *owner),
                    void *owner) {
    ASSERT(!exchange->access);
    exchange->access = access;
    exchange->release_access = release;
    exchange->access_owner = owner;
}

const struct access *exchange_access(const struct exchange *exchange) {
    CHECK_OBJ(exchange, EXCHANGE_MAGIC);
    return exchange->access;
}

/* ---- replies ---- */

void reply_header(struct exchange *exchange, const char *name, const char *value) {
    ASSERT(!exchange->head_done);
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return; /* never a header of somebody else's making */
    buf_printf(&exchange->headers, "%s: ", name);
    buf_puts(&exchange->headers, value);
    buf_puts(&exchange->headers, "\r\n");
}

void reply_header_default(struct exchange *exchange, const char *name, const char *value) {
    struct span all = buf_view(&exchange->headers);
    size_t len = strlen(name);
    for (size_t at = 0; at + len < all.len; at = span_find_byte(all, '\n', at) + 1)
        if (strncasecmp(all.ptr + at, name, len) == 0 && all.ptr[at + len] == ':') return;
    reply_header(exchange, name, value);
}

static void set_reply(struct exchange *exchange, int status, const char *content_type) {
    CHECK_OBJ(exchange, EXCHANGE_MAGIC);
    ASSERT(exchange->status == 0 && status >= 200 && status < 600);
    exchange->status = status;
    exchange->content_type = content_type;
}

void reply_as_is(struct exchange *exchange) {
    exchange->is_packed = true;
}

void reply_text(struct exchange *exchange, int status, const char *content_type, struct span body) {
    set_reply(exchange, status, content_type);
    buf_span(&exchange->body, body);
}

void reply_packed(struct exchange *exchange, int status, const char *content_type, struct span body) {
    struct span accept = web_request_header(exchange_request(exchange), "Accept-Encoding");
    if (encoding_is_taken(accept, ENCODING_GZIP)) {
        reply_as_is(exchange);
        reply_header(exchange, "Content-Encoding", encoding_name(ENCODING_GZIP));
        reply_text(exchange, status, content_type, body);
        return;
    }
    struct buf plain;
    struct err err;
    struct gzip_reader *reader = gzip_reader_create();
    buf_init(&plain, REPLY_PIECE_MAX);
    if (gzip_read(reader, body, &plain, &err)) plain.failed = true;
    gzip_reader_destroy(reader);
    reply_buf(exchange, status, content_type, &plain);
}

static void reply_failure(struct exchange *exchange) {
    exchange->status = 500;
    exchange->content_type = "text/plain; charset=utf-8";
    buf_release(&exchange->body);
    buf_puts(&exchange->body, "the answer is too large\n");
}

void reply_buf(struct exchange *exchange, int status, const char *content_type, struct buf *body) {
    set_reply(exchange, status, content_type);
    if (body->failed) {
        reply_failure(exchange);
        buf_release(body);
        return;
    }
    buf_release(&exchange->body);
    exchange->body = *body;
    buf_init(body, body->max_bytes);
}

void reply_stream(struct exchange *exchange, int status, const char *content_type, reply_more *more,
                  reply_done *done, void *state) {
    set_reply(exchange, status, content_type);
    exchange->more = more;
    exchange->done = done;
    exchange->state = state;
}

void reply_live(struct exchange *exchange, int status, const char *content_type, reply_more *more,
                reply_done *done, void *state) {
    reply_stream(exchange, status, content_type, more, done, state);
    exchange->is_live = true;
}

/* ---- pieces ---- */

/* the next raw bytes into body; false when they cannot be had */
static bool take_piece(struct exchange *exchange) {
    if (!exchange->more) {
        exchange->is_last = true;
        return !exchange->body.failed;
    }
    buf_reset(&exchange->body);
    exchange->is_last = !exchange->more(exchange->state, &exchange->body);
    if (exchange->is_last || exchange->body.failed) release_state(exchange);
    return !exchange->body.failed;
}

static void choose_encoding(struct exchange *exchange) {
    struct span accept = web_request_header(&exchange->incoming->request, "Accept-Encoding");
    enum encoding encoding = encoding_choose(accept);
    reply_header(exchange, "Vary", "Accept-Encoding");
    if (exchange->is_packed || exchange->is_live) return;
    if (encoding == ENCODING_NONE || (exchange->is_last && exchange->body.len < COMPRESS_FROM)) return;
    exchange->encoder = encoder_create(encoding);
    reply_header(exchange, "Content-Encoding", encoding_name(encoding));
}

static bool encode_piece(struct exchange *exchange) {
    if (exchange->encoder)
        return encoder_write(exchange->encoder, buf_view(&exchange->body), exchange->is_last,
                             &exchange->payload);
    return buf_span(&exchange->payload, buf_view(&exchange->body));
}

/* Pieces until there is enough for one write: little at first, so that the answer begins soon, then more, as
 * each turn from the worker to the loop and back costs both a sleep. */
static bool fill_payload(struct exchange *exchange) {
    size_t raw = 0, enough = exchange->sent_bytes ? LATER_BYTES : REPLY_PIECE_BYTES;
    buf_reset(&exchange->payload);
    do {
        if (!take_piece(exchange)) return false;
        if (!exchange->head_done && raw == 0 && exchange->incoming && exchange->status != 204)
            choose_encoding(exchange);
        raw += exchange->body.len;
        if (!encode_piece(exchange)) return false;
    } while (!exchange->is_last && !exchange->is_live && exchange->payload.len < enough &&
             raw < RAW_PER_PRODUCE && !atomic_load(&exchange->cancel));
    return true;
}

const char *status_text(int status) {
    switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
    }
}

static bool has_no_body(const struct exchange *exchange) {
    return exchange->status == 204 || exchange->status == 304;
}

static bool is_head(const struct exchange *exchange) {
    return exchange->incoming && exchange->incoming->request.method == METHOD_HEAD;
}

static void write_date(struct buf *out) {
    char text[64];
    struct tm utc;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    buf_printf(out, "Date: %s\r\n", text);
}

/* how long the body is: known, in chunks, or to the end of the connection */
static void write_framing(struct exchange *exchange, struct buf *out) {
    if (has_no_body(exchange)) return;
    if (exchange->content_type) buf_printf(out, "Content-Type: %s\r\n", exchange->content_type);
    if (exchange->is_last) {
        buf_printf(out, "Content-Length: %zu\r\n", exchange->payload.len);
    } else if (exchange->incoming->request.http_minor == 1) {
        exchange->is_chunked = true;
        buf_puts(out, "Transfer-Encoding: chunked\r\n");
    } else {
        exchange->close_after = true;
    }
}

static void write_head(struct exchange *exchange) {
    struct buf *out = &exchange->wire;
    buf_printf(out, "HTTP/1.1 %d %s\r\n", exchange->status, status_text(exchange->status));
    write_framing(exchange, out);
    write_date(out);
    buf_span(out, buf_view(&exchange->headers));
    if (exchange->close_after)
        buf_puts(out, "Connection: close\r\n");
    else if (exchange->incoming->request.http_minor == 0)
        buf_puts(out, "Connection: keep-alive\r\n");
    buf_puts(out, "\r\n");
    exchange->head_done = true;
}

static void write_payload(struct exchange *exchange) {
    struct buf *out = &exchange->wire;
    struct span payload = buf_view(&exchange->payload);
    if (has_no_body(exchange)) return;
    if (is_head(exchange)) {
        exchange->is_last = true; /* only the head was asked for */
        return;
    }
    if (payload.len && exchange->is_chunked) buf_printf(out, "%zx\r\n", payload.len);
    buf_span(out, payload);
    if (payload.len && exchange->is_chunked) buf_puts(out, "\r\n");
    if (exchange->is_last && exchange->is_chunked) buf_puts(out, "0\r\n\r\n");
    exchange->sent_bytes += payload.len;
}

/* what came so far of a reply that broke before its head went out is replaced */
static bool replace_reply(struct exchange *exchange) {
    if (exchange->head_done) return false;
    release_state(exchange);
    exchange->more = NULL;
    encoder_destroy(exchange->encoder);
    exchange->encoder = NULL;
    buf_reset(&exchange->headers);
    reply_failure(exchange);
    return fill_payload(exchange);
}

void exchange_produce(struct exchange *exchange) {
    buf_reset(&exchange->wire);
    if (!fill_payload(exchange) && !replace_reply(exchange)) {
        exchange->is_broken = exchange->is_last = true;
        return;
    }
    if (!exchange->head_done) write_head(exchange);
    write_payload(exchange);
    exchange->is_broken = exchange->wire.failed;
}

void reply_later(struct exchange *exchange, reply_resumed *resumed, void *state) {
    CHECK_OBJ(exchange, EXCHANGE_MAGIC);
    ASSERT(exchange->status == 0 && !exchange->resumed && exchange->route->place != ROUTE_AT_ONCE);
    exchange->resumed = resumed;
    exchange->resumed_state = state;
    atomic_store(&exchange->holds, 2);
}

void exchange_run(struct exchange *exchange, void *context) {
    CHECK_OBJ(exchange, EXCHANGE_MAGIC);
    reply_resumed *resumed = exchange->resumed;
    exchange->resumed = NULL;
    if (resumed)
        resumed(exchange, exchange->resumed_state);
    else if (!exchange->status && exchange->route)
        exchange->route->handler(exchange, context);
    if (exchange->resumed) return;
    if (!exchange->status) reply_text(exchange, 500, "text/plain; charset=utf-8", SPAN("no answer\n"));
    exchange_produce(exchange);
}
