/*
 * replay.c - the log's records go through the same head as they did at first.
 *
 * Numbers on disk become references through a table that lives for the replay only. Rows whose series record
 * was lost are counted: nothing is guessed.
 */
#include "storage/wal/replay.h"

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "storage/tsdb/inside.h"
#include "storage/wal/record.h"

#include <stdlib.h>
#include <string.h>

/* numbers are given one by one, so none of ours is ever higher */
#define NUMBER_MAX ((uint64_t)1 << 62)

struct numbered {
    uint64_t number;
    struct series_ref ref;
};

/* a record that later ones are coded against */
struct key {
    uint64_t sequence;
    void *payload; /* owned; NULL: a later one has replaced it */
    size_t len;
};

struct replay {
    struct tsdb *tsdb;
    uint64_t after;              /* samples up to this sequence are in the snapshot */
    VEC(struct key) keys;        /* ascending */
    VEC(struct numbered) series; /* ascending */
    VEC(struct numbered) strays; /* that came after higher numbers */
    struct map by_number;        /* of strays */
    size_t last;                 /* index in series of the one found last: the next one is often behind it */
    uint64_t rows_homeless;      /* of series that no record names */
    struct samples_rows *rows;
    struct series_ref refs[SAMPLES_STEP];
    uint8_t results[SAMPLES_STEP];
};

static bool number_equal(uint32_t index, const void *key, const void *context) {
    return ((const struct replay *)context)->strays.items[index].number == *(const uint64_t *)key;
}

