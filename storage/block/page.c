#include "storage/block/page.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"

#include <inttypes.h>

int page_write(const void *data, size_t len, struct zstd_writer *zstd, struct buf *out, struct err *err) {
    size_t begin = out->len;
    uint8_t header[PAGE_HEADER] = {0};
    if (len > PAGE_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "a page of an index of %zu bytes is too large", len);
    buf_append(out, header, sizeof header);
    int rc = zstd_write(zstd, data, len, out, err);
    if (rc) return rc;
    if (out->len - begin - PAGE_HEADER >= len) {
        out->len = begin + PAGE_HEADER;
        if (!buf_append(out, data, len)) return err_set(err, ERR_LIMIT, "index of a block is too large");
    }
    uint8_t *at = (uint8_t *)out->data + begin;
    size_t stored = out->len - begin - PAGE_HEADER;
    store_u32(at, (uint32_t)stored);
    store_u32(at + 4, (uint32_t)len);
    store_u32(at + 8, crc32c(crc32c(0, at, 8), at + PAGE_HEADER, stored));
    return 0;
}

static int damaged(const struct file *file, uint64_t offset, struct err *err) {
    return err_set(err, ERR_CORRUPT, "\"%s\" is damaged at offset %" PRIu64, file->path, offset);
}

static void destroy(struct shared *shared) {
    mem_free(shared);
}

static int unpack(const struct file *file, uint64_t offset, const uint8_t *header, const uint8_t *stored,
                  struct page **page, struct err *err) {
    size_t stored_len = load_u32(header), len = load_u32(header + 4);
    if (crc32c(crc32c(0, header, 8), stored, stored_len) != load_u32(header + 8))
        return damaged(file, offset, err);
    struct page *made = mem_alloc(sizeof *made + len);
    shared_init(&made->shared, sizeof *made + len, destroy);
    made->len = len;
    int rc = 0;
    if (stored_len == len)
        memcpy(made->bytes, stored, len);
    else
        rc = zstd_read(stored, stored_len, made->bytes, len, err);
    if (rc)
        mem_free(made);
    else
        *page = made;
    return rc;
}

int page_read(const struct file *file, uint64_t offset, uint64_t file_bytes, struct page **page,
              struct err *err) {
    uint8_t header[PAGE_HEADER];
    if (offset > file_bytes || file_bytes - offset < PAGE_HEADER) return damaged(file, offset, err);
    int rc = file_read(file, header, sizeof header, offset, err);
    if (rc) return rc;
    size_t stored_len = load_u32(header), len = load_u32(header + 4);
    if (len > PAGE_MAX_BYTES || stored_len > len || stored_len > file_bytes - offset - PAGE_HEADER)
        return damaged(file, offset, err);
    uint8_t *stored = mem_alloc(stored_len + 1);
    rc = file_read(file, stored, stored_len, offset + PAGE_HEADER, err);
    if (!rc) rc = unpack(file, offset, header, stored, page, err);
    mem_free(stored);
    return rc;
}
