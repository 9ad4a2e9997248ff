#pragma once
/*
 * resolver.h - inside of lib/discovery: DNS queries on a loop, by c-ares, as /etc/resolv.conf says.
 *
 *     resolver_ask("web", SRV) -> "web.search1." -> "web.search2." -> "web."      in the order of ndots
 *
 * The first name that exists gives the answer, also when it has no such record. When none exists the answer
 * is empty; when a server failed for one of them and none exists, it is an error, since nobody knows.
 */
#include "lib/base/err.h"
#include "lib/base/span.h"

struct loop;
struct resolver;

/* message: the DNS answer, empty when no name exists; valid during the call */
typedef void resolver_done(int rc, struct span message, const struct err *err, void *context);

/* reads /etc/resolv.conf now; servers (host:port), if any, take the place of its own */
int resolver_create(struct loop *loop, const char *const *servers, size_t server_count,
                    struct resolver **resolver, struct err *err);
/* what is under way ends with ERR_CANCELED; not inside of a done. NULL is fine. */
void resolver_destroy(struct resolver *resolver);
/* done is called once, possibly before this returns */
void resolver_ask(struct resolver *resolver, const char *name, int type, resolver_done *done, void *context);