static size_t first_not_below(const struct replay *r, uint64_t number) {
    size_t low = 0, high = r->series.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->series.items[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct numbered *find(struct replay *r, uint64_t number) {
    size_t at = r->last + 1;
    size_t count = r->series.count;
    bool is_higher = !count || r->series.items[count - 1].number < number; /* one that is new */
    if (is_higher)
        at = count;
    else if (at >= count || r->series.items[at].number != number)
        at = first_not_below(r, number);
    if (at < r->series.count && r->series.items[at].number == number) {
        r->last = at;
        return &r->series.items[at];
    }
    uint32_t index = map_find(&r->by_number, hash_mix(0, number), &number, number_equal, r);
    return index == MAP_NONE ? NULL : &r->strays.items[index];
}

static void know(struct replay *r, struct numbered series) {
    size_t count = r->series.count;
    if (!count || r->series.items[count - 1].number < series.number) {
        *vec_push(&r->series) = series;
        return;
    }
    *vec_push(&r->strays) = series;
    map_insert(&r->by_number, hash_mix(0, series.number), (uint32_t)r->strays.count - 1);
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

static int add_series(struct replay *r, uint64_t number, struct labels labels, struct err *err) {
    int rc = check_labels(labels, err);
    if (rc) return rc;
    if (number == 0 || number > NUMBER_MAX) return err_set(err, ERR_CORRUPT, "series number out of range");
    const struct numbered *known = find(r, number);
    if (known) return 0; /* logged twice: the first write was not known to be whole */
    struct series_ref ref;
    rc = head_resolve_numbered(r->tsdb->head, labels, number, &ref, err);
    if (rc) return rc;
    head_set_logged(r->tsdb->head, ref.slot, true);
    know(r, (struct numbered){number, ref});
    return 0;
}

static int replay_series(struct replay *r, const void *payload, size_t len, struct err *err) {
    struct series_reader reader;
    int rc = series_reader_init(&reader, payload, len, err);
    if (rc) return rc;
    uint64_t number;
    struct labels labels;
    while ((rc = series_reader_next(&reader, &number, &labels, err)) > 0) {
        rc = add_series(r, number, labels, err);
        if (rc) break;
    }
    series_reader_release(&reader);
    return rc;
}

static void replay_rows(struct replay *r, int64_t late_from) {
    struct samples_rows *rows = r->rows;
    for (size_t i = 0; i < rows->count; i++) {
        const struct numbered *series = find(r, rows->numbers[i]);
        r->results[i] = series ? APPEND_STORED : APPEND_NO_SERIES;
        if (series) {
            r->refs[i] = series->ref;
        } else {
            if (rows->numbers[i] <= NUMBER_MAX) head_number_taken(r->tsdb->head, rows->numbers[i]);
            r->rows_homeless++;
        }
    }
    struct head_rows batch = {.refs = r->refs,
                              .values = rows->values,
                              .histograms = rows->has_histograms ? rows->histograms : NULL,
                              .times_ms = rows->times_ms,
                              .late_from = late_from,
                              .count = rows->count,
                              .results = r->results};
    head_append(r->tsdb->head, &batch);
}

static struct key *find_key(struct replay *r, uint64_t sequence) {
    size_t low = 0, high = r->keys.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->keys.items[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_there = low < r->keys.count && r->keys.items[low].sequence == sequence;
    return is_there && r->keys.items[low].payload ? &r->keys.items[low] : NULL;
}

static void forget_key(struct key *key) {
    if (!key) return;
    mem_free(key->payload);
    key->payload = NULL;
}

static void drop_forgotten(struct replay *r) {
    size_t kept = 0;
    for (size_t i = 0; i < r->keys.count; i++)
        if (r->keys.items[i].payload) r->keys.items[kept++] = r->keys.items[i];
    r->keys.count = kept;
}

static void keep_key(struct replay *r, uint64_t sequence, uint64_t replaces, const void *payload,
                     size_t len) {
    if (replaces && replaces < sequence) forget_key(find_key(r, sequence - replaces));
    if (r->keys.count && r->keys.items[r->keys.count - 1].sequence >= sequence) return;
    if (r->keys.count == r->keys.capacity) drop_forgotten(r);
    *vec_push(&r->keys) = (struct key){sequence, memcpy(mem_alloc(len), payload, len), len};
}

static int replay_samples(struct replay *r, uint64_t sequence, const void *payload, size_t len,
                          struct err *err) {
    struct samples_reader reader;
    int rc = samples_reader_init(&reader, payload, len, err);
    if (rc) return rc;
    if (reader.is_key) keep_key(r, sequence, reader.replaces, payload, len);
    while (sequence > r->after && (rc = samples_reader_next(&reader, r->rows, err)) > 0)
        replay_rows(r, reader.late_from);
    samples_reader_release(&reader);
    return rc;
}

static int replay_changes(struct replay *r, uint64_t sequence, const void *payload, size_t len,
                          struct err *err) {
    struct changes_reader reader;
    int rc = changes_reader_init(&reader, payload, len, err);
    if (rc || sequence <= r->after) return rc;
    const struct key *key =
        reader.key_distance < sequence ? find_key(r, sequence - reader.key_distance) : NULL;
    if (!key) return err_set(err, ERR_CORRUPT, "the record it is coded against is lost");
    rc = changes_reader_key(&reader, key->payload, key->len, err);
    if (rc) return rc;
    while ((rc = changes_reader_next(&reader, r->rows, err)) > 0) replay_rows(r, reader.late_from);
    changes_reader_release(&reader);
    return rc;
}

static int replay_record(void *context, int type, uint64_t sequence, const void *payload, size_t len,
                         struct err *err) {
    struct replay *r = context;
    switch (type) {
    case RECORD_SERIES: return sequence > r->after ? replay_series(r, payload, len, err) : 0;
    case RECORD_SAMPLES: return replay_samples(r, sequence, payload, len, err);
    case RECORD_EXEMPLARS: return sequence > r->after ? tsdb_read_exemplars(r->tsdb, payload, len, err) : 0;
    case RECORD_METADATA: return sequence > r->after ? tsdb_read_metadata(r->tsdb, payload, len, err) : 0;
    case RECORD_CHANGES: return replay_changes(r, sequence, payload, len, err);
    default: return err_set(err, ERR_CORRUPT, "unknown record type %d", type);
    }
}

static void say_lost(const struct replay *r, const struct wal_report *report) {
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
    if (r->rows_homeless)
        LOG(LOG_ERROR, "samples are lost whose series were named in a damaged record", "samples",
            log_text("%llu", (unsigned long long)r->rows_homeless));
}

static int compare_numbers(const void *a, const void *b) {
    uint64_t left = ((const struct numbered *)a)->number, right = ((const struct numbered *)b)->number;
    return left < right ? -1 : left > right;
}

/* what a snapshot brought is known by its numbers too */
static void know_series(struct replay *r) {
    uint32_t count = head_slots(r->tsdb->head);
    vec_reserve(&r->series, count);
    for (uint32_t slot = 0; slot < count; slot++) {
        uint64_t number;
        bool is_logged;
        struct series_ref ref = head_ref(r->tsdb->head, slot);
        if (!head_number(r->tsdb->head, ref, &number, &is_logged)) continue;
        *vec_push(&r->series) = (struct numbered){number, ref};
    }
    if (count) qsort(r->series.items, r->series.count, sizeof *r->series.items, compare_numbers);
}

int tsdb_replay(struct tsdb *tsdb, const char *folder, uint64_t after, struct wal_report *report,
                struct err *err) {
    struct replay *r = mem_zalloc(sizeof *r);
    r->tsdb = tsdb;
    r->after = after;
    r->rows = mem_alloc(sizeof *r->rows);
    know_series(r);
    int rc = wal_replay(tsdb->fs, folder, after, replay_record, r, report, err);
    if (!rc) say_lost(r, report);
    for (size_t i = 0; i < r->keys.count; i++) forget_key(&r->keys.items[i]);
    vec_release(&r->keys);
    vec_release(&r->series);
    vec_release(&r->strays);
    map_release(&r->by_number);
    mem_free(r->rows);
    mem_free(r);
    return rc ? err_wrap(err, rc, "replay of the log") : 0;
}
