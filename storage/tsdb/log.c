/*
 * log.c - what the log's thread asks of the database: a batch becomes records, then samples.
 *
 *     encode: rows too far ahead or of no series sorted out | series records of series not logged yet
 *             | one samples record of the rest, or, of a batch like one before (keys.h), of what changed
 *     written: the marked series are logged      failed: they are not
 *     apply: into the head, by rules that need only what is in the log and the head
 */
#include "lib/base/log.h"
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "storage/tsdb/inside.h"
#include "storage/wal/record.h"
#include "storage/wal/replay.h"
#include "storage/wal/wal.h"
#include "storage/wal/writer.h"

#include <string.h>

/* The times a batch may bring, as Prometheus has them; but the newest sample counts no later than now, so
 * that a clock that was ahead for a while stops nothing once it is right. */
struct bounds {
    int64_t earliest, latest, late_from;
};

static struct bounds bounds_of(const struct tsdb *tsdb, const struct append_batch *batch) {
    int64_t now = tsdb->take_any_time ? INT64_MAX : clock_wall_ms();
    int64_t window = atomic_load(&tsdb->late_window_ms), newest = head_max_time(tsdb->head);
    struct bounds bounds = {head_closed(tsdb->head), INT64_MAX, LATE_NEVER};
    if (!tsdb->take_any_time) bounds.latest = now + TSDB_FUTURE_MS;
    if (newest > now) newest = now;
    if (batch->keep_late) {
        bounds.earliest = bounds.late_from = INT64_MIN;
    } else if (window > 0) {
        bounds.earliest = INT64_MIN;
        bounds.late_from = newest == INT64_MIN ? INT64_MIN : newest - window;
    } else if (!tsdb->take_any_time && newest > INT64_MIN + TSDB_PAST_MS &&
               newest - TSDB_PAST_MS > bounds.earliest) {
        bounds.earliest = newest - TSDB_PAST_MS;
    }
    return bounds;
}

static uint8_t judge_time(const struct bounds *bounds, int64_t time) {
    return time >= bounds->earliest && time <= bounds->latest ? APPEND_STORED : APPEND_OUT_OF_BOUNDS;
}

void tsdb_judge(struct tsdb *tsdb, struct append_batch *batch) {
    struct bounds bounds = bounds_of(tsdb, batch);
    if (!batch->results) batch->results = mem_resize(NULL, batch->count, 1);
    if (batch->times_ms)
        for (size_t i = 0; i < batch->count; i++) batch->results[i] = judge_time(&bounds, batch->times_ms[i]);
    else
        memset(batch->results, judge_time(&bounds, batch->time_ms), batch->count);
    batch->late_from = bounds.late_from;
    tsdb_judge_notes(tsdb, batch);
}

void tsdb_apply(struct tsdb *tsdb, struct append_batch *batch) {
    struct head_rows rows = {.refs = batch->refs,
                             .values = batch->values,
                             .histograms = (const struct histogram *const *)batch->histograms,
                             .times_ms = batch->times_ms,
                             .time_ms = batch->time_ms,
                             .late_from = batch->late_from,
                             .count = batch->count,
                             .results = batch->results};
    if (batch->count) head_append(tsdb->head, &rows);
    tsdb_apply_notes(tsdb, batch);
}

static void take_row(struct tsdb_log *log, const struct append_batch *batch, size_t row, uint64_t number) {
    *vec_push(&log->numbers) = number;
    *vec_push(&log->values) = batch->values[row];
    if (batch->histograms) *vec_push(&log->histograms) = batch->histograms[row];
    if (batch->times_ms) *vec_push(&log->times_ms) = batch->times_ms[row];
}

/* one time for all rows, where that is so */
static void fold_times(struct append_batch *batch) {
    if (!batch->times_ms || !batch->count) return;
    for (size_t i = 1; i < batch->count; i++)
        if (batch->times_ms[i] != batch->times_ms[0]) return;
    batch->time_ms = batch->times_ms[0];
    mem_free(batch->times_ms);
    batch->times_ms = NULL;
}

/* the rows that are logged; series not logged yet are marked, so that no later encode logs them again */
static void take_rows(struct tsdb *tsdb, struct append_batch *batch) {
    struct tsdb_log *log = &tsdb->log;
    log->numbers.count = log->values.count = log->times_ms.count = log->histograms.count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t number;
        bool is_logged;
        if (batch->results[i] != APPEND_STORED) continue;
        if (!head_number(tsdb->head, batch->refs[i], &number, &is_logged)) {
            batch->results[i] = APPEND_NO_SERIES;
            continue;
        }
        take_row(log, batch, i, number);
        if (is_logged) continue;
        head_set_logged(tsdb->head, batch->refs[i].slot, true);
        *vec_push(&log->marked) = batch->refs[i].slot;
    }
}

