#pragma once
/*
 * memory_fs.h - a disk in memory whose power can be cut.
 *
 *     file:  now     | a b c d e f |      what reads see
 *            synced  | a b . .            what a sync has put on the disk
 *     names: now / synced by sync_folder of their folder; folders themselves are always on the disk
 *
 * memory_fs_crash forgets what is not on the disk: nothing, all of it, or some: sector by sector of 512
 * bytes, sizes file by file, names all or none (a journal keeps their order). All descriptors are gone then.
 */
#include "lib/sys/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_fs;

enum memory_crash { CRASH_KEEP_ALL, CRASH_KEEP_NONE, CRASH_KEEP_SOME };

struct memory_fs *memory_fs_create(void);
void memory_fs_destroy(struct memory_fs *memory);
struct file_system *memory_fs_base(struct memory_fs *memory);
/* the disk is full at so many bytes (of all files, as they are now); 0: never */
void memory_fs_limit(struct memory_fs *memory, uint64_t bytes);
void memory_fs_crash(struct memory_fs *memory, enum memory_crash kind, uint64_t seed);

/* The bytes of a file, to look at or to damage; NULL when there is none. Valid until the next call. */
uint8_t *memory_fs_bytes(struct memory_fs *memory, const char *path, size_t *len);
/* everything in the file is on the disk */
bool memory_fs_is_synced(struct memory_fs *memory, const char *path);
/* makes or replaces a file, synced */
void memory_fs_put(struct memory_fs *memory, const char *path, const void *data, size_t len);
