#pragma once
/*
 * file.h - the only door to files, a table of operations that tests replace by one that fails
 * (tests/support/faulty_fs.h).
 *
 *     struct file_system --ops--> open, read, write, sync ...
 *              real: pread, pwritev, fdatasync       faulty: counts calls, fails the n-th, forgets what was
 * not synced
 *
 * Every call answers 0 or a negative err_code with a text that names the path; a full disk is ERR_NO_SPACE,
 * everything else of the system ERR_IO (ERR_NOT_FOUND and ERR_EXISTS where they mean that). Interrupted calls
 * are taken up again and short reads and writes are continued here, so a successful call did all of its work.
 * A file belongs to one thread at a time, but for file_read.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum file_mode {
    FILE_READ,
    FILE_WRITE /* create if needed, read and write */,
    FILE_CREATE /* must not exist */
};

struct file_system;
struct file;

/* of the disk a path is on, in bytes; available: to us, now */
struct file_space {
    uint64_t total, available;
};

struct file_ops {
    int (*open)(struct file_system *fs, const char *path, enum file_mode mode, int *fd);
    /* for writing past the cache, in blocks; -ENOTSUP where that is not possible */
    int (*open_direct)(struct file_system *fs, const char *path, int *fd, uint32_t *block);
    int (*close)(struct file_system *fs, int fd);
    ssize_t (*read_at)(struct file_system *fs, int fd, void *data, size_t len, uint64_t offset);
    ssize_t (*write_at)(struct file_system *fs, int fd, const struct iovec *pieces, int count,
                        uint64_t offset);
    int (*sync)(struct file_system *fs, int fd); /* fdatasync */
    int (*truncate)(struct file_system *fs, int fd, uint64_t size);
    int (*allocate)(struct file_system *fs, int fd,
                    uint64_t size); /* blocks for [0, size), the file gets that size */
    int (*size)(struct file_system *fs, int fd, uint64_t *size);
    int (*lock)(struct file_system *fs, int fd); /* exclusive, not waiting */
    int (*rename)(struct file_system *fs, const char *from, const char *to);
    int (*link)(struct file_system *fs, const char *from, const char *to); /* another name of the file */
    int (*unlink)(struct file_system *fs, const char *path);
    int (*mkdir)(struct file_system *fs, const char *path);
    int (*sync_folder)(struct file_system *fs, const char *path);
    int (*list)(struct file_system *fs, const char *path, void (*each)(const char *name, void *context),
                void *context);
    int (*space)(struct file_system *fs, const char *path, struct file_space *space);
}; /* int results: 0 or -errno; ssize_t: bytes or -errno, may be short */

struct file_system { /* first member of an implementation */
    const struct file_ops *ops;
};

struct file_system *file_system_real(void);

struct file {
    struct file_system *fs;
    int fd;
    char *path; /* owned, for messages */
};

int file_open(struct file_system *fs, const char *path, enum file_mode mode, struct file *file,
              struct err *err);
/* A file that is there, for writes past the system's cache: memory, offset and length of each are multiples
 * of *block, a power of two up to 4096. ERR_UNSUPPORTED: not on this file system. */
int file_open_direct(struct file_system *fs, const char *path, struct file *file, uint32_t *block,
                     struct err *err);
void file_close(struct file *file); /* after this, file_is_open is false; closing twice is fine */
static inline bool file_is_open(const struct file *file) {
    return file->path != NULL;
}
/* exactly len bytes, or ERR_CORRUPT when the file ends before */
int file_read(const struct file *file, void *data, size_t len, uint64_t offset, struct err *err);
/* up to len bytes; *got is 0 at the end */
int file_read_some(const struct file *file, void *data, size_t len, uint64_t offset, size_t *got,
                   struct err *err);
int file_write(struct file *file, const void *data, size_t len, uint64_t offset, struct err *err);
int file_sync(struct file *file, struct err *err);
int file_truncate(struct file *file, uint64_t size, struct err *err);
int file_allocate(struct file *file, uint64_t size, struct err *err);
int file_size(const struct file *file, uint64_t *size, struct err *err);
int file_lock(struct file *file, struct err *err); /* ERR_BUSY when another process holds it */

int file_rename(struct file_system *fs, const char *from, const char *to, struct err *err);
int file_link(struct file_system *fs, const char *from, const char *to, struct err *err);
int file_remove(struct file_system *fs, const char *path, struct err *err);
/* makes missing parents too, their names synced; a folder that is there is fine */
int folder_make(struct file_system *fs, const char *path, struct err *err);
int folder_sync(struct file_system *fs, const char *path, struct err *err);
/* names without . and .., in no order */
int folder_list(struct file_system *fs, const char *path, void (*each)(const char *name, void *context),
                void *context, struct err *err);

int folder_space(struct file_system *fs, const char *path, struct file_space *space, struct err *err);

/* the whole file appended to out; ERR_LIMIT when it is larger than out may become */
int file_read_all(struct file_system *fs, const char *path, struct buf *out, struct err *err);
/* The file is afterwards what it was or the new bytes, never something between: path + ".tmp" is written,
 * synced, renamed, and the folder synced. */
int file_write_atomic(struct file_system *fs, const char *path, const void *data, size_t len,
                      struct err *err);
