#include "lib/codec/zstd.h"

#include "lib/base/mem.h"

#include <zstd.h>

struct zstd_writer {
    ZSTD_CCtx *context;
    int level;
};

struct zstd_writer *zstd_writer_create(int level) {
    struct zstd_writer *writer = mem_alloc(sizeof *writer);
    *writer = (struct zstd_writer){ZSTD_createCCtx(), level};
    return writer;
}

void zstd_writer_destroy(struct zstd_writer *writer) {
    if (!writer) return;
    ZSTD_freeCCtx(writer->context);
    mem_free(writer);
}

int zstd_write(struct zstd_writer *writer, const void *data, size_t len, struct buf *out, struct err *err) {
    size_t bound = ZSTD_compressBound(len);
    if (!buf_reserve(out, bound))
        return err_set(err, ERR_LIMIT, "no room for a compressed piece of %zu bytes", len);
    size_t written =
        ZSTD_compressCCtx(writer->context, out->data + out->len, bound, data, len, writer->level);
    if (ZSTD_isError(written)) return err_set(err, ERR_LIMIT, "zstd: %s", ZSTD_getErrorName(written));
    out->len += written;
    return 0;
}

/* a context a thread would be faster by little: the pieces are large */
int zstd_read(const void *packed, size_t packed_len, void *data, size_t len, struct err *err) {
    size_t got = ZSTD_decompress(data, len, packed, packed_len);
    if (ZSTD_isError(got)) return err_set(err, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(got));
    if (got != len) return err_set(err, ERR_CORRUPT, "zstd: %zu bytes where %zu were expected", got, len);
    return 0;
}
