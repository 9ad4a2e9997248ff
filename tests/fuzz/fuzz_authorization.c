/*
 * fuzz_authorization.c - any bytes as an Authorization header: what is found lies inside.
 */
// links: web_gate
#include "lib/base/assert.h"
#include "web/gate/authorization.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct authorization a;
    authorization_read(span_of((const char *)data, size), &a);
    if (a.kind == AUTHORIZATION_BASIC) {
        ASSERT(a.user.len + a.password.len < AUTHORIZATION_MAX);
        ASSERT(span_find_byte(a.user, ':', 0) == a.user.len);
        ASSERT(a.user.ptr >= a.text && a.password.ptr + a.password.len <= a.text + sizeof a.text);
    }
    if (a.kind == AUTHORIZATION_BEARER) ASSERT(a.token.len > 0 && a.token.len <= size);
    return 0;
}
