/* Series come, go quiet, leave and come again: what is found and read is always what a plain list says. */
#include "storage/head/head.h"

#include "lib/base/bits.h"
#include "lib/model/sample.h"
#include "lib/sys/thread.h"
#include "storage/head/slots.h"
#include "tests/check_main.h"

#include <stdatomic.h>
#include <stdio.h>

#define NAMES 60

/* what there is of name i, by the plain list */
struct known {
    struct series_ref ref;
    int64_t first, last; /* samples at each tick between; last 0: not in the head */
    uint64_t touched;    /* number of the batch that touched it last */
    bool is_stale;
};

struct world {
    struct head *head;
    struct known known[NAMES];
    int64_t now;
    uint64_t batches;
};

static uint32_t seed = 1;

static uint32_t draw(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

struct named {
    struct label items[3];
    char name[16];
};

static struct labels make_labels(struct named *named, int i) {
    (void)snprintf(named->name, sizeof named->name, "n%d", i);
    named->items[0] = (struct label){SPAN("__name__"), SPAN("m")};
    named->items[1] = (struct label){SPAN("group"), i % 2 ? SPAN("odd") : SPAN("even")};
    named->items[2] = (struct label){SPAN("name"), span_of(named->name, strlen(named->name))};
    return (struct labels){named->items, 3};
}

static uint8_t append(struct world *world, int i, double value) {
    uint8_t result = APPEND_STORED;
    struct head_rows rows = {.refs = &world->known[i].ref,
                             .values = &value,
                             .time_ms = world->now,
                             .late_from = LATE_NEVER,
                             .count = 1,
                             .results = &result};
    head_append(world->head, &rows);
    world->batches++;
    return result;
}

static void feed(struct world *world, int i) {
    struct named named;
    struct known *known = &world->known[i];
    struct labels labels = make_labels(&named, i);
    struct series_ref before = known->ref;
    ck_assert_int_eq(head_resolve(world->head, &labels, 1, &known->ref, NULL, NULL), 0);
    if (!known->last && before.generation) { /* it left: the old reference is worth nothing */
        struct series_ref now = known->ref;
        ck_assert(now.slot != before.slot || now.generation != before.generation);
        known->ref = before;
        ck_assert_int_eq(append(world, i, 1), APPEND_NO_SERIES);
        known->ref = now;
    }
    known->is_stale = known->last && draw(3) == 0;
    ck_assert_int_eq(append(world, i, known->is_stale ? value_stale() : (double)world->now), APPEND_STORED);
    known->touched = world->batches;
    if (!known->last) known->first = world->now;
    known->last = world->now;
}

static size_t count_matching(struct world *world, const char *group) {
    struct matcher matcher;
    struct series_set *set;
    struct err err;
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("group"), span_of(group, strlen(group)), &err),
                     0);
    ck_assert_int_eq(head_select(world->head, NULL, &matcher, 1, INT64_MIN, INT64_MAX, NULL, &set, NULL), 0);
    size_t count = set->count;
    series_set_close(set);
    matcher_release(&matcher);
    return count;
}

static void check(struct world *world) {
    size_t odd = 0, even = 0;
    struct head_stats stats;
    for (int i = 0; i < NAMES; i++)
        if (world->known[i].last && i % 5) *(i % 2 ? &odd : &even) += 1;
    ck_assert_uint_eq(count_matching(world, "odd"), odd);
    ck_assert_uint_eq(count_matching(world, "even"), even);
    head_stats(world->head, &stats);
    ck_assert_uint_eq(stats.series, odd + even);
}

/* those quiet are read out as a block would be, then they go; one of them may get a sample in between */
static void let_go(struct world *world) {
    struct slots slots;
    struct series_set *set;
    bool goes[NAMES];
    size_t expected = 0;
    uint64_t stale = world->batches - 3, quiet = world->batches > 80 ? world->batches - 80 : 0;
    for (int i = 0; i < NAMES; i++) {
        const struct known *known = &world->known[i];
        goes[i] = known->last && (known->touched <= quiet || (known->is_stale && known->touched <= stale));
        expected += goes[i];
    }
    slots_init(&slots, NULL);
    ck_assert_int_eq(head_quiet(world->head, stale, quiet, 1000, &slots, NULL), 0);
    ck_assert_uint_eq(slots.count, expected);
    struct head_moment moment = head_enter(world->head);
    ck_assert_int_eq(head_select_slots(world->head, &moment, &slots, &set, NULL), 0);
    ck_assert_uint_eq(set->count, expected);
    int late = 1 + 5 * (int)draw(NAMES / 5);
    world->now++;
    feed(world, late);
    goes[late] = false;
    head_announce(world->head, &slots);
    head_forget(world->head, &moment, &slots);
    for (int i = 0; i < NAMES; i++)
        if (goes[i]) world->known[i].last = 0;
    check(world);
    for (size_t i = 0; i < set->count; i++) { /* the reader came before: it sees them still */
        struct columns columns;
        columns_init(&columns, NULL);
        ck_assert_int_eq(series_set_read(set, i, INT64_MIN, INT64_MAX, &columns, NULL), 0);
        ck_assert_uint_gt(columns.count, 0);
        columns_release(&columns);
    }
    series_set_close(set);
    head_drain(world->head);
    head_recycle(world->head, &slots);
    slots_release(&slots);
}

