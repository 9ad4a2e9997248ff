/*
 * replay.c - the log's records go through the same head as they did at first: series on the thread that
 * reads, samples on another (replay_rows.h).
 */
#include "storage/wal/replay.h"

#include "lib/base/log.h"
#include "lib/base/vec.h"
#include "storage/tsdb/inside.h"
#include "storage/tsdb/replay_rows.h"
#include "storage/wal/record.h"
#include "storage/wal/segment.h"

struct replay {
    struct tsdb *tsdb;
    uint64_t after; /* samples up to this sequence are in the snapshot */
    struct head_replay *series;
    VEC(struct replayed_series) added; /* by the record */
    struct replay_rows *rows;
};

/* what is in the folder, for those who watch; that it cannot be read is for the replay to say */
static void begin_progress(struct tsdb *tsdb, const char *folder) {
    struct tsdb_progress *progress = tsdb->progress;
    struct segment_numbers numbers = {0};
    if (progress && segment_list(tsdb->fs, folder, &numbers, NULL) == 0 && numbers.list.count) {
        atomic_store(&progress->first, numbers.list.items[0]);
        atomic_store(&progress->current, numbers.list.items[0]);
        atomic_store(&progress->last, numbers.list.items[numbers.list.count - 1]);
    }
    vec_release(&numbers.list);
}

/* what every series of ours satisfies; a record that does not cannot be ours */
static int check_labels(struct labels labels, struct err *err) {
    for (uint32_t i = 0; i < labels.count; i++) {
        bool ascends = i == 0 || span_compare(labels.items[i - 1].name, labels.items[i].name) < 0;
        if (!ascends || !labels.items[i].value.len)
            return err_set(err, ERR_CORRUPT, "labels of a series record are not in order");
    }
    return 0;
}

/* those that were added become series */
static int take_series(struct replay *r, struct err *err) {
    size_t count;
    vec_reserve(&r->added, r->added.count + HEAD_REPLAY_STEP);
    int rc = head_replay_take(r->series, r->added.items + r->added.count, &count, err);
    r->added.count += count;
    return rc;
}

static int add_series(struct replay *r, uint64_t number, struct labels labels, struct err *err) {
    int rc = check_labels(labels, err);
    if (rc) return rc;
    if (number == 0 || number > REPLAY_NUMBER_MAX)
        return err_set(err, ERR_CORRUPT, "series number out of range");
    return head_replay_add(r->series, labels, number, err);
}

static int replay_series(struct replay *r, const void *payload, size_t len, struct err *err) {
    struct series_reader reader;
    int rc = series_reader_init(&reader, payload, len, err);
    if (rc) return rc;
    uint64_t number;
    struct labels labels;
    r->added.count = 0;
    for (size_t count = 0; (rc = series_reader_next(&reader, &number, &labels, err)) > 0;) {
        rc = add_series(r, number, labels, err);
        if (!rc && ++count % HEAD_REPLAY_STEP == 0) rc = take_series(r, err);
        if (rc) break;
    }
    series_reader_release(&reader);
    int last = take_series(r, rc ? NULL : err); /* also those before the one that makes no sense */
    replay_rows_know(r->rows, r->added.items, r->added.count);
    return rc ? rc : last;
}

static int replay_record(void *context, int type, struct wal_place place, const void *payload, size_t len,
                         struct err *err) {
    struct replay *r = context;
    if (r->tsdb->progress)
        atomic_store_explicit(&r->tsdb->progress->current, place.segment, memory_order_relaxed);
    if (place.sequence <= r->after) return 0; /* what comes later leans on none of these */
    switch (type) {
    case RECORD_SERIES: return replay_series(r, payload, len, err);
    case RECORD_SAMPLES:
    case RECORD_CHANGES: replay_rows_record(r->rows, type, place, payload, len); return 0;
    case RECORD_EXEMPLARS: return tsdb_read_exemplars(r->tsdb, payload, len, err);
    case RECORD_METADATA: return tsdb_read_metadata(r->tsdb, payload, len, err);
    default: return err_set(err, ERR_CORRUPT, "unknown record type %d", type);
    }
}

static void say_lost(const struct wal_report *report, uint64_t homeless) {
    if (report->cut_bytes)
        LOG(LOG_WARN, "the log ended in the middle of a record, which was cut off", "segment",
            log_text("%08llu", (unsigned long long)report->tail_segment), "bytes",
            log_text("%llu", (unsigned long long)report->cut_bytes));
    for (size_t i = 0; i < report->loss_count; i++)
        LOG(LOG_ERROR, "records of the log are damaged and lost", "segment",
            log_text("%08llu", (unsigned long long)report->losses[i].segment), "from_sequence",
            log_text("%llu", (unsigned long long)report->losses[i].from_sequence), "to_sequence",
            log_text("%llu", (unsigned long long)report->losses[i].to_sequence));
    if (report->damaged_stretches || report->lost_records)
        LOG(LOG_ERROR, "the log is damaged", "lost_records",
            log_text("%llu", (unsigned long long)report->lost_records), "damaged_stretches",
            log_text("%llu", (unsigned long long)report->damaged_stretches), "damaged_bytes",
            log_text("%llu", (unsigned long long)report->damaged_bytes));
    if (homeless)
        LOG(LOG_ERROR, "samples are lost whose series were named in a damaged record", "samples",
            log_text("%llu", (unsigned long long)homeless));
}

int tsdb_replay(struct tsdb *tsdb, const char *folder, uint64_t after, struct wal_report *report,
                struct err *err) {
    struct replay r = {.tsdb = tsdb, .after = after};
    uint64_t homeless;
    begin_progress(tsdb, folder);
    r.series = head_replay_create(tsdb->head);
    r.rows = replay_rows_start(tsdb);
    int rc = wal_replay(tsdb->fs, folder, after, replay_record, &r, report, err);
    replay_rows_finish(r.rows, rc ? NULL : report, &homeless);
    head_replay_destroy(r.series);
    vec_release(&r.added);
    if (!rc) say_lost(report, homeless);
    if (!rc && tsdb->progress) atomic_store(&tsdb->progress->current, atomic_load(&tsdb->progress->last));
    return rc ? err_wrap(err, rc, "replay of the log") : 0;
}
