#pragma once
/*
 * server.h - an HTTP/1.1 server on libuv and llhttp.
 *
 *     listeners -> connections (one loop, one thread) -> router -> handler on loop, writers or workers
 *                      ^                                                          |
 *                      +------------- pieces of replies, one at a time -----------+
 *
 * Everything a client can do is bounded: see struct http_server_options and parser.h. Only HTTP/1.0 and 1.1
 * without ambiguities are understood. Pipelined requests are answered one at a time, in order. A client that
 * leaves sets the cancel flag of its exchange.
 *
 * Metrics: prometheus_http_requests_total, prometheus_http_request_duration_seconds,
 * prometheus_http_response_size_bytes.
 *
 * Threads: create, start, stop and destroy belong to one thread.
 */
#include "lib/base/err.h"
#include "web/http/guard.h"

#include <stddef.h>
#include <stdint.h>

struct registry;
struct budget;
struct http_server;

struct http_server_options {      /* 0 and NULL: the default */
    const char *const *addresses; /* "0.0.0.0:9090", ":9090", "[::1]:0", "localhost:9090"; at most 16 */
    size_t address_count;
    size_t max_connections;  /* min(4096, RLIMIT_NOFILE - 256) at most; when full the longest idle one goes */
    int64_t idle_timeout_ms; /* 60 s until the first byte of a request */
    int64_t header_timeout_ms;      /* 10 s from the first byte to the end of the headers */
    int64_t body_timeout_ms;        /* 30 s, and longer as long as 1 KiB/s come */
    int64_t read_timeout_ms;        /* 5 min for a body at most */
    int64_t stall_timeout_ms;       /* 30 s without the client taking a byte of its answer */
    int64_t stop_grace_ms;          /* 5 s for answers under way when the server stops */
    int workers;                    /* threads for ROUTE_HEAVY: 4 per processor */
    struct budget *memory;          /* from which requests draw, beside the server's own limit; outlives it */
    size_t max_waiting;             /* jobs in front of them: 64; more while ... */
    int64_t patience_ms;            /* ... the first of them waits for less than that: 1 s; -1: never more */
    const char *cors_origin;        /* regex of allowed origins, anchored: ".*" */
    const char *route_prefix;       /* in front of every path, "/prefix" without a slash at the end: "" */
    const struct http_guard *guard; /* who may come in; outlives the server; NULL: everybody */
};

/* Binds all addresses and listens, but answers nothing yet. ERR_IO names a port in use: "listen tcp
   0.0.0.0:9090: bind: address already in use". The router and what its context points to outlive the server.
   registry may be NULL. */
int http_server_create(const struct http_server_options *options, const struct router *router,
                       struct registry *registry, struct http_server **server, struct err *err);
void http_server_start(struct http_server *server);
/* Takes no more requests, lets answers under way finish for the grace time, then breaks them off. When it
   returns no handler runs and none will. */
void http_server_stop(struct http_server *server);
/* after stop, or never started; NULL is fine */
void http_server_destroy(struct http_server *server);
/* of addresses[i]; tells what port 0 became */
int http_server_port(const struct http_server *server, size_t i);
