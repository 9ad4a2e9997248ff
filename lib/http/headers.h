#pragma once
/*
 * headers.h - inside of lib/http: the headers of a request, and which of them anybody may see.
 *
 *     all:  Authorization -> X-Secret -> Host -+          to the host that was asked for
 *     open:                                    +-> Accept -> X-Plain -> Accept-Encoding     to any host
 */
#include "lib/http/client.h"
#include "lib/http/secret.h"

#include <curl/curl.h>

struct configured_secret {
    char *name;
    struct secret_source value;
};

struct header_set {
    struct curl_slist *open, *all;
    char *host;                              /* "Host: ..." when it is not the URL's; may be NULL */
    struct secret_source username, password; /* basic auth ... */
    char *authorization;                     /* ... or this word and the credentials; may be NULL */
    struct secret_source credentials;
    struct configured_secret *secrets;
    size_t secret_count;
    bool has_basic, has_files;
};

void header_set_init(struct header_set *set, const struct http_request_options *options);
void header_set_release(struct header_set *set);
/* Makes `all` anew, reading the files; authorization is the value of an OAuth 2 token, or NULL. On failure
 * all is as it was. */
int header_set_load(struct header_set *set, const char *authorization, struct err *err);
/* all of them as they go over the wire, each with its line end */
void header_set_write(const struct header_set *set, struct buf *out);
