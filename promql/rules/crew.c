#include "promql/rules/crew.h"

#include "lib/base/mem.h"
#include "lib/sys/thread.h"

#define MAX_THREADS 16

struct work { /* on its caller's stack */
    crew_part *part;
    void *context;
    size_t count, next, done;
    struct work *later;
};

struct crew {
    struct mutex lock; /* guards all below, and each work */
    struct condition has_work, has_done;
    struct work *works; /* those with parts that nobody began */
    bool is_stopping;
    int thread_count;
    struct thread threads[MAX_THREADS];
};

static void leave_list(struct crew *crew, const struct work *work) {
    struct work **at = &crew->works;
    while (*at != work) at = &(*at)->later;
    *at = work->later;
}

/* with the lock, which is free meanwhile */
static void do_part(struct crew *crew, struct work *work) {
    size_t i = work->next++;
    if (work->next == work->count) leave_list(crew, work);
    mutex_unlock(&crew->lock);
    work->part(work->context, i);
    mutex_lock(&crew->lock);
    if (++work->done == work->count) condition_broadcast(&crew->has_done);
}

static void *help(void *context) {
    struct crew *crew = context;
    mutex_lock(&crew->lock);
    while (!crew->is_stopping) {
        if (crew->works)
            do_part(crew, crew->works);
        else
            condition_wait(&crew->has_work, &crew->lock);
    }
    mutex_unlock(&crew->lock);
    return NULL;
}

struct crew *crew_create(int threads) {
    struct crew *crew = mem_zalloc(sizeof *crew);
    mutex_init(&crew->lock);
    condition_init(&crew->has_work);
    condition_init(&crew->has_done);
    crew->thread_count = threads < MAX_THREADS ? threads : MAX_THREADS;
    for (int i = 0; i < crew->thread_count; i++) thread_start(&crew->threads[i], "rules-crew", help, crew);
    return crew;
}

void crew_destroy(struct crew *crew) {
    if (!crew) return;
    mutex_lock(&crew->lock);
    crew->is_stopping = true;
    condition_broadcast(&crew->has_work);
    mutex_unlock(&crew->lock);
    for (int i = 0; i < crew->thread_count; i++) thread_join(&crew->threads[i]);
    condition_release(&crew->has_done);
    condition_release(&crew->has_work);
    mutex_release(&crew->lock);
    mem_free(crew);
}

void crew_run(struct crew *crew, size_t count, crew_part *part, void *context) {
    if (!crew || count < 2) {
        for (size_t i = 0; i < count; i++) part(context, i);
        return;
    }
    struct work work = {.part = part, .context = context, .count = count};
    mutex_lock(&crew->lock);
    work.later = crew->works;
    crew->works = &work;
    condition_broadcast(&crew->has_work);
    while (work.next < count) do_part(crew, &work);
    while (work.done < count) condition_wait(&crew->has_done, &crew->lock);
    mutex_unlock(&crew->lock);
}
