#pragma once
/*
 * crash_fs.h - a disk in memory that remembers every change, so that its state after a power cut at any of
 * them can be made, in all the ways a disk may have ended up.
 *
 *     journal:  create a | write a | sync a | write a | rename a b | sync folder | write c | ...
 *                0         1         2        3         4            5             6        point
 *                          '-- on the disk for sure --'                            '-- pending: an image has
 *                                                                                      it, or not, or in part
 *
 * The rules are those of POSIX at its worst: data of a file is on the disk after a sync of that file, a name
 * after a sync of its folder (a new folder's name after a sync of its parent), and nothing else is. What is
 * pending reaches an image in pieces: data by sectors of 512 bytes, the size of a file, and each change of a
 * name, all independent of each other.
 *
 * An image is a crash_fs of its own; the same point, mode and seed make the same image. It is made fastest
 * when points are asked for in ascending order.
 *
 * Threads: any number may use the file system; the functions below are for the test's thread, while (but for
 * point and hold) nobody else uses it.
 */
#include "lib/sys/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crash_mode {
    CRASH_NONE,    /* nothing pending is there */
    CRASH_ALL,     /* everything is */
    CRASH_TORN,    /* everything, but only sectors of the last write */
    CRASH_PREFIX,  /* the first changes, up to a sector */
    CRASH_SUFFIX,  /* reordered: the last changes without the first */
    CRASH_SCATTER, /* each sector, size and name by a toss */
    CRASH_NAMES,   /* names and sizes without data: files full of zeros */
    CRASH_DATA,    /* data without names */
    CRASH_MODES,
};

struct crash_fs;

struct crash_fs *crash_fs_create(void);
void crash_fs_destroy(struct crash_fs *fs);
struct file_system *crash_fs_base(struct crash_fs *fs);
const char *crash_mode_name(enum crash_mode mode);

/* changes and syncs so far */
size_t crash_fs_point(struct crash_fs *fs);
/* the disk after a power cut behind the first `point` changes */
struct crash_fs *crash_fs_image(struct crash_fs *fs, size_t point, enum crash_mode mode, uint64_t seed);
/* what change number `index` was, for messages */
void crash_fs_describe(struct crash_fs *fs, size_t index, char text[160]);

/* While held, changes wait; crash_fs_wait_held returns when one does. */
void crash_fs_hold(struct crash_fs *fs);
void crash_fs_wait_held(struct crash_fs *fs);
void crash_fs_let_go(struct crash_fs *fs);

/* what happened until now is on the disk for sure, and its points are gone */
void crash_fs_forget(struct crash_fs *fs);

/* every file below path, as it is now, in the order of their names */
void crash_fs_each_file(struct crash_fs *fs, const char *path,
                        void (*each)(const char *path, uint64_t size, void *context), void *context);
/* a byte of a file, changed behind everybody's back (and on the disk); false: not there */
bool crash_fs_flip(struct crash_fs *fs, const char *path, uint64_t offset, uint8_t mask);
/* all files into a folder of the real file system, to look at */
int crash_fs_dump(struct crash_fs *fs, const char *folder, struct err *err);
