#include "storage/wal/writer.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "storage/wal/wal.h"

#include <string.h>

#define WRITER_MAGIC 0x77616c32u
#define GROUP_BYTES ((size_t)4 << 20)
#define GROUP_KEEP_BYTES ((size_t)1 << 20) /* a larger buffer is not kept between groups */
#define DEFAULT_INTERVAL_MS 1000
#define DEFAULT_ROWS_WAITING ((size_t)2 << 20)
/* no more rows are gathered */
#define GATHER_ROWS ((size_t)64 << 10)

/* a call on the writer's thread; on its caller's stack */
struct task {
    void (*fn)(void *context);
    void *context;
    bool is_done;
    struct task *next;
};

struct encoded {
    struct append_batch *batch;
    uint32_t records_end; /* records of the group up to and with this batch's */
};

/* a batch that was applied, and is done once it is on disk */
struct unsynced {
    struct append_batch *batch;
    uint64_t sequence; /* of its last record */
};

struct wal_writer {
    uint32_t magic;
    struct wal *wal;
    struct wal_writer_options options;
    const struct wal_writer_ops *ops;
    void *context;
    struct thread thread;

    struct mutex lock; /* guards from here ... */
    struct condition has_work, has_room, has_flushed;
    struct append_batch *first, **last;
    bool is_awaited;     /* one of these is */
    bool is_gathering;   /* the thread wakes by itself soon */
    size_t rows_waiting; /* of batches not done yet */
    struct task *tasks;
    uint64_t flushes_wanted, flushes_done;
    int flush_rc;
    struct err flush_err;
    bool has_synced; /* the sync that runs beside has ended */
    bool stopping;   /* ... to here */

    struct wal_group group; /* the thread's own */
    VEC(struct encoded) encoded;
    VEC(struct unsynced) unsynced;
    bool is_syncing;        /* beside, ... */
    uint64_t syncing_until; /* ... the records up to this one */
    int64_t sync_due_ms;    /* 0: nothing is to be synced */
    bool is_failing;        /* the last write or sync failed: said once, not for each group */
};

struct taken {
    struct append_batch *batches;
    struct task *tasks;
    uint64_t flushes;
    bool has_synced, stopping;
};

/* ---- producers ---- */

void wal_writer_submit(struct wal_writer *writer, struct append_batch *batch) {
    CHECK_OBJ(writer, WRITER_MAGIC);
    mutex_lock(&writer->lock);
    while (writer->rows_waiting && writer->rows_waiting + batch->count > writer->options.max_rows_waiting)
        condition_wait(&writer->has_room, &writer->lock);
    ASSERT(!writer->stopping);
    batch->next = NULL;
    *writer->last = batch;
    writer->last = &batch->next;
    writer->rows_waiting += batch->count;
    writer->is_awaited |= batch->wait_sync || batch->is_urgent || writer->rows_waiting > GATHER_ROWS;
    bool wakes = writer->is_awaited || !writer->is_gathering;
    mutex_unlock(&writer->lock);
    if (wakes) condition_signal(&writer->has_work); /* who wakes finds the lock free */
}

size_t wal_writer_rows_waiting(struct wal_writer *writer) {
    CHECK_OBJ(writer, WRITER_MAGIC);
    mutex_lock(&writer->lock);
    size_t rows = writer->rows_waiting;
    mutex_unlock(&writer->lock);
    return rows;
}

int wal_writer_flush(struct wal_writer *writer, struct err *err) {
    CHECK_OBJ(writer, WRITER_MAGIC);
    mutex_lock(&writer->lock);
    uint64_t ticket = ++writer->flushes_wanted;
    condition_signal(&writer->has_work);
    while (writer->flushes_done < ticket) condition_wait(&writer->has_flushed, &writer->lock);
    int rc = writer->flush_rc ? err_set(err, writer->flush_rc, "%s", writer->flush_err.text) : 0;
    mutex_unlock(&writer->lock);
    return rc;
}

