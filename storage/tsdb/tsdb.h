#pragma once
/*
 * tsdb.h - the time-series database as the rest of the program sees it: a folder opened, two ports handed
 * out.
 *
 *     scrape, remote write, rules --- struct appender ---+              +--- struct queryable --- engine, web
 *                                                        v              v
 *     <path>/wal/          batch -> record -> applied to the head -> seen by queries -> done(batch)
 *     <path>/chunks_head/  full chunks of the head (FORMAT.md)
 *     <path>/lock          held while open: a second instance is refused
 *
 * With path NULL everything is in memory: no log, no files, and appender_append applies the batch and calls
 * `done` in the caller's thread before it returns. Unit tests and the promqltest runner use that.
 *
 * The text of labels that are handed out lives until tsdb_close.
 *
 * Threads: any number may use the ports; open and close belong to one. Before tsdb_close all series sets are
 * closed and nobody appends any more; it waits for what is queued.
 */
#include "lib/base/err.h"
#include "lib/instrument/instrument.h"
#include "lib/model/appender.h"
#include "lib/model/queryable.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tsdb;
struct budget;
struct file_system;
struct exemplars;
struct metadata;

enum tsdb_sync {
    TSDB_SYNC_ACK,      /* a batch with wait_sync is done after fdatasync; others as below */
    TSDB_SYNC_INTERVAL, /* done after the write; fdatasync within a second */
    TSDB_SYNC_OFF,      /* the system decides */
};

/* How much of the blocks is kept; 0: no limit of that kind. Whole blocks go, the oldest first. */
struct tsdb_retention {
    int64_t time_ms;
    uint64_t bytes;
    double percentage; /* of the disk; when given, bytes does not count */
};

/* How far the replay of the log is, in numbers of segments; written while tsdb_open runs, read by anybody. */
struct tsdb_progress {
    atomic_uint_least64_t first, last, current;
};

struct tsdb_options {
    const char *path; /* data folder, made if missing; NULL: in memory */
    bool no_lockfile; /* --storage.tsdb.no-lockfile */
    enum tsdb_sync sync;
    struct budget
        *memory;         /* series and their labels draw from it: appender_resolve answers ERR_LIMIT beyond;
                            those that are on disk are taken all the same. NULL: no limit. Outlives the tsdb */
    int64_t gather_ms;   /* so long batches that nobody waits for may wait for others; 0: not at all */
    uint64_t max_series; /* appender_resolve answers ERR_LIMIT beyond; 0: only the 32-bit slots limit it */
    bool take_any_time;  /* do not refuse samples far ahead of the wall clock, or far behind the newest */
    uint64_t
        snapshot_bytes;  /* of the log until the next snapshot; 0: 96 MiB, or as much as a snapshot takes */
    bool no_maintenance; /* nothing happens by itself, only by tsdb_maintain: for tests */
    int64_t late_window_ms; /* out_of_order_time_window; see tsdb_set_late_window */
    int64_t block_range_ms; /* 0: 2 hours */
    int64_t quiet_ms;       /* a series without samples for so long leaves the head; 0: 15 minutes */
    struct tsdb_retention retention;
    size_t max_exemplars;           /* over all series; 0: none is kept */
    struct tsdb_progress *progress; /* may be NULL; outlives tsdb_open */
    struct file_system *fs;         /* NULL: file_system_real() */
};

/* Opens (makes) the folder, takes its lock, replays the log. ERR_BUSY: another process holds the lock.
   Damage in the log is repaired, logged and counted, and is no error. registry may be NULL. */
int tsdb_open(const struct tsdb_options *options, struct registry *registry, struct tsdb **tsdb,
              struct err *err);
/* writes out what is queued, syncs, releases the lock; NULL is accepted */
void tsdb_close(struct tsdb *tsdb);

/* both live as long as the tsdb */
struct appender *tsdb_appender(struct tsdb *tsdb);
struct queryable *tsdb_queryable(struct tsdb *tsdb);

/* Samples before the newest of their series are taken when they are at most so much before the newest of all;
 * 0: none. Any thread. */
