#include "lib/base/span.h"

#include <stdint.h>

int span_compare(struct span a, struct span b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (order) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool span_starts_with(struct span s, struct span prefix) {
    return s.len >= prefix.len && span_equal(span_of(s.ptr, prefix.len), prefix);
}

bool span_ends_with(struct span s, struct span suffix) {
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s) {
    while (s.len && is_blank(s.ptr[0])) s = span_of(s.ptr + 1, s.len - 1);
    while (s.len && is_blank(s.ptr[s.len - 1])) s.len--;
    return s;
}

size_t span_find_byte(struct span s, char byte, size_t from) {
    if (from >= s.len) return s.len;
    const char *found = memchr(s.ptr + from, byte, s.len - from);
    return found ? (size_t)(found - s.ptr) : s.len;
}

/* Length of the sequence that starts at p, 0 when it is not valid. RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *p, size_t left) {
    unsigned char lead = p[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length) return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (lead == 0xe0 && p[1] < 0xa0) return 0;
    if (lead == 0xed && p[1] > 0x9f) return 0;
    if (lead == 0xf0 && p[1] < 0x90) return 0;
    if (lead == 0xf4 && p[1] > 0x8f) return 0;
    return length;
}

bool span_is_utf8(struct span s) {
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                i += sizeof eight;
                continue;
            }
        }
        size_t length = utf8_length(p + i, s.len - i);
        if (!length) return false;
        i += length;
    }
    return true;
}