void wal_writer_run(struct wal_writer *writer, void (*fn)(void *context), void *context) {
    CHECK_OBJ(writer, WRITER_MAGIC);
    struct task task = {.fn = fn, .context = context};
    mutex_lock(&writer->lock);
    task.next = writer->tasks;
    writer->tasks = &task;
    condition_signal(&writer->has_work);
    while (!task.is_done) condition_wait(&writer->has_flushed, &writer->lock);
    mutex_unlock(&writer->lock);
}

/* ---- the thread ---- */

static bool is_wanted_now(const struct wal_writer *writer) {
    return writer->is_awaited || writer->tasks || writer->stopping || writer->has_synced ||
           writer->flushes_wanted != writer->flushes_done;
}

/* until something is to be done */
static void wait_for_work(struct wal_writer *writer) {
    int64_t gathered_ms = clock_monotonic_ms() + writer->options.gather_ms;
    while (!is_wanted_now(writer)) {
        int64_t now_ms = clock_monotonic_ms();
        bool is_due = writer->sync_due_ms && now_ms >= writer->sync_due_ms;
        if (is_due || (writer->first && now_ms >= gathered_ms)) break;
        writer->is_gathering = now_ms < gathered_ms;
        int64_t until_ms = writer->is_gathering ? gathered_ms : writer->sync_due_ms;
        if (writer->sync_due_ms && writer->sync_due_ms < until_ms) until_ms = writer->sync_due_ms;
        if (until_ms)
            (void)condition_wait_ms(&writer->has_work, &writer->lock, until_ms - now_ms);
        else
            condition_wait(&writer->has_work, &writer->lock);
    }
    writer->is_gathering = false;
}

/* everything that waits; may be nothing, when a sync is due */
static struct taken take(struct wal_writer *writer) {
    mutex_lock(&writer->lock);
    wait_for_work(writer);
    struct taken taken = {writer->first, writer->tasks, writer->flushes_wanted, writer->has_synced,
                          writer->stopping};
    writer->has_synced = writer->is_awaited = false;
    writer->first = NULL;
    writer->tasks = NULL;
    writer->last = &writer->first;
    mutex_unlock(&writer->lock);
    return taken;
}

/* the queue's account, then the producer's callback; the batch is its owner's from then on */
static void finish(struct wal_writer *writer, struct append_batch *batch, int rc) {
    mutex_lock(&writer->lock);
    writer->rows_waiting -= batch->count;
    condition_broadcast(&writer->has_room);
    mutex_unlock(&writer->lock);
    batch->rc = rc;
    batch->done(batch);
}

static void note_outcome(struct wal_writer *writer, int rc, const struct err *err) {
    if (rc && !writer->is_failing)
        LOG(LOG_ERROR, "cannot write to the log, samples are refused until it works again", "error",
            err->text);
    if (!rc && writer->is_failing) LOG(LOG_INFO, "the log works again, samples are taken");
    writer->is_failing = rc != 0;
}

static void encode(struct wal_writer *writer, struct append_batch *batch) {
    struct wal_group *group = &writer->group;
    struct err err;
    size_t bytes = group->bytes.len;
    uint32_t records = group->record_count;
    int rc = writer->ops->encode(writer->context, batch, group, &err);
    if (rc) {
        wal_group_cut(group, bytes, records);
        if (rc == ERR_NO_SPACE) /* of every batch, for a while */
            note_outcome(writer, rc, &err);
        else
            LOG(LOG_WARN, "a batch of samples cannot be logged", "error", err.text);
        finish(writer, batch, rc);
        return;
    }
    *vec_push(&writer->encoded) = (struct encoded){batch, group->record_count};
}

/* called on the thread of syncs */
static void on_synced(void *context) {
    struct wal_writer *writer = context;
    mutex_lock(&writer->lock);
    writer->has_synced = true;
    mutex_unlock(&writer->lock);
    condition_signal(&writer->has_work); /* who wakes finds the lock free */
}

