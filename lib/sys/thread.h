#pragma once
/*
 * thread.h - threads, locks and condition variables, thin over pthread. Misuse aborts: none of these calls
 * can fail in a right program.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    pthread_t id;
};

/* name: at most 15 characters, shown by ps and gdb */
void thread_start(struct thread *thread, const char *name, void *(*run)(void *context), void *context);
void thread_join(struct thread *thread);
/* the calling thread gives way to others from now on; nice: 1 to 19 */
void thread_lower_priority(int nice);

struct mutex {
    pthread_mutex_t lock;
};

void mutex_init(struct mutex *mutex);
void mutex_release(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct condition {
    pthread_cond_t cond; /* on the monotonic clock */
};

void condition_init(struct condition *condition);
void condition_release(struct condition *condition);
void condition_wait(struct condition *condition, struct mutex *mutex);
/* false when the time ran out */
bool condition_wait_ms(struct condition *condition, struct mutex *mutex, int64_t ms);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

/* Many readers or one writer; a waiting writer goes first, so a thread must not take a read lock twice. */
struct rwlock {
    pthread_rwlock_t lock;
};

void rwlock_init(struct rwlock *lock);
void rwlock_release(struct rwlock *lock);
void rwlock_read(struct rwlock *lock);
void rwlock_write(struct rwlock *lock);
void rwlock_unlock(struct rwlock *lock);

/* processors this process may use */
int thread_processors(void);
