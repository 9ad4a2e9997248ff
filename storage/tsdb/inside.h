#pragma once
/*
 * inside.h - inside of storage/tsdb: the database's parts.
 */
#include "lib/base/vec.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "storage/exemplar/exemplars.h"
#include "storage/exemplar/metadata.h"
#include "storage/head/head.h"
#include "storage/tsdb/keys.h"
#include "storage/tsdb/sources.h"
#include "storage/tsdb/tsdb.h"

#include <stdatomic.h>

#define TSDB_MAGIC 0x54534442u /* "TSDB" */

/* samples further ahead of the wall clock are refused */
#define TSDB_FUTURE_MS ((int64_t)10 * 60 * 1000)

#define TSDB_QUIET_MS ((int64_t)15 * 60 * 1000)
#define TSDB_BLOCK_RANGE_MS ((int64_t)2 * 60 * 60 * 1000)

/* without an out-of-order window, samples so much before the newest are refused */
#define TSDB_PAST_MS ((int64_t)60 * 60 * 1000)

struct block_writer;
struct block_writer_options;
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
    bool has_moment; /* of one query: made by begin */
    struct head_moment moment;
};

/* the log's thread's: what the encodes since the last write have marked, and scratch of one encode */
struct tsdb_log {
    VEC(uint32_t) marked; /* slots whose series records are in the group being put together */
    VEC(uint64_t) numbers;
    VEC(double) values;
    VEC(int64_t) times_ms;
    VEC(const struct histogram *) histograms;
    struct batch_keys keys;
    VEC(struct label) labels[2]; /* of a series and of the one before */
    uint64_t applied;            /* sequence: all records up to it are in the head */
};

/* tail.h */
struct tail_position {
    char *name;
    int64_t time_ms;   /* while nobody reads it; INT64_MAX: all is done */
    struct tail *tail; /* its reader, or NULL */
};

struct tails {
    struct mutex lock, saving; /* saving: held while the file is written; before lock */
    bool is_ready;
    struct tail *first;
    VEC(struct tail_position *) positions;
    uint64_t sequence, turn; /* of the log, up to which the tails have all; of the file's places */
    struct file file;
};

/* the snapshots on disk, newest first */
#define SNAPSHOTS_KEPT 2

struct tsdb_snapshots {
    uint64_t sequences[SNAPSHOTS_KEPT];
    size_t count;
    uint64_t appended; /* wal_appended when the newest was made */
    uint64_t bytes;    /* of the newest */
};

/* what the head had published some time ago, to know which series are quiet since then */
#define QUIET_NOTES 32

struct quiet_watch {
    struct {
        int64_t at_ms; /* monotonic */
        uint64_t sequence;
    } notes[QUIET_NOTES]; /* oldest first */
    size_t count;
    int64_t released_ms;
};

/* What maintenance did, in numbers; a failure stands behind its attempt. */
enum tsdb_event {
    EVENT_COMPACTION_BEGINS, /* a task that writes blocks is due */
    EVENT_COMPACTION,        /* a block was to be written: from the head, or from other blocks */
    EVENT_COMPACTION_FAILED,
    EVENT_TRUNCATION,     /* what is in a block left the head */
    EVENT_TIME_RETENTION, /* a block went because of its age, or of the size of all */
    EVENT_SIZE_RETENTION,
    EVENT_RELOAD, /* a block was opened */
    EVENT_RELOAD_FAILED,
    EVENT_LOG_TRUNCATION, /* the log that a snapshot makes superfluous was to go */
    EVENT_LOG_TRUNCATION_FAILED,
    EVENT_SNAPSHOT, /* of the head: what a checkpoint is for Prometheus */
    EVENT_SNAPSHOT_FAILED,
    EVENT_SNAPSHOT_REMOVAL,
    EVENT_SNAPSHOT_REMOVAL_FAILED,
    EVENT_COUNT
};

