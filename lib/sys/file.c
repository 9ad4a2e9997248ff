#include "lib/sys/file.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define READ_STEP ((size_t)64 << 10)

/* rc is -errno */
static int fail(struct err *err, int rc, const char *what, const char *path) {
    int code = ERR_IO;
    if (rc == -ENOSPC || rc == -EDQUOT) code = ERR_NO_SPACE;
    if (rc == -ENOENT) code = ERR_NOT_FOUND;
    if (rc == -EEXIST) code = ERR_EXISTS;
    if (rc == -EWOULDBLOCK) code = ERR_BUSY;
    if (rc == -ENOTSUP) code = ERR_UNSUPPORTED;
    return err_set(err, code, "%s \"%s\": %s", what, path, strerror(-rc));
}

int file_open(struct file_system *fs, const char *path, enum file_mode mode, struct file *file,
              struct err *err) {
    int fd, rc;
    do rc = fs->ops->open(fs, path, mode, &fd);
    while (rc == -EINTR);
    if (rc) return fail(err, rc, "open", path);
    *file = (struct file){fs, fd, mem_strdup(path)};
    return 0;
}

int file_open_direct(struct file_system *fs, const char *path, struct file *file, uint32_t *block,
                     struct err *err) {
    int fd, rc;
    do rc = fs->ops->open_direct(fs, path, &fd, block);
    while (rc == -EINTR);
    if (rc) return fail(err, rc, "open", path);
    *file = (struct file){fs, fd, mem_strdup(path)};
    return 0;
}

void file_close(struct file *file) {
    if (!file_is_open(file)) return;
    (void)file->fs->ops->close(file->fs, file->fd); /* whoever needs the bytes on disk has synced before */
    mem_free(file->path);
    *file = (struct file){0};
}

int file_read_some(const struct file *file, void *data, size_t len, uint64_t offset, size_t *got,
                   struct err *err) {
    ssize_t rc;
    do rc = file->fs->ops->read_at(file->fs, file->fd, data, len, offset);
    while (rc == -EINTR);
    if (rc < 0) return fail(err, (int)rc, "read", file->path);
    *got = (size_t)rc;
    return 0;
}

int file_read(const struct file *file, void *data, size_t len, uint64_t offset, struct err *err) {
    size_t done = 0;
    while (done < len) {
        size_t got;
        int rc = file_read_some(file, (char *)data + done, len - done, offset + done, &got, err);
        if (rc) return rc;
        if (!got)
            return err_set(err, ERR_CORRUPT, "read \"%s\": the file ends at %llu, wanted %zu bytes at %llu",
                           file->path, (unsigned long long)(offset + done), len, (unsigned long long)offset);
        done += got;
    }
    return 0;
}

int file_write(struct file *file, const void *data, size_t len, uint64_t offset, struct err *err) {
    size_t done = 0;
    while (done < len) {
        struct iovec piece = {(char *)data + done, len - done};
        ssize_t rc = file->fs->ops->write_at(file->fs, file->fd, &piece, 1, offset + done);
        if (rc == -EINTR) continue;
        if (rc <= 0) return fail(err, rc ? (int)rc : -ENOSPC, "write", file->path);
        done += (size_t)rc;
    }
    return 0;
}

int file_sync(struct file *file, struct err *err) {
    /* never taken up again: after a failed sync the kernel may have dropped the pages */
    int rc = file->fs->ops->sync(file->fs, file->fd);
    return rc ? fail(err, rc, "sync", file->path) : 0;
}

int file_truncate(struct file *file, uint64_t size, struct err *err) {
    int rc;
    do rc = file->fs->ops->truncate(file->fs, file->fd, size);
    while (rc == -EINTR);
    return rc ? fail(err, rc, "truncate", file->path) : 0;
}

int file_allocate(struct file *file, uint64_t size, struct err *err) {
    int rc;
    do rc = file->fs->ops->allocate(file->fs, file->fd, size);
    while (rc == -EINTR);
    return rc ? fail(err, rc, "allocate", file->path) : 0;
}

int file_size(const struct file *file, uint64_t *size, struct err *err) {
    int rc = file->fs->ops->size(file->fs, file->fd, size);
    return rc ? fail(err, rc, "stat", file->path) : 0;
}

int file_lock(struct file *file, struct err *err) {
    int rc = file->fs->ops->lock(file->fs, file->fd);
    return rc ? fail(err, rc, "lock", file->path) : 0;
}

