/* Threads, the pool, the loop, and what the system says of the process. */
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/pool.h"
#include "lib/sys/process.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- pool ---- */

struct job {
    struct pool_job job; /* first */
    atomic_int *runs;
    struct mutex *gate;
};

static void run_job(struct pool_job *pool_job) {
    struct job *job = (struct job *)pool_job;
    if (job->gate) {
        mutex_lock(job->gate);
        mutex_unlock(job->gate);
    }
    atomic_fetch_add(job->runs, 1);
}

START_TEST(a_pool_runs_every_job_once_also_when_it_is_destroyed) {
    static struct job jobs[500];
    atomic_int runs = 0;
    struct pool *pool = pool_create("a rather long name", 3, 500, 0);
    for (int i = 0; i < 500; i++) {
        jobs[i] = (struct job){{.run = run_job}, &runs, NULL};
        ck_assert_int_eq(pool_submit(pool, &jobs[i].job, NULL), 0);
    }
    pool_destroy(pool);
    ck_assert_int_eq(atomic_load(&runs), 500);
    pool_destroy(NULL);
}
END_TEST

START_TEST(a_pool_with_a_full_line_refuses) {
    struct job jobs[10];
    struct mutex gate;
    atomic_int runs = 0;
    int taken = 0, rc = 0;
    struct err err;
    mutex_init(&gate);
    mutex_lock(&gate);
    struct pool *pool = pool_create("pool", 1, 3, 0);
    for (int i = 0; i < 10 && rc == 0; i++) {
        jobs[i] = (struct job){{.run = run_job}, &runs, &gate};
        rc = pool_submit(pool, &jobs[i].job, &err);
        taken += rc == 0;
    }
    ck_assert_int_eq(rc, ERR_BUSY);
    ck_assert(taken == 3 || taken == 4); /* three wait, and one may have been started */
    mutex_unlock(&gate);
    pool_destroy(pool);
    ck_assert_int_eq(atomic_load(&runs), taken);
    mutex_release(&gate);
}
END_TEST

START_TEST(a_line_that_moves_may_be_longer_for_a_while) {
    static struct job jobs[100000];
    struct mutex gate;
    atomic_int runs = 0;
    int taken = 0;
    mutex_init(&gate);
    mutex_lock(&gate);
    struct pool *pool = pool_create("pool", 1, 3, 50);
    int64_t begin_ms = clock_monotonic_ms();
    for (; taken < 100000; taken++) {
        jobs[taken] = (struct job){{.run = run_job}, &runs, &gate};
        if (pool_submit(pool, &jobs[taken].job, NULL)) break;
        if (taken > 50) usleep(1000); /* no need for so many */
    }
    ck_assert_int_gt(taken, 50);
    ck_assert_int_lt(taken, 100000);
    ck_assert_int_ge(clock_monotonic_ms() - begin_ms, 50);
    mutex_unlock(&gate);
    pool_destroy(pool);
    ck_assert_int_eq(atomic_load(&runs), taken);
    mutex_release(&gate);
}
END_TEST

/* ---- loop ---- */

struct posted {
    struct loop *loop;
    int order[2000], count; /* the loop's thread alone */
    int wanted;
};

struct note {
    struct posted *posted;
    int number;
};

static void on_note(void *argument) {
    struct note *note = argument;
    note->posted->order[note->posted->count++] = note->number;
    if (note->posted->count == note->posted->wanted) loop_stop(note->posted->loop);
}

static struct note notes[2][1000];

static void *post_notes(void *context) {
    struct note *mine = context;
    for (int i = 0; i < 1000; i++) loop_post(mine[0].posted->loop, on_note, &mine[i]);
    return NULL;
}

START_TEST(a_loop_runs_what_others_post_in_their_order) {
    static struct posted posted;
    struct thread threads[2];
    ck_assert_int_eq(loop_create(&posted.loop, NULL), 0);
    posted.wanted = 2000;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 1000; i++) notes[k][i] = (struct note){&posted, k * 1000 + i};
        thread_start(&threads[k], "poster", post_notes, notes[k]);
    }
    loop_run(posted.loop);
    for (int k = 0; k < 2; k++) thread_join(&threads[k]);
    int next[2] = {0, 1000};
    for (int i = 0; i < 2000; i++) ck_assert_int_eq(posted.order[i], next[posted.order[i] / 1000]++);
    loop_destroy(posted.loop);
}
END_TEST

static void on_hangup(void *context) {
    struct posted *posted = context;
    posted->count++;
    loop_stop(posted->loop);
}

static void send_hangup(void *argument) {
    (void)argument;
    kill(getpid(), SIGHUP);
}

START_TEST(a_loop_hears_signals) {
    struct posted posted = {0};
    ck_assert_int_eq(loop_create(&posted.loop, NULL), 0);
    ck_assert_int_eq(loop_on_signal(posted.loop, SIGHUP, on_hangup, &posted, NULL), 0);
    loop_post(posted.loop, send_hangup, NULL);
    loop_run(posted.loop);
    ck_assert_int_eq(posted.count, 1);
    loop_destroy(posted.loop);
}
END_TEST

START_TEST(a_loop_that_was_stopped_before_it_ran_ends_and_runs_what_was_posted) {
    struct posted posted = {.wanted = 5};
    struct note note = {&posted, 1};
    ck_assert_int_eq(loop_create(&posted.loop, NULL), 0);
    loop_post(posted.loop, on_note, &note);
    loop_stop(posted.loop);
    loop_run(posted.loop);
    ck_assert_int_eq(posted.count, 1);
    loop_destroy(posted.loop);
}
END_TEST

/* ---- the rest ---- */

START_TEST(a_wait_with_a_limit_ends) {
    struct mutex lock;
    struct condition never;
    mutex_init(&lock);
    condition_init(&never);
    mutex_lock(&lock);
    int64_t begin_ms = clock_monotonic_ms();
    while (condition_wait_ms(&never, &lock, 20)) continue; /* spurious wakes are allowed */
    ck_assert_int_ge(clock_monotonic_ms() - begin_ms, 19);
    mutex_unlock(&lock);
    condition_release(&never);
    mutex_release(&lock);
}
END_TEST

START_TEST(the_process_knows_itself) {
    struct process_info info;
    process_info_read(&info);
    double now = (double)clock_wall_ms() / 1000;
    ck_assert_uint_gt(info.resident_bytes, 100000);
    ck_assert_uint_gt(info.virtual_bytes, info.resident_bytes / 2);
    ck_assert_uint_ge(info.open_fds, 3);
    ck_assert_uint_ge(info.max_fds, info.open_fds);
    ck_assert_double_ge(info.cpu_seconds, 0);
    ck_assert_double_gt(info.start_time_seconds, now - 600);
    ck_assert_double_le(info.start_time_seconds, now + 1);
    ck_assert_int_ge(thread_processors(), 1);
}
END_TEST

CHECK_MAIN("threads", a_pool_runs_every_job_once_also_when_it_is_destroyed, a_pool_with_a_full_line_refuses,
           a_line_that_moves_may_be_longer_for_a_while, a_loop_runs_what_others_post_in_their_order,
           a_loop_hears_signals, a_loop_that_was_stopped_before_it_ran_ends_and_runs_what_was_posted,
           a_wait_with_a_limit_ends, the_process_knows_itself)
