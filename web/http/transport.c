#include "lib/base/assert.h"
#include "web/http/server_inside.h"

/*
 * The bytes of a connection as they are on the wire: plain, or sealed by TLS. What TLS says by itself (the
 * handshake, alerts) is small and goes out at once; it waits for the next write when one is under way.
 */
#define PLAIN_STEP ((size_t)16 << 10)
#define SEALED_MAX ((size_t)512 << 20) /* twice what an exchange writes at once */
#define UNASKED_MAX ((size_t)64 << 10)

void transport_open(struct connection *connection) {
    const struct http_guard *guard = connection->server->options.guard;
    struct tls_context *context = guard && guard->tls ? guard->tls(guard->context) : NULL;
    if (context) connection->tls = tls_session_create(context);
    buf_init(&connection->sealed, SEALED_MAX);
}

void transport_close(struct connection *connection) {
    tls_session_destroy(connection->tls);
    buf_release(&connection->sealed);
}

/* false: it could not be said, nobody reads */
static bool say_at_once(struct connection *connection, struct span text) {
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)text.ptr, (unsigned)text.len);
    return !text.len || uv_try_write((uv_stream_t *)&connection->tcp, &bytes, 1) == (int)text.len;
}

static bool flush_unasked(struct connection *connection) {
    struct span sealed = tls_session_sealed(connection->tls);
    if (connection->is_writing) return sealed.len < UNASKED_MAX;
    bool is_said = say_at_once(connection, sealed);
    tls_session_forget(connection->tls);
    return is_said;
}

bool transport_take(struct connection *connection, const char *data, size_t len) {
    char plain[PLAIN_STEP];
    long got;
    if (!connection->tls) {
        request_parser_feed(&connection->parser, data, len);
        return true;
    }
    tls_session_receive(connection->tls, data, len);
    while ((got = tls_session_read(connection->tls, plain, sizeof plain)) > 0)
        request_parser_feed(&connection->parser, plain, (size_t)got);
    bool is_said = flush_unasked(connection);
    if (got < 0 && tls_session_met_http(connection->tls))
        (void)say_at_once(connection,
                          SPAN("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an "
                               "HTTPS server.\n"));
    return got == 0 && is_said;
}

bool transport_seal(struct connection *connection, struct span plain, uv_buf_t *wire) {
    *wire = uv_buf_init((char *)(uintptr_t)plain.ptr, 0);
    wire->len = plain.len;
    if (!connection->tls) return true;
    buf_reset(&connection->sealed);
    if (!tls_session_write(connection->tls, plain.ptr, plain.len)) return false;
    buf_span(&connection->sealed, tls_session_sealed(connection->tls));
    tls_session_forget(connection->tls);
    wire->base = connection->sealed.data;
    wire->len = connection->sealed.len;
    return !connection->sealed.failed;
}

bool transport_say(struct connection *connection, struct span plain) {
    ASSERT(!connection->is_writing);
    if (!connection->tls) return say_at_once(connection, plain);
    return tls_session_write(connection->tls, plain.ptr, plain.len) && flush_unasked(connection);
}

void transport_end(struct connection *connection) {
    if (!connection->tls) return;
    tls_session_end(connection->tls);
    (void)flush_unasked(connection); /* a courtesy */
}
