#include "promql/eval/ahead.h"

#include "lib/base/mem.h"

/* below it a thread costs more than it saves */
#define SERIES_LEAST 512u

static void fill(struct ahead *ahead, struct ahead_batch *batch, size_t first) {
    size_t count = ahead->set->count - first;
    if (count > AHEAD_BATCH) count = AHEAD_BATCH;
    batch->count = 0;
    batch->rc = 0;
    while (batch->count < count && !batch->rc) {
        struct columns *columns = &batch->columns[batch->count];
        columns_reset(columns);
        batch->rc =
            series_set_read(ahead->set, first + batch->count, ahead->mint, ahead->maxt, columns, &batch->err);
        if (!batch->rc) batch->count++;
    }
}

/* false: the query wants no more */
static bool await_room(struct ahead *ahead) {
    mutex_lock(&ahead->lock);
    while (ahead->filled - ahead->used == AHEAD_BATCHES && !ahead->is_stopping)
        condition_wait(&ahead->changed, &ahead->lock);
    bool goes_on = !ahead->is_stopping;
    mutex_unlock(&ahead->lock);
    return goes_on;
}

static void *run(void *context) {
    struct ahead *ahead = context;
    int rc = 0;
    for (size_t first = 0; first < ahead->set->count && !rc && await_room(ahead); first += AHEAD_BATCH) {
        struct ahead_batch *batch = &ahead->batches[first / AHEAD_BATCH % AHEAD_BATCHES];
        fill(ahead, batch, first);
        rc = batch->rc;
        mutex_lock(&ahead->lock);
        ahead->filled++;
        mutex_unlock(&ahead->lock);
        condition_signal(&ahead->changed);
    }
    return NULL;
}

void ahead_open(struct ahead *ahead, struct eval *ev, struct series_set *set, int64_t mint, int64_t maxt) {
    *ahead = (struct ahead){.set = set, .mint = mint, .maxt = maxt};
    columns_init(&ahead->own, &ev->query->budget);
    ahead->has_thread = set->count >= SERIES_LEAST && thread_processors() > 1;
    if (!ahead->has_thread) return;
    ahead->batches = mem_array(AHEAD_BATCHES, sizeof *ahead->batches);
    for (size_t i = 0; i < AHEAD_BATCHES; i++)
        for (size_t k = 0; k < AHEAD_BATCH; k++)
            columns_init(&ahead->batches[i].columns[k], &ev->query->budget);
    mutex_init(&ahead->lock);
    condition_init(&ahead->changed);
    thread_start(&ahead->thread, "query-reader", run, ahead);
}

/* the batches before are the reader's again */
static struct ahead_batch *await_batch(struct ahead *ahead, size_t number) {
    mutex_lock(&ahead->lock);
    bool gives_back = ahead->used != number;
    ahead->used = number;
    if (gives_back) condition_signal(&ahead->changed);
    while (ahead->filled <= number) condition_wait(&ahead->changed, &ahead->lock);
    mutex_unlock(&ahead->lock);
    return &ahead->batches[number % AHEAD_BATCHES];
}

int ahead_read(struct ahead *ahead, size_t index, struct columns **samples, struct err *err) {
    if (!ahead->has_thread) {
        *samples = &ahead->own;
        columns_reset(&ahead->own);
        return series_set_read(ahead->set, index, ahead->mint, ahead->maxt, &ahead->own, err);
    }
    size_t place = index % AHEAD_BATCH;
    struct ahead_batch *batch = place ? &ahead->batches[index / AHEAD_BATCH % AHEAD_BATCHES]
                                      : await_batch(ahead, index / AHEAD_BATCH);
    *samples = &batch->columns[place];
    return place < batch->count ? 0 : err_set(err, batch->rc, "%s", batch->err.text);
}

void ahead_close(struct ahead *ahead) {
    columns_release(&ahead->own);
    if (!ahead->has_thread) return;
    mutex_lock(&ahead->lock);
    ahead->is_stopping = true;
    mutex_unlock(&ahead->lock);
    condition_signal(&ahead->changed);
    thread_join(&ahead->thread);
    for (size_t i = 0; i < AHEAD_BATCHES; i++)
        for (size_t k = 0; k < AHEAD_BATCH; k++) columns_release(&ahead->batches[i].columns[k]);
    condition_release(&ahead->changed);
    mutex_release(&ahead->lock);
    mem_free(ahead->batches);
}
