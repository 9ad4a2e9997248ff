#include "storage/wal/syncer.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"

struct syncer {
    void (*notify)(void *context);
    void *context;
    struct thread thread;
    struct mutex lock;
    struct condition changed;
    enum { IDLE, WANTED, DONE, STOPPING } state;
    struct file *file;
    int rc;
    double seconds;
    struct err err;
};

static void *run(void *context) {
    struct syncer *syncer = context;
    mutex_lock(&syncer->lock);
    for (;;) {
        while (syncer->state == IDLE || syncer->state == DONE)
            condition_wait(&syncer->changed, &syncer->lock);
        if (syncer->state == STOPPING) break;
        mutex_unlock(&syncer->lock);
        int64_t begin_ns = clock_monotonic_ns();
        syncer->rc = file_sync(syncer->file, &syncer->err);
        syncer->seconds = (double)(clock_monotonic_ns() - begin_ns) * 1e-9;
        if (syncer->notify) syncer->notify(syncer->context);
        mutex_lock(&syncer->lock);
        syncer->state = DONE;
        condition_broadcast(&syncer->changed);
    }
    mutex_unlock(&syncer->lock);
    return NULL;
}

struct syncer *syncer_create(void (*notify)(void *context), void *context) {
    struct syncer *syncer = mem_zalloc(sizeof *syncer);
    syncer->notify = notify;
    syncer->context = context;
    mutex_init(&syncer->lock);
    condition_init(&syncer->changed);
    thread_start(&syncer->thread, "wal syncer", run, syncer);
    return syncer;
}

static void set_state(struct syncer *syncer, int state) {
    mutex_lock(&syncer->lock);
    ASSERT(syncer->state == IDLE);
    syncer->state = state;
    condition_broadcast(&syncer->changed);
    mutex_unlock(&syncer->lock);
}

void syncer_start(struct syncer *syncer, struct file *file) {
    syncer->file = file;
    set_state(syncer, WANTED);
}

int syncer_wait(struct syncer *syncer, double *seconds, struct err *err) {
    mutex_lock(&syncer->lock);
    ASSERT(syncer->state != IDLE);
    while (syncer->state != DONE) condition_wait(&syncer->changed, &syncer->lock);
    syncer->state = IDLE;
    mutex_unlock(&syncer->lock);
    *seconds = syncer->seconds;
    return syncer->rc ? err_set(err, syncer->rc, "%s", syncer->err.text) : 0;
}

void syncer_destroy(struct syncer *syncer) {
    if (!syncer) return;
    set_state(syncer, STOPPING);
    thread_join(&syncer->thread);
    condition_release(&syncer->changed);
    mutex_release(&syncer->lock);
    mem_free(syncer);
}
