#include "storage/head/frames.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"

#include <inttypes.h>
#include <string.h>

#define PIECE_BYTES ((size_t)1 << 20)
#define PIECE_HEADER ((size_t)8)

/* ---- writing ---- */

void frames_out_init(struct frames_out *out, struct file *file) {
    *out = (struct frames_out){.file = file};
    buf_init(&out->piece, PIECE_HEADER + PIECE_BYTES);
    (void)buf_append(&out->piece, (const uint8_t[PIECE_HEADER]){0}, PIECE_HEADER);
}

void frames_out_release(struct frames_out *out) {
    buf_release(&out->piece);
}

static void put_piece(struct frames_out *out) {
    uint8_t *header = (uint8_t *)out->piece.data;
    size_t len = out->piece.len - PIECE_HEADER;
    store_u32(header, (uint32_t)len);
    out->crc = crc32c(crc32c(out->crc, header, 4), header + PIECE_HEADER, len);
    store_u32(header + 4, out->crc);
    if (!out->rc) out->rc = file_write(out->file, header, out->piece.len, out->offset, &out->err);
    out->offset += out->piece.len;
    out->piece.len = PIECE_HEADER;
}

void frames_write(struct frames_out *out, const void *data, size_t len) {
    const uint8_t *at = data;
    while (len) {
        size_t room = PIECE_HEADER + PIECE_BYTES - out->piece.len, part = len < room ? len : room;
        (void)buf_append(&out->piece, at, part);
        at += part;
        len -= part;
        if (out->piece.len == PIECE_HEADER + PIECE_BYTES) put_piece(out);
    }
}

void frames_write_u32(struct frames_out *out, uint32_t value) {
    uint8_t bytes[4];
    store_u32(bytes, value);
    frames_write(out, bytes, sizeof bytes);
}

void frames_write_u64(struct frames_out *out, uint64_t value) {
    uint8_t bytes[8];
    store_u64(bytes, value);
    frames_write(out, bytes, sizeof bytes);
}

int frames_out_end(struct frames_out *out, struct err *err) {
    if (out->piece.len > PIECE_HEADER) put_piece(out);
    put_piece(out);
    return out->rc ? err_set(err, out->rc, "%s", out->err.text) : 0;
}

/* ---- reading ---- */

int frames_in_init(struct frames_in *in, struct file *file, struct err *err) {
    *in = (struct frames_in){.file = file};
    buf_init(&in->piece, PIECE_BYTES);
    return file_size(file, &in->size, err);
}

void frames_in_release(struct frames_in *in) {
    buf_release(&in->piece);
}

static int damaged(struct frames_in *in) {
    if (in->rc) return in->rc;
    in->rc =
        err_set(&in->err, ERR_CORRUPT, "\"%s\" is damaged at offset %" PRIu64, in->file->path, in->offset);
    return in->rc;
}

/* the next piece, of `len` bytes; 0 is the end */
static int get_piece(struct frames_in *in, size_t *len) {
    uint8_t header[PIECE_HEADER];
    if (in->size - in->offset < PIECE_HEADER) return damaged(in);
    in->rc = file_read(in->file, header, PIECE_HEADER, in->offset, &in->err);
    if (in->rc) return in->rc;
    *len = load_u32(header);
    if (*len > PIECE_BYTES || *len > in->size - in->offset - PIECE_HEADER) return damaged(in);
    buf_reset(&in->piece);
    (void)buf_reserve(&in->piece, *len ? *len : 1);
    if (*len) in->rc = file_read(in->file, in->piece.data, *len, in->offset + PIECE_HEADER, &in->err);
    if (in->rc) return in->rc;
    in->crc = crc32c(crc32c(in->crc, header, 4), in->piece.data, *len);
    if (in->crc != load_u32(header + 4)) return damaged(in);
    in->offset += PIECE_HEADER + *len;
    in->piece.len = *len;
    in->at = 0;
    return 0;
}

bool frames_read(struct frames_in *in, void *data, size_t len) {
    uint8_t *at = data;
    size_t wanted = len, got;
    while (!in->rc && wanted) {
        size_t there = in->piece.len - in->at, part = wanted < there ? wanted : there;
        if (part) memcpy(at, in->piece.data + in->at, part);
        in->at += part;
        at += part;
        wanted -= part;
        if (wanted && get_piece(in, &got) == 0 && !got) damaged(in);
    }
    if (in->rc) memset(data, 0, len);
    return !in->rc;
}

uint32_t frames_read_u32(struct frames_in *in) {
    uint8_t bytes[4];
    frames_read(in, bytes, sizeof bytes);
    return load_u32(bytes);
}

uint64_t frames_read_u64(struct frames_in *in) {
    uint8_t bytes[8];
    frames_read(in, bytes, sizeof bytes);
    return load_u64(bytes);
}

uint64_t frames_left(const struct frames_in *in) {
    return in->size - in->offset + (in->piece.len - in->at);
}

int frames_bad(struct frames_in *in, const char *what) {
    if (!in->rc) in->rc = err_set(&in->err, ERR_CORRUPT, "\"%s\" makes no sense: %s", in->file->path, what);
    return in->rc;
}

int frames_in_end(struct frames_in *in, struct err *err) {
    size_t len = 0;
    if (!in->rc && in->at < in->piece.len) frames_bad(in, "bytes left over");
    if (!in->rc && get_piece(in, &len) == 0 && (len || in->offset != in->size)) damaged(in);
    return in->rc ? err_set(err, in->rc, "%s", in->err.text) : 0;
}
