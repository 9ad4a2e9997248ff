#pragma once
/*
 * windows.h - inside of storage/head: pieces of head-chunk files that were read lately.
 *
 *     file    |......................................|        a record that begins in a window is whole in
 * it: window       |<-- 4 KiB -->|<- a record ->|             windows overlap
 *
 * Chunks that were full at the same time stand side by side, so a query over many series finds most of its
 * chunks in windows that are here. Bytes of a written file never change; a file that is removed takes its
 * windows with it (windows_forget). What a record holds is checked by whoever takes it out.
 *
 * Threads: any.
 */
#include "lib/sys/file.h"
#include "lib/sys/thread.h"

#define WINDOW_SETS 128u
#define WINDOW_WAYS 4u

struct chunk_window {
    uint64_t place; /* of its first byte, as in chunks.h; UINT64_MAX: holds nothing */
    size_t len;
    uint8_t *bytes; /* NULL before the first use */
};

struct window_set {
    struct mutex lock;
    struct chunk_window windows[WINDOW_WAYS];
    uint32_t next; /* the oldest */
};

struct chunk_windows {
    struct window_set sets[WINDOW_SETS];
};

void windows_init(struct chunk_windows *windows);
void windows_release(struct chunk_windows *windows);
/* all of them */
void windows_forget(struct chunk_windows *windows);
/* Up to `want` bytes, at most those of a record, from a place, which is at `offset` of the file; of the file
 * only the first `written` bytes are looked at. */
int windows_read(struct chunk_windows *windows, const struct file *file, uint64_t place, uint64_t offset,
                 uint64_t written, uint8_t *bytes, size_t want, size_t *got, struct err *err);
