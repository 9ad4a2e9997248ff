#pragma once
/*
 * span.h - a piece of text or bytes that somebody else owns: pointer and length, no terminator.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
/* for printf("%.*s", SPAN_ARG(s)) */
#define SPAN_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct span span_of(const char *ptr, size_t len) {
    return (struct span){ptr, len};
}

static inline struct span span_from(const char *text) {
    return (struct span){text, text ? strlen(text) : 0};
}

static inline bool span_equal(struct span a, struct span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is(struct span s, const char *text) {
    return span_equal(s, span_from(text));
}

/* negative, 0, positive, by bytes, a shorter prefix first */
int span_compare(struct span a, struct span b);
bool span_starts_with(struct span s, struct span prefix);
bool span_ends_with(struct span s, struct span suffix);
/* without spaces and tabs at both ends */
struct span span_trim(struct span s);
/* index of the first such byte at or after from, or s.len */
size_t span_find_byte(struct span s, char byte, size_t from);
/* valid UTF-8 (no surrogates, no overlong forms, up to U+10FFFF) */
bool span_is_utf8(struct span s);