int file_rename(struct file_system *fs, const char *from, const char *to, struct err *err) {
    int rc = fs->ops->rename(fs, from, to);
    return rc ? fail(err, rc, "rename", from) : 0;
}

int file_link(struct file_system *fs, const char *from, const char *to, struct err *err) {
    int rc = fs->ops->link(fs, from, to);
    return rc ? fail(err, rc, "link", from) : 0;
}

int file_remove(struct file_system *fs, const char *path, struct err *err) {
    int rc = fs->ops->unlink(fs, path);
    return rc ? fail(err, rc, "remove", path) : 0;
}

/* the folder a path is in */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return mem_strdup(".");
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Made, with its name on the disk. The last of a path may be there from an attempt whose sync failed. */
static int make_one(struct file_system *fs, const char *path, bool is_last) {
    int rc = fs->ops->mkdir(fs, path);
    if (rc && rc != -EEXIST) return rc;
    if (rc && !is_last) return 0;
    char *parent = folder_of(path);
    int sync_rc = fs->ops->sync_folder(fs, parent);
    mem_free(parent);
    return rc ? 0 : sync_rc; /* of one that is there, the parent need not be ours to read */
}

int folder_make(struct file_system *fs, const char *path, struct err *err) {
    char *part = mem_strdup(path);
    int rc = 0;
    for (char *p = part + 1; !rc; p++) {
        if (*p != '/' && *p != '\0') continue;
        char end = *p;
        *p = '\0';
        rc = make_one(fs, part, end == '\0');
        *p = end;
        if (end == '\0') break;
    }
    mem_free(part);
    return rc ? fail(err, rc, "make folder", path) : 0;
}

int folder_sync(struct file_system *fs, const char *path, struct err *err) {
    int rc = fs->ops->sync_folder(fs, path);
    return rc ? fail(err, rc, "sync folder", path) : 0;
}

int folder_list(struct file_system *fs, const char *path, void (*each)(const char *name, void *context),
                void *context, struct err *err) {
    int rc = fs->ops->list(fs, path, each, context);
    return rc ? fail(err, rc, "list", path) : 0;
}

int folder_space(struct file_system *fs, const char *path, struct file_space *space, struct err *err) {
    int rc = fs->ops->space(fs, path, space);
    return rc ? fail(err, rc, "ask for the space of", path) : 0;
}

int file_read_all(struct file_system *fs, const char *path, struct buf *out, struct err *err) {
    struct file file;
    uint64_t offset = 0;
    size_t got = 1;
    int rc = file_open(fs, path, FILE_READ, &file, err);
    if (rc) return rc;
    while (!rc && got) {
        size_t room = out->max_bytes - out->len, step = room < READ_STEP ? room : READ_STEP;
        if (!step || !buf_reserve(out, step)) {
            rc = err_set(err, ERR_LIMIT, "\"%s\" is larger than %zu bytes", path, out->max_bytes - 1);
            break;
        }
        rc = file_read_some(&file, out->data + out->len, step, offset, &got, err);
        if (rc) break;
        out->len += got;
        offset += got;
    }
    file_close(&file);
    return rc;
}

static int write_and_sync(struct file_system *fs, const char *path, const void *data, size_t len,
                          struct err *err) {
    struct file file = {0};
    int rc = file_open(fs, path, FILE_WRITE, &file, err);
    if (rc) return rc;
    rc = file_truncate(&file, 0, err); /* a rest of an earlier attempt */
    if (!rc) rc = file_write(&file, data, len, 0, err);
    if (!rc) rc = file_sync(&file, err);
    file_close(&file);
    return rc;
}

int file_write_atomic(struct file_system *fs, const char *path, const void *data, size_t len,
                      struct err *err) {
    static const char suffix[] = ".tmp";
    size_t path_len = strlen(path);
    char *temporary = mem_alloc(path_len + sizeof suffix), *folder = folder_of(path);
    memcpy(temporary, path, path_len);
    memcpy(temporary + path_len, suffix, sizeof suffix);
    int rc = write_and_sync(fs, temporary, data, len, err);
    if (!rc) rc = file_rename(fs, temporary, path, err);
    if (rc)
        (void)file_remove(fs, temporary, NULL); /* only to be tidy */
    else
        rc = folder_sync(fs, folder, err);
    mem_free(folder);
    mem_free(temporary);
    return rc;
}
