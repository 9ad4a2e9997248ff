#pragma once
/*
 * fetch.h - inside of lib/discovery: one GET at a time, of URLs that change, with a configuration's options.
 */
#include "lib/http/client.h"

struct http_client_config;

struct fetch {
    struct http_client *client;
    struct http_request *request; /* NULL before the first start */
};

/* Adds what the configuration decides to options, and starts. Not while it runs, not in its own done: start
 * the next from a timer. Failures to begin with come at once, all others through done. */
int fetch_start(struct fetch *fetch, const struct http_client_config *http,
                struct http_request_options *options, http_done *done, void *context, struct err *err);
/* ends it; not in its own done */
void fetch_stop(struct fetch *fetch);

/* name=value behind ? or &, escaped; nothing for an empty value */
void url_put_query(struct buf *url, const char *name, struct span value);
/* host:port, an IPv6 address in brackets */
void put_address(struct buf *out, struct span host, uint64_t port);
/* an answer with another status than 200 as an error, with the beginning of its body */
int fetch_judge(const struct http_response *response, struct err *err);
