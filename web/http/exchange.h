#pragma once
/*
 * exchange.h - one request and its answer, as handlers see them.
 *
 * The server fills the request; a handler fills the answer: status, content type, body. All text of the
 * request lives until the exchange is over. A handler on the loop must not wait; one on the pool may, and
 * looks at `canceled`, which is set when the client has left.
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/span.h"

#include <stdatomic.h>
#include <stdbool.h>

enum http_method {
    HTTP_GET_METHOD = 1,
    HTTP_HEAD_METHOD = 2,
    HTTP_POST_METHOD = 4,
    HTTP_PUT_METHOD = 8,
    HTTP_DELETE_METHOD = 16,
    HTTP_OPTIONS_METHOD = 32
};

struct http_param {
    struct span name, value; /* decoded */
};

#define HTTP_EXTRA_HEADERS 8
#define HTTP_ANSWER_MAX ((size_t)1 << 30)

struct http_exchange {
    /* the request */
    enum http_method method;
    struct span path;          /* decoded once, without the query */
    struct span wildcard;      /* what * of the route's path stands for */
    struct http_param *params; /* of the query, then of a form body */
    size_t param_count;
    struct span accept_encoding, origin, content_type, if_none_match, body;
    struct arena arena; /* the handler's, too */
    atomic_bool canceled;
    void *context; /* of the router */
    /* the answer */
    int status;              /* 200 unless changed */
    const char *answer_type; /* a literal */
    struct buf answer;
    const char *headers[HTTP_EXTRA_HEADERS]; /* "Name: value", in the arena or literals */
    size_t header_count;
};

/* the first value of that name, or an empty span with ptr NULL */
struct span http_param(const struct http_exchange *exchange, const char *name);
void http_header(struct http_exchange *exchange, const char *header);
/* plain text, a line end added */
void http_answer_text(struct http_exchange *exchange, int status, const char *text);
/* adds the pairs of a=b&c=d, decoded, to params; false when they are malformed or too many */
bool http_params_parse(struct http_exchange *exchange, struct span text);
/* %XX decoded; plus: + is a blank. False for a bad escape or a NUL. */
bool http_decode(struct arena *arena, struct span text, bool plus, struct span *out);
/* gzips the answer when the client takes it and it is large enough; on the worker for pool handlers */
void http_compress(struct http_exchange *exchange);
