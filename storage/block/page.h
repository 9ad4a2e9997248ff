#pragma once
/*
 * page.h - inside of storage/block: a checked, compressed piece of the index.
 *
 *     | u32 stored length | u32 raw length | u32 CRC-32C of the 8 bytes before and the stored ones | stored
 * bytes |
 *
 * Stored bytes are a zstd frame, or the raw ones when that is not smaller.
 */
#include "lib/codec/zstd.h"
#include "lib/sys/file.h"
#include "storage/block/cache.h"

#define PAGE_HEADER ((size_t)12)
#define PAGE_MAX_BYTES ((size_t)64 << 20)

struct page {
    struct shared shared; /* first */
    size_t len;
    uint8_t bytes[];
};

/* appended to out */
int page_write(const void *data, size_t len, struct zstd_writer *zstd, struct buf *out, struct err *err);
/* ERR_CORRUPT names file and offset; ERR_IO */
int page_read(const struct file *file, uint64_t offset, uint64_t file_bytes, struct page **page,
              struct err *err);
