#include "tests/support/memory_fs.h"

#include "lib/base/assert.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"

#include <errno.h>
#include <string.h>

#define SECTOR ((size_t)512)

struct content {
    uint8_t *data;
    size_t len, capacity;
};

struct inode {
    struct content now, synced;
    size_t changed_from, changed_to; /* since they were the same; nothing: both 0 */
    bool is_locked;
};

struct name {
    char *path;
    size_t inode;
    bool is_there, is_there_synced;
};

struct memory_fs {
    struct file_system base; /* first: handed out */
    struct mutex lock;
    VEC(struct inode) inodes; /* never removed */
    VEC(struct name) names;
    VEC(size_t) descriptors; /* inode + 1, 0: closed */
    uint64_t limit_bytes;
};

static struct memory_fs *self(struct file_system *fs) {
    struct memory_fs *memory = (struct memory_fs *)fs;
    mutex_lock(&memory->lock);
    return memory;
}

static void leave(struct memory_fs *memory) {
    mutex_unlock(&memory->lock);
}

/* ---- contents ---- */

static void resize(struct content *content, size_t len) {
    if (len > content->capacity) {
        content->capacity = len + len / 2;
        content->data = mem_resize(content->data, content->capacity, 1);
    }
    if (len > content->len) memset(content->data + content->len, 0, len - content->len);
    content->len = len;
}

static void copy(struct content *to, const struct content *from) {
    resize(to, from->len);
    if (from->len) memcpy(to->data, from->data, from->len);
}

static uint64_t free_bytes(const struct memory_fs *memory) {
    uint64_t used = 0;
    if (!memory->limit_bytes) return UINT64_MAX;
    for (size_t i = 0; i < memory->names.count; i++) {
        const struct name *name = &memory->names.items[i];
        if (name->is_there) used += memory->inodes.items[name->inode].now.len;
    }
    return used < memory->limit_bytes ? memory->limit_bytes - used : 0;
}

static struct inode *inode_of(struct memory_fs *memory, int fd) {
    ASSERT(fd >= 0 && (size_t)fd < memory->descriptors.count && memory->descriptors.items[fd]);
    return &memory->inodes.items[memory->descriptors.items[fd] - 1];
}

static struct content *of(struct memory_fs *memory, int fd) {
    return &inode_of(memory, fd)->now;
}

static void note_change(struct inode *inode, size_t from, size_t to) {
    if (!inode->changed_to || from < inode->changed_from) inode->changed_from = from;
    if (to > inode->changed_to) inode->changed_to = to;
}

static struct name *find(struct memory_fs *memory, const char *path) {
    for (size_t i = 0; i < memory->names.count; i++)
        if (memory->names.items[i].is_there && strcmp(memory->names.items[i].path, path) == 0)
            return &memory->names.items[i];
    return NULL;
}

static struct name *make(struct memory_fs *memory, const char *path) {
    *vec_push(&memory->inodes) = (struct inode){0};
    struct name *name = vec_push(&memory->names);
    *name = (struct name){mem_strdup(path), memory->inodes.count - 1, true, false};
    return name;
}

/* ---- operations ---- */

static int memory_open(struct file_system *fs, const char *path, enum file_mode mode, int *fd) {
    struct memory_fs *memory = self(fs);
    struct name *name = find(memory, path);
    int rc = 0;
    if (name && mode == FILE_CREATE) rc = -EEXIST;
    if (!name && mode == FILE_READ) rc = -ENOENT;
    if (!rc) {
        if (!name) name = make(memory, path);
        *vec_push(&memory->descriptors) = name->inode + 1;
        *fd = (int)memory->descriptors.count - 1;
    }
    leave(memory);
    return rc;
}

static int memory_open_direct(struct file_system *fs, const char *path, int *fd, uint32_t *block) {
    *block = 512;
    return memory_open(fs, path, FILE_WRITE, fd);
}

static int memory_close(struct file_system *fs, int fd) {
    struct memory_fs *memory = self(fs);
    if ((size_t)fd < memory->descriptors.count && memory->descriptors.items[fd]) {
        memory->inodes.items[memory->descriptors.items[fd] - 1].is_locked = false;
        memory->descriptors.items[fd] = 0;
    }
    leave(memory);
    return 0;
}

static ssize_t memory_read_at(struct file_system *fs, int fd, void *data, size_t len, uint64_t offset) {
    struct memory_fs *memory = self(fs);
    const struct content *content = of(memory, fd);
    size_t left = offset < content->len ? content->len - (size_t)offset : 0, got = len < left ? len : left;
    if (got) memcpy(data, content->data + offset, got);
    leave(memory);
    return (ssize_t)got;
}

