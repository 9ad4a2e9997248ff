#include "storage/tsdb/replay_rows.h"

#include "lib/base/mem.h"
#include "lib/sys/thread.h"
#include "storage/tsdb/numbers.h"

#include <string.h>

#define QUEUE_JOBS 32u
/* a reader that found it full is woken when there is room for some: a wake costs as much as a small job */
#define QUEUE_LOW (QUEUE_JOBS / 2)
/* series that the reader posts before it looks at the queue again */
#define POST_STEP 2048u

/* a place of the queue keeps its memory for the next job */
struct job {
    enum { JOB_SERIES, JOB_ROWS } kind;
    uint32_t *words; /* of series */
    size_t count, capacity;
    struct samples_rows *rows;
    int64_t late_from;
};

struct replay_rows {
    /* under the lock */
    struct mutex lock;
    struct condition changed;
    struct job jobs[QUEUE_JOBS];
    uint64_t put, done; /* jobs so far */
    bool is_last;       /* no more come */
    struct thread thread;
    struct tsdb *tsdb;
    struct head_replay *replay;
    /* the thread's */
    int rc; /* not 0: a series found no room, nothing more is done */
    struct err err;
    struct numbers series;
    uint64_t homeless;
    struct series_ref refs[SAMPLES_STEP];
    uint8_t results[SAMPLES_STEP];
};

/* ---- jobs ---- */

static struct series_ref ref_of(struct replay_rows *r, uint64_t number) {
    struct series_ref ref = numbers_get(&r->series, number);
    if (ref.generation) return ref;
    if (number <= REPLAY_NUMBER_MAX) head_number_taken(r->tsdb->head, number);
    r->homeless++;
    return ref;
}

static void do_rows(struct replay_rows *r, const struct job *job) {
    const struct samples_rows *rows = job->rows;
    for (size_t i = 0; i < rows->count; i++) {
        r->refs[i] = ref_of(r, rows->numbers[i]);
        r->results[i] = r->refs[i].generation ? APPEND_STORED : APPEND_NO_SERIES;
    }
    struct head_rows batch = {.refs = r->refs,
                              .values = rows->values,
                              .histograms = rows->has_histograms ? rows->histograms : NULL,
                              .times_ms = rows->times_ms,
                              .late_from = job->late_from,
                              .count = rows->count,
                              .results = r->results};
    head_append(r->tsdb->head, &batch);
}

static void do_series(struct replay_rows *r, const struct job *job) {
    struct replayed_series made[HEAD_REPLAY_STEP];
    size_t count, used;
    for (size_t done = 0; !r->rc && done < job->count; done += used) {
        r->rc =
            head_replay_make(r->replay, job->words + done, job->count - done, &used, made, &count, &r->err);
        for (size_t i = 0; i < count; i++) numbers_set(&r->series, made[i].number, made[i].ref);
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

static void job_done(struct replay_rows *r) {
    mutex_lock(&r->lock);
    r->done++;
    uint64_t left = r->put - r->done;
    if (left == QUEUE_LOW || left == 0) condition_signal(&r->changed);
    mutex_unlock(&r->lock);
}

static void *run(void *context) {
    struct replay_rows *r = context;
    struct job *job;
    while ((job = next_job(r))) {
        if (job->kind == JOB_SERIES)
            do_series(r, job);
        else if (!r->rc)
            do_rows(r, job);
        job_done(r);
    }
    return NULL;
}

/* until so many jobs are left; meanwhile there may be something to post */
static void wait_for(struct replay_rows *r, uint64_t left) {
    bool has_posted = true;
    mutex_lock(&r->lock);
    while (r->put - r->done > left) {
        if (!has_posted) {
            condition_wait(&r->changed, &r->lock);
            continue;
        }
        mutex_unlock(&r->lock);
        has_posted = head_replay_post(r->replay, POST_STEP);
        mutex_lock(&r->lock);
    }
    mutex_unlock(&r->lock);
}

/* a place whose job is done is the reader's */
static struct job *free_place(struct replay_rows *r) {
    mutex_lock(&r->lock);
    bool is_full = r->put - r->done == QUEUE_JOBS;
    mutex_unlock(&r->lock);
    if (is_full) wait_for(r, QUEUE_LOW);
    return &r->jobs[r->put % QUEUE_JOBS];
}

static void put(struct replay_rows *r) {
    mutex_lock(&r->lock);
    r->put++;
    condition_signal(&r->changed);
    mutex_unlock(&r->lock);
}

/* ---- the reader's ---- */

struct replay_rows *replay_rows_start(struct tsdb *tsdb, struct head_replay *replay) {
    struct replay_rows *r = mem_zalloc(sizeof *r);
    r->tsdb = tsdb;
    r->replay = replay;
    mutex_init(&r->lock);
    condition_init(&r->changed);
    know_series(r);
    thread_start(&r->thread, "tsdb-rows", run, r);
    return r;
}

void replay_rows_series(struct replay_rows *r, const struct replay_words *words) {
    if (!words->count) return;
    struct job *job = free_place(r);
    if (job->capacity < words->count) {
        job->capacity = words->count;
        job->words = mem_resize(job->words, job->capacity, sizeof *job->words);
    }
    memcpy(job->words, words->items, words->count * sizeof *job->words);
    job->count = words->count;
    job->kind = JOB_SERIES;
    put(r);
}

struct samples_rows *replay_rows_room(struct replay_rows *r) {
    struct job *job = free_place(r);
    if (!job->rows) job->rows = mem_alloc(sizeof *job->rows);
    job->kind = JOB_ROWS;
    return job->rows;
}

void replay_rows_put(struct replay_rows *r, int64_t late_from) {
    r->jobs[r->put % QUEUE_JOBS].late_from = late_from;
    put(r);
}

void replay_rows_wait(struct replay_rows *r) {
    wait_for(r, 0);
}

int replay_rows_finish(struct replay_rows *r, uint64_t *homeless, struct err *err) {
    wait_for(r, 0);
    while (head_replay_post(r->replay, POST_STEP)) continue;
    mutex_lock(&r->lock);
    r->is_last = true;
    condition_signal(&r->changed);
    mutex_unlock(&r->lock);
    thread_join(&r->thread);
    int rc = r->rc ? err_set(err, r->rc, "%s", r->err.text) : 0;
    *homeless = r->homeless;
    for (size_t i = 0; i < QUEUE_JOBS; i++) {
        mem_free(r->jobs[i].words);
        mem_free(r->jobs[i].rows);
    }
    numbers_release(&r->series);
    condition_release(&r->changed);
    mutex_release(&r->lock);
    mem_free(r);
    return rc;
}
