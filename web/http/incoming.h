#pragma once
/*
 * incoming.h - inside of web/http: a request with the memory it lives in.
 */
#include "lib/base/err.h"
#include "web/http/exchange.h"

#define INCOMING_ARENA_MAX ((size_t)256 << 20)
#define INCOMING_PARAMS_MAX 10000

struct incoming {
    struct arena arena; /* the handler's too */
    struct web_request request;
    struct span target; /* as sent */
    struct buf body;
    bool keep_alive;
};

struct incoming *incoming_create(struct budget *budget);
void incoming_destroy(struct incoming *incoming);
/* the path of a target, as sent: not decoded */
struct span incoming_path(struct span target);
/* fills path, params and body of the request from target, headers and body. 0, or the status to refuse with
 * and *reason */
int incoming_finish(struct incoming *incoming, const char **reason);
