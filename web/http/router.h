#pragma once
/*
 * router.h - which handler answers which path: one table.
 *
 * A path is matched whole; one segment may be `*` (label/NAME/values), and stands in exchange->wildcard.
 * Known paths with another method are 405, unknown ones 404. `name` is the closed set of values of the
 * handler label in the metrics.
 */
#include "web/http/exchange.h"

typedef void http_handler(struct http_exchange *exchange);

struct http_route {
    const char *path;
    unsigned methods; /* enum http_method or'ed */
    http_handler *handler;
    bool on_loop;     /* answers at once, never waits */
    const char *name; /* NULL: the path */
};

struct http_router {
    const struct http_route *routes;
    size_t count;
    void *context; /* becomes exchange->context */
    /* may change or refuse any answer before its handler: true when it has answered (readiness, CORS); may be
     * NULL */
    bool (*before)(struct http_exchange *exchange);
};

/* NULL when no route has the path; *allowed gets the methods of the path */
const struct http_route *http_route_find(const struct http_router *router, struct http_exchange *exchange,
                                         unsigned *allowed);
