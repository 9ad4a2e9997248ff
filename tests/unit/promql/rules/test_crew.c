#include "lib/sys/thread.h"
#include "promql/rules/crew.h"
#include "tests/check_main.h"

#include <stdatomic.h>

/* works of many parts, by several threads */

#define PARTS 1000

static atomic_int done[PARTS];

static void count_part(void *context, size_t i) {
    atomic_fetch_add((atomic_int *)context + i, 1);
}

START_TEST(each_part_is_done_once) {
    struct crew *crew = crew_create(3);
    for (size_t count = 0; count <= PARTS; count = 3 * count + 1) {
        for (size_t i = 0; i < PARTS; i++) atomic_store(&done[i], 0);
        crew_run(crew, count, count_part, done);
        for (size_t i = 0; i < PARTS; i++) ck_assert_int_eq(atomic_load(&done[i]), i < count);
    }
    crew_destroy(crew);
}
END_TEST

static struct {
    struct mutex lock;
    struct condition changed;
    int present;
} meeting;

/* returns when the other is there, too */
static void meet(void *context, size_t i) {
    (void)context;
    (void)i;
    mutex_lock(&meeting.lock);
    meeting.present++;
    condition_broadcast(&meeting.changed);
    while (meeting.present < 2) ck_assert(condition_wait_ms(&meeting.changed, &meeting.lock, 20000));
    mutex_unlock(&meeting.lock);
}

START_TEST(parts_are_done_at_the_same_time) {
    struct crew *crew = crew_create(1);
    mutex_init(&meeting.lock);
    condition_init(&meeting.changed);
    crew_run(crew, 2, meet, NULL);
    crew_destroy(crew);
    condition_release(&meeting.changed);
    mutex_release(&meeting.lock);
}
END_TEST

static void *work_alone(void *context) {
    for (int i = 0; i < 200; i++) crew_run(context, 7, count_part, done);
    return NULL;
}

START_TEST(works_of_several_callers_go_on_beside_each_other) {
    struct crew *crew = crew_create(2);
    struct thread callers[3];
    for (size_t i = 0; i < PARTS; i++) atomic_store(&done[i], 0);
    for (int i = 0; i < 3; i++) thread_start(&callers[i], "caller", work_alone, crew);
    for (int i = 0; i < 3; i++) thread_join(&callers[i]);
    for (size_t i = 0; i < 7; i++) ck_assert_int_eq(atomic_load(&done[i]), 600);
    crew_destroy(crew);
}
END_TEST

START_TEST(without_a_crew_the_caller_does_all) {
    atomic_store(&done[4], 0);
    crew_run(NULL, 5, count_part, done);
    ck_assert_int_eq(atomic_load(&done[4]), 1);
}
END_TEST

CHECK_MAIN("crew", each_part_is_done_once, parts_are_done_at_the_same_time,
           works_of_several_callers_go_on_beside_each_other, without_a_crew_the_caller_does_all)
