#pragma once
/*
 * protobuf.h - protocol buffers as they lie on the wire, field by field, without a schema and in place.
 *
 *     message = field*          field = tag varint (number << 3 | type), then by type
 *       0 varint: LEB128        1 fixed64: 8 bytes       2 bytes: varint length, that many bytes
 *       5 fixed32: 4 bytes      3, 4 groups: long gone; refused
 *
 *     struct cursor message = cursor_of(data, len);
 *     struct protobuf_field field;
 *     while (protobuf_next(&message, &field))
 *         switch (field.number) ...      a message inside: cursor_of(field.bytes.ptr, field.bytes.len)
 *     if (message.failed) ...
 *
 * Each length is checked against what is left before it is used. A field whose type is not the one its number
 * calls for is the caller's to refuse (field.type). Inline, because bodies of megabytes go through here.
 */
#include "lib/base/bits.h"
#include "lib/base/span.h"
#include "lib/codec/varint.h"

enum protobuf_type {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2,
    PROTOBUF_FIXED32 = 5,
};

struct protobuf_field {
    uint32_t number; /* never 0 */
    uint32_t type;   /* enum protobuf_type */
    uint64_t value;  /* of varint and fixed; 0 for bytes */
    struct span bytes;
};

/* 0 with failed set when the number does not end in time */
static inline uint64_t protobuf_varint(struct cursor *cursor) {
    const uint8_t *p = cursor->p;
    if (p < cursor->end && *p < 0x80) {
        cursor->p = p + 1;
        return *p;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && p < cursor->end; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            cursor->p = p;
            return value;
        }
    }
    cursor->failed = true;
    cursor->p = cursor->end;
    return 0;
}

static inline const uint8_t *protobuf_take(struct cursor *cursor, uint64_t len) {
    const uint8_t *p = cursor->p;
    if (cursor->failed || len > cursor_left(cursor)) {
        cursor->failed = true;
        cursor->p = cursor->end;
        return NULL;
    }
    cursor->p = p + len;
    return p;
}

/* false at the end and after a failure (cursor->failed) */
static inline bool protobuf_next(struct cursor *cursor, struct protobuf_field *field) {
    const uint8_t *p;
    if (cursor->p == cursor->end) return false;
    uint64_t tag = protobuf_varint(cursor);
    field->number = (uint32_t)(tag >> 3);
    field->type = (uint32_t)tag & 7;
    field->value = 0;
    field->bytes = (struct span){0};
    if (tag >> 32 || field->number == 0) cursor->failed = true;
    switch (field->type) {
    case PROTOBUF_VARINT: field->value = protobuf_varint(cursor); break;
    case PROTOBUF_FIXED64:
        if ((p = protobuf_take(cursor, 8))) field->value = load_u64(p);
        break;
    case PROTOBUF_FIXED32:
        if ((p = protobuf_take(cursor, 4))) field->value = load_u32(p);
        break;
    case PROTOBUF_BYTES: {
        uint64_t len = protobuf_varint(cursor);
        if ((p = protobuf_take(cursor, len))) field->bytes = span_of((const char *)p, (size_t)len);
        break;
    }
    default: cursor->failed = true;
    }
    return !cursor->failed;
}

/* Writing: a message inside is written into a buf of its own first. */
bool protobuf_put_varint(struct buf *out, uint32_t number, uint64_t value);
bool protobuf_put_double(struct buf *out, uint32_t number, double value);
bool protobuf_put_bytes(struct buf *out, uint32_t number, struct span bytes);
