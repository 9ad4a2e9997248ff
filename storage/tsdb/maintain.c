/*
 * maintain.c - the thread that keeps the folder in order: looks once a second whether something is due.
 *
 *     cut, late, quiet   the head holds much that belongs into blocks (history.c)
 *     compact, retain    small blocks, old blocks
 *     snapshot           the log's tail is long
 *     reserve            is not there (reserve.c)
 *
 * One task after the other, so that no task meets another's half-done work. A failure is logged once, and the
 * task tried again at the next look.
 */
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/sys/clock.h"
#include "storage/tsdb/inside.h"

#define LOOK_MS 1000

static const struct {
    enum tsdb_task task;
    const char *name;
    bool writes_blocks;
    bool (*is_due)(const struct tsdb *tsdb);
    int (*run)(struct tsdb *tsdb, struct err *err);
} tasks[] = {
    {TSDB_RESERVE, "reserve", false, tsdb_reserve_is_due, tsdb_reserve_make},
    {TSDB_CUT, "cut", true, tsdb_cut_is_due, tsdb_cut},
    {TSDB_LATE, "late", true, tsdb_late_is_due, tsdb_flush_late_now},
    {TSDB_QUIET, "quiet", false, tsdb_quiet_is_due, tsdb_release_quiet},
    {TSDB_COMPACT, "compact", true, tsdb_compact_is_due, tsdb_compact},
    {TSDB_RETAIN, "retain", false, tsdb_retention_is_due, tsdb_retain},
    {TSDB_SNAPSHOT, "snapshot", false, tsdb_snapshot_is_due, tsdb_snapshot},
};

#define TASK_COUNT (sizeof tasks / sizeof *tasks)
#define RESERVE_TASK 0

/* on a full disk once more, with the reserve */
static int run_task(struct tsdb *tsdb, size_t index, struct err *err) {
    int64_t started_ns = clock_monotonic_ns();
    if (tasks[index].writes_blocks) tsdb_count(tsdb, EVENT_COMPACTION_BEGINS);
    int rc = tasks[index].run(tsdb, err);
    if (tsdb_reserve_use(tsdb, rc)) rc = tasks[index].run(tsdb, err);
    tsdb_task_done(tsdb, tasks[index].name, rc, started_ns);
    return rc;
}

int tsdb_maintain(struct tsdb *tsdb, unsigned wanted, struct err *err) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    ASSERT(!tsdb->maintenance.is_running);
    int rc = 0;
    mutex_lock(&tsdb->maintenance.work);
    for (size_t i = 0; !rc && i < TASK_COUNT; i++)
        if (wanted & tasks[i].task) rc = run_task(tsdb, i, err);
    mutex_unlock(&tsdb->maintenance.work);
    return rc;
}

/* false: it is time to stop */
static bool wait_for_next(struct tsdb *tsdb) {
    mutex_lock(&tsdb->maintenance.lock);
    if (!tsdb->maintenance.stopping)
        condition_wait_ms(&tsdb->maintenance.wake, &tsdb->maintenance.lock, LOOK_MS);
    bool goes_on = !tsdb->maintenance.stopping;
    mutex_unlock(&tsdb->maintenance.lock);
    return goes_on;
}

static void look_after(struct tsdb *tsdb, size_t index, bool *is_failing) {
    struct err err;
    if (!tasks[index].is_due(tsdb)) return;
    mutex_lock(&tsdb->maintenance.work);
    int rc = run_task(tsdb, index, &err);
    mutex_unlock(&tsdb->maintenance.work);
    if (rc && !*is_failing) LOG(LOG_ERROR, "maintenance of the data folder failed", "err", err.text);
    *is_failing = rc != 0;
}

static void *run(void *context) {
    struct tsdb *tsdb = context;
    bool is_failing[TASK_COUNT] = {false};
    look_after(tsdb, RESERVE_TASK, &is_failing[RESERVE_TASK]); /* before the disk can fill */
    while (wait_for_next(tsdb))
        for (size_t i = 0; i < TASK_COUNT; i++) look_after(tsdb, i, &is_failing[i]);
    return NULL;
}

void tsdb_maintenance_start(struct tsdb *tsdb) {
    mutex_init(&tsdb->maintenance.lock);
    condition_init(&tsdb->maintenance.wake);
    thread_start(&tsdb->maintenance.thread, "maintenance", run, tsdb);
    tsdb->maintenance.is_running = true;
}

void tsdb_maintenance_stop(struct tsdb *tsdb) {
    struct err err;
    if (!tsdb->maintenance.is_running) return;
    mutex_lock(&tsdb->maintenance.lock);
    tsdb->maintenance.stopping = true;
    condition_signal(&tsdb->maintenance.wake);
    mutex_unlock(&tsdb->maintenance.lock);
    thread_join(&tsdb->maintenance.thread);
    condition_release(&tsdb->maintenance.wake);
    mutex_release(&tsdb->maintenance.lock);
    tsdb->maintenance.is_running = false;
    int rc = tsdb_snapshot(tsdb, &err);
    if (tsdb_reserve_use(tsdb, rc)) rc = tsdb_snapshot(tsdb, &err);
    if (rc) LOG(LOG_WARN, "no snapshot at the end; the next start replays the log", "err", err.text);
}
