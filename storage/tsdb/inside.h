#pragma once
/*
 * inside.h - inside of storage/tsdb: the database's parts.
 */
#include "lib/base/vec.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "storage/head/head.h"
#include "storage/tsdb/tsdb.h"

#include <stdatomic.h>

#define TSDB_MAGIC 0x54534442u /* "TSDB" */

/* samples further ahead of the wall clock are refused */
#define TSDB_FUTURE_MS ((int64_t)10 * 60 * 1000)

/* without an out-of-order window, samples so much before the newest are refused */
#define TSDB_PAST_MS ((int64_t)60 * 60 * 1000)

struct wal;
struct wal_writer;
struct wal_report;
struct tsdb_metrics;

struct tsdb_appender {
    struct appender port; /* first */
    struct tsdb *tsdb;
};

struct tsdb_queryable {
    struct queryable port; /* first */
    struct tsdb *tsdb;
};

/* the log's thread's: what the encodes since the last write have marked, and scratch of one encode */
struct tsdb_log {
    VEC(uint32_t) marked; /* slots whose series records are in the group being put together */
    VEC(uint64_t) numbers;
    VEC(double) values;
    VEC(int64_t) times_ms;
    VEC(struct label) labels[2]; /* of a series and of the one before */
    uint64_t applied;            /* sequence: all records up to it are in the head */
};

/* the snapshots on disk, newest first */
#define SNAPSHOTS_KEPT 2

struct tsdb_snapshots {
    uint64_t sequences[SNAPSHOTS_KEPT];
    size_t count;
    uint64_t appended; /* wal_appended when the newest was made */
};

struct tsdb {
    uint32_t magic;
    struct tsdb_appender appender;
    struct tsdb_queryable queryable;
    struct head *head;
    bool take_future;
    atomic_int_least64_t late_window_ms;
    /* in memory: one batch at a time */
    struct mutex memory_lock;
    /* with a folder; writer NULL: in memory */
    struct file_system *fs;
    struct file lock;
    struct wal *wal;
    struct wal_writer *writer;
    struct tsdb_log log;
    char *path; /* owned */
    uint64_t max_series, snapshot_bytes;
    uint64_t damage;                 /* files that could not be believed at the start */
    struct tsdb_snapshots snapshots; /* the maintenance thread's, once it runs */
    struct tsdb_metrics *metrics;
    bool is_open;
    /* the maintenance thread; not running when its thread is not */
    struct {
        struct thread thread;
        struct mutex lock;
        struct condition wake;
        bool is_running, stopping;
    } maintenance;
};

/* log.c */
/* opens the log behind what was replayed and starts its thread */
int tsdb_log_start(struct tsdb *tsdb, const struct tsdb_options *options, struct registry *registry,
                   const char *folder, const struct wal_report *report, struct err *err);
void tsdb_log_stop(struct tsdb *tsdb);
/* results made, rows too far in the future or the past marked; late_from set */
void tsdb_judge(const struct tsdb *tsdb, struct append_batch *batch);
void tsdb_apply(struct tsdb *tsdb, struct append_batch *batch);

/* runs fn where batches are applied, between two of them, and waits for it */
void tsdb_on_applier(struct tsdb *tsdb, void (*fn)(void *context), void *context);

/* replay.c: the log behind a sequence into the head; damage is logged and in the report */
int tsdb_replay(struct tsdb *tsdb, const char *folder, uint64_t after, struct wal_report *report,
                struct err *err);

/* snapshot.c: */
/* makes the head, from the newest snapshot that is good, or empty; *sequence: what it holds, 0 for nothing */
int tsdb_load_head(struct tsdb *tsdb, uint64_t *sequence, struct err *err);
/* by the maintenance thread: a new snapshot; then the log it makes superfluous goes */
int tsdb_snapshot(struct tsdb *tsdb, struct err *err);
/* is the log's tail long enough? */
bool tsdb_snapshot_is_due(const struct tsdb *tsdb);

/* maintain.c */
void tsdb_maintenance_start(struct tsdb *tsdb);
/* waits for the task that is under way; with a folder the last snapshot is made */
void tsdb_maintenance_stop(struct tsdb *tsdb);

/* path.c: <data>/<name>, or ERR_LIMIT */
#define TSDB_PATH_MAX 4096
int tsdb_path(const struct tsdb *tsdb, const char *name, char path[TSDB_PATH_MAX], struct err *err);

/* lock.c: clean_start as the metric of that name: 1, 0 after a crash, -1 without a lock file */
int tsdb_lock(struct tsdb *tsdb, const char *folder, int *clean_start, struct err *err);
void tsdb_unlock(struct tsdb *tsdb);

/* metrics.c */
struct tsdb_metrics *tsdb_metrics_create(struct tsdb *tsdb, struct registry *registry);
void tsdb_metrics_destroy(struct tsdb_metrics *metrics);
void tsdb_metrics_opened(struct tsdb_metrics *metrics, int clean_start, double replay_seconds);
