/*
 * work.c - what maintenance did, in numbers, under Prometheus' names where it does the same.
 */
#include "lib/sys/clock.h"
#include "storage/tsdb/inside.h"

static const struct {
    const char *name, *help;
} events[EVENT_COUNT] = {
    [EVENT_COMPACTION_BEGINS] = {"prometheus_tsdb_compactions_triggered_total",
                                 "Total number of triggered compactions for the partition."},
    [EVENT_COMPACTION] = {"prometheus_tsdb_compactions_total",
                          "Blocks that were written, from the head or from other blocks."},
    [EVENT_COMPACTION_FAILED] = {"prometheus_tsdb_compactions_failed_total",
                                 "Blocks that could not be written."},
    [EVENT_TRUNCATION] = {"prometheus_tsdb_head_truncations_total",
                          "Times that samples left the head, because a block has them."},
    [EVENT_TIME_RETENTION] = {"prometheus_tsdb_time_retentions_total",
                              "Blocks deleted because they were older than the retention."},
    [EVENT_SIZE_RETENTION] = {"prometheus_tsdb_size_retentions_total",
                              "Blocks deleted because all of them were larger than the retention."},
    [EVENT_RELOAD] = {"prometheus_tsdb_reloads_total", "Blocks that were opened, or were to be."},
    [EVENT_RELOAD_FAILED] = {"prometheus_tsdb_reloads_failures_total", "Blocks that could not be opened."},
    [EVENT_LOG_TRUNCATION] = {"prometheus_tsdb_wal_truncations_total",
                              "Times that old segments of the log were to go."},
    [EVENT_LOG_TRUNCATION_FAILED] = {"prometheus_tsdb_wal_truncations_failed_total",
                                     "Times that old segments of the log could not be removed."},
    [EVENT_SNAPSHOT] = {"prometheus_tsdb_checkpoint_creations_total",
                        "Snapshots of the head that were made, or were to be."},
    [EVENT_SNAPSHOT_FAILED] = {"prometheus_tsdb_checkpoint_creations_failed_total",
                               "Snapshots of the head that could not be made."},
    [EVENT_SNAPSHOT_REMOVAL] = {"prometheus_tsdb_checkpoint_deletions_total",
                                "Old snapshots of the head that were removed, or were to be."},
    [EVENT_SNAPSHOT_REMOVAL_FAILED] = {"prometheus_tsdb_checkpoint_deletions_failed_total",
                                       "Old snapshots of the head that could not be removed."},
};

void tsdb_work_init(struct tsdb_work *work, struct registry *registry) {
    static const double bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};
    *work = (struct tsdb_work){.registry = registry};
    if (!registry) return;
    for (size_t i = 0; i < EVENT_COUNT; i++)
        work->events[i] = registry_counter(registry, events[i].name, events[i].help, NULL);
    work->compaction_seconds =
        registry_histogram(registry, "prometheus_tsdb_compaction_duration_seconds",
                           "Time it took to write a block.", NULL, bounds, sizeof bounds / sizeof *bounds);
    work->truncation_seconds =
        registry_summary(registry, "prometheus_tsdb_head_gc_duration_seconds",
                         "Time it took to take out of the head what a block has.", NULL);
}

void tsdb_count(struct tsdb *tsdb, enum tsdb_event event) {
    if (tsdb->work.registry) counter_inc(tsdb->work.events[event]);
}

void tsdb_count_attempt(struct tsdb *tsdb, enum tsdb_event event, int rc) {
    tsdb_count(tsdb, event);
    if (rc) tsdb_count(tsdb, event + 1);
}

static double seconds_since(int64_t started_ns) {
    return (double)(clock_monotonic_ns() - started_ns) * 1e-9;
}

void tsdb_compacted(struct tsdb *tsdb, int rc, int64_t started_ns) {
    tsdb_count_attempt(tsdb, EVENT_COMPACTION, rc);
    if (tsdb->work.registry) histogram_observe(tsdb->work.compaction_seconds, seconds_since(started_ns));
}

void tsdb_truncated(struct tsdb *tsdb, int64_t started_ns) {
    tsdb_count(tsdb, EVENT_TRUNCATION);
    if (tsdb->work.registry) summary_observe(tsdb->work.truncation_seconds, seconds_since(started_ns));
}

void tsdb_task_done(struct tsdb *tsdb, const char *task, int rc, int64_t started_ns) {
    struct registry *registry = tsdb->work.registry;
    instrument_labels labels = (const char *[]){"task", task, NULL};
    if (!registry) return;
    summary_observe(registry_summary(registry, "ferula_tsdb_task_duration_seconds",
                                     "Time that tasks of maintenance took.", labels),
                    seconds_since(started_ns));
    struct counter *failures = registry_counter(registry, "ferula_tsdb_task_failures_total",
                                                "Tasks of maintenance that failed.", labels);
    if (rc) counter_inc(failures);
}
