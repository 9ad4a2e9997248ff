#pragma once
/*
 * wal.h - the write-ahead log, the writing side.
 *
 *     struct wal_group: records being put together           segment (storage/FORMAT.md)
 *       begin(type) payload end, begin(type) payload end  -- one pwritev -->  | ... | rec 17 | rec 18 | zeros
 *
 * Promises:
 *  W1 a group is in the log whole or not at all: after a failure the file is cut back, or the segment is
 * given up. W2 nothing is appended behind a torn record. W3 after a failed sync the file is never trusted
 * again: the records not known to be synced (kept in memory, bounded) are written to a new segment and synced
 * there. If that fails too, writes are refused until a new segment works. W4 a full disk is ERR_NO_SPACE and
 * passes by itself: each write tries again.
 *
 * Where the file system allows it, groups that are synced at once are written past the cache (direct.h).
 *
 * The log knows types and bytes, nothing of series. One thread at a time; normally the writer's (writer.h).
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry;
struct wal;
struct wal_report;

/* Records for one write. */
struct wal_group {
    struct buf bytes; /* frames; sealed only when written */
    uint32_t record_count;
    size_t frame;            /* where the open record begins, SIZE_MAX: none is open */
    uint64_t first_sequence; /* set by wal_write: record i got first_sequence + i */
    bool is_awaited;         /* a sync follows at once */
};

/* what a group may become: the first scrape of a million new series */
#define WAL_MAX_GROUP ((size_t)256 << 20)
#define WAL_MAX_PAYLOAD ((size_t)64 << 20)

void wal_group_init(struct wal_group *group);
void wal_group_release(struct wal_group *group);
void wal_group_reset(struct wal_group *group);
/* begins a record; its payload is appended to the answer, until wal_group_end */
struct buf *wal_group_begin(struct wal_group *group, int type);
/* ERR_LIMIT: the payload or the group is too large; the open record is then dropped */
int wal_group_end(struct wal_group *group, struct err *err);
/* takes back all records (an open one too) behind a moment remembered as bytes.len and record_count */
void wal_group_cut(struct wal_group *group, size_t bytes, uint32_t record_count);

struct wal_options {           /* 0 means the default */
    uint64_t segment_bytes;    /* 64 MiB */
    uint64_t allocate_bytes;   /* 8 MiB: room taken ahead */
    size_t unsynced_bytes;     /* 16 MiB: a write beyond it syncs first */
    bool never_sync;           /* do not keep unsynced records; wal_sync does nothing */
    struct registry *registry; /* for prometheus_tsdb_wal_*; may be NULL */
};

/* Begins a new segment behind what the report of wal_replay describes, and syncs what was read from the last
 * one. Makes the folder. A full disk is no failure: the log is open, and writes are refused until there is
 * room. */
int wal_open(struct file_system *fs, const char *folder, const struct wal_options *options,
             const struct wal_report *report, struct wal **wal, struct err *err);
/* Syncs and closes; frees the log also on failure. NULL accepted. */
int wal_close(struct wal *wal, struct err *err);

/* Appends the group. On failure (ERR_NO_SPACE, ERR_IO) nothing of it is in the log, and its sequence numbers
 * are given to the next group. */
int wal_write(struct wal *wal, struct wal_group *group, struct err *err);
/* everything written is on disk when this returns 0 */
int wal_sync(struct wal *wal, struct err *err);
/* The same beside other work: begin starts a sync of what is written by now, `notify` is called on another
 * thread when it ended (wal_write may come meanwhile), end then waits for it and answers for the records up
 * to `until`. At most one at a time; begin is false when there is nothing to sync. notify NULL: end of
 * syncing beside. */
void wal_sync_beside(struct wal *wal, void (*notify)(void *context), void *context);
bool wal_sync_begin(struct wal *wal);
int wal_sync_end(struct wal *wal, uint64_t until, struct err *err);
/* removes the segments that hold nothing behind this sequence, which a snapshot covers */
int wal_truncate(struct wal *wal, uint64_t sequence, struct err *err);
/* bytes of records written since it was opened, and of those replayed before; any thread */
uint64_t wal_appended(const struct wal *wal);
/* what was there when the log was opened is on disk; false: no later record may lean on it */
bool wal_tail_is_synced(const struct wal *wal);
bool wal_has_unsynced(const struct wal *wal);
uint64_t wal_next_sequence(const struct wal *wal);
/* number of the segment that is written to, or was last */
uint64_t wal_segment(const struct wal *wal);