static ssize_t memory_write_at(struct file_system *fs, int fd, const struct iovec *pieces, int count,
                               uint64_t offset) {
    struct memory_fs *memory = self(fs);
    struct content *content = of(memory, fd);
    ssize_t done = 0;
    for (int i = 0; i < count; i++) {
        uint64_t end = offset + pieces[i].iov_len, room = content->len + free_bytes(memory);
        if (room < content->len) room = UINT64_MAX;
        if (end > room) end = room;
        if (end <= offset) break;
        if (end > content->len) resize(content, (size_t)end);
        memcpy(content->data + offset, pieces[i].iov_base, (size_t)(end - offset));
        note_change(inode_of(memory, fd), (size_t)offset, (size_t)end);
        done += (ssize_t)(end - offset);
        if (end - offset < pieces[i].iov_len) break;
        offset = end;
    }
    leave(memory);
    return done ? done : -ENOSPC;
}

static int memory_sync(struct file_system *fs, int fd) {
    struct memory_fs *memory = self(fs);
    struct inode *inode = inode_of(memory, fd);
    size_t from = inode->changed_from, to = inode->changed_to;
    if (to > inode->now.len) to = inode->now.len;
    resize(&inode->synced, inode->now.len);
    if (from < to) memcpy(inode->synced.data + from, inode->now.data + from, to - from);
    inode->changed_from = inode->changed_to = 0;
    leave(memory);
    return 0;
}

static int memory_truncate(struct file_system *fs, int fd, uint64_t size) {
    struct memory_fs *memory = self(fs);
    struct content *content = of(memory, fd);
    if (size < content->len) note_change(inode_of(memory, fd), (size_t)size, content->len);
    resize(content, (size_t)size);
    leave(memory);
    return 0;
}

static int memory_allocate(struct file_system *fs, int fd, uint64_t size) {
    struct memory_fs *memory = self(fs);
    struct content *content = of(memory, fd);
    int rc = size > content->len && size - content->len > free_bytes(memory) ? -ENOSPC : 0;
    if (!rc && size > content->len) resize(content, (size_t)size);
    leave(memory);
    return rc;
}

static int memory_size(struct file_system *fs, int fd, uint64_t *size) {
    struct memory_fs *memory = self(fs);
    *size = of(memory, fd)->len;
    leave(memory);
    return 0;
}

static int memory_lock(struct file_system *fs, int fd) {
    struct memory_fs *memory = self(fs);
    struct inode *inode = inode_of(memory, fd);
    int rc = inode->is_locked ? -EWOULDBLOCK : 0;
    inode->is_locked = true;
    leave(memory);
    return rc;
}

static int memory_rename(struct file_system *fs, const char *from, const char *to) {
    struct memory_fs *memory = self(fs);
    struct name *old = find(memory, from), *replaced = find(memory, to);
    int rc = old ? 0 : -ENOENT;
    if (old) {
        size_t inode = old->inode;
        old->is_there = false;
        if (replaced) replaced->is_there = false;
        *vec_push(&memory->names) = (struct name){mem_strdup(to), inode, true, false};
    }
    leave(memory);
    return rc;
}

static int memory_link(struct file_system *fs, const char *from, const char *to) {
    struct memory_fs *memory = self(fs);
    struct name *old = find(memory, from);
    int rc = !old ? -ENOENT : find(memory, to) ? -EEXIST : 0;
    if (!rc) {
        size_t inode = old->inode;
        *vec_push(&memory->names) = (struct name){mem_strdup(to), inode, true, false};
    }
    leave(memory);
    return rc;
}

static int memory_unlink(struct file_system *fs, const char *path) {
    struct memory_fs *memory = self(fs);
    struct name *name = find(memory, path);
    if (name) name->is_there = false;
    leave(memory);
    return name ? 0 : -ENOENT;
}

static int memory_mkdir(struct file_system *fs, const char *path) {
    (void)fs;
    (void)path;
    return -EEXIST; /* every folder is there */
}

/* the last part of path when it is directly in folder, or NULL */
static const char *name_in(const char *path, const char *folder) {
    size_t len = strlen(folder);
    if (strncmp(path, folder, len) != 0 || path[len] != '/' || strchr(path + len + 1, '/')) return NULL;
    return path + len + 1;
}

static int memory_sync_folder(struct file_system *fs, const char *path) {
    struct memory_fs *memory = self(fs);
    for (size_t i = 0; i < memory->names.count; i++) {
        struct name *name = &memory->names.items[i];
        if (name_in(name->path, path)) name->is_there_synced = name->is_there;
    }
    leave(memory);
    return 0;
}

static int memory_list(struct file_system *fs, const char *path,
                       void (*each)(const char *name, void *context), void *context) {
    struct memory_fs *memory = self(fs);
    for (size_t i = 0; i < memory->names.count; i++) {
        const char *name = name_in(memory->names.items[i].path, path);
        if (name && memory->names.items[i].is_there) each(name, context);
    }
    leave(memory);
    return 0;
}

