#include "lib/codec/gzip.h"

#include "lib/base/mem.h"

#include <libdeflate.h>

struct gzip_reader {
    struct libdeflate_decompressor *decompressor;
};

struct gzip_reader *gzip_reader_create(void) {
    struct gzip_reader *reader = mem_alloc(sizeof *reader);
    reader->decompressor = libdeflate_alloc_decompressor();
    return reader;
}

void gzip_reader_destroy(struct gzip_reader *reader) {
    if (!reader) return;
    libdeflate_free_decompressor(reader->decompressor);
    mem_free(reader);
}

/* One member at the start of packed; *used is its length. The output buffer doubles until the member fits or
 * the maximum is reached. */
static int read_member(struct gzip_reader *reader, struct span packed, struct buf *out, size_t *used,
                       struct err *err) {
    size_t room = packed.len > SIZE_MAX / 8 ? packed.len : packed.len * 4 + 1024;
    for (;;) {
        size_t left = out->max_bytes - out->len;
        if (room > left) room = left;
        if (!buf_reserve(out, room))
            return err_set(err, ERR_LIMIT, "decompressed body is larger than %zu bytes", out->max_bytes);
        room = out->capacity - out->len < left ? out->capacity - out->len : left;
        size_t written = 0;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(
            reader->decompressor, packed.ptr, packed.len, out->data + out->len, room, used, &written);
        if (result == LIBDEFLATE_SUCCESS) {
            out->len += written;
            return 0;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE) return err_set(err, ERR_INVALID, "gzip: invalid data");
        if (room >= left)
            return err_set(err, ERR_LIMIT, "decompressed body is larger than %zu bytes", out->max_bytes);
        room *= 2;
    }
}

int gzip_read(struct gzip_reader *reader, struct span packed, struct buf *out, struct err *err) {
    if (!reader->decompressor) return err_set(err, ERR_LIMIT, "gzip: no memory for the decompressor");
    do {
        size_t used = 0;
        int rc = read_member(reader, packed, out, &used, err);
        if (rc) return rc;
        packed = span_of(packed.ptr + used, packed.len - used);
    } while (packed.len);
    return 0;
}
