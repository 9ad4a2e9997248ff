#pragma once
/*
 * lane.h - inside of lib/http: the short way of a plain GET over HTTP/1.1.
 *
 *     curl: name, addresses, connect --socket--> lane: send the head, receive into the body's memory
 *                                                 |
 *     request <--- LANE_ANSWER, or LANE_UNFIT ----+    then curl does the whole request in its own way
 *
 * Most scrapes are this: a kept connection, no TLS, no proxy. Here such one costs two system calls and a wake
 * up; nothing is allocated, no URL is parsed, no socket watched anew. What is unusual (redirects, answers
 * that llhttp does not like, connections that break) is left to curl.
 */
#include "lib/http/client.h"
#include "lib/http/reply.h"

struct header_set;
struct lane;

enum lane_end {
    LANE_ANSWER,
    LANE_CLOSED, /* the other side closed the connection while nothing was asked */
    LANE_STALE,  /* it did so before it could hear of this request: take a new connection */
    LANE_UNFIT,  /* not for a lane */
    LANE_LIMIT,  /* body larger than the maximum */
    LANE_TIMEOUT,
};

/* When it is called the lane is idle; but for LANE_ANSWER with keeps_connection the connection is of no more
 * use and must be closed. May destroy the lane. */
typedef void lane_done(void *context, enum lane_end end, const struct reply *reply);

struct lane *lane_create(struct http_client *client, size_t max_body_bytes, lane_done *done, void *context);
void lane_destroy(struct lane *lane); /* NULL is fine */
/* uses the connection of a socket, by a descriptor of its own; not open after this when there is none */
void lane_open(struct lane *lane, int socket);
void lane_close(struct lane *lane);
bool lane_is_open(const struct lane *lane);
/* head: the request, and bytes: empty, for the answer; both stay until done, which is never called inside.
 * deadline_ms: on the monotonic clock */
void lane_start(struct lane *lane, struct span head, struct buf *bytes, int64_t deadline_ms);
/* LANE_TIMEOUT at once when the deadline of what runs is not after this time */
void lane_end_late(struct lane *lane, int64_t time_ms);
/* The head of a GET of a URL of plain http; nothing when the URL is not for a lane. */
void lane_write_head(const char *url, const struct header_set *headers, struct buf *head);
