#pragma once
/*
 * window.h - a piece of a file in memory that moves along with its reader.
 *
 *     file  |......[=========window=========]..........|
 *                       ^ offset asked for: inside, or the window is filled again from there
 *
 * Inward. Memory: 256 KiB, or the largest piece asked for.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/file.h"

#include <stddef.h>
#include <stdint.h>

struct window {
    const struct file *file;
    uint64_t size;  /* of the file when it was opened */
    uint64_t begin; /* of what bytes holds */
    struct buf bytes;
};

void window_init(struct window *window);
void window_release(struct window *window);
/* another file; the memory stays */
int window_open(struct window *window, const struct file *file, struct err *err);
/* len bytes at offset, valid until the next call; offset + len is within the file (the caller has looked) */
int window_at(struct window *window, uint64_t offset, size_t len, const uint8_t **bytes, struct err *err);