void tsdb_set_late_window(struct tsdb *tsdb, int64_t window_ms);

/* What the maintenance thread does when it is due, done now. One caller at a time, only with no_maintenance.
 */
enum tsdb_task {
    TSDB_CUT =
        1, /* the oldest block_range_ms of the head becomes a block, if it holds more than 1.5 of that */
    TSDB_LATE = 2,      /* late samples become a block */
    TSDB_QUIET = 4,     /* series that got no sample for a while leave the head */
    TSDB_COMPACT = 8,   /* one merge, if there is something to merge */
    TSDB_RETAIN = 16,   /* blocks beyond the retention go */
    TSDB_SNAPSHOT = 32, /* of the head */
    TSDB_RESERVE = 64,  /* room is kept back for the others; see tsdb_maintain */
};

/* On a full disk a task gets the reserve's room; then batches are refused with ERR_NO_SPACE until there is
 * room to make it again. */
int tsdb_maintain(struct tsdb *tsdb, unsigned tasks, struct err *err);

/* Any thread; counts from the next look of maintenance on. */
void tsdb_set_retention(struct tsdb *tsdb, const struct tsdb_retention *retention);

/* Deletes samples of the series that match in [mint, maxt]: for every select that follows, and for good when
 * this returns 0. Any thread; waits for maintenance. */
int tsdb_delete(struct tsdb *tsdb, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                int64_t maxt, struct err *err);
/* writes blocks that something was deleted from anew, without it */
int tsdb_clean_tombstones(struct tsdb *tsdb, struct err *err);
/* All blocks, by hard links, and (with_head) the head as one more block, in a folder that tsdb_open can open:
 * <data>/snapshots/<name>. */
int tsdb_snapshot_to(struct tsdb *tsdb, bool with_head, char name[64], struct err *err);

/* storage/exemplar: what came with batches, was logged, and is there after a restart */
void tsdb_set_max_exemplars(struct tsdb *tsdb, size_t max);
struct exemplars *tsdb_exemplars(struct tsdb *tsdb);
struct metadata *tsdb_metadata(struct tsdb *tsdb);

struct tsdb_stats {
    uint64_t blocks, block_samples, block_bytes, block_cached_bytes, damage;
    uint64_t series, chunks;    /* now in the head; chunks with the open ones */
    uint64_t samples_appended;  /* since start, replay included */
    uint64_t label_pairs;       /* different name=value pairs */
    int64_t min_time, max_time; /* of all samples; INT64_MAX and INT64_MIN when there are none */
};

void tsdb_stats(struct tsdb *tsdb, struct tsdb_stats *stats);

/* a name and a number, for the status pages: series per metric name, values per label name ... */
struct tsdb_top {
    struct span name;
    uint64_t count;
};

enum tsdb_ranking {
    TSDB_SERIES_BY_VALUE, /* of one label */
    TSDB_VALUES_BY_LABEL_NAME,
    TSDB_BYTES_BY_LABEL_NAME,
    TSDB_SERIES_BY_LABEL_PAIR, /* "name=value" */
};

struct tsdb_ranked {
    enum tsdb_ranking ranking;
    struct span label; /* TSDB_SERIES_BY_VALUE: which */
    size_t limit;
    /* what is left out; NULL: nothing. Quick: the index is locked meanwhile */
    bool (*skips)(struct span name, void *context);
    void *context;
};

/* the largest `limit`, descending, in arena */
int tsdb_rank(struct tsdb *tsdb, const struct tsdb_ranked *ranked, struct arena *arena,
              struct tsdb_top **tops, size_t *count, struct err *err);

struct tsdb_block {
    char ulid[27];
    int64_t mint, maxt; /* both inclusive */
    uint64_t series, samples, histograms, bytes;
    uint32_t level;
    size_t source_count;
    char (*sources)[27]; /* ULIDs of the blocks of level 1 it was made of */
};

/* the blocks in use, oldest first, in arena */
int tsdb_blocks(struct tsdb *tsdb, struct arena *arena, struct tsdb_block **blocks, size_t *count,
                struct err *err);
