#pragma once
/*
 * exchange.h - one request and its answer, as a handler sees them.
 *
 *     connection (loop) --request complete--> exchange --route--> handler --reply_...--> pieces -->
 * connection ^                                          |
 *                                                +-- destroyed when the last piece is out --+
 *
 * A handler reads exchange_request and answers exactly once by one of the reply_ functions, before it
 * returns, or, where somebody else has to finish first, says reply_later and is called back. A reply is whole
 * (reply_text, reply_buf) or a stream: `more` is then asked for piece after piece of about REPLY_PIECE_BYTES,
 * the next one only when the client has taken the last (back-pressure); nothing is built ahead. A stream that
 * fits into one piece is sent with a Content-Length, others chunked. Compression and framing are the server's
 * business.
 *
 * Threads: a handler runs where its route says (router.h) and `more` on a worker, never both at once. `done`
 * is called once, on any thread, when the reply is out or the client has left. All memory of the exchange's
 * arena lives until then.
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define REPLY_PIECE_BYTES ((size_t)32 << 10)
#define REPLY_PIECE_MAX ((size_t)8 << 20) /* of one call of `more`; beyond, the reply is broken off */

enum web_method {
    METHOD_OTHER = 0,
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_DELETE = 16,
    METHOD_OPTIONS = 32,
};

struct web_pair {
    struct span name, value;
};

/* Everything is decoded and lives in the exchange's arena. */
struct web_request {
    enum web_method method;
    int http_minor;          /* HTTP/1.0 or 1.1 */
    struct span path;        /* begins with "/", no query */
    struct span captured;    /* what stands for the route's :name or * */
    struct web_pair *params; /* of a form body first, then of the URL, in order */
    size_t param_count;
    bool has_bad_params; /* at least one was not decodable and was left out */
    struct web_pair *headers;
    size_t header_count;
    struct span body; /* as sent; also of a form */
};

/* the first of that name, or an empty span */
struct span web_request_param(const struct web_request *request, const char *name);
bool web_request_has_param(const struct web_request *request, const char *name);
/* name in any case; the first, or an empty span */
struct span web_request_header(const struct web_request *request, const char *name);

struct exchange;

const struct web_request *exchange_request(const struct exchange *exchange);
struct arena *exchange_arena(struct exchange *exchange);
/* the client's address without its port; empty when it is not known */
const char *exchange_client(const struct exchange *exchange);
/* becomes true when the client has left or the server stops: end the work early */
const atomic_bool *exchange_cancel(const struct exchange *exchange);

/* name: a literal; value is copied. Before the reply. */
void reply_header(struct exchange *exchange, const char *name, const char *value);
/* the same, unless there is one of that name already: what the operator chose goes first */
void reply_header_default(struct exchange *exchange, const char *name, const char *value);
/* The body goes out as it is, whatever the client takes: it is packed already. Before the reply. */
void reply_as_is(struct exchange *exchange);
/* content_type: a literal; NULL: none, of an empty body; body is copied */
void reply_text(struct exchange *exchange, int status, const char *content_type, struct span body);
/* body is gzip: it goes out as it is to clients that take gzip, and unpacked to others; it is copied */
void reply_packed(struct exchange *exchange, int status, const char *content_type, struct span body);
/* takes over the buf's memory and leaves it empty; 500 when it had failed */
void reply_buf(struct exchange *exchange, int status, const char *content_type, struct buf *body);

/* Instead of a reply: `resumed` will give it, once exchange_resume was called (from any thread, even before
   this handler returns; exactly once). It runs where the route's handlers run, and may say reply_later again.
   Not from ROUTE_AT_ONCE. What it needs must not be the handler's: state lives until then, for example in the
   arena; a client that leaves meanwhile is no reason not to resume. */
typedef void reply_resumed(struct exchange *exchange, void *state);
void reply_later(struct exchange *exchange, reply_resumed *resumed, void *state);
/* short; posts a job */
void exchange_resume(struct exchange *exchange);

/* Appends the next piece to `piece` (empty at each call); false when that was the last. Setting piece->failed
   breaks the reply off. */
typedef bool reply_more(void *state, struct buf *piece);
typedef void reply_done(void *state);
void reply_stream(struct exchange *exchange, int status, const char *content_type, reply_more *more,
                  reply_done *done, void *state);
/* The same for a stream that goes on for as long as the client likes, such as server-sent events: each piece
   goes out at once and as it is, a piece may be empty, and `more` is asked about once a second. It ends
   (false) when it hears that the server stops; else the server breaks it off after its grace time. */
void reply_live(struct exchange *exchange, int status, const char *content_type, reply_more *more,
                reply_done *done, void *state);
