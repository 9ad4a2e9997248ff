#include "storage/wal/direct.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <string.h>

#define BLOCK_MAX 4096u

void direct_open(struct direct *direct, struct file_system *fs, const char *path) {
    ASSERT(!direct_is_open(direct));
    (void)file_open_direct(fs, path, &direct->file, &direct->block, NULL); /* then it stays closed */
}

void direct_close(struct direct *direct) {
    file_close(&direct->file);
}

void direct_release(struct direct *direct) {
    direct_close(direct);
    mem_free(direct->memory);
    *direct = (struct direct){0};
}

static void make_room(struct direct *direct, size_t len) {
    if (len <= direct->capacity) return;
    mem_free(direct->memory);
    direct->capacity = len;
    direct->memory = mem_alloc(len + BLOCK_MAX);
    direct->bytes = direct->memory + (BLOCK_MAX - (uintptr_t)direct->memory % BLOCK_MAX);
}

void direct_fill(struct direct *direct, const void *bytes, size_t len, uint64_t offset) {
    size_t block = direct->block, padded = (len + block - 1) / block * block;
    ASSERT(offset % block == 0);
    make_room(direct, padded);
    memcpy(direct->bytes, bytes, len);
    memset(direct->bytes + len, 0, padded - len);
    direct->len = padded;
    direct->offset = offset;
}

int direct_write(struct direct *direct, struct err *err) {
    return file_write(&direct->file, direct->bytes, direct->len, direct->offset, err);
}
