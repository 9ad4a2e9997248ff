#include "lib/http/reply.h"

#include "lib/base/mem.h"

#include <llhttp.h>
#include <strings.h>

#define MAX_HEAD_BYTES ((size_t)256 << 10)

static int count_head(struct reply *reply, size_t len) {
    reply->head_bytes += len;
    return reply->head_bytes > MAX_HEAD_BYTES ? -1 : 0;
}

static int on_head_text(llhttp_t *llhttp, const char *at, size_t len) {
    (void)at;
    return count_head(llhttp->data, len);
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len) {
    struct reply *reply = llhttp->data;
    if (reply->in_value) reply->name_len = 0;
    reply->in_value = false;
    for (size_t i = 0; i < len; i++, reply->name_len++)
        if (reply->name_len < sizeof reply->name)
            reply->name[reply->name_len] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 0x20 : at[i]);
    return count_head(reply, len);
}

static bool is_named(const struct reply *reply, const char *name) {
    return reply->name_len == strlen(name) && memcmp(reply->name, name, reply->name_len) == 0;
}

/* the first of several counts */
static void take_type(struct reply *reply, const char *at, size_t len, bool is_first) {
    if (is_first && reply->has_type) reply->type_len = sizeof reply->type; /* full */
    reply->has_type = true;
    for (size_t i = 0; i < len && reply->type_len + 1 < sizeof reply->type; i++)
        reply->type[reply->type_len++] = at[i];
}

static void take_location(struct reply *reply, const char *at, size_t len) {
    if (len >= sizeof reply->location - reply->location_len) len = reply->location_len = 0;
    memcpy(reply->location + reply->location_len, at, len);
    reply->location_len += len;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len) {
    struct reply *reply = llhttp->data;
    bool is_first = !reply->in_value;
    reply->in_value = true;
    if (llhttp->flags & F_TRAILING) return count_head(reply, len);
    if (is_named(reply, "content-type"))
        take_type(reply, at, len, is_first);
    else if (is_named(reply, "content-encoding"))
        reply->is_gzip |= len >= 4 && memmem(at, len, "gzip", 4) != NULL;
    else if (is_named(reply, "location"))
        take_location(reply, at, len);
    return count_head(reply, len);
}

static int on_headers_complete(llhttp_t *llhttp) {
    struct reply *reply = llhttp->data;
    if (llhttp->status_code == 101 || llhttp->http_major != 1) return -1;
    if ((llhttp->flags & F_CONTENT_LENGTH) && llhttp->content_length > reply->max_body_bytes) {
        reply->state = REPLY_TOO_LARGE;
        return -1;
    }
    reply->status = llhttp->status_code;
    reply->state = REPLY_BODY;
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len) {
    struct reply *reply = llhttp->data;
    if (len > reply->max_body_bytes - reply->body_len) {
        reply->state = REPLY_TOO_LARGE;
        return -1;
    }
    if (!reply->body_len) reply->body_at = (size_t)(at - reply->bytes->data);
    char *to = reply->bytes->data + reply->body_at + reply->body_len;
    if (to != at) memmove(to, at, len);
    reply->body_len += len;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp) {
    struct reply *reply = llhttp->data;
    if (reply->status / 100 == 1) { /* interim: the answer is still to come */
        reply->state = REPLY_HEAD;
        return 0;
    }
    reply->keeps_connection = llhttp_should_keep_alive(llhttp);
    reply->state = REPLY_COMPLETE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_status = on_head_text,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void reply_init(struct reply *reply, size_t max_body_bytes) {
    *reply = (struct reply){.llhttp = mem_zalloc(sizeof(llhttp_t)), .max_body_bytes = max_body_bytes};
}

void reply_release(struct reply *reply) {
    mem_free(reply->llhttp);
}

void reply_begin(struct reply *reply, struct buf *bytes) {
    llhttp_t *llhttp = reply->llhttp;
    memset(&reply->state, 0, sizeof *reply - offsetof(struct reply, state));
    reply->bytes = bytes;
    llhttp_init(llhttp, HTTP_RESPONSE, &settings);
    llhttp->data = reply;
}

void reply_feed(struct reply *reply, size_t fresh) {
    struct buf *bytes = reply->bytes;
    const char *from = bytes->data + bytes->len - fresh, *end = bytes->data + bytes->len;
    if (reply->state > REPLY_BODY) return;
    llhttp_errno_t rc = llhttp_execute(reply->llhttp, from, fresh);
    if (reply->state == REPLY_COMPLETE) /* what stands behind an answer nobody asked for */
        reply->keeps_connection &= llhttp_get_error_pos(reply->llhttp) == end;
    else if (rc != HPE_OK && reply->state != REPLY_TOO_LARGE)
        reply->state = REPLY_BAD;
    bytes->len = reply->body_len ? reply->body_at + reply->body_len : 0;
}

void reply_end(struct reply *reply) {
    if (reply->state > REPLY_BODY) return;
    bool is_end = reply->state == REPLY_BODY && llhttp_message_needs_eof(reply->llhttp);
    reply->state = is_end ? REPLY_COMPLETE : REPLY_BAD;
    reply->keeps_connection = false;
}
