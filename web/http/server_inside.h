#pragma once
/*
 * server_inside.h - inside of web/http: what the files of the server share. Everything here belongs to the
 * loop's thread once the server runs.
 *
 *     server.c      create, start, stop; the tick that enforces deadlines
 *     listener.c    sockets that accept
 *     connection.c  bytes in, bytes out, one exchange at a time
 *     transport.c   those bytes plain, or sealed by TLS
 *     room.c        who is let in, and who has to go, when there are many
 *     dispatch.c    from a request to the place where its handler runs, and back
 */
#include "lib/base/budget.h"
#include "lib/sys/loop.h"
#include "lib/sys/thread.h"
#include "web/http/exchange_inside.h"
#include "web/http/request_parser.h"
#include "web/http/server.h"
#include "web/http/tls.h"

#include <uv.h>

#define LISTENERS_MAX 16
#define READ_BUFFER_BYTES ((size_t)64 << 10)
#define PEER_MAX 46                   /* INET6_ADDRSTRLEN */
#define CONNECTIONS_KEPT ((size_t)16) /* for this machine, and for /-/healthy */
#define BODY_RATE_LOWEST 1024         /* bytes per second, after body_timeout_ms */

struct http_metrics;
struct regex;

struct listener {
    uv_poll_t poll;
    struct http_server *server;
    int fd, port;
    bool is_paused; /* too many open files: until the next tick */
};

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_HEAD,    /* part of a head has come */
    CONNECTION_BODY,    /* part of a body */
    CONNECTION_ANSWER,  /* an exchange is under way */
    CONNECTION_LINGER,  /* all said; waits for the client to close, so that it can read the answer */
    CONNECTION_CLOSING, /* uv_close was called */
};

struct connection {
    uint32_t magic;
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct http_server *server;
    struct connection *before, *after; /* the server's list, newest first */
    enum connection_state state;
    int64_t deadline_ms;     /* monotonic; INT64_MAX: none */
    int64_t since_ms;        /* when the state was entered; of a body: when it began */
    char peer[PEER_MAX];     /* address, without port */
    bool is_reserve;         /* one of those kept: only routes that need no thread are answered */
    struct tls_session *tls; /* NULL: plain */
    struct buf sealed;       /* what is being written, when it is sealed */
    size_t queued_bytes;     /* at the last look: fewer means that the client reads */
    struct request_parser parser;
    struct exchange *exchange; /* owned unless it is out */
    struct buf out;            /* what is being written: its wire of before */
    bool is_last;              /* of the answer */
    bool is_ready;             /* the next bytes are, and wait until these are written */
    bool is_reading, is_advancing, is_writing;
};

struct http_server {
    uint32_t magic;
    struct http_server_options options; /* defaults filled in */
    const struct router *router;
    struct http_metrics *metrics; /* NULL: nothing is counted */
    struct regex *cors_origin;    /* NULL: every origin */
    struct budget memory;         /* of requests in flight */
    struct pool *workers, *writers, *intake;
    struct loop *loop;
    struct thread thread;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    uv_timer_t tick;
    struct connection *connections;
    size_t connection_count, exchange_count, open_handles;
    int64_t now_ms, stop_ms; /* stop_ms: when patience ends */
    bool is_running, is_stopping;
    char *read_buffer; /* one for all: the loop reads one connection at a time */
};

/* listener.c */
int listener_open(struct listener *listener, struct http_server *server, const char *address,
                  struct err *err);
void listener_start(struct listener *listener);
void listener_close(struct listener *listener);

/* connection.c; fd is taken over, peer is the client's address */
struct sockaddr_storage;
void connection_open(struct http_server *server, int fd, const struct sockaddr_storage *peer);
void connection_close(struct connection *connection);
/* closes when the deadline has passed */
void connection_tick(struct connection *connection);
/* sends the exchange's wire, once what is being written is out */
void connection_send(struct connection *connection);

/* room.c: false: there is none. Fills in peer and is_reserve. May close another connection. */
bool room_take(struct http_server *server, const struct sockaddr_storage *peer, char text[PEER_MAX],
               bool *is_reserve);

/* transport.c */
void transport_open(struct connection *connection);
void transport_close(struct connection *connection);
/* bytes from the socket, to the parser; false: the connection is over */
bool transport_take(struct connection *connection, const char *data, size_t len);
/* the bytes for the socket, valid until the next call; false: it cannot be sealed */
bool transport_seal(struct connection *connection, struct span plain, uv_buf_t *wire);
/* a few bytes between answers, now or never; false: never */
bool transport_say(struct connection *connection, struct span plain);
/* nothing more will be said */
void transport_end(struct connection *connection);

/* dispatch.c */
void dispatch(struct connection *connection, struct incoming *incoming);
/* answers what could not be parsed, or came too late, and ends the connection */
void dispatch_refusal(struct connection *connection, int status, const char *reason);
/* the wire was taken: asks for more */
void dispatch_more(struct exchange *exchange);
void dispatch_destroy(struct exchange *exchange);

/* server.c: the server stops when the last of them is gone */
void server_check_end(struct http_server *server);

/* metrics.c */
struct http_metrics *http_metrics_create(struct registry *registry, const struct router *router);
void http_metrics_destroy(struct http_metrics *metrics);
void http_metrics_count(struct http_metrics *metrics, const struct exchange *exchange);
/* each by the loop, metrics may be NULL: a connection came, was refused, was closed */
void http_metrics_opened(struct http_metrics *metrics);
void http_metrics_refused(struct http_metrics *metrics);
void http_metrics_closed(struct http_metrics *metrics);
/* requests in front of the workers: 1 more or 1 less; any thread */
void http_metrics_waiting(struct http_metrics *metrics, int change);
void http_metrics_busy(struct http_metrics *metrics);
