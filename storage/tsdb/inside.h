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
    struct tsdb_metrics *metrics;
};

/* log.c */
/* opens the log behind what was replayed and starts its thread */
int tsdb_log_start(struct tsdb *tsdb, const struct tsdb_options *options, struct registry *registry,
                   const char *folder, const struct wal_report *report, struct err *err);
void tsdb_log_stop(struct tsdb *tsdb);
/* results made, rows too far in the future or the past marked; late_from set */
void tsdb_judge(const struct tsdb *tsdb, struct append_batch *batch);
void tsdb_apply(struct tsdb *tsdb, struct append_batch *batch);

/* replay.c: the log into the head; damage is logged and in the report */
int tsdb_replay(struct tsdb *tsdb, const char *folder, struct wal_report *report, struct err *err);

/* lock.c: clean_start as the metric of that name: 1, 0 after a crash, -1 without a lock file */
int tsdb_lock(struct tsdb *tsdb, const char *folder, int *clean_start, struct err *err);
void tsdb_unlock(struct tsdb *tsdb);

/* metrics.c */
struct tsdb_metrics *tsdb_metrics_create(struct tsdb *tsdb, struct registry *registry);
void tsdb_metrics_destroy(struct tsdb_metrics *metrics);
void tsdb_metrics_opened(struct tsdb_metrics *metrics, int clean_start, double replay_seconds);
