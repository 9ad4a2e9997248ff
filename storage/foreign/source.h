#pragma once
/*
 * source.h - reading a foreign file through a window that moves, and listing numbered files.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/vec.h"
#include "lib/sys/file.h"

#include <stdint.h>

#define SOURCE_MAX_PIECE ((size_t)64 << 20)

struct source {
    struct file file;
    uint64_t size;
    uint64_t at; /* where the window begins */
    struct buf window;
};

int source_open(struct file_system *fs, const char *path, struct source *source, struct err *err);
void source_close(struct source *source);
/* `len` bytes from offset, valid until the next call; ERR_CORRUPT when the file ends before */
int source_bytes(struct source *source, uint64_t offset, size_t len, const uint8_t **bytes, struct err *err);
/* as many of `len` bytes as there are */
int source_some(struct source *source, uint64_t offset, size_t len, const uint8_t **bytes, size_t *got,
                struct err *err);

struct source_numbers {
    VEC(uint64_t) list;
};
/* numbers of the files called `prefix` and at least `digits` digits, ascending; a missing folder has none */
int source_list(struct file_system *fs, const char *folder, const char *prefix, size_t digits,
                struct source_numbers *numbers, struct err *err);

static inline uint32_t load_be32(const void *p) {
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p) {
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}
