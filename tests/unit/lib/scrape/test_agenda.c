/* The agenda against looking at all of it. */
#include "lib/scrape/agenda.h"
#include "tests/check_main.h"

#include <stdbool.h>

#define TARGETS 200u

static uint64_t random_state;
static uint32_t draw(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static char places[TARGETS]; /* only their addresses count */
static int64_t due_ms[TARGETS];
static bool is_there[TARGETS];

static struct target *target_at(size_t i) {
    return (struct target *)(void *)&places[i];
}

static int64_t soonest(void) {
    int64_t found = INT64_MAX;
    for (size_t i = 0; i < TARGETS; i++)
        if (is_there[i] && due_ms[i] < found) found = due_ms[i];
    return found;
}

static void change(struct agenda *agenda) {
    uint32_t i = draw(TARGETS);
    int64_t time = draw(1000);
    if (!is_there[i]) {
        agenda_add(agenda, target_at(i), time);
        is_there[i] = true;
        due_ms[i] = time;
    } else if (draw(3) == 0) {
        agenda_remove(agenda, target_at(i));
        is_there[i] = false;
    } else {
        struct target *first = agenda_due(agenda, INT64_MAX - 1);
        agenda_move_first(agenda, time);
        due_ms[(char *)(void *)first - places] = time;
    }
}

START_TEST(the_next_is_always_the_soonest) {
    struct agenda agenda = {0};
    random_state = 11;
    ck_assert_int_eq(agenda_next_ms(&agenda), INT64_MAX);
    ck_assert_ptr_null(agenda_due(&agenda, INT64_MAX - 1));
    for (int i = 0; i < 50000; i++) {
        change(&agenda);
        int64_t next = agenda_next_ms(&agenda);
        ck_assert_int_eq(next, soonest());
        if (next == INT64_MAX) continue;
        ck_assert_ptr_null(agenda_due(&agenda, next - 1));
        size_t first = (size_t)((char *)(void *)agenda_due(&agenda, next) - places);
        ck_assert(is_there[first] && due_ms[first] == next);
    }
    agenda_remove(&agenda, (struct target *)(void *)due_ms); /* is not there */
    agenda_release(&agenda);
}
END_TEST

CHECK_MAIN("agenda", the_next_is_always_the_soonest)
