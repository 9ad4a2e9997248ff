#pragma once
/*
 * internal.h - inside of lib/http: what client.c, request.c and oauth2.c share.
 */
#include "lib/codec/gzip.h"
#include "lib/http/client.h"

#include <curl/curl.h>
#include <uv.h>

struct lane;
struct loop_timer;
struct token_source;
struct watched_socket;

/* The lanes that wait for an answer, in the order of their start, and one timer for the first deadline. */
struct running_lanes {
    struct lane *first, *last;
    struct loop_timer *timer;
    int64_t due_ms; /* when it fires, no later than the first deadline; INT64_MAX: never */
};

struct http_client {
    uint32_t magic;
    struct loop *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct gzip_reader *gzip;
    struct buf body, unpacked; /* spare memory of finished requests, lent to the next */
    int open_handles;          /* uv handles whose close is still under way, and watched sockets */
    struct running_lanes lanes;
    size_t requests;
    struct token_source *token_sources;
};

/* lane.c */
void running_lanes_init(struct running_lanes *lanes, struct loop *loop);
void running_lanes_release(struct running_lanes *lanes);
/* request.c: the transfer went well, its socket is still open */
void http_request_take_connection(struct http_request *request);
/* the transfer is over and out of the multi handle */
void http_request_finish(struct http_request *request, CURLcode code);
/* The value of the Authorization header from the next start on, instead of the options' credentials; copied.
 * NULL: theirs. */
void http_request_set_authorization(struct http_request *request, const char *value);
/* Room for more of a body. A large one gets all it may have at once: what is not touched costs nothing, while
 * growing by halves leaves as much behind as it holds. */
bool http_body_reserve(struct buf *body, size_t more);
