/* Snappy's stream format: see snappy.h. */
#include "lib/codec/crc32c.h"
#include "lib/codec/snappy.h"

#define HEAD_BYTES ((size_t)4)
#define CHECKSUM_BYTES ((size_t)4)
#define CONTENTS_MAX ((size_t)65536) /* of one frame */

enum frame_kind { FRAME_PACKED = 0x00, FRAME_PLAIN = 0x01, FRAME_SKIPPED = 0x80, FRAME_BEGIN = 0xff };

static uint32_t read_u32(const char *bytes) {
    const unsigned char *b = (const unsigned char *)bytes;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t masked(uint32_t crc) {
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static int read_contents(enum frame_kind kind, struct span frame, struct buf *out, struct err *err) {
    size_t before = out->len;
    if (frame.len < CHECKSUM_BYTES) return err_set(err, ERR_INVALID, "snappy: a frame is too short");
    struct span body = span_of(frame.ptr + CHECKSUM_BYTES, frame.len - CHECKSUM_BYTES);
    int rc = kind == FRAME_PACKED  ? snappy_read(body, out, err)
             : buf_span(out, body) ? 0
                                   : err_set(err, ERR_LIMIT, "snappy: more than %zu bytes", out->max_bytes);
    if (rc) return rc;
    size_t len = out->len - before;
    const char *contents = len ? out->data + before : "";
    if (len > CONTENTS_MAX || masked(crc32c(0, contents, len)) != read_u32(frame.ptr))
        return err_set(err, ERR_INVALID, "snappy: a frame is damaged");
    return 0;
}

static int read_frame(struct span *rest, bool is_first, struct buf *out, struct err *err) {
    if (rest->len < HEAD_BYTES) return err_set(err, ERR_INVALID, "snappy: a frame is cut off");
    uint32_t head = read_u32(rest->ptr), kind = head & 0xff;
    struct span frame = span_of(rest->ptr + HEAD_BYTES, head >> 8);
    if (frame.len > rest->len - HEAD_BYTES) return err_set(err, ERR_INVALID, "snappy: a frame is cut off");
    *rest = span_of(frame.ptr + frame.len, rest->len - HEAD_BYTES - frame.len);
    if (kind == FRAME_BEGIN ? !span_is(frame, "sNaPpY") : is_first)
        return err_set(err, ERR_INVALID, "snappy: not a stream of frames");
    if (kind == FRAME_PACKED || kind == FRAME_PLAIN) return read_contents(kind, frame, out, err);
    return kind >= FRAME_SKIPPED ? 0 : err_set(err, ERR_INVALID, "snappy: a frame of unknown kind");
}

int snappy_read_frames(struct span packed, struct buf *out, struct err *err) {
    int rc = 0;
    for (bool is_first = true; packed.len && !rc; is_first = false)
        rc = read_frame(&packed, is_first, out, err);
    return rc;
}
