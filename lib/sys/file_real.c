#include "lib/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIRECT_BLOCK_MAX 4096u

static int result(int rc) {
    return rc < 0 ? -errno : 0;
}

static int real_open(struct file_system *fs, const char *path, enum file_mode mode, int *fd) {
    static const int flags[] = {O_RDONLY, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL};
    (void)fs;
    int opened = open(path, flags[mode] | O_CLOEXEC, 0666);
    if (opened < 0) return -errno;
    *fd = opened;
    return 0;
}

/* what the kernel says of the file: older ones say nothing */
static uint32_t direct_block(int fd) {
#ifdef STATX_DIOALIGN
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) < 0 || !(status.stx_mask & STATX_DIOALIGN))
        return 0;
    uint32_t offset = status.stx_dio_offset_align, memory = status.stx_dio_mem_align;
    uint32_t block = offset > memory ? offset : memory;
    return offset && block <= DIRECT_BLOCK_MAX && !(block & (block - 1)) ? block : 0;
#else
    (void)fd;
    return 0;
#endif
}

static int real_open_direct(struct file_system *fs, const char *path, int *fd, uint32_t *block) {
    (void)fs;
    int opened = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
    if (opened < 0) return errno == EINVAL ? -ENOTSUP : -errno;
    *block = direct_block(opened);
    if (!*block) {
        close(opened);
        return -ENOTSUP;
    }
    *fd = opened;
    return 0;
}

static int real_close(struct file_system *fs, int fd) {
    (void)fs;
    return result(close(fd));
}

static ssize_t real_read_at(struct file_system *fs, int fd, void *data, size_t len, uint64_t offset) {
    (void)fs;
    ssize_t got = pread(fd, data, len, (off_t)offset);
    return got < 0 ? -errno : got;
}

static ssize_t real_write_at(struct file_system *fs, int fd, const struct iovec *pieces, int count,
                             uint64_t offset) {
    (void)fs;
    ssize_t put = pwritev(fd, pieces, count, (off_t)offset);
    return put < 0 ? -errno : put;
}

static int real_sync(struct file_system *fs, int fd) {
    (void)fs;
    return result(fdatasync(fd));
}

static int real_truncate(struct file_system *fs, int fd, uint64_t size) {
    (void)fs;
    return result(ftruncate(fd, (off_t)size));
}

static int real_allocate(struct file_system *fs, int fd, uint64_t size) {
    (void)fs;
    int rc = posix_fallocate(fd, 0, (off_t)size);
    return -rc;
}

static int real_size(struct file_system *fs, int fd, uint64_t *size) {
    struct stat status;
    (void)fs;
    if (fstat(fd, &status) < 0) return -errno;
    *size = (uint64_t)status.st_size;
    return 0;
}

static int real_lock(struct file_system *fs, int fd) {
    (void)fs;
    return result(flock(fd, LOCK_EX | LOCK_NB));
}

static int real_rename(struct file_system *fs, const char *from, const char *to) {
    (void)fs;
    return result(rename(from, to));
}

static int real_link(struct file_system *fs, const char *from, const char *to) {
    (void)fs;
    return result(link(from, to));
}

static int real_unlink(struct file_system *fs, const char *path) {
    (void)fs;
    return result(unlink(path));
}

static int real_mkdir(struct file_system *fs, const char *path) {
    (void)fs;
    return result(mkdir(path, 0777));
}

static int real_sync_folder(struct file_system *fs, const char *path) {
    (void)fs;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int rc = result(fsync(fd));
    close(fd);
    return rc;
}

static int real_list(struct file_system *fs, const char *path, void (*each)(const char *name, void *context),
                     void *context) {
    (void)fs;
    DIR *dir = opendir(path);
    if (!dir) return -errno;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(entry->d_name, context);
    closedir(dir);
    return 0;
}

static int real_space(struct file_system *fs, const char *path, struct file_space *space) {
    struct statvfs status;
    (void)fs;
    if (statvfs(path, &status) < 0) return -errno;
    space->total = (uint64_t)status.f_blocks * status.f_frsize;
    space->available = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

struct file_system *file_system_real(void) {
    static const struct file_ops ops = {
        real_open,     real_open_direct, real_close,       real_read_at, real_write_at, real_sync,
        real_truncate, real_allocate,    real_size,        real_lock,    real_rename,   real_link,
        real_unlink,   real_mkdir,       real_sync_folder, real_list,    real_space,
    };
    static struct file_system fs = {&ops};
    return &fs;
}