static void unmark(struct tsdb *tsdb, size_t from) {
    struct tsdb_log *log = &tsdb->log;
    for (size_t i = from; i < log->marked.count; i++)
        head_set_logged(tsdb->head, log->marked.items[i], false);
    log->marked.count = from;
}

static int add_series(struct tsdb *tsdb, struct series_record *record, size_t index, struct err *err) {
    struct tsdb_log *log = &tsdb->log;
    uint32_t slot = log->marked.items[index];
    size_t count = head_label_count(tsdb->head, slot);
    /* the labels of the series before must stay as they are */
    vec_reserve(&log->labels[index % 2], count + 1);
    struct labels labels = head_labels(tsdb->head, slot, log->labels[index % 2].items);
    uint64_t number;
    bool is_logged;
    struct series_ref ref = head_ref(tsdb->head, slot);
    bool found = head_number(tsdb->head, ref, &number, &is_logged);
    ASSERT(found);
    return series_record_add(record, number, labels, err);
}

/* one record, of series from *next on, until it is large enough */
static int write_series(struct tsdb *tsdb, struct wal_group *group, size_t *next, struct err *err) {
    struct series_record record;
    series_record_begin(&record, wal_group_begin(group, RECORD_SERIES));
    int rc = 0;
    while (!rc && *next < tsdb->log.marked.count && series_record_size(&record) < RECORD_SERIES_BYTES) {
        rc = add_series(tsdb, &record, *next, err);
        ++*next;
    }
    if (!rc) rc = series_record_end(&record, err);
    return rc ? rc : wal_group_end(group, err);
}

/* of the next record of the group */
static uint64_t next_sequence(const struct tsdb *tsdb, const struct wal_group *group) {
    return wal_next_sequence(tsdb->wal) + group->record_count;
}

/* key: the record becomes that of the batches like this one; NULL: of none */
static int write_samples(struct tsdb *tsdb, const struct append_batch *batch, struct batch_key *key,
                         struct wal_group *group, struct err *err) {
    struct tsdb_log *log = &tsdb->log;
    uint64_t sequence = next_sequence(tsdb, group);
    if (!log->numbers.count) return 0;
    struct samples_columns rows = {.numbers = log->numbers.items,
                                   .values = log->values.items,
                                   .histograms = batch->histograms ? log->histograms.items : NULL,
                                   .times_ms = batch->times_ms ? log->times_ms.items : NULL,
                                   .time_ms = batch->time_ms,
                                   .late_from = batch->late_from,
                                   .count = log->numbers.count,
                                   .is_key = key != NULL,
                                   .replaces = key && key->state ? sequence - key->sequence : 0};
    int rc = samples_record_write(wal_group_begin(group, RECORD_SAMPLES), &rows, err);
    if (!rc) rc = wal_group_end(group, err);
    if (!rc && key) batch_keys_set(&log->keys, key, batch->values, sequence, head_life(tsdb->head));
    return rc;
}

static int write_changes(struct tsdb *tsdb, const struct append_batch *batch, struct batch_key *key,
                         struct wal_group *group, struct err *err) {
    struct changes_columns rows = {.values = batch->values,
                                   .time_ms = batch->time_ms,
                                   .late_from = batch->late_from,
                                   .key_distance = next_sequence(tsdb, group) - key->sequence,
                                   .place = ++key->uses,
                                   .count = batch->count};
    int rc = changes_record_write(wal_group_begin(group, RECORD_CHANGES), &rows, key->state, err);
    return rc ? rc : wal_group_end(group, err);
}

/* NULL: it can neither have a key nor be one */
static struct batch_key *key_of(struct tsdb *tsdb, const struct append_batch *batch, bool *is_new) {
    struct batch_keys *keys = &tsdb->log.keys;
    if (keys->segment != wal_segment(tsdb->wal)) batch_keys_age(keys, wal_segment(tsdb->wal));
    bool is_plain = batch->count && !batch->histograms && !batch->times_ms;
    if (!is_plain || batch->results[0] != APPEND_STORED) return NULL; /* one time, one judgement */
    return batch_keys_get(keys, batch->refs, batch->count, is_new);
}

