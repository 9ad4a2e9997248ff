#include "promql/eval/ahead.h"

#include "lib/base/mem.h"

#include <string.h>

/* A second thread costs more than it saves below so many series times minutes. */
#define WORTH_A_THREAD 16384
#define BATCH_SERIES ((size_t)32)
#define BATCH_STEPS ((size_t)65536) /* of all its rows, about */
#define ROOM_SAMPLE_BYTES (2 * sizeof(uint32_t) + sizeof(double))

static int take(struct budget *budget, size_t bytes, struct err *err) {
    if (budget_take(budget, bytes)) return 0;
    return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while reading samples", budget->name,
                   budget->max_bytes);
}

void ahead_room_release(struct ahead_room *room) {
    if (room->capacity) budget_give(room->budget, room->capacity * ROOM_SAMPLE_BYTES);
    mem_free(room->resets);
    mem_free(room->relative);
    mem_free(room->doubles);
    *room = (struct ahead_room){.budget = room->budget};
}

int ahead_room_for(struct ahead_room *room, size_t samples, struct err *err) {
    if (samples <= room->capacity) return 0;
    size_t capacity = samples * 2;
    ahead_room_release(room);
    int rc = take(room->budget, capacity * ROOM_SAMPLE_BYTES, err);
    if (rc) return rc;
    room->resets = mem_array(capacity, sizeof *room->resets);
    room->relative = mem_array(capacity, sizeof *room->relative);
    room->doubles = mem_array(capacity, sizeof *room->doubles);
    room->capacity = capacity;
    return 0;
}

static int make_series(struct ahead *ahead, struct ahead_thread *thread, size_t index,
                       struct ahead_series *series, struct err *err) {
    struct columns *samples = &thread->samples;
    columns_reset(samples);
    series->is_made = false;
    bool is_newest = ahead->wants == AHEAD_NEWEST;
    int rc = (is_newest ? series_set_read_newest : series_set_read)(ahead->set, index, ahead->mint,
                                                                    ahead->maxt, samples, err);
    series->count = rc ? 0 : samples->count;
    if (!rc && ahead->make) {
        memset(series->present, 0, ahead->ev->words * sizeof *series->present);
        rc = ahead->make(ahead->context, &thread->room, samples, series, err);
    }
    if (rc || series->is_made) return rc;
    struct columns others = series->samples;
    series->samples = *samples;
    *samples = others;
    return 0;
}

static void make_batch(struct ahead *ahead, struct ahead_thread *thread, size_t number) {
    struct ahead_batch *batch = &ahead->batches[number % ahead->batch_count];
    size_t first = number * ahead->batch_size, count = ahead->set->count - first;
    if (count > ahead->batch_size) count = ahead->batch_size;
    batch->count = 0;
    batch->rc = 0;
    while (batch->count < count && !batch->rc && !atomic_load(&ahead->is_stopping)) {
        batch->rc =
            make_series(ahead, thread, first + batch->count, &batch->series[batch->count], &batch->err);
        if (!batch->rc) batch->count++;
    }
}

/* the next batch is the caller's, when there is one and a place for it; under the lock */
static bool take_next(struct ahead *ahead, size_t *number) {
    if (ahead->taken - ahead->used == ahead->batch_count ||
        ahead->taken * ahead->batch_size >= ahead->set->count)
        return false;
    *number = ahead->taken++;
    ahead->batches[*number % ahead->batch_count].is_ready = false;
    return true;
}

/* takes the lock off meanwhile */
static void make_unlocked(struct ahead *ahead, struct ahead_thread *thread, size_t number) {
    mutex_unlock(&ahead->lock);
    make_batch(ahead, thread, number);
    mutex_lock(&ahead->lock);
    ahead->batches[number % ahead->batch_count].is_ready = true;
}

static void *run(void *context) {
    struct ahead *ahead = context;
    size_t number;
    mutex_lock(&ahead->lock);
    while (!atomic_load(&ahead->is_stopping) && ahead->taken * ahead->batch_size < ahead->set->count) {
        if (take_next(ahead, &number)) {
            make_unlocked(ahead, &ahead->other, number);
            condition_signal(&ahead->changed);
        } else {
            condition_wait(&ahead->changed, &ahead->lock);
        }
    }
    mutex_unlock(&ahead->lock);
    return NULL;
}

static size_t row_bytes(const struct ahead *ahead) {
    return ahead->make ? ahead->ev->steps * sizeof(double) + ahead->ev->words * sizeof(uint64_t) : 0;
}

static size_t all_bytes(const struct ahead *ahead) {
    return ahead->batch_count * ahead->batch_size * (row_bytes(ahead) + sizeof(struct ahead_series));
}

static void init_samples(const struct ahead *ahead, struct columns *samples) {
    columns_init(samples, &ahead->ev->query->budget);
    samples->only_markers = ahead->wants == AHEAD_MARKERS;
}

