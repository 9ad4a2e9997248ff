#pragma once
/*
 * direct.h - writing past the system's page cache: in the disk's blocks, where a page would be eight times as
 * much.
 *
 *     records | zeros up to a block  --direct_fill-->  memory as the disk wants it  --direct_write-->  file
 *
 * Inward. Not every file system can do it; then it is not open and nothing is said. Threads: one at a time.
 */
#include "lib/base/err.h"
#include "lib/sys/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct direct { /* all zero: not open */
    struct file file;
    uint32_t block;
    uint8_t *memory; /* owned; bytes is inside, aligned */
    uint8_t *bytes;
    size_t capacity, len;
    uint64_t offset;
};

void direct_open(struct direct *direct, struct file_system *fs, const char *path);
void direct_close(struct direct *direct); /* keeps the memory */
void direct_release(struct direct *direct);
static inline bool direct_is_open(const struct direct *direct) {
    return file_is_open(&direct->file);
}
/* what direct_write writes; the offset is that of a block. direct->len: with the zeros */
void direct_fill(struct direct *direct, const void *bytes, size_t len, uint64_t offset);
int direct_write(struct direct *direct, struct err *err);
