#include "lib/sys/thread.h"

#include "lib/base/assert.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void thread_start(struct thread *thread, const char *name, void *(*run)(void *context), void *context) {
    char short_name[16];
    ASSERT(pthread_create(&thread->id, NULL, run, context) == 0);
    snprintf(short_name, sizeof short_name, "%s", name);
    (void)pthread_setname_np(thread->id, short_name); /* a name is only for people */
}

void thread_join(struct thread *thread) {
    ASSERT(pthread_join(thread->id, NULL) == 0);
}

void thread_lower_priority(int nice) {
    /* Linux keeps it per thread; a refusal only costs politeness */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), nice);
}

void mutex_init(struct mutex *mutex) {
    ASSERT(pthread_mutex_init(&mutex->lock, NULL) == 0);
}

void mutex_release(struct mutex *mutex) {
    ASSERT(pthread_mutex_destroy(&mutex->lock) == 0);
}

void mutex_lock(struct mutex *mutex) {
    ASSERT(pthread_mutex_lock(&mutex->lock) == 0);
}

void mutex_unlock(struct mutex *mutex) {
    ASSERT(pthread_mutex_unlock(&mutex->lock) == 0);
}

void condition_init(struct condition *condition) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    ASSERT(pthread_cond_init(&condition->cond, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
}

void condition_release(struct condition *condition) {
    ASSERT(pthread_cond_destroy(&condition->cond) == 0);
}

void condition_wait(struct condition *condition, struct mutex *mutex) {
    ASSERT(pthread_cond_wait(&condition->cond, &mutex->lock) == 0);
}

bool condition_wait_ms(struct condition *condition, struct mutex *mutex, int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int rc = pthread_cond_timedwait(&condition->cond, &mutex->lock, &until);
    ASSERT(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void condition_signal(struct condition *condition) {
    ASSERT(pthread_cond_signal(&condition->cond) == 0);
}

void condition_broadcast(struct condition *condition) {
    ASSERT(pthread_cond_broadcast(&condition->cond) == 0);
}

void rwlock_init(struct rwlock *lock) {
    pthread_rwlockattr_t writers_first; /* else readers that overlap without end keep a writer out */
    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    ASSERT(pthread_rwlock_init(&lock->lock, &writers_first) == 0);
    pthread_rwlockattr_destroy(&writers_first);
}

void rwlock_release(struct rwlock *lock) {
    ASSERT(pthread_rwlock_destroy(&lock->lock) == 0);
}

void rwlock_read(struct rwlock *lock) {
    ASSERT(pthread_rwlock_rdlock(&lock->lock) == 0);
}

void rwlock_write(struct rwlock *lock) {
    ASSERT(pthread_rwlock_wrlock(&lock->lock) == 0);
}

void rwlock_unlock(struct rwlock *lock) {
    ASSERT(pthread_rwlock_unlock(&lock->lock) == 0);
}

int thread_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}
