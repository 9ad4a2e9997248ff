#include "lib/codec/varint.h"

#include "lib/base/bits.h"

size_t varint_write(uint64_t value, uint8_t out[VARINT_MAX]) {
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) out[len++] = (uint8_t)(value | 0x80);
    out[len++] = (uint8_t)value;
    return len;
}

bool buf_varint(struct buf *buf, uint64_t value) {
    if (!buf_reserve(buf, VARINT_MAX)) return false;
    buf->len += varint_write(value, (uint8_t *)buf->data + buf->len);
    return true;
}

bool buf_zigzag(struct buf *buf, int64_t value) {
    return buf_varint(buf, zigzag_encode(value));
}

static void cursor_fail(struct cursor *cursor) {
    cursor->failed = true;
    cursor->p = cursor->end;
}

uint64_t cursor_varint(struct cursor *cursor) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && cursor->p < cursor->end; shift += 7) {
        uint8_t byte = *cursor->p++;
        if (shift == 63 && byte > 1) break; /* would not fit 64 bits */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    cursor_fail(cursor);
    return 0;
}

int64_t cursor_zigzag(struct cursor *cursor) {
    return zigzag_decode(cursor_varint(cursor));
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t len) {
    if (len > cursor_left(cursor)) {
        cursor_fail(cursor);
        return NULL;
    }
    const uint8_t *bytes = cursor->p;
    cursor->p += len;
    return bytes;
}

uint8_t cursor_u8(struct cursor *cursor) {
    const uint8_t *p = cursor_bytes(cursor, 1);
    return p ? *p : 0;
}

uint32_t cursor_u32(struct cursor *cursor) {
    const uint8_t *p = cursor_bytes(cursor, sizeof(uint32_t));
    return p ? load_u32(p) : 0;
}

uint64_t cursor_u64(struct cursor *cursor) {
    const uint8_t *p = cursor_bytes(cursor, sizeof(uint64_t));
    return p ? load_u64(p) : 0;
}