static void begin_sync(struct wal_writer *writer) {
    if (writer->is_syncing || !wal_sync_begin(writer->wal)) return;
    writer->is_syncing = true;
    writer->syncing_until = wal_next_sequence(writer->wal) - 1;
}

static bool waits_for_sync(const struct wal_writer *writer, const struct append_batch *batch) {
    return batch->wait_sync && writer->options.mode == WAL_SYNC_ACK;
}

static bool somebody_waits(const struct wal_writer *writer) {
    for (size_t i = 0; i < writer->encoded.count; i++)
        if (waits_for_sync(writer, writer->encoded.items[i].batch)) return true;
    return false;
}

static void group_written(struct wal_writer *writer) {
    writer->ops->written(writer->context);
    if (writer->group.is_awaited) begin_sync(writer); /* the disk works while the batches are applied */
    uint64_t before = writer->group.first_sequence - 1;
    for (size_t i = 0; i < writer->encoded.count; i++) {
        struct encoded *encoded = &writer->encoded.items[i];
        uint64_t sequence = before + encoded->records_end;
        encoded->batch->rc = 0;
        writer->ops->apply(writer->context, encoded->batch, sequence);
        if (waits_for_sync(writer, encoded->batch))
            *vec_push(&writer->unsynced) = (struct unsynced){encoded->batch, sequence};
        else
            finish(writer, encoded->batch, 0);
    }
}

static void group_failed(struct wal_writer *writer, int rc) {
    writer->ops->failed(writer->context, rc);
    for (size_t i = 0; i < writer->encoded.count; i++) finish(writer, writer->encoded.items[i].batch, rc);
}

static void write_group(struct wal_writer *writer) {
    struct err err;
    if (!writer->encoded.count) return; /* every batch was refused */
    writer->group.is_awaited = somebody_waits(writer);
    int rc = wal_write(writer->wal, &writer->group, &err);
    note_outcome(writer, rc, &err);
    if (rc)
        group_failed(writer, rc);
    else
        group_written(writer);
    writer->encoded.count = 0;
    if (writer->group.bytes.capacity > GROUP_KEEP_BYTES) wal_group_release(&writer->group);
    wal_group_reset(&writer->group);
}

static void write_batches(struct wal_writer *writer, struct append_batch *batches) {
    for (struct append_batch *next; batches; batches = next) {
        next = batches->next;
        encode(writer, batches);
        if (!next || writer->group.bytes.len >= GROUP_BYTES) write_group(writer);
    }
}

/* Batches up to a sequence that waited for their sync. When it failed they are in the log's memory and in the
 * head, but nobody is told that they are safe. */
static void finish_unsynced(struct wal_writer *writer, uint64_t until, int rc) {
    size_t done = 0;
    for (; done < writer->unsynced.count && writer->unsynced.items[done].sequence <= until; done++)
        finish(writer, writer->unsynced.items[done].batch, rc);
    if (!done) return;
    writer->unsynced.count -= done;
    memmove(writer->unsynced.items, writer->unsynced.items + done,
            writer->unsynced.count * sizeof *writer->unsynced.items);
}

static int sync_ended(struct wal_writer *writer, uint64_t until, int rc, const struct err *err) {
    writer->is_syncing = false;
    if (rc || writer->is_failing) note_outcome(writer, rc, err);
    finish_unsynced(writer, until, rc);
    return rc;
}

static int sync_now(struct wal_writer *writer, struct err *err) {
    int rc = wal_sync(writer->wal, err);
    return sync_ended(writer, UINT64_MAX, rc, err);
}

static void end_sync(struct wal_writer *writer) {
    struct err err;
    if (!writer->is_syncing) return; /* another call has waited for it */
    int rc = wal_sync_end(writer->wal, writer->syncing_until, &err);
    sync_ended(writer, writer->syncing_until, rc, &err);
}

