#pragma once
/*
 * oauth2.h - inside of lib/http: tokens for requests (RFC 6749 client credentials, RFC 7523 JWT bearer).
 *
 *     request --get--> source: token there --> "Bearer abc"
 *                              none        --> wait; one request to token_url serves all that wait
 *
 * A client has one source for each set of options. A token is taken until shortly before it expires, until
 * the client's secret changes, or until somebody says that it was refused.
 */
#include "lib/http/client.h"

struct token_source;

struct token_waiter { /* inside of what waits */
    struct token_waiter *next;
    /* the value of the Authorization header, or err says why there is none; not inside of token_source_get */
    void (*ready)(struct token_waiter *waiter, const char *value, const struct err *err);
};

/* the client's source for these options, made when there is none; owned with others, by count */
int token_source_ref(struct http_client *client, const struct http_request_options *options,
                     struct token_source **source, struct err *err);
void token_source_unref(struct token_source *source);
/* The value of the Authorization header, valid until the next call; or NULL, and *rc tells: 0 when the waiter
 * will hear of it. */
const char *token_source_get(struct token_source *source, struct token_waiter *waiter, int *rc,
                             struct err *err);
void token_source_leave(struct token_source *source, struct token_waiter *waiter); /* waits no longer */
/* the target says that this token is none */
void token_source_refused(struct token_source *source);
