#include "lib/codec/protobuf.h"

static bool put_tag(struct buf *out, uint32_t number, enum protobuf_type type) {
    return buf_varint(out, (uint64_t)number << 3 | type);
}

bool protobuf_put_varint(struct buf *out, uint32_t number, uint64_t value) {
    return put_tag(out, number, PROTOBUF_VARINT) && buf_varint(out, value);
}

bool protobuf_put_double(struct buf *out, uint32_t number, double value) {
    return put_tag(out, number, PROTOBUF_FIXED64) && buf_append(out, &value, sizeof value);
}

bool protobuf_put_bytes(struct buf *out, uint32_t number, struct span bytes) {
    return put_tag(out, number, PROTOBUF_BYTES) && buf_varint(out, bytes.len) && buf_span(out, bytes);
}
