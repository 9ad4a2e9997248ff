#pragma once
/*
 * varint.h - LEB128 integers (the protocol buffers encoding): 7 bits a byte, low first, high bit means more
 * follows.
 */
#include "lib/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX 10

/* bytes written to out */
size_t varint_write(uint64_t value, uint8_t out[VARINT_MAX]);
bool buf_varint(struct buf *buf, uint64_t value);
bool buf_zigzag(struct buf *buf, int64_t value);

/* A position in bytes that never runs past their end. After a failed read `failed` stays set and reads answer
 * 0. */
struct cursor {
    const uint8_t *p, *end;
    bool failed;
};

static inline struct cursor cursor_of(const void *data, size_t len) {
    return (struct cursor){data, len ? (const uint8_t *)data + len : data, false}; /* data may be NULL then */
}

static inline size_t cursor_left(const struct cursor *cursor) {
    return (size_t)(cursor->end - cursor->p);
}

uint64_t cursor_varint(struct cursor *cursor);
int64_t cursor_zigzag(struct cursor *cursor);
uint8_t cursor_u8(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
/* len bytes in place, or NULL (failed set) */
const uint8_t *cursor_bytes(struct cursor *cursor, size_t len);
