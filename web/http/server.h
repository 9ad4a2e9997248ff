#pragma once
/*
 * server.h - HTTP/1.1 on a loop of its own.
 *
 *     listen --> connection --llhttp and guards--> exchange --router--> handler on the loop, or as a job on
 * the pool --> answer
 *
 * A connection has one exchange at a time; pipelined requests wait. What HTTP leaves open to two readings
 * (two lengths, folded headers, bare line feeds ...) is 400 and the end of the connection. Sizes, times and
 * the number of connections are limited; when all are taken the longest idle one goes.
 */
#include "lib/base/err.h"
#include "web/http/router.h"

#include <stdint.h>

struct pool;
struct registry;
struct http_server;

struct http_server_options {
    const char *const *addresses; /* "host:port", ":port", "[v6]:port" */
    size_t address_count;
    size_t max_connections;  /* 0: min(4096, descriptors - 256) */
    size_t max_body_bytes;   /* 0: 4 MiB */
    int64_t read_timeout_ms; /* of a whole request; 0: 30 s */
    int64_t idle_timeout_ms; /* 0: 60 s */
};

/* Listens and starts the loop's thread. router must outlive the server; pool runs the handlers that wait.
 * registry may be NULL. ERR_BUSY: a port in use. */
int http_server_create(const struct http_server_options *options, const struct http_router *router,
                       struct pool *pool, struct registry *registry, struct http_server **server,
                       struct err *err);
/* stops listening, lets running handlers end (their cancel flags are set), closes everything */
void http_server_destroy(struct http_server *server);
/* the port of the i-th address: for port 0 in tests */
int http_server_port(const struct http_server *server, size_t i);
