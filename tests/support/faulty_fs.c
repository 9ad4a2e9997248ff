#include "tests/support/faulty_fs.h"

#include "lib/base/hash.h"

#include <errno.h>
#include <string.h>

/* the first member of struct faulty_fs */
static struct faulty_fs *self(struct file_system *fs) {
    return (struct faulty_fs *)fs;
}

static bool fails(struct file_system *fs, enum faulty_kind kind) {
    struct faulty_fs *faulty = self(fs);
    if (!(faulty->kinds & kind)) return false;
    mutex_lock(&faulty->lock);
    uint64_t call = ++faulty->calls;
    bool is_hit =
        faulty->fail_at && (call == faulty->fail_at || (faulty->persistent && call > faulty->fail_at));
    faulty->failures += is_hit;
    mutex_unlock(&faulty->lock);
    return is_hit;
}

/* ---- files whose sync failed ---- */

static uint64_t *unsyncable(struct faulty_fs *faulty, uint64_t path) {
    for (size_t i = 0; i < FAULTY_FILES; i++)
        if (faulty->unsyncable[i] == path) return &faulty->unsyncable[i];
    return NULL;
}

static uint64_t hash_of(const char *path) {
    uint64_t hash = hash_bytes(path, strlen(path));
    return hash ? hash : 1;
}

static void note_opened(struct faulty_fs *faulty, const char *path, enum file_mode mode, int fd) {
    mutex_lock(&faulty->lock);
    uint64_t hash = hash_of(path), *failed = unsyncable(faulty, hash);
    faulty->paths[fd % FAULTY_FILES] = hash;
    if (failed && mode == FILE_CREATE) *failed = 0; /* another file */
    mutex_unlock(&faulty->lock);
}

static void note_sync(struct faulty_fs *faulty, int fd, bool has_failed) {
    mutex_lock(&faulty->lock);
    uint64_t path = faulty->paths[fd % FAULTY_FILES], *failed = path ? unsyncable(faulty, path) : NULL;
    faulty->syncs_again += failed != NULL;
    if (has_failed && !failed && path && (failed = unsyncable(faulty, 0))) *failed = path;
    mutex_unlock(&faulty->lock);
}

void faulty_fs_restart(struct faulty_fs *faulty) {
    memset(faulty->unsyncable, 0, sizeof faulty->unsyncable);
    memset(faulty->paths, 0, sizeof faulty->paths);
    faulty->syncs_again = 0;
}

/* ---- operations ---- */

#define UNDER(fs, kind, call) (fails(fs, kind) ? -self(fs)->error : self(fs)->under->ops->call)

static int faulty_open(struct file_system *fs, const char *path, enum file_mode mode, int *fd) {
    int rc = UNDER(fs, FAULTY_OPEN, open(self(fs)->under, path, mode, fd));
    if (!rc) note_opened(self(fs), path, mode, *fd);
    return rc;
}

static int faulty_open_direct(struct file_system *fs, const char *path, int *fd, uint32_t *block) {
    int rc = UNDER(fs, FAULTY_OPEN, open_direct(self(fs)->under, path, fd, block));
    if (!rc) note_opened(self(fs), path, FILE_WRITE, *fd);
    return rc;
}

static int faulty_close(struct file_system *fs, int fd) {
    return self(fs)->under->ops->close(self(fs)->under, fd);
}

static ssize_t faulty_read_at(struct file_system *fs, int fd, void *data, size_t len, uint64_t offset) {
    size_t most = self(fs)->read_most;
    if (most && len > most) len = most;
    return UNDER(fs, FAULTY_READ, read_at(self(fs)->under, fd, data, len, offset));
}

/* at most `most` bytes of the first piece: a short count is always allowed */
static ssize_t write_some(struct faulty_fs *faulty, int fd, const struct iovec *pieces, uint64_t offset,
                          size_t most) {
    struct iovec piece = pieces[0];
    if (piece.iov_len > most) piece.iov_len = most;
    return faulty->under->ops->write_at(faulty->under, fd, &piece, 1, offset);
}

static ssize_t faulty_write_at(struct file_system *fs, int fd, const struct iovec *pieces, int count,
                               uint64_t offset) {
    struct faulty_fs *faulty = self(fs);
    if (fails(fs, FAULTY_WRITE)) {
        if (faulty->tear) (void)write_some(faulty, fd, pieces, offset, pieces[0].iov_len / 4 * 3);
        return -faulty->error;
    }
    if (faulty->write_most) return write_some(faulty, fd, pieces, offset, faulty->write_most);
    return faulty->under->ops->write_at(faulty->under, fd, pieces, count, offset);
}

static int faulty_sync(struct file_system *fs, int fd) {
    int rc = UNDER(fs, FAULTY_SYNC, sync(self(fs)->under, fd));
    note_sync(self(fs), fd, rc != 0);
    return rc;
}

static int faulty_truncate(struct file_system *fs, int fd, uint64_t size) {
    return UNDER(fs, FAULTY_TRUNCATE, truncate(self(fs)->under, fd, size));
}

static int faulty_allocate(struct file_system *fs, int fd, uint64_t size) {
    return UNDER(fs, FAULTY_ALLOCATE, allocate(self(fs)->under, fd, size));
}

static int faulty_size(struct file_system *fs, int fd, uint64_t *size) {
    return UNDER(fs, FAULTY_SIZE, size(self(fs)->under, fd, size));
}

static int faulty_lock(struct file_system *fs, int fd) {
    return UNDER(fs, FAULTY_LOCK, lock(self(fs)->under, fd));
}

static int faulty_rename(struct file_system *fs, const char *from, const char *to) {
    return UNDER(fs, FAULTY_RENAME, rename(self(fs)->under, from, to));
}

static int faulty_unlink(struct file_system *fs, const char *path) {
    return UNDER(fs, FAULTY_UNLINK, unlink(self(fs)->under, path));
}

static int faulty_link(struct file_system *fs, const char *from, const char *to) {
    return UNDER(fs, FAULTY_RENAME, link(self(fs)->under, from, to));
}

static int faulty_mkdir(struct file_system *fs, const char *path) {
    return UNDER(fs, FAULTY_MKDIR, mkdir(self(fs)->under, path));
}

static int faulty_sync_folder(struct file_system *fs, const char *path) {
    return UNDER(fs, FAULTY_SYNC_FOLDER, sync_folder(self(fs)->under, path));
}

static int faulty_list(struct file_system *fs, const char *path,
                       void (*each)(const char *name, void *context), void *context) {
    return UNDER(fs, FAULTY_LIST, list(self(fs)->under, path, each, context));
}

static int faulty_space(struct file_system *fs, const char *path, struct file_space *space) {
    return UNDER(fs, FAULTY_SPACE, space(self(fs)->under, path, space));
}

void faulty_fs_init(struct faulty_fs *faulty, struct file_system *under) {
    static const struct file_ops ops = {
        .open = faulty_open,
        .open_direct = faulty_open_direct,
        .close = faulty_close,
        .read_at = faulty_read_at,
        .write_at = faulty_write_at,
        .sync = faulty_sync,
        .truncate = faulty_truncate,
        .allocate = faulty_allocate,
        .size = faulty_size,
        .lock = faulty_lock,
        .rename = faulty_rename,
        .link = faulty_link,
        .unlink = faulty_unlink,
        .mkdir = faulty_mkdir,
        .sync_folder = faulty_sync_folder,
        .list = faulty_list,
        .space = faulty_space,
    };
    *faulty = (struct faulty_fs){.base = {&ops}, .under = under, .kinds = FAULTY_ANY, .error = EIO};
    mutex_init(&faulty->lock);
}
