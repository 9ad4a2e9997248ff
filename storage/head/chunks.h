#pragma once
/*
 * chunks.h - full chunks: where they are kept once they leave the series.
 *
 *     chunk_store_add --> [pending, about 256 KiB] --flush--> <data>/chunks_head/000001, 000002 ...
 *                              ^                                   ^
 *     chunk_store_read --------+-- (copied under the lock)         +-- pread, CRC-32C checked each time
 *
 * Without a folder, and while the disk refuses to take more, chunks stay in the heap. The layout of the files
 * is in storage/FORMAT.md. They are synced when a snapshot leans on them.
 *
 * A series keeps 16 bytes for each full chunk:
 *     where: [1 in a file | 15 seconds covered, rounded up | 48 address or file 10 + offset 28]   maxt
 *
 * Threads: one adds and flushes; any number read.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/vec.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "storage/chunk/histogram_chunk.h"
#include "storage/head/windows.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct chunk_ref {
    uint64_t where;
    int64_t maxt;
};

/* a record of floats with its header */
#define CHUNK_RECORD_MAX ((size_t)16 + CHUNK_MAX_BYTES)

#define CHUNK_FILES 1024u /* 256 MiB each */

struct chunk_file {
    struct file file;
    int64_t maxt;  /* of the chunks inside; INT64_MIN: none that anybody refers to */
    bool is_dirty; /* written to since its last sync */
    bool is_bad;   /* a sync failed: never tried again */
};

struct chunk_store {
    struct file_system *fs;
    const char *folder;                   /* owned; NULL: all in the heap */
    struct chunk_file files[CHUNK_FILES]; /* a ring: number n, named n, is files[n % CHUNK_FILES] */
    uint32_t number;                      /* of the file being written */
    uint64_t offset;                      /* in it, of the first pending byte */
    atomic_uint_least64_t flushed;        /* the same as a place; older files are written whole */
    struct mutex lock;                    /* pending, against readers */
    struct buf pending;
    struct chunk_windows windows; /* of the files, read lately */
    uint64_t file_max_bytes;      /* 256 MiB; tests set less before the first add */
    bool is_failing;              /* the last flush failed; said once */
    atomic_uint_least64_t heap_chunks, heap_bytes;
    atomic_uint_least64_t damaged; /* records that were read and are not what was written */
};

/* A chunk as it is added: whose it is, what it holds. */
struct chunk_info {
    uint64_t number; /* of the series */
    int64_t mint, maxt;
    uint8_t encoding, count;
    uint32_t len;
};

/* Files of an earlier run are kept, for chunk_store_restore, until chunk_store_remove_before. folder NULL: no
 * files. */
int chunk_store_init(struct chunk_store *store, struct file_system *fs, const char *folder, struct err *err);
/* a reference of an earlier run: false when its file is not there */
bool chunk_store_restore(struct chunk_store *store, struct chunk_ref ref);
/* removes the files that hold no chunk that ends at mint or later; nobody may be reading such. One thread at
 * a time, not while chunks are added. */
void chunk_store_remove_before(struct chunk_store *store, int64_t mint);
/* all that was added is written: false when the disk refuses; by the thread that adds */
bool chunk_store_flush_all(struct chunk_store *store);
/* what was written is on disk; may run beside the thread that adds */
int chunk_store_sync(struct chunk_store *store, struct err *err);
/* is the chunk in the heap? */
bool chunk_ref_in_heap(struct chunk_ref ref);
/* closes the files; chunks in the heap are freed by their owners */
void chunk_store_release(struct chunk_store *store);
struct chunk_ref chunk_store_add(struct chunk_store *store, const struct chunk_info *info,
                                 const uint8_t *bytes);
/* writes what is pending when it is worth it; a failure is logged, and tried again at the next call */
void chunk_store_flush(struct chunk_store *store);
/* a chunk in the heap is freed */
void chunk_store_drop(struct chunk_store *store, struct chunk_ref ref);

/* A chunk that was read: its bytes stay until the next one is read into it. All zero at first. */
struct chunk_copy {
    uint8_t encoding, count;
    size_t len;
    const uint8_t *bytes;
    VEC(uint8_t) record;
};

void chunk_copy_release(struct chunk_copy *copy);

/* ERR_CORRUPT names file and offset; ERR_IO */
int chunk_store_read(struct chunk_store *store, struct chunk_ref ref, uint64_t number,
                     struct chunk_copy *copy, struct err *err);
/* not after the chunk's first sample, and less than a second and a bit before it when it covers under 9 h */
int64_t chunk_ref_mint(struct chunk_ref ref);
