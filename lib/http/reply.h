#pragma once
/*
 * reply.h - inside of lib/http: an HTTP/1.1 answer, parsed in the memory it was received in.
 *
 *     bytes: [head ... | size CRLF | chunk | size CRLF | chunk ]      as received
 *     bytes: [head ... | size CRLF | chunk   chunk ]                  body_at, body_len; the next comes
 * behind
 *
 * llhttp in strict mode reads it. What it does not like is not judged here: curl is asked then (lane.h).
 */
#include "lib/base/buf.h"

struct llhttp__internal_s;

enum reply_state {
    REPLY_HEAD,
    REPLY_BODY,
    REPLY_COMPLETE,
    REPLY_TOO_LARGE, /* body above the maximum */
    REPLY_BAD        /* not understood */
};

struct reply {
    struct llhttp__internal_s *llhttp;
    struct buf *bytes;
    size_t max_body_bytes;
    enum reply_state state; /* from here on: of the current answer */
    size_t body_at, body_len, head_bytes;
    long status;
    bool is_gzip, keeps_connection;
    char location[2048]; /* terminated; empty: none, or too long */
    size_t location_len;
    char type[256]; /* Content-Type, cut; has_type false: there was none */
    bool has_type;
    char name[24]; /* of the header being read, in small letters, cut */
    size_t name_len, type_len;
    bool in_value;
};

void reply_init(struct reply *reply, size_t max_body_bytes);
void reply_release(struct reply *reply);
/* bytes must be empty; used until the answer is complete */
void reply_begin(struct reply *reply, struct buf *bytes);
/* the last `fresh` bytes of the buf have been received; moves them, and shortens it */
void reply_feed(struct reply *reply, size_t fresh);
/* nothing more will come: complete if that is an end, else bad */
void reply_end(struct reply *reply);
