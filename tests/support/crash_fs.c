#include "lib/base/assert.h"
#include "tests/support/crash_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct crash_fs *enter(struct file_system *base) {
    struct crash_fs *fs = (struct crash_fs *)base;
    mutex_lock(&fs->lock);
    return fs;
}

/* for a call that changes something */
static struct crash_fs *enter_to_change(struct file_system *base) {
    struct crash_fs *fs = enter(base);
    fs->held_calls++;
    while (fs->is_held) {
        condition_broadcast(&fs->changed);
        condition_wait(&fs->changed, &fs->lock);
    }
    fs->held_calls--;
    return fs;
}

static int leave(struct crash_fs *fs, int rc) {
    mutex_unlock(&fs->lock);
    return rc;
}

static void change(struct crash_fs *fs, struct change change) {
    *vec_push(&fs->journal) = change;
    crash_tree_apply(&fs->now, &change);
}

static size_t node_of(const struct crash_fs *fs, int fd) {
    ASSERT(fd >= 0 && (size_t)fd < fs->descriptors.count && fs->descriptors.items[fd]);
    return fs->descriptors.items[fd] - 1;
}

static struct paged *content_of(struct crash_fs *fs, int fd) {
    return &fs->now.nodes.items[node_of(fs, fd)].content;
}

/* a new node under a name */
static size_t make(struct crash_fs *fs, size_t folder, const char *name, bool is_folder) {
    size_t node = fs->now.nodes.count;
    change(fs, (struct change){.kind = CHANGE_NAME,
                               .node = folder,
                               .name = mem_strdup(name),
                               .target = node,
                               .is_folder = is_folder,
                               .old_folder = NODE_NONE});
    return node;
}

/* ---- operations ---- */

static int crash_open(struct file_system *base, const char *path, enum file_mode mode, int *fd) {
    struct crash_fs *fs = mode == FILE_READ ? enter(base) : enter_to_change(base);
    const char *name;
    size_t folder = crash_tree_folder_of(&fs->now, path, &name);
    if (folder == NODE_NONE) return leave(fs, -ENOENT);
    size_t node = crash_tree_child(&fs->now, folder, name);
    if (node != NODE_NONE && mode == FILE_CREATE) return leave(fs, -EEXIST);
    if (node == NODE_NONE && mode == FILE_READ) return leave(fs, -ENOENT);
    if (node == NODE_NONE) node = make(fs, folder, name, false);
    if (fs->now.nodes.items[node].is_folder) return leave(fs, -EISDIR);
    *vec_push(&fs->descriptors) = node + 1;
    *fd = (int)fs->descriptors.count - 1;
    return leave(fs, 0);
}

static int crash_open_direct(struct file_system *base, const char *path, int *fd, uint32_t *block) {
    *block = 512;
    return crash_open(base, path, FILE_WRITE, fd);
}

static int crash_close(struct file_system *base, int fd) {
    struct crash_fs *fs = enter(base);
    size_t *locked_by = &fs->now.nodes.items[node_of(fs, fd)].locked_by;
    if (*locked_by == (size_t)fd + 1) *locked_by = 0;
    fs->descriptors.items[fd] = 0;
    return leave(fs, 0);
}

static ssize_t crash_read_at(struct file_system *base, int fd, void *data, size_t len, uint64_t offset) {
    struct crash_fs *fs = enter(base);
    size_t got = paged_read(content_of(fs, fd), data, len, offset);
    (void)leave(fs, 0);
    return (ssize_t)got;
}

static ssize_t crash_write_at(struct file_system *base, int fd, const struct iovec *pieces, int count,
                              uint64_t offset) {
    struct crash_fs *fs = enter_to_change(base);
    size_t len = 0;
    for (int i = 0; i < count; i++) len += pieces[i].iov_len;
    struct change write = {.kind = CHANGE_WRITE, .node = node_of(fs, fd), .offset = offset, .len = len};
    write.data = mem_alloc(len ? len : 1);
    len = 0;
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len) memcpy(write.data + len, pieces[i].iov_base, pieces[i].iov_len);
        len += pieces[i].iov_len;
    }
    change(fs, write);
    (void)leave(fs, 0);
    return (ssize_t)len;
}

