#pragma once
/*
 * router.h - which handler answers which path: one table.
 *
 *     {"/api/v1/label/:name/values", METHOD_GET, ROUTE_HEAVY, ROUTE_CORS | ROUTE_GATED, label_values,
 *      ACCESS_READ, "Values of a label", "start end match[] limit", "array"}
 *
 * A segment that begins with ":" matches any one non-empty segment (at most one in a pattern), the rest is
 * compared byte by byte. A last segment "*" matches all that is left, slashes and nothing too. The pattern is
 * the `handler` label of the metrics. OPTIONS is answered with 204 for any path before the table is asked; an
 * unknown path is 404, a known one with another method 405 with Allow.
 */
#include "web/http/exchange.h"

enum route_place {
    ROUTE_AT_ONCE, /* on the loop: microseconds, no locks */
    ROUTE_LIGHT,   /* on a writer thread: milliseconds; never refused */
    ROUTE_HEAVY,   /* on the worker pool; 503 with Retry-After when its line is full */
    ROUTE_INTAKE,  /* on threads of their own, so that neither queries nor intake wait for the other; never
                      refused: what waits is limited by the memory of its bodies */
};

enum route_flags {
    ROUTE_CORS = 1,    /* answers cross-origin requests, see http_server_options.cors_origin */
    ROUTE_GATED = 2,   /* asks the router's gate first */
    ROUTE_LARGE = 4,   /* takes bodies up to the router's large_body_max */
    ROUTE_LIMITED = 8, /* says nothing of series that the exchange's access does not let it read */
    ROUTE_OWN = 16,    /* from here on: for the gate */
};

/* what a request must be allowed to; ACCESS_ANY: whoever was let in */
enum access_scope { ACCESS_ANY = 0, ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_ADMIN = 4 };

typedef void route_handler(struct exchange *exchange, void *context);
struct route;
/* true: go on; false: it has replied. On the loop. */
typedef bool route_gate(struct exchange *exchange, const struct route *route, void *context);

struct route {
    const char *pattern;
    unsigned methods; /* enum web_method, or-ed */
    enum route_place place;
    unsigned flags;
    route_handler *handler;
    enum access_scope scope;
    const char *summary; /* for people: one sentence without a full stop */
    const char *params;  /* of query or form, separated by blanks, those that must be there with a '!':
                            "query! time match[]"; NULL: none */
    const char *answer; /* of success: what `data` is ("array", "string", or "object" and keys that are always
                           there), or the type of another body ("text/plain"); NULL: none, 204 */
};

struct router {
    const struct route *routes; /* outlive the server */
    size_t count;
    route_gate *gate;            /* may be NULL when no route is gated */
    void *context;               /* for handlers and gate */
    size_t large_body_max;       /* of ROUTE_LARGE; 0: as of any other */
    struct budget *large_memory; /* counts those bodies; NULL: as any other */
};

/* Takes the prefix off the path ("/p/x" to "/x", "/p" to "/"); false: it is not there. */
bool router_strip(struct span prefix, struct span *path);
/* Index of the route, or -1 with *allowed the methods the path has (0: no such path). *captured is what
   stands for :name. */
int router_find(const struct router *router, struct span path, enum web_method method, struct span *captured,
                unsigned *allowed);
