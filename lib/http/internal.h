#pragma once
/*
 * internal.h - inside of lib/http: what client.c and request.c share.
 */
#include "lib/codec/gzip.h"
#include "lib/http/client.h"

#include <curl/curl.h>
#include <uv.h>

struct http_client {
    uint32_t magic;
    struct loop *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct gzip_reader *gzip;
    struct buf body, unpacked; /* spare memory of finished requests, lent to the next */
    int open_handles;          /* uv handles whose close is still under way, and watched sockets */
    size_t requests;
};

/* request.c: the transfer is over and out of the multi handle */
void http_request_finish(struct http_request *request, CURLcode code);
