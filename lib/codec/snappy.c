#include "lib/codec/snappy.h"

#include <snappy-c.h>

static int does_not_fit(const struct buf *out, size_t len, struct err *err) {
    return err_set(err, ERR_LIMIT, "snappy: decoded length %zu is larger than the limit of %zu bytes", len,
                   out->max_bytes);
}

/* 64 bytes are the most that an element of three bytes makes; the shortest length field is one byte */
static bool is_plausible(size_t packed, size_t contents) {
    return contents / 64 <= packed / 3 + 1;
}

int snappy_read(struct span packed, struct buf *out, struct err *err) {
    size_t len = 0;
    if (snappy_uncompressed_length(packed.ptr, packed.len, &len) != SNAPPY_OK)
        return err_set(err, ERR_INVALID, "snappy: corrupt input");
    if (out->failed || len > out->max_bytes - out->len) return does_not_fit(out, len, err);
    if (!is_plausible(packed.len, len)) return err_set(err, ERR_INVALID, "snappy: corrupt input");
    if (!buf_reserve(out, len)) return does_not_fit(out, len, err);
    if (len == 0) return packed.len == 1 ? 0 : err_set(err, ERR_INVALID, "snappy: corrupt input");
    size_t room = len;
    if (snappy_uncompress(packed.ptr, packed.len, out->data + out->len, &room) != SNAPPY_OK || room != len)
        return err_set(err, ERR_INVALID, "snappy: corrupt input");
    out->len += len;
    return 0;
}

int snappy_write(struct span contents, struct buf *out, struct err *err) {
    size_t room = snappy_max_compressed_length(contents.len);
    if (!buf_reserve(out, room))
        return err_set(err, ERR_LIMIT, "snappy: the block does not fit into %zu bytes", out->max_bytes);
    const char *bytes = contents.len ? contents.ptr : "";
    if (snappy_compress(bytes, contents.len, out->data + out->len, &room) != SNAPPY_OK)
        return err_set(err, ERR_LIMIT, "snappy: cannot compress %zu bytes", contents.len);
    out->len += room;
    return 0;
}
