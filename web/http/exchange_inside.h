#pragma once
/*
 * exchange_inside.h - inside of web/http: the life of an exchange.
 *
 *     loop                                 worker or writer
 *     dispatch ---------- job ----------> handler, first piece
 *     take wire <-------- loop_post ------
 *     more? ------------- job ----------> next piece, while this one is written
 *     finish
 *
 * The exchange goes back and forth; only who has it touches it, but for `cancel`. While it is out (is_out) a
 * connection that closes leaves it behind, and it is destroyed when it comes back.
 */
#include "lib/sys/pool.h"
#include "web/http/encoder.h"
#include "web/http/guard.h"
#include "web/http/incoming.h"

#include <stdint.h>

#define WIRE_MAX ((size_t)256 << 20)

struct connection;
struct http_server;

struct exchange {
    uint32_t magic;
    struct http_server *server;
    struct connection *connection; /* the loop's; NULL: the client has left */
    struct incoming *incoming;     /* NULL for a refusal of what could not be parsed */
    const struct route *route;     /* NULL: none was found */
    size_t route_index;
    struct pool_job job;
    bool is_out; /* the loop's: with a worker */
    atomic_bool cancel;
    reply_resumed *resumed; /* the reply comes later; NULL: not (any more) */
    void *resumed_state;
    const struct access *access; /* NULL: everything is allowed */
    void (*release_access)(void *owner);
    void *access_owner;
    atomic_int holds; /* of a later reply: its handler has not returned, it is not resumed */

    int status; /* 0: no reply yet */
    const char *content_type;
    struct buf headers; /* "Name: value\r\n" */
    struct buf body;    /* of a whole reply; a piece of a stream */
    reply_more *more;   /* NULL for a whole reply */
    reply_done *done;
    void *state;
    struct encoder *encoder;
    bool is_packed; /* the body goes out as it is */
    bool is_live;   /* the next piece is asked for by the tick, not when the last is out */
    bool head_done, is_chunked, is_last, is_broken, close_after;
    struct buf payload;  /* body bytes as they go out, before framing */
    struct buf wire;     /* the next bytes for the connection */
    uint64_t sent_bytes; /* of the body */
    int64_t begin_ns;
    char client[64]; /* address, for logs; empty: not known */
};

struct exchange *exchange_create(struct http_server *server, struct incoming *incoming);
void exchange_destroy(struct exchange *exchange);
/* runs the handler, if there is a route and no reply yet, then produces the first bytes */
void exchange_run(struct exchange *exchange, void *context);
/* fills wire with the next bytes; is_last when there are no more, is_broken when the reply cannot go on */
void exchange_produce(struct exchange *exchange);
/* "OK", "Not Found" */
const char *status_text(int status);