static int make_batches(struct ahead *ahead, struct err *err) {
    struct eval *ev = ahead->ev;
    struct budget *budget = &ev->query->budget;
    int rc = take(budget, all_bytes(ahead), err);
    if (rc) return rc;
    ahead->batches = mem_array(ahead->batch_count, sizeof *ahead->batches);
    for (size_t i = 0; i < ahead->batch_count; i++) {
        struct ahead_series *series = mem_array(ahead->batch_size, sizeof *series);
        double *values = mem_alloc(ahead->batch_size * row_bytes(ahead) + 1);
        uint64_t *present = (uint64_t *)(values + (ahead->make ? ahead->batch_size * ev->steps : 0));
        for (size_t k = 0; k < ahead->batch_size; k++) {
            series[k].values = values + (ahead->make ? k * ev->steps : 0);
            series[k].present = present + (ahead->make ? k * ev->words : 0);
            init_samples(ahead, &series[k].samples);
        }
        ahead->batches[i].series = series;
    }
    return 0;
}

int ahead_open(struct ahead *ahead, struct eval *ev, struct series_set *set, int64_t mint, int64_t maxt,
               enum ahead_wants wants, ahead_make *make, void *context, struct err *err) {
    struct budget *budget = &ev->query->budget;
    int64_t minutes = (maxt - mint) / 60000 + 1;
    *ahead = (struct ahead){
        .ev = ev, .set = set, .mint = mint, .maxt = maxt, .wants = wants, .make = make, .context = context};
    init_samples(ahead, &ahead->own.samples);
    init_samples(ahead, &ahead->other.samples);
    ahead->own.room.budget = ahead->other.room.budget = budget;
    mutex_init(&ahead->lock);
    condition_init(&ahead->changed);
    bool is_large = set->count > 1 && wants != AHEAD_NEWEST &&
                    (minutes > WORTH_A_THREAD || set->count > (size_t)(WORTH_A_THREAD / minutes));
    bool has_thread = is_large && eval_may_have_thread(ev);
    ahead->batch_count = has_thread ? AHEAD_BATCHES : 1;
    ahead->batch_size = has_thread ? BATCH_STEPS / ev->steps : 1;
    if (ahead->batch_size > BATCH_SERIES) ahead->batch_size = BATCH_SERIES;
    if (ahead->batch_size > set->count / 4) ahead->batch_size = set->count / 4;
    if (ahead->batch_size == 0) ahead->batch_size = 1;
    int rc = make_batches(ahead, err);
    if (rc || !has_thread) return rc;
    ahead->has_thread = true;
    thread_start(&ahead->thread, "query-reader", run, ahead);
    return 0;
}

/* the batches before are free for others */
static struct ahead_batch *await_batch(struct ahead *ahead, size_t number) {
    struct ahead_batch *batch = &ahead->batches[number % ahead->batch_count];
    size_t next;
    mutex_lock(&ahead->lock);
    bool gives_back = ahead->used != number;
    ahead->used = number;
    if (gives_back && ahead->has_thread) condition_signal(&ahead->changed);
    while (ahead->taken <= number || !batch->is_ready) {
        if (take_next(ahead, &next))
            make_unlocked(ahead, &ahead->own, next);
        else
            condition_wait(&ahead->changed, &ahead->lock);
    }
    mutex_unlock(&ahead->lock);
    return batch;
}

int ahead_read(struct ahead *ahead, size_t index, struct ahead_series **series, struct err *err) {
    size_t place = index % ahead->batch_size, number = index / ahead->batch_size;
    struct ahead_batch *batch =
        place ? &ahead->batches[number % ahead->batch_count] : await_batch(ahead, number);
    *series = &batch->series[place];
    return place < batch->count ? 0 : err_set(err, batch->rc, "%s", batch->err.text);
}

void ahead_close(struct ahead *ahead) {
    if (ahead->has_thread) {
        mutex_lock(&ahead->lock);
        atomic_store(&ahead->is_stopping, true);
        mutex_unlock(&ahead->lock);
        condition_signal(&ahead->changed);
        thread_join(&ahead->thread);
        eval_thread_ended(ahead->ev);
    }
    for (size_t i = 0; ahead->batches && i < ahead->batch_count; i++) {
        for (size_t k = 0; k < ahead->batch_size; k++) columns_release(&ahead->batches[i].series[k].samples);
        if (ahead->batch_size) mem_free(ahead->batches[i].series[0].values);
        mem_free(ahead->batches[i].series);
    }
    if (ahead->batches) budget_give(&ahead->ev->query->budget, all_bytes(ahead));
    mem_free(ahead->batches);
    columns_release(&ahead->own.samples);
    columns_release(&ahead->other.samples);
    ahead_room_release(&ahead->own.room);
    ahead_room_release(&ahead->other.room);
    condition_release(&ahead->changed);
    mutex_release(&ahead->lock);
}
