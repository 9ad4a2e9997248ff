#pragma once
/*
 * guard.h - who may come in: the hooks through which a server asks, before it routes, and what the answer is.
 *
 *     accept --tls--> request --authenticate--> (granted access) --router--> --authorize--> gate --> handler
 *                                   |                                            |
 *                                   +-- replied: 401, 429 ...                     +-- replied: 403
 *
 * Nothing is routed, and OPTIONS is not answered, before authenticate has said GUARD_PASS, so no path can be
 * forgotten. All hooks run on the loop and are quick; what takes longer says GUARD_LATER and gives its
 * verdict with exchange_guarded, from any thread.
 */
#include "web/http/router.h"

struct matcher;
struct tls_context;

/* What a request may do. Without a guard, or where everybody may do everything: NULL. Owned by who granted
   it, who is told when the exchange ends. */
struct access {
    const char *name;               /* for people */
    unsigned scopes;                /* enum access_scope, or-ed */
    const struct matcher *matchers; /* of the series it may read; count 0: all */
    size_t matcher_count;
};

enum guard_verdict {
    GUARD_PASS,
    GUARD_REPLIED, /* the reply is given */
    GUARD_LATER,   /* exchange_guarded will be called, exactly once; until then the exchange is the guard's */
};

struct http_guard {
    /* a reference, for one connection that was just accepted; NULL: it speaks plain HTTP */
    struct tls_context *(*tls)(void *context);
    enum guard_verdict (*authenticate)(struct exchange *exchange, void *context);
    /* the head is read, the body not yet: false: it is refused when it is large, since this will not come in.
       NULL: anybody may send much */
    bool (*may_send_much)(const struct web_request *request, void *context);
    /* the route is found: GUARD_PASS or GUARD_REPLIED */
    enum guard_verdict (*authorize)(struct exchange *exchange, const struct route *route, void *context);
    void *context;
};

/* The exchange may do this and no more. release(owner) is called when it ends, on any thread. At most once.
 */
void exchange_grant(struct exchange *exchange, const struct access *access, void (*release)(void *owner),
                    void *owner);
/* NULL: everything */
const struct access *exchange_access(const struct exchange *exchange);
/* the verdict of GUARD_LATER: refused when it has replied */
void exchange_guarded(struct exchange *exchange);
/* the address of the client, as text; only while a hook runs */
const char *exchange_peer(const struct exchange *exchange);