static int memory_space(struct file_system *fs, const char *path, struct file_space *space) {
    struct memory_fs *memory = self(fs);
    uint64_t left = free_bytes(memory);
    (void)path;
    *space = (struct file_space){memory->limit_bytes ? memory->limit_bytes : (uint64_t)1 << 40,
                                 left < (uint64_t)1 << 40 ? left : (uint64_t)1 << 40};
    leave(memory);
    return 0;
}

/* ---- the test's side ---- */

struct memory_fs *memory_fs_create(void) {
    static const struct file_ops ops = {
        memory_open,     memory_open_direct, memory_close,       memory_read_at, memory_write_at, memory_sync,
        memory_truncate, memory_allocate,    memory_size,        memory_lock,    memory_rename,   memory_link,
        memory_unlink,   memory_mkdir,       memory_sync_folder, memory_list,    memory_space,
    };
    struct memory_fs *memory = mem_zalloc(sizeof *memory);
    memory->base.ops = &ops;
    mutex_init(&memory->lock);
    return memory;
}

void memory_fs_destroy(struct memory_fs *memory) {
    if (!memory) return;
    for (size_t i = 0; i < memory->inodes.count; i++) {
        mem_free(memory->inodes.items[i].now.data);
        mem_free(memory->inodes.items[i].synced.data);
    }
    for (size_t i = 0; i < memory->names.count; i++) mem_free(memory->names.items[i].path);
    vec_release(&memory->inodes);
    vec_release(&memory->names);
    vec_release(&memory->descriptors);
    mutex_release(&memory->lock);
    mem_free(memory);
}

struct file_system *memory_fs_base(struct memory_fs *memory) {
    return &memory->base;
}

void memory_fs_limit(struct memory_fs *memory, uint64_t bytes) {
    memory->limit_bytes = bytes;
}

static bool toss(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 63;
}

/* each sector, and the length, as it is now or as it was synced */
static void keep_some(struct inode *inode, uint64_t *seed) {
    struct content mixed = {0};
    resize(&mixed, toss(seed) ? inode->now.len : inode->synced.len);
    for (size_t at = 0; at < mixed.len; at += SECTOR) {
        const struct content *from = toss(seed) ? &inode->now : &inode->synced;
        size_t end = at + SECTOR < mixed.len ? at + SECTOR : mixed.len;
        if (end > from->len) end = from->len;
        if (at < end) memcpy(mixed.data + at, from->data + at, end - at);
    }
    copy(&inode->now, &mixed);
    mem_free(mixed.data);
}

void memory_fs_crash(struct memory_fs *memory, enum memory_crash kind, uint64_t seed) {
    for (size_t i = 0; i < memory->inodes.count; i++) {
        struct inode *inode = &memory->inodes.items[i];
        if (kind == CRASH_KEEP_NONE) copy(&inode->now, &inode->synced);
        if (kind == CRASH_KEEP_SOME) keep_some(inode, &seed);
        copy(&inode->synced, &inode->now);
        inode->is_locked = false;
    }
    bool forgets_names = kind == CRASH_KEEP_NONE || (kind == CRASH_KEEP_SOME && toss(&seed));
    for (size_t i = 0; i < memory->names.count; i++) {
        struct name *name = &memory->names.items[i];
        if (forgets_names) name->is_there = name->is_there_synced;
        name->is_there_synced = name->is_there;
    }
    for (size_t i = 0; i < memory->descriptors.count; i++) memory->descriptors.items[i] = 0;
}

uint8_t *memory_fs_bytes(struct memory_fs *memory, const char *path, size_t *len) {
    struct name *name = find(memory, path);
    if (!name) return NULL;
    struct inode *inode = &memory->inodes.items[name->inode];
    *len = inode->now.len;
    note_change(inode, 0, *len);
    return inode->now.data;
}

bool memory_fs_is_synced(struct memory_fs *memory, const char *path) {
    bool is_synced = false;
    mutex_lock(&memory->lock);
    struct name *name = find(memory, path);
    if (name) {
        const struct inode *inode = &memory->inodes.items[name->inode];
        is_synced = inode->now.len == inode->synced.len &&
                    (inode->now.len == 0 || memcmp(inode->now.data, inode->synced.data, inode->now.len) == 0);
    }
    mutex_unlock(&memory->lock);
    return is_synced;
}

void memory_fs_put(struct memory_fs *memory, const char *path, const void *data, size_t len) {
    struct name *name = find(memory, path);
    if (!name) name = make(memory, path);
    struct inode *inode = &memory->inodes.items[name->inode];
    resize(&inode->now, len);
    if (len) memcpy(inode->now.data, data, len);
    copy(&inode->synced, &inode->now);
    name->is_there_synced = true;
}
