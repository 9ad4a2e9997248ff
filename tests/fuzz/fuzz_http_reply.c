// links: lib_http
/*
 * Any bytes of a target, in pieces of any size, are an answer within its limits or none. Input: size of the
 * pieces, bytes.
 */
#include "lib/base/assert.h"
#include "lib/http/reply.h"

#define MAX_BODY 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t step = 1 + (size_t)data[0] * 16;
    struct reply reply;
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    reply_init(&reply, MAX_BODY);
    reply_begin(&reply, &bytes);
    for (size_t at = 1; at < size && reply.state <= REPLY_BODY; at += step) {
        size_t fresh = size - at < step ? size - at : step;
        ASSERT(buf_append(&bytes, data + at, fresh));
        reply_feed(&reply, fresh);
        ASSERT(reply.body_len <= MAX_BODY);
        ASSERT(reply.body_len == 0 || reply.body_at + reply.body_len == bytes.len);
    }
    reply_end(&reply);
    ASSERT(reply.state >= REPLY_COMPLETE);
    ASSERT(strlen(reply.type) < sizeof reply.type && strlen(reply.location) < sizeof reply.location);
    reply_release(&reply);
    buf_release(&bytes);
    return 0;
}
