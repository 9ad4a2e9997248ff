#pragma once
/*
 * proxy.h - inside of lib/http: through which proxy a URL is asked for.
 *
 * Without no_proxy a given proxy serves every URL. With it, or with a proxy from the environment, this
 * machine itself is always asked directly, and so is what no_proxy names: * for all, a host with all below it
 * (".host" and "*.host": only those below), an address, a network as 10.0.0.0/8, each with a port or without.
 */
#include "lib/http/client.h"

/* A copy, owned by the requester of requests: the environment is read once, here. */
struct proxy {
    char *http, *https; /* URLs; may be NULL */
    char *exceptions;   /* NULL: none, and this machine is none either */
};

void proxy_init(struct proxy *proxy, const struct http_proxy_options *options);
void proxy_release(struct proxy *proxy);
/* NULL: none. host as in a URL, without brackets. */
const char *proxy_for(const struct proxy *proxy, bool is_https, const char *host, long port);