static int crash_sync(struct file_system *base, int fd) {
    struct crash_fs *fs = enter_to_change(base);
    change(fs, (struct change){.kind = CHANGE_SYNC, .node = node_of(fs, fd)});
    return leave(fs, 0);
}

static int crash_truncate(struct file_system *base, int fd, uint64_t size) {
    struct crash_fs *fs = enter_to_change(base);
    change(fs, (struct change){.kind = CHANGE_SIZE, .node = node_of(fs, fd), .size = size});
    return leave(fs, 0);
}

static int crash_allocate(struct file_system *base, int fd, uint64_t size) {
    struct crash_fs *fs = enter_to_change(base);
    if (size > content_of(fs, fd)->size)
        change(fs, (struct change){.kind = CHANGE_SIZE, .node = node_of(fs, fd), .size = size});
    return leave(fs, 0);
}

static int crash_size(struct file_system *base, int fd, uint64_t *size) {
    struct crash_fs *fs = enter(base);
    *size = content_of(fs, fd)->size;
    return leave(fs, 0);
}

static int crash_lock(struct file_system *base, int fd) {
    struct crash_fs *fs = enter(base);
    size_t *locked_by = &fs->now.nodes.items[node_of(fs, fd)].locked_by;
    if (*locked_by) return leave(fs, -EWOULDBLOCK);
    *locked_by = (size_t)fd + 1;
    return leave(fs, 0);
}

static int crash_rename(struct file_system *base, const char *from, const char *to) {
    struct crash_fs *fs = enter_to_change(base);
    const char *old_name, *name;
    size_t old_folder = crash_tree_folder_of(&fs->now, from, &old_name);
    size_t folder = crash_tree_folder_of(&fs->now, to, &name);
    if (old_folder == NODE_NONE || folder == NODE_NONE) return leave(fs, -ENOENT);
    size_t node = crash_tree_child(&fs->now, old_folder, old_name);
    size_t replaced = crash_tree_child(&fs->now, folder, name);
    if (node == NODE_NONE) return leave(fs, -ENOENT);
    if (replaced != NODE_NONE && fs->now.nodes.items[replaced].children.count) return leave(fs, -ENOTEMPTY);
    change(fs, (struct change){.kind = CHANGE_NAME,
                               .node = folder,
                               .name = mem_strdup(name),
                               .target = node,
                               .is_folder = fs->now.nodes.items[node].is_folder,
                               .old_folder = old_folder,
                               .old_name = mem_strdup(old_name)});
    return leave(fs, 0);
}

static int crash_link(struct file_system *base, const char *from, const char *to) {
    struct crash_fs *fs = enter_to_change(base);
    const char *old_name, *name;
    size_t old_folder = crash_tree_folder_of(&fs->now, from, &old_name);
    size_t folder = crash_tree_folder_of(&fs->now, to, &name);
    size_t node = old_folder == NODE_NONE ? NODE_NONE : crash_tree_child(&fs->now, old_folder, old_name);
    if (node == NODE_NONE || folder == NODE_NONE) return leave(fs, -ENOENT);
    if (crash_tree_child(&fs->now, folder, name) != NODE_NONE) return leave(fs, -EEXIST);
    change(fs, (struct change){.kind = CHANGE_NAME,
                               .node = folder,
                               .name = mem_strdup(name),
                               .target = node,
                               .old_folder = NODE_NONE});
    return leave(fs, 0);
}

static int crash_unlink(struct file_system *base, const char *path) {
    struct crash_fs *fs = enter_to_change(base);
    const char *name;
    size_t folder = crash_tree_folder_of(&fs->now, path, &name);
    size_t node = folder == NODE_NONE ? NODE_NONE : crash_tree_child(&fs->now, folder, name);
    if (node == NODE_NONE) return leave(fs, -ENOENT);
    if (fs->now.nodes.items[node].is_folder) return leave(fs, -EISDIR);
    change(fs, (struct change){.kind = CHANGE_NAME,
                               .node = folder,
                               .name = mem_strdup(name),
                               .target = NODE_NONE,
                               .old_folder = NODE_NONE});
    return leave(fs, 0);
}

