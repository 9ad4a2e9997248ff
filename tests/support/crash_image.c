/*
 * The disk after a power cut: what is there for sure, and of the rest what the mode and the seed choose.
 *
 * Two trees are led through the pending changes: `full` gets each of them, `image` the chosen pieces. A
 * sector that is chosen is copied from `full` as it is at that moment, because that is what the page cache
 * would have written: never a later write of a sector without an earlier one to the same sector.
 */
#include "tests/support/crash_inside.h"

#include <stdio.h>
#include <string.h>

const char *crash_mode_name(enum crash_mode mode) {
    static const char *const names[] = {"none",   "all",     "torn",  "prefix",
                                        "suffix", "scatter", "names", "data"};
    return names[mode];
}

/* ---- what is sure ---- */

/* pending changes of the node are on the disk now */
static void settle(struct crash_fs *fs, size_t node, bool names) {
    size_t kept = 0;
    for (size_t i = 0; i < fs->sure.pending.count; i++) {
        size_t index = fs->sure.pending.items[i];
        const struct change *change = &fs->journal.items[index];
        if (change->node == node && (change->kind == CHANGE_NAME) == names)
            crash_tree_apply(&fs->sure.tree, change);
        else
            fs->sure.pending.items[kept++] = index;
    }
    fs->sure.pending.count = kept;
}

static void advance(struct crash_fs *fs, size_t point) {
    if (point < fs->sure.point) {
        crash_tree_copy(&fs->sure.tree, &fs->origin);
        fs->sure.pending.count = fs->sure.point = 0;
    }
    for (; fs->sure.point < point; fs->sure.point++) {
        const struct change *change = &fs->journal.items[fs->sure.point];
        if (change->kind == CHANGE_SYNC)
            settle(fs, change->node, false);
        else if (change->kind == CHANGE_SYNC_FOLDER)
            settle(fs, change->node, true);
        else
            *vec_push(&fs->sure.pending) = fs->sure.point;
    }
}

/* ---- what is chosen ---- */

/* Pieces are numbered in the order of time: a sector, a size or a name. */
struct choice {
    enum crash_mode mode;
    uint64_t random;
    size_t piece;    /* the next one's number */
    size_t boundary; /* of prefix and suffix */
    size_t torn;     /* the last write's first piece */
};

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool is_kept(struct choice *choice, bool is_data) {
    size_t piece = choice->piece++;
    switch (choice->mode) {
    case CRASH_NONE: return false;
    case CRASH_ALL: return true;
    case CRASH_TORN: return piece < choice->torn || !is_data || next_random(&choice->random) >> 63;
    case CRASH_PREFIX: return piece < choice->boundary;
    case CRASH_SUFFIX: return piece >= choice->boundary;
    case CRASH_SCATTER: return next_random(&choice->random) >> 63;
    case CRASH_NAMES: return !is_data;
    case CRASH_DATA: return is_data;
    case CRASH_MODES: break;
    }
    return false;
}

static size_t sectors_of(const struct change *change) {
    if (!change->len) return 0;
    return (size_t)((change->offset + change->len - 1) / CRASH_SECTOR - change->offset / CRASH_SECTOR) + 1;
}

/* a write that grows the file has a size besides its sectors */
static size_t pieces_of(const struct change *change) {
    return change->kind == CHANGE_WRITE ? sectors_of(change) + 1 : 1;
}

static void keep_sector(const struct paged *full, struct paged *image, uint64_t sector) {
    uint8_t bytes[CRASH_SECTOR];
    size_t len = paged_read(full, bytes, sizeof bytes, sector * CRASH_SECTOR);
    paged_write(image, bytes, len, sector * CRASH_SECTOR);
}

static void choose(struct choice *choice, const struct change *change, struct crash_tree *full,
                   struct crash_tree *image) {
    crash_tree_apply(full, change);
    if (change->kind != CHANGE_WRITE) {
        if (is_kept(choice, change->kind == CHANGE_SIZE && choice->mode == CRASH_DATA))
            crash_tree_apply(image, change);
        return;
    }
    struct paged *to = &crash_tree_node(image, change->node)->content;
    const struct paged *from = &crash_tree_node(full, change->node)->content;
    uint64_t first = change->offset / CRASH_SECTOR;
    if (is_kept(choice, choice->mode == CRASH_DATA) && change->offset + change->len > to->size)
        paged_resize(to, change->offset + change->len);
    for (size_t i = 0; i < sectors_of(change); i++)
        if (is_kept(choice, true)) keep_sector(from, to, first + i);
}

static struct choice choice_init(const struct crash_fs *fs, enum crash_mode mode, uint64_t seed) {
    struct choice choice = {.mode = mode, .random = seed, .torn = SIZE_MAX};
    size_t pieces = 0;
    for (size_t i = 0; i < fs->sure.pending.count; i++) {
        const struct change *change = &fs->journal.items[fs->sure.pending.items[i]];
        if (change->kind == CHANGE_WRITE) choice.torn = pieces;
        pieces += pieces_of(change);
    }
    choice.boundary = pieces ? (size_t)(next_random(&choice.random) % (pieces + 1)) : 0;
    return choice;
}

struct crash_fs *crash_fs_image(struct crash_fs *fs, size_t point, enum crash_mode mode, uint64_t seed) {
    struct crash_tree full = {0}, image = {0};
    advance(fs, point);
    crash_tree_copy(&full, &fs->sure.tree);
    crash_tree_copy(&image, &fs->sure.tree);
    struct choice choice = choice_init(fs, mode, seed ^ (point * 0x2545f4914f6cdd1du));
    for (size_t i = 0; i < fs->sure.pending.count; i++)
        choose(&choice, &fs->journal.items[fs->sure.pending.items[i]], &full, &image);
    struct crash_fs *made = crash_fs_of(&image);
    crash_tree_release(&full);
    crash_tree_release(&image);
    return made;
}

/* ---- messages ---- */

void crash_fs_describe(struct crash_fs *fs, size_t index, char text[160]) {
    static const char *const kinds[] = {"write", "size", "name", "sync", "sync folder"};
    text[0] = '\0';
    if (index >= fs->journal.count) return;
    const struct change *change = &fs->journal.items[index];
    (void)snprintf(text, 160, "%s node %zu offset %llu length %zu size %llu name %s <- %s",
                   kinds[change->kind], change->node, (unsigned long long)change->offset, change->len,
                   (unsigned long long)change->size, change->name ? change->name : "-",
                   change->old_name ? change->old_name : "-");
}
