#pragma once
/*
 * origin.h - inside of lib/http: where a URL leads, to know whether another leads there too.
 */
#include <stdbool.h>

struct origin {
    char *scheme, *host; /* NULL when the URL is none; an IPv6 address stands without brackets */
    long port;
};

void origin_of(const char *url, struct origin *origin);
void origin_release(struct origin *origin);
/* May what `from` may know go to `to`? The same place, or the same host in TLS. */
bool origin_trusts(const struct origin *from, const struct origin *to);