static int crash_mkdir(struct file_system *base, const char *path) {
    struct crash_fs *fs = enter_to_change(base);
    const char *name;
    size_t folder = crash_tree_folder_of(&fs->now, path, &name);
    if (folder == NODE_NONE) return leave(fs, -ENOENT);
    if (!*name || crash_tree_child(&fs->now, folder, name) != NODE_NONE) return leave(fs, -EEXIST);
    make(fs, folder, name, true);
    return leave(fs, 0);
}

static int crash_sync_folder(struct file_system *base, const char *path) {
    struct crash_fs *fs = enter_to_change(base);
    size_t folder = crash_tree_find(&fs->now, path);
    if (folder == NODE_NONE) return leave(fs, -ENOENT);
    change(fs, (struct change){.kind = CHANGE_SYNC_FOLDER, .node = folder});
    return leave(fs, 0);
}

static int crash_list(struct file_system *base, const char *path,
                      void (*each)(const char *name, void *context), void *context) {
    struct crash_fs *fs = enter(base);
    size_t folder = crash_tree_find(&fs->now, path);
    if (folder == NODE_NONE) return leave(fs, -ENOENT);
    const struct crash_node *node = &fs->now.nodes.items[folder];
    for (size_t i = 0; i < node->children.count; i++) each(node->children.items[i].name, context);
    return leave(fs, 0);
}

static int crash_space(struct file_system *base, const char *path, struct file_space *space) {
    (void)base;
    (void)path;
    *space = (struct file_space){(uint64_t)1 << 40, (uint64_t)1 << 40};
    return 0;
}

/* ---- life ---- */

struct crash_fs *crash_fs_of(const struct crash_tree *tree) {
    static const struct file_ops ops = {
        .open = crash_open,
        .open_direct = crash_open_direct,
        .close = crash_close,
        .read_at = crash_read_at,
        .write_at = crash_write_at,
        .sync = crash_sync,
        .truncate = crash_truncate,
        .allocate = crash_allocate,
        .size = crash_size,
        .lock = crash_lock,
        .rename = crash_rename,
        .link = crash_link,
        .unlink = crash_unlink,
        .mkdir = crash_mkdir,
        .sync_folder = crash_sync_folder,
        .list = crash_list,
        .space = crash_space,
    };
    struct crash_fs *fs = mem_zalloc(sizeof *fs);
    fs->base.ops = &ops;
    mutex_init(&fs->lock);
    condition_init(&fs->changed);
    crash_tree_copy(&fs->now, tree);
    crash_tree_copy(&fs->origin, tree);
    crash_tree_copy(&fs->sure.tree, tree);
    return fs;
}

struct crash_fs *crash_fs_create(void) {
    struct crash_tree tree;
    crash_tree_init(&tree);
    struct crash_fs *fs = crash_fs_of(&tree);
    crash_tree_release(&tree);
    return fs;
}

static void empty_journal(struct crash_fs *fs) {
    for (size_t i = 0; i < fs->journal.count; i++) {
        mem_free(fs->journal.items[i].data);
        mem_free(fs->journal.items[i].name);
        mem_free(fs->journal.items[i].old_name);
    }
    vec_release(&fs->journal);
}

void crash_fs_forget(struct crash_fs *fs) {
    mutex_lock(&fs->lock);
    empty_journal(fs);
    crash_tree_copy(&fs->origin, &fs->now);
    crash_tree_copy(&fs->sure.tree, &fs->now);
    fs->sure.pending.count = fs->sure.point = 0;
    mutex_unlock(&fs->lock);
}

void crash_fs_destroy(struct crash_fs *fs) {
    if (!fs) return;
    empty_journal(fs);
    vec_release(&fs->descriptors);
    vec_release(&fs->sure.pending);
    crash_tree_release(&fs->sure.tree);
    crash_tree_release(&fs->origin);
    crash_tree_release(&fs->now);
    condition_release(&fs->changed);
    mutex_release(&fs->lock);
    mem_free(fs);
}