struct tsdb_work {
    struct registry *registry; /* NULL: nothing is counted */
    struct counter *events[EVENT_COUNT];
    struct histogram *compaction_seconds;
    struct summary *truncation_seconds;
};

struct tsdb {
    uint32_t magic;
    struct tsdb_appender appender;
    struct tsdb_queryable queryable;
    struct head *head;
    bool take_any_time;
    atomic_int_least64_t late_window_ms;
    /* in memory: one batch at a time */
    struct mutex memory_lock;
    /* with a folder; writer NULL: in memory */
    struct file_system *fs;
    struct file lock;
    struct wal *wal;
    struct wal_writer *writer;
    struct tsdb_log log;
    struct exemplars *exemplars;
    struct metadata *metadata;
    struct tails tails;
    char *path; /* owned */
    struct sources sources;
    int64_t head_begin;     /* of the head's samples, when the blocks were opened */
    int64_t block_range_ms; /* of a block cut from the head */
    struct {
        atomic_int_least64_t time_ms;
        atomic_uint_least64_t bytes;
        _Atomic double percentage;
    } retention; /* struct tsdb_retention */
    struct quiet_watch quiet;
    int64_t quiet_ms; /* without a sample; a fifteenth of it behind a staleness marker */
    struct {
        bool is_made;                /* whoever holds maintenance.work */
        atomic_bool is_out;          /* used, or never made: no samples are taken */
        atomic_uint_least64_t bytes; /* 0: not made */
    } reserve;
    struct tsdb_progress *progress; /* while it is opened; NULL: nobody asks */
    struct budget *memory;
    uint64_t max_series, snapshot_bytes;
    uint64_t damage;                 /* files that could not be believed at the start */
    struct tsdb_snapshots snapshots; /* the maintenance thread's, once it runs */
    struct tsdb_metrics *metrics;
    struct tsdb_work work;
    bool is_open;
    /* the maintenance thread; not running when its thread is not */
    struct {
        struct thread thread;
        struct mutex work; /* held by whoever does one of the tasks */
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
/* runs fn where batches are applied, between two of them, and waits for it */
void tsdb_on_applier(struct tsdb *tsdb, void (*fn)(void *context), void *context);
/* results made, rows too far in the future or the past marked; late_from set */
void tsdb_judge(struct tsdb *tsdb, struct append_batch *batch);
void tsdb_apply(struct tsdb *tsdb, struct append_batch *batch);

/* replay.c: the log behind a sequence into the head; damage is logged and in the report */
int tsdb_replay(struct tsdb *tsdb, const char *folder, uint64_t after, struct wal_report *report,
                struct err *err);

/* tail.c: opened before the log is replayed, closed behind the last batch */
int tails_init(struct tsdb *tsdb, struct err *err);
void tails_release(struct tsdb *tsdb);
/* a batch was applied; on the applier */
void tails_note(struct tsdb *tsdb, const struct append_batch *batch, uint64_t sequence);
/* the sequence behind which replayed times count; UINT64_MAX: none do */
uint64_t tails_after(const struct tsdb *tsdb);
void tails_replayed(struct tsdb *tsdb, uint64_t last_sequence, int64_t earliest);

/* snapshot.c: */
/* makes the head, from the newest snapshot that is good, or empty; *sequence: what it holds, 0 for nothing */
int tsdb_load_head(struct tsdb *tsdb, uint64_t *sequence, struct err *err);
/* by the maintenance thread: a new snapshot; then the log it makes superfluous goes */
int tsdb_snapshot(struct tsdb *tsdb, struct err *err);
/* as this, and nothing from before is leaned on any more: what was deleted is gone for good */
int tsdb_snapshot_alone(struct tsdb *tsdb, struct err *err);
/* is the log's tail long enough? */
bool tsdb_snapshot_is_due(const struct tsdb *tsdb);

/* history.c: the head's samples into blocks; each by whoever holds the maintenance lock */
bool tsdb_cut_is_due(const struct tsdb *tsdb);
int tsdb_cut(struct tsdb *tsdb, struct err *err);
/* late samples of batches up to a moment, which is taken over, into a block */
int tsdb_flush_late(struct tsdb *tsdb, const struct head_moment *moment, struct err *err);
bool tsdb_late_is_due(const struct tsdb *tsdb);
int tsdb_flush_late_now(struct tsdb *tsdb, struct err *err);
bool tsdb_quiet_is_due(const struct tsdb *tsdb);
int tsdb_release_quiet(struct tsdb *tsdb, struct err *err);

/* Series that match leave the head; what of them is outside of [mint, maxt] goes into a block. *is_left: some
 * got a sample meanwhile and are still there. */
int tsdb_expel(struct tsdb *tsdb, const struct matcher *matchers, size_t matcher_count, int64_t mint,
               int64_t maxt, bool *is_left, struct err *err);
/* all of the head as a block in another folder */
int tsdb_copy_head(struct tsdb *tsdb, const char *folder, struct err *err);

/* blocks.c: */
/* opens all; those that cannot be read are put aside; *head_mint: from there on the head's samples count */
int tsdb_open_blocks(struct tsdb *tsdb, int64_t *head_mint, struct err *err);
/* opens the block that a writer has finished, nothing when it is empty; *block NULL then */
int tsdb_open_written(struct tsdb *tsdb, const struct block_meta *meta, struct block **block,
                      struct err *err);
int tsdb_block_writer(struct tsdb *tsdb, const struct block_writer_options *wanted,
                      struct block_writer **writer, struct err *err);

/* compact.c */
bool tsdb_compact_is_due(const struct tsdb *tsdb);
int tsdb_compact(struct tsdb *tsdb, struct err *err);
/* the given blocks as one, without what is deleted; nothing left: only removes them */
int tsdb_merge(struct tsdb *tsdb, struct block *const *blocks, size_t count, struct err *err);

/* retention.c */
/* 0: no limit by size */
uint64_t tsdb_retention_bytes(const struct tsdb *tsdb);
bool tsdb_retention_is_due(const struct tsdb *tsdb);
int tsdb_retain(struct tsdb *tsdb, struct err *err);

/* reserve.c; each by whoever holds the maintenance lock */
bool tsdb_reserve_is_due(const struct tsdb *tsdb);
/* no room is no error */
int tsdb_reserve_make(struct tsdb *tsdb, struct err *err);
/* rc is ERR_NO_SPACE and the reserve was given up for it: what failed is to be tried again */
bool tsdb_reserve_use(struct tsdb *tsdb, int rc);

/* notes.c: exemplars and metadata */
struct frames_in;
struct frames_out;
struct wal_group;
void tsdb_judge_notes(struct tsdb *tsdb, struct append_batch *batch);
int tsdb_log_notes(const struct append_batch *batch, struct wal_group *group, struct err *err);
void tsdb_apply_notes(struct tsdb *tsdb, const struct append_batch *batch);
int tsdb_read_exemplars(struct tsdb *tsdb, const void *payload, size_t len, struct err *err);
int tsdb_read_metadata(struct tsdb *tsdb, const void *payload, size_t len, struct err *err);
int tsdb_save_notes(struct tsdb *tsdb, struct frames_out *out, struct err *err);
int tsdb_load_notes(struct tsdb *tsdb, struct frames_in *in);

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

/* work.c */
void tsdb_work_init(struct tsdb_work *work, struct registry *registry);
void tsdb_count(struct tsdb *tsdb, enum tsdb_event event);
/* an attempt, and when rc says so its failure too */
void tsdb_count_attempt(struct tsdb *tsdb, enum tsdb_event event, int rc);
void tsdb_compacted(struct tsdb *tsdb, int rc, int64_t started_ns);
void tsdb_truncated(struct tsdb *tsdb, int64_t started_ns);
/* one of the tasks of maintain.c, by name */
void tsdb_task_done(struct tsdb *tsdb, const char *task, int rc, int64_t started_ns);