static bool can_lean_on(const struct tsdb *tsdb, const struct batch_key *key) {
    return key && key->state && key->uses < KEY_USES && key->life == head_life(tsdb->head);
}

static int encode_whole(struct tsdb *tsdb, struct append_batch *batch, struct batch_key *key,
                        struct wal_group *group, struct err *err) {
    size_t first = tsdb->log.marked.count;
    int rc = 0;
    take_rows(tsdb, batch);
    for (size_t next = first; !rc && next < tsdb->log.marked.count;)
        rc = write_series(tsdb, group, &next, err);
    if (tsdb->log.numbers.count != batch->count) key = NULL;
    return rc ? rc : write_samples(tsdb, batch, key, group, err);
}

static int encode(void *context, struct append_batch *batch, struct wal_group *group, struct err *err) {
    struct tsdb *tsdb = context;
    bool is_new = true;
    if (atomic_load_explicit(&tsdb->reserve.is_out, memory_order_relaxed))
        return err_set(err, ERR_NO_SPACE, "the disk is full");
    size_t marked = tsdb->log.marked.count;
    fold_times(batch);
    tsdb_judge(tsdb, batch);
    struct batch_key *key = key_of(tsdb, batch, &is_new);
    int rc = can_lean_on(tsdb, key) ? write_changes(tsdb, batch, key, group, err)
                                    : encode_whole(tsdb, batch, is_new ? NULL : key, group, err);
    if (!rc) rc = tsdb_log_notes(batch, group, err);
    if (!rc) return 0;
    /* the batch's records are taken back */
    unmark(tsdb, marked);
    batch_keys_clear(&tsdb->log.keys);
    return rc;
}

static void written(void *context) {
    ((struct tsdb *)context)->log.marked.count = 0;
}

static void failed(void *context, int rc) {
    struct tsdb *tsdb = context;
    (void)rc;
    unmark(tsdb, 0);
    batch_keys_clear(&tsdb->log.keys);
}

static void apply(void *context, struct append_batch *batch, uint64_t sequence) {
    struct tsdb *tsdb = context;
    tsdb_apply(tsdb, batch);
    tsdb->log.applied = sequence;
    tails_note(tsdb, batch, sequence);
}

static const struct wal_writer_ops writer_ops = {
    .encode = encode, .written = written, .failed = failed, .apply = apply};

void tsdb_on_applier(struct tsdb *tsdb, void (*fn)(void *context), void *context) {
    if (tsdb->writer) {
        wal_writer_run(tsdb->writer, fn, context);
        return;
    }
    mutex_lock(&tsdb->memory_lock);
    fn(context);
    mutex_unlock(&tsdb->memory_lock);
}

int tsdb_log_start(struct tsdb *tsdb, const struct tsdb_options *options, struct registry *registry,
                   const char *folder, const struct wal_report *report, struct err *err) {
    static const enum wal_sync_mode modes[] = {[TSDB_SYNC_ACK] = WAL_SYNC_ACK,
                                               [TSDB_SYNC_INTERVAL] = WAL_SYNC_INTERVAL,
                                               [TSDB_SYNC_OFF] = WAL_SYNC_OFF};
    struct wal_options wal_options = {.never_sync = options->sync == TSDB_SYNC_OFF, .registry = registry};
    int rc = wal_open(tsdb->fs, folder, &wal_options, report, &tsdb->wal, err);
    if (rc) return rc;
    tsdb->log.applied = report->last_sequence;
    if (!wal_tail_is_synced(tsdb->wal))
        head_forget_logged(tsdb->head); /* named again with their next samples */
    struct wal_writer_options writer_options = {.mode = modes[options->sync],
                                                .gather_ms = options->gather_ms};
    tsdb->writer = wal_writer_create(tsdb->wal, &writer_options, &writer_ops, tsdb);
    return 0;
}

void tsdb_log_stop(struct tsdb *tsdb) {
    wal_writer_destroy(tsdb->writer);
    struct err err;
    if (tsdb->wal && wal_close(tsdb->wal, &err))
        LOG(LOG_ERROR, "the log could not be closed cleanly", "err", err.text);
    vec_release(&tsdb->log.marked);
    vec_release(&tsdb->log.numbers);
    vec_release(&tsdb->log.values);
    vec_release(&tsdb->log.times_ms);
    vec_release(&tsdb->log.histograms);
    batch_keys_clear(&tsdb->log.keys);
    vec_release(&tsdb->log.labels[0]);
    vec_release(&tsdb->log.labels[1]);
}