struct file_system *crash_fs_base(struct crash_fs *fs) {
    return &fs->base;
}

/* ---- the test's side ---- */

void crash_fs_hold(struct crash_fs *fs) {
    mutex_lock(&fs->lock);
    fs->is_held = true;
    mutex_unlock(&fs->lock);
}

void crash_fs_wait_held(struct crash_fs *fs) {
    mutex_lock(&fs->lock);
    while (!fs->held_calls) condition_wait(&fs->changed, &fs->lock);
    mutex_unlock(&fs->lock);
}

void crash_fs_let_go(struct crash_fs *fs) {
    mutex_lock(&fs->lock);
    fs->is_held = false;
    condition_broadcast(&fs->changed);
    mutex_unlock(&fs->lock);
}

size_t crash_fs_point(struct crash_fs *fs) {
    mutex_lock(&fs->lock);
    size_t point = fs->journal.count;
    mutex_unlock(&fs->lock);
    return point;
}

bool crash_fs_flip(struct crash_fs *fs, const char *path, uint64_t offset, uint8_t mask) {
    struct crash_tree *trees[] = {&fs->now, &fs->origin, &fs->sure.tree};
    size_t node = crash_tree_find(&fs->now, path);
    if (node == NODE_NONE || offset >= fs->now.nodes.items[node].content.size) return false;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        uint8_t byte;
        struct paged *content = &crash_tree_node(trees[i], node)->content;
        if (!paged_read(content, &byte, 1, offset)) continue;
        byte ^= mask;
        paged_write(content, &byte, 1, offset);
    }
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct crash_child *)a)->name, ((const struct crash_child *)b)->name);
}

void crash_fs_each_file(struct crash_fs *fs, const char *path,
                        void (*each)(const char *path, uint64_t size, void *context), void *context) {
    size_t node = crash_tree_find(&fs->now, path);
    if (node == NODE_NONE) return;
    if (!fs->now.nodes.items[node].is_folder) {
        each(path, fs->now.nodes.items[node].content.size, context);
        return;
    }
    struct crash_node *folder = &fs->now.nodes.items[node];
    if (folder->children.count)
        qsort(folder->children.items, folder->children.count, sizeof *folder->children.items, by_name);
    for (size_t i = 0; i < folder->children.count; i++) {
        char below[1024];
        (void)snprintf(below, sizeof below, "%s/%s", strcmp(path, "/") == 0 ? "" : path,
                       folder->children.items[i].name);
        crash_fs_each_file(fs, below, each, context);
    }
}

struct dump {
    struct crash_fs *fs;
    const char *folder;
    struct err *err;
    int rc;
};

static void dump_file(const char *path, uint64_t size, void *context) {
    struct dump *dump = context;
    char to[2048];
    struct file file = {0};
    (void)size;
    (void)snprintf(to, sizeof to, "%s%s", dump->folder, path);
    *strrchr(to, '/') = '\0';
    if (!dump->rc) dump->rc = folder_make(file_system_real(), to, dump->err);
    (void)snprintf(to, sizeof to, "%s%s", dump->folder, path);
    if (!dump->rc) dump->rc = file_open(file_system_real(), to, FILE_WRITE, &file, dump->err);
    const struct paged *content = &dump->fs->now.nodes.items[crash_tree_find(&dump->fs->now, path)].content;
    uint8_t bytes[4096], none[4096] = {0};
    for (uint64_t at = 0; !dump->rc && at < content->size; at += sizeof bytes) {
        size_t got = paged_read(content, bytes, sizeof bytes, at);
        if (memcmp(bytes, none, got) != 0) dump->rc = file_write(&file, bytes, got, at, dump->err);
    }
    if (!dump->rc) dump->rc = file_truncate(&file, content->size, dump->err);
    file_close(&file);
}

int crash_fs_dump(struct crash_fs *fs, const char *folder, struct err *err) {
    struct dump dump = {fs, folder, err, 0};
    crash_fs_each_file(fs, "/", dump_file, &dump);
    return dump.rc;
}
