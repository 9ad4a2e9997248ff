#include "storage/tsdb/replay_rows.h"

#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"
#include "storage/tsdb/numbers.h"
#include "storage/wal/record.h"

#include <string.h>

#define QUEUE_JOBS 32u
/* what a place of the queue keeps for its next job */
#define QUEUE_KEEPS ((size_t)256 << 10)

/* a record that begins a chain, and what the last one of the chain left of its rows */
struct key {
    uint64_t sequence;
    uint64_t *numbers; /* owned; NULL: a later one has replaced it, or its chain is broken */
    struct changes_row *state;
    uint64_t place; /* of the last one */
    size_t rows;
};

struct job {
    enum { JOB_SERIES, JOB_RECORD } kind;
    int type; /* of the record */
    struct wal_place place;
    void *bytes; /* the queue's: struct replayed_series one after the other, or the record */
    size_t len, capacity;
};

struct lost_record {
    struct wal_place place;
    size_t len;
};

struct replay_rows {
    /* under the lock */
    struct mutex lock;
    struct condition changed;
    struct job jobs[QUEUE_JOBS];
    uint64_t put, done; /* jobs so far */
    bool is_last;       /* no more come */
    struct thread thread;
    /* the thread's */
    struct tsdb *tsdb;
    VEC(struct key) keys; /* ascending */
    struct numbers series;
    struct head_poster *poster;
    VEC(struct lost_record) lost;
    uint64_t homeless;
    struct samples_rows rows;
    struct series_ref refs[SAMPLES_STEP];
    uint8_t results[SAMPLES_STEP];
};

/* ---- samples ---- */

