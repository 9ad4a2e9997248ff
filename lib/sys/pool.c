#include "lib/sys/pool.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"

#define POOL_MAGIC 0x706f6f6cu

struct pool {
    uint32_t magic;
    struct mutex lock; /* guards all below but the threads */
    struct condition has_work;
    struct pool_job *first, **last;
    size_t waiting, max_waiting;
    int64_t patience_ms;
    bool stopping;
    int thread_count;
    struct thread threads[];
};

static struct pool_job *take(struct pool *pool) {
    mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping) condition_wait(&pool->has_work, &pool->lock);
    struct pool_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first) pool->last = &pool->first;
        pool->waiting--;
    }
    mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *context) {
    for (struct pool_job *job; (job = take(context));) job->run(job);
    return NULL;
}

struct pool *pool_create(const char *name, int threads, size_t max_waiting, int64_t patience_ms) {
    ASSERT(threads > 0);
    struct pool *pool = mem_zalloc(sizeof *pool + (size_t)threads * sizeof *pool->threads);
    pool->magic = POOL_MAGIC;
    pool->last = &pool->first;
    pool->max_waiting = max_waiting;
    pool->patience_ms = patience_ms;
    pool->thread_count = threads;
    mutex_init(&pool->lock);
    condition_init(&pool->has_work);
    for (int i = 0; i < threads; i++) thread_start(&pool->threads[i], name, work, pool);
    return pool;
}

void pool_destroy(struct pool *pool) {
    if (!pool) return;
    CHECK_OBJ(pool, POOL_MAGIC);
    mutex_lock(&pool->lock);
    pool->stopping = true;
    condition_broadcast(&pool->has_work);
    mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) thread_join(&pool->threads[i]);
    condition_release(&pool->has_work);
    mutex_release(&pool->lock);
    pool->magic = 0;
    mem_free(pool);
}

static bool is_full(const struct pool *pool, int64_t now_ms) {
    if (pool->waiting < pool->max_waiting) return false;
    return !pool->first || now_ms - pool->first->since_ms >= pool->patience_ms;
}

int pool_submit(struct pool *pool, struct pool_job *job, struct err *err) {
    CHECK_OBJ(pool, POOL_MAGIC);
    int rc = 0;
    mutex_lock(&pool->lock);
    job->since_ms = clock_monotonic_ms();
    if (pool->stopping || is_full(pool, job->since_ms)) {
        rc = err_set(err, ERR_BUSY, "%zu jobs are waiting already", pool->waiting);
    } else {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        condition_signal(&pool->has_work);
    }
    mutex_unlock(&pool->lock);
    return rc;
}
