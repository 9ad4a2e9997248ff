/*
 * replay.c - the log's records go through the same head as they did at first: they are taken apart, and
 * postings made, on the thread that reads; series and samples on another (replay_rows.h).
 */
#include "storage/wal/replay.h"

#include "lib/base/log.h"
#include "lib/base/vec.h"
#include "storage/tsdb/inside.h"
#include "storage/tsdb/replay_chains.h"
#include "storage/wal/segment.h"

struct replay {
    struct tsdb *tsdb;
    uint64_t after; /* samples up to this sequence are in the snapshot */
    struct head_replay *series;
    struct replay_words words; /* of series not handed on yet */
    struct replay_rows *rows;
    struct replay_chains *chains;
};

/* handed on at once */
#define WORDS_STEP ((size_t)16 << 10)

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
    for (uint32_t i = 1; i < labels.count; i++)
        if (span_compare(labels.items[i - 1].name, labels.items[i].name) >= 0)
            return err_set(err, ERR_CORRUPT, "labels of a series record are not in order");
    return 0;
}

static void hand_on(struct replay *r) {
    replay_rows_series(r->rows, &r->words);
    r->words.count = 0;
}

static int read_series(struct replay *r, struct series_reader *reader, struct err *err) {
    uint64_t number;
    struct labels labels;
    int rc;
    while ((rc = series_reader_next(reader, &number, &labels, err)) > 0) {
        rc = reader->same_names ? 0 : check_labels(labels, err);
        if (rc) return rc;
        if (number == 0 || number > REPLAY_NUMBER_MAX)
            return err_set(err, ERR_CORRUPT, "series number out of range");
        rc = head_replay_read(r->series, number, labels, &r->words, err);
        if (rc) return rc;
        if (r->words.count >= WORDS_STEP) hand_on(r);
    }
    return rc;
}

static int replay_series(struct replay *r, const void *payload, size_t len, struct err *err) {
    struct series_reader reader;
    int rc = series_reader_init(&reader, payload, len, err);
    if (rc) return rc;
    head_replay_begin(r->series);
    rc = read_series(r, &reader, err);
    head_replay_end(r->series);
    series_reader_release(&reader);
    hand_on(r); /* also those before the one that makes no sense */
    return rc;
}

static int replay_record(void *context, int type, struct wal_place place, const void *payload, size_t len,
                         struct err *err) {
    struct replay *r = context;
    if (r->tsdb->progress)
        atomic_store_explicit(&r->tsdb->progress->current, place.segment, memory_order_relaxed);
    if (place.sequence <= r->after) return 0; /* what comes later leans on none of these */
    switch (type) {
    case RECORD_SERIES: return replay_series(r, payload, len, err);
    case RECORD_SAMPLES: return replay_chains_samples(r->chains, place.sequence, payload, len, err);
    case RECORD_CHANGES: return replay_chains_changes(r->chains, place.sequence, payload, len, err);
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
    r.rows = replay_rows_start(tsdb, r.series);
    r.chains = replay_chains_create(r.rows, tails_after(tsdb));
    int rc = wal_replay(tsdb->fs, folder, after, replay_record, &r, report, err);
    int last = replay_rows_finish(r.rows, &homeless, rc ? NULL : err);
    if (!rc) rc = last;
    tails_replayed(tsdb, report->last_sequence, replay_chains_earliest(r.chains));
    replay_chains_destroy(r.chains);
    head_replay_destroy(r.series);
    vec_release(&r.words);
    if (!rc) say_lost(report, homeless);
    if (!rc && tsdb->progress) atomic_store(&tsdb->progress->current, atomic_load(&tsdb->progress->last));
    return rc ? err_wrap(err, rc, "replay of the log") : 0;
}