static void apply(struct replay_rows *r, int64_t late_from) {
    struct samples_rows *rows = &r->rows;
    for (size_t i = 0; i < rows->count; i++) {
        r->refs[i] = numbers_get(&r->series, rows->numbers[i]);
        bool is_known = r->refs[i].generation != 0;
        r->results[i] = is_known ? APPEND_STORED : APPEND_NO_SERIES;
        if (is_known) continue;
        if (rows->numbers[i] <= REPLAY_NUMBER_MAX) head_number_taken(r->tsdb->head, rows->numbers[i]);
        r->homeless++;
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

static struct key *find_key(struct replay_rows *r, uint64_t sequence) {
    size_t low = 0, high = r->keys.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->keys.items[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_there = low < r->keys.count && r->keys.items[low].sequence == sequence;
    return is_there && r->keys.items[low].numbers ? &r->keys.items[low] : NULL;
}

static void forget_key(struct key *key) {
    if (!key) return;
    mem_free(key->numbers);
    mem_free(key->state);
    key->numbers = NULL;
    key->state = NULL;
}

static void drop_forgotten(struct replay_rows *r) {
    size_t kept = 0;
    for (size_t i = 0; i < r->keys.count; i++)
        if (r->keys.items[i].numbers) r->keys.items[kept++] = r->keys.items[i];
    r->keys.count = kept;
}

/* NULL: not one that can be leaned on */
static struct key *add_key(struct replay_rows *r, const struct samples_reader *reader, uint64_t sequence) {
    if (reader->replaces && reader->replaces < sequence) forget_key(find_key(r, sequence - reader->replaces));
    if (r->keys.count && r->keys.items[r->keys.count - 1].sequence >= sequence) return NULL;
    if (r->keys.count == r->keys.capacity) drop_forgotten(r);
    size_t rows = (size_t)reader->rows;
    struct key *key = vec_push(&r->keys);
    *key = (struct key){sequence, mem_array(rows, sizeof(uint64_t)),
                        mem_array(rows, sizeof(struct changes_row)), 0, rows};
    return key;
}

static void fill_key(struct key *key, size_t from, const struct samples_rows *rows) {
    memcpy(key->numbers + from, rows->numbers, rows->count * sizeof *rows->numbers);
    for (size_t i = 0; i < rows->count; i++) changes_row_begin(&key->state[from + i], rows->values[i]);
}

static int do_samples(struct replay_rows *r, const struct job *job, struct err *err) {
    struct samples_reader reader;
    int rc = samples_reader_init(&reader, job->bytes, job->len, err);
    if (rc) return rc;
    struct key *key = reader.is_key ? add_key(r, &reader, job->place.sequence) : NULL;
    for (size_t done = 0; (rc = samples_reader_next(&reader, &r->rows, err)) > 0; done += r->rows.count) {
        if (key) fill_key(key, done, &r->rows);
        apply(r, reader.late_from);
    }
    if (rc) forget_key(key);
    samples_reader_release(&reader);
    return rc;
}

static int apply_changes(struct replay_rows *r, struct changes_reader *reader, struct key *key,
                         struct err *err) {
    struct samples_rows *rows = &r->rows;
    for (size_t done = 0; done < key->rows; done += rows->count) {
        int count = changes_reader_next(reader, key->state, rows->values, err);
        if (count < 0) return count;
        rows->count = (size_t)count;
        rows->has_histograms = false;
        memcpy(rows->numbers, key->numbers + done, rows->count * sizeof *rows->numbers);
        for (size_t i = 0; i < rows->count; i++) rows->times_ms[i] = reader->time_ms;
        apply(r, reader->late_from);
    }
    return 0;
}

/* one of a chain of which another is lost is lost with it */
static int do_changes(struct replay_rows *r, const struct job *job, struct err *err) {
    struct changes_reader reader;
    uint64_t sequence = job->place.sequence;
    int rc = changes_reader_init(&reader, job->bytes, job->len, err);
    if (rc) return rc;
    struct key *key = reader.key_distance < sequence ? find_key(r, sequence - reader.key_distance) : NULL;
    if (!key || reader.place != key->place + 1)
        return err_set(err, ERR_CORRUPT, "the record it is coded against is lost");
    rc = key->rows == reader.rows ? apply_changes(r, &reader, key, err)
                                  : err_set(err, ERR_CORRUPT, "changes record: its key has other rows");
    key->place++;
    if (rc) forget_key(key);
    return rc;
}

static void do_record(struct replay_rows *r, const struct job *job) {
    struct err err;
    int rc = job->type == RECORD_SAMPLES ? do_samples(r, job, &err) : do_changes(r, job, &err);
    if (rc) *vec_push(&r->lost) = (struct lost_record){job->place, job->len};
}

/* ---- series ---- */

static void do_series(struct replay_rows *r, const struct job *job) {
    const struct replayed_series *series = job->bytes;
    for (size_t i = 0; i < job->len / sizeof *series; i++) {
        numbers_set(&r->series, series[i].number, series[i].ref);
        if (series[i].is_new) head_post(r->poster, series[i].ref.slot);
    }
}

/* what a snapshot brought is known by its numbers too */
static void know_series(struct replay_rows *r) {
    uint32_t count = head_slots(r->tsdb->head);
    for (uint32_t slot = 0; slot < count; slot++) {
        uint64_t number;
        bool is_logged;
        struct series_ref ref = head_ref(r->tsdb->head, slot);
        if (head_number(r->tsdb->head, ref, &number, &is_logged)) numbers_set(&r->series, number, ref);
    }
}

/* ---- the queue ---- */

/* NULL: that was the last */
static struct job *next_job(struct replay_rows *r) {
    mutex_lock(&r->lock);
    while (r->put == r->done && !r->is_last) condition_wait(&r->changed, &r->lock);
    struct job *job = r->put != r->done ? &r->jobs[r->done % QUEUE_JOBS] : NULL;
    mutex_unlock(&r->lock);
    return job;
}

static void job_done(struct replay_rows *r, struct job *job) {
    if (job->capacity > QUEUE_KEEPS) {
        mem_free(job->bytes);
        *job = (struct job){0};
    }
    mutex_lock(&r->lock);
    r->done++;
    condition_signal(&r->changed);
    mutex_unlock(&r->lock);
}

static void *run(void *context) {
    struct replay_rows *r = context;
    struct job *job;
    while ((job = next_job(r))) {
        if (job->kind == JOB_SERIES)
            do_series(r, job);
        else
            do_record(r, job);
        job_done(r, job);
    }
    return NULL;
}

/* a place whose job is done is the reader's */
static void put(struct replay_rows *r, struct job job, const void *bytes) {
    mutex_lock(&r->lock);
    while (r->put - r->done == QUEUE_JOBS) condition_wait(&r->changed, &r->lock);
    mutex_unlock(&r->lock);
    struct job *place = &r->jobs[r->put % QUEUE_JOBS];
    job.bytes = place->bytes;
    job.capacity = place->capacity;
    if (job.capacity < job.len) {
        job.capacity = job.len;
        job.bytes = mem_resize(job.bytes, job.len, 1);
    }
    memcpy(job.bytes, bytes, job.len);
    *place = job;
    mutex_lock(&r->lock);
    r->put++;
    condition_signal(&r->changed);
    mutex_unlock(&r->lock);
}

struct replay_rows *replay_rows_start(struct tsdb *tsdb) {
    struct replay_rows *r = mem_zalloc(sizeof *r);
    r->tsdb = tsdb;
    r->poster = head_poster_create(tsdb->head);
    mutex_init(&r->lock);
    condition_init(&r->changed);
    know_series(r);
    thread_start(&r->thread, "tsdb-rows", run, r);
    return r;
}

void replay_rows_know(struct replay_rows *r, const struct replayed_series *series, size_t count) {
    if (count) put(r, (struct job){.kind = JOB_SERIES, .len = count * sizeof *series}, series);
}

void replay_rows_record(struct replay_rows *r, int type, struct wal_place place, const void *payload,
                        size_t len) {
    put(r, (struct job){.kind = JOB_RECORD, .type = type, .place = place, .len = len}, payload);
}

void replay_rows_finish(struct replay_rows *r, struct wal_report *report, uint64_t *homeless) {
    mutex_lock(&r->lock);
    r->is_last = true;
    condition_signal(&r->changed);
    mutex_unlock(&r->lock);
    thread_join(&r->thread);
    for (size_t i = 0; report && i < r->lost.count; i++)
        wal_report_lost(report, r->lost.items[i].place, r->lost.items[i].len);
    *homeless = r->homeless;
    for (size_t i = 0; i < r->keys.count; i++) forget_key(&r->keys.items[i]);
    for (size_t i = 0; i < QUEUE_JOBS; i++) mem_free(r->jobs[i].bytes);
    vec_release(&r->keys);
    vec_release(&r->lost);
    numbers_release(&r->series);
    head_poster_destroy(r->poster);
    condition_release(&r->changed);
    mutex_release(&r->lock);
    mem_free(r);
}