/* sync when it is time, or somebody waits, and remember when it will be */
static void sync_if_due(struct wal_writer *writer) {
    struct err err;
    int64_t now_ms = clock_monotonic_ms();
    bool is_due = writer->sync_due_ms && now_ms >= writer->sync_due_ms;
    if (is_due) writer->sync_due_ms = 0;
    bool is_wanted = is_due || writer->unsynced.count;
    if (is_wanted) begin_sync(writer);
    /* all is synced by now; or there is no file to sync, as the last write or sync failed: a new one is tried
     */
    if (is_wanted && !writer->is_syncing) (void)sync_now(writer, &err);
    if (!wal_has_unsynced(writer->wal) || writer->is_syncing)
        writer->sync_due_ms = 0;
    else if (!writer->sync_due_ms)
        writer->sync_due_ms = now_ms + writer->options.interval_ms;
}

static void answer_flushes(struct wal_writer *writer, uint64_t flushes) {
    struct err err = {0};
    if (flushes == writer->flushes_done) return; /* only this thread writes it */
    int rc = sync_now(writer, &err);
    mutex_lock(&writer->lock);
    writer->flushes_done = flushes;
    writer->flush_rc = rc;
    writer->flush_err = err;
    condition_broadcast(&writer->has_flushed);
    mutex_unlock(&writer->lock);
}

static void run_tasks(struct wal_writer *writer, struct task *tasks) {
    for (struct task *next; tasks; tasks = next) {
        next = tasks->next; /* the task is its caller's again once it is done */
        tasks->fn(tasks->context);
        mutex_lock(&writer->lock);
        tasks->is_done = true;
        condition_broadcast(&writer->has_flushed);
        mutex_unlock(&writer->lock);
    }
}

static void *run(void *context) {
    struct wal_writer *writer = context;
    struct err err;
    for (;;) {
        struct taken taken = take(writer);
        if (taken.has_synced) end_sync(writer);
        write_batches(writer, taken.batches);
        run_tasks(writer, taken.tasks);
        answer_flushes(writer, taken.flushes);
        sync_if_due(writer);
        if (taken.stopping) break;
    }
    (void)sync_now(writer, &err); /* said if it fails */
    return NULL;
}

/* ---- life ---- */

struct wal_writer *wal_writer_create(struct wal *wal, const struct wal_writer_options *options,
                                     const struct wal_writer_ops *ops, void *context) {
    struct wal_writer *writer = mem_zalloc(sizeof *writer);
    writer->magic = WRITER_MAGIC;
    writer->wal = wal;
    writer->options = *options;
    if (!writer->options.interval_ms) writer->options.interval_ms = DEFAULT_INTERVAL_MS;
    if (!writer->options.max_rows_waiting) writer->options.max_rows_waiting = DEFAULT_ROWS_WAITING;
    writer->ops = ops;
    writer->context = context;
    writer->last = &writer->first;
    mutex_init(&writer->lock);
    condition_init(&writer->has_work);
    condition_init(&writer->has_room);
    condition_init(&writer->has_flushed);
    wal_group_init(&writer->group);
    wal_sync_beside(wal, on_synced, writer);
    thread_start(&writer->thread, "wal writer", run, writer);
    return writer;
}

void wal_writer_destroy(struct wal_writer *writer) {
    if (!writer) return;
    CHECK_OBJ(writer, WRITER_MAGIC);
    mutex_lock(&writer->lock);
    writer->stopping = true;
    mutex_unlock(&writer->lock);
    condition_signal(&writer->has_work); /* who wakes finds the lock free */
    thread_join(&writer->thread);
    wal_sync_beside(writer->wal, NULL, NULL);
    wal_group_release(&writer->group);
    vec_release(&writer->encoded);
    vec_release(&writer->unsynced);
    condition_release(&writer->has_flushed);
    condition_release(&writer->has_room);
    condition_release(&writer->has_work);
    mutex_release(&writer->lock);
    writer->magic = 0;
    mem_free(writer);
}
