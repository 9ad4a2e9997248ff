#pragma once
/*
 * crash_inside.h - inside of crash_fs: trees, and the journal that leads from one to the next.
 *
 *     node 0 "/" --"data"--> node 1 --"lock"--> node 2      a file's node holds bytes, a folder's names
 *
 * Nodes are never removed and have the same number in every tree of one disk.
 */
#include "lib/base/vec.h"
#include "lib/sys/thread.h"
#include "tests/support/crash_fs.h"
#include "tests/support/paged.h"

#define CRASH_SECTOR ((size_t)512)
#define NODE_NONE SIZE_MAX

struct crash_child {
    char *name; /* owned */
    size_t node;
};

struct crash_node {
    bool is_folder;
    size_t locked_by; /* descriptor + 1, 0: nobody */
    struct paged content;
    VEC(struct crash_child) children;
};

struct crash_tree {
    VEC(struct crash_node) nodes; /* 0: the root */
};

enum change_kind { CHANGE_WRITE, CHANGE_SIZE, CHANGE_NAME, CHANGE_SYNC, CHANGE_SYNC_FOLDER };

struct change {
    enum change_kind kind;
    size_t node; /* file; of a name its folder */
    uint64_t offset;
    size_t len;
    uint8_t *data;     /* owned, of a write */
    uint64_t size;     /* of CHANGE_SIZE */
    char *name;        /* owned */
    size_t target;     /* what the name means from now on; NODE_NONE: nothing */
    bool is_folder;    /* the target is one */
    size_t old_folder; /* a rename takes old_name from here; else NODE_NONE */
    char *old_name;    /* owned */
};

struct crash_fs {
    struct file_system base; /* first: handed out */
    struct mutex lock;
    struct condition changed;
    bool is_held;
    size_t held_calls;
    struct crash_tree now;
    VEC(struct change) journal;
    VEC(size_t) descriptors; /* node + 1, 0: closed */
    /* the disk for sure behind the first `point` changes, and what was pending then: for the next image */
    struct {
        struct crash_tree tree;
        VEC(size_t) pending;
        size_t point;
    } sure;
    struct crash_tree origin; /* before the first change */
};

void crash_tree_init(struct crash_tree *tree);
void crash_tree_release(struct crash_tree *tree);
void crash_tree_copy(struct crash_tree *to, const struct crash_tree *from);
/* the node, made if the tree does not have it yet */
struct crash_node *crash_tree_node(struct crash_tree *tree, size_t index);
/* NODE_NONE: not there. With last: the folder path is in, and its last part */
size_t crash_tree_find(const struct crash_tree *tree, const char *path);
size_t crash_tree_folder_of(const struct crash_tree *tree, const char *path, const char **last);
size_t crash_tree_child(const struct crash_tree *tree, size_t folder, const char *name);
void crash_tree_apply(struct crash_tree *tree, const struct change *change);

struct crash_fs *crash_fs_of(const struct crash_tree *tree);