START_TEST(series_that_went_quiet_leave_and_their_slots_are_used_again) {
    struct world world = {.now = 1000};
    struct head_options options = {0};
    struct head_stats stats;
    ck_assert_int_eq(head_create(&options, &world.head, NULL), 0);
    for (int round = 0; round < 400; round++) {
        world.now++;
        for (int i = 0; i < NAMES; i++)
            if (i % 5 && draw(12) == 0) feed(&world, i);
        if (round % 7 == 0) let_go(&world);
        check(&world);
    }
    head_stats(world.head, &stats);
    ck_assert_uint_gt(stats.series_created, 4 * NAMES);
    for (int i = 0; i < NAMES; i++) ck_assert_uint_lt(world.known[i].ref.slot, NAMES);
    head_destroy(world.head);
}
END_TEST

/* three series that went quiet are announced as leaving */
static struct head_moment announce(struct world *world, struct slots *slots) {
    struct head_options options = {0};
    ck_assert_int_eq(head_create(&options, &world->head, NULL), 0);
    for (int i = 0; i < 3; i++) feed(world, i);
    slots_init(slots, NULL);
    ck_assert_int_eq(head_quiet(world->head, 0, world->batches, 1000, slots, NULL), 0);
    ck_assert_uint_eq(slots->count, 3);
    struct head_moment moment = head_enter(world->head);
    head_leave(world->head, &moment);
    head_announce(world->head, slots);
    return moment;
}

START_TEST(a_series_that_a_producer_means_to_feed_stays) {
    struct world world = {.now = 1000};
    struct slots slots;
    struct named named;
    struct labels labels = make_labels(&named, 0);
    struct head_moment moment = announce(&world, &slots);
    struct append_hold hold = head_hold(world.head);
    struct series_ref resolved, refs[2] = {world.known[1].ref, {0}}, left = world.known[2].ref;
    ck_assert_int_eq(head_resolve(world.head, &labels, 1, &resolved, NULL, NULL), 0);
    head_confirm(world.head, refs, 2);
    ck_assert_uint_eq(refs[1].generation, 0);
    head_forget(world.head, &moment, &slots);
    ck_assert_uint_eq(slots.count, 1);
    ck_assert_uint_eq(slots.items[0], left.slot);
    world.now++;
    ck_assert_uint_eq(resolved.slot, world.known[0].ref.slot);
    ck_assert_int_eq(append(&world, 0, 1), APPEND_STORED);
    ck_assert_int_eq(append(&world, 1, 1), APPEND_STORED);
    ck_assert_int_eq(append(&world, 2, 1), APPEND_NO_SERIES);
    head_confirm(world.head, &left, 1);
    ck_assert_uint_eq(left.generation, 0);
    head_let_go(world.head, hold);
    hold = head_hold(world.head);
    head_let_go(world.head, hold);
    ck_assert_uint_eq(hold.announced, 1); /* nothing since */
    slots_release(&slots);
    head_destroy(world.head);
}
END_TEST

struct announcing {
    struct world *world;
    struct slots slots;
    atomic_bool is_over;
};

static void *announce_all(void *context) {
    struct announcing *a = context;
    head_announce(a->world->head, &a->slots);
    atomic_store(&a->is_over, true);
    return NULL;
}

START_TEST(an_announcement_waits_for_those_who_could_not_hear_it) {
    struct world world = {.now = 1000};
    struct announcing a = {.world = &world};
    struct thread thread;
    struct head_moment moment = announce(&world, &a.slots);
    struct append_hold hold = head_hold(world.head), next;
    head_confirm(world.head, &world.known[0].ref, 1); /* all others: known from before */
    thread_start(&thread, "announce", announce_all, &a);
    do { /* until it has been said */
        next = head_hold(world.head);
        head_let_go(world.head, next);
    } while (next.announced == hold.announced);
    ck_assert(!atomic_load(&a.is_over));
    world.now++;
    for (int i = 0; i < 3; i++) ck_assert_int_eq(append(&world, i, 1), APPEND_STORED);
    ck_assert(!atomic_load(&a.is_over));
    head_let_go(world.head, hold);
    thread_join(&thread);
    head_forget(world.head, &moment, &a.slots);
    ck_assert_uint_eq(a.slots.count, 0);
    slots_release(&a.slots);
    head_destroy(world.head);
}
END_TEST

CHECK_MAIN("quiet", a_series_that_a_producer_means_to_feed_stays,
           an_announcement_waits_for_those_who_could_not_hear_it,
           series_that_went_quiet_leave_and_their_slots_are_used_again)
