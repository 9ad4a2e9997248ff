#include "storage/head/slots.h"

#include "tests/check_main.h"

#include <string.h>

#define UNIVERSE 3000u

static uint64_t random_state = 1;
static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

struct naive {
    uint32_t items[UNIVERSE];
    size_t count;
    bool has[UNIVERSE];
};

static void draw_list(struct naive *list) {
    uint32_t one_in = (uint32_t[]){1, 2, 10, 100, 1000}[draw(5)];
    list->count = 0;
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        list->has[i] = draw(one_in) == 0;
        if (list->has[i]) list->items[list->count++] = i;
    }
}

static struct slot_view view_of(const struct naive *list) {
    return (struct slot_view){list->items, list->count};
}

static void check(const struct slots *slots, const struct naive *a, const struct naive *b, bool in_b) {
    size_t at = 0;
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        if (!a->has[i] || b->has[i] != in_b) continue;
        ck_assert_uint_lt(at, slots->count);
        ck_assert_uint_eq(slots->items[at++], i);
    }
    ck_assert_uint_eq(at, slots->count);
}

START_TEST(lists_meet_as_sets_do) {
    static struct naive a, b;
    for (int round = 0; round < 2000; round++) {
        struct slots slots;
        struct slot_bitmap bitmap;
        draw_list(&a);
        draw_list(&b);
        slots_init(&slots, NULL);
        ck_assert_int_eq(slots_copy(&slots, view_of(&a), NULL), 0);
        slots_intersect(&slots, view_of(&b));
        check(&slots, &a, &b, true);
        ck_assert_int_eq(slots_copy(&slots, view_of(&a), NULL), 0);
        slots_subtract(&slots, view_of(&b));
        check(&slots, &a, &b, false);
        ck_assert_int_eq(slot_bitmap_init(&bitmap, UNIVERSE, NULL, NULL), 0);
        slot_bitmap_add(&bitmap, view_of(&b));
        ck_assert_int_eq(slots_copy(&slots, view_of(&a), NULL), 0);
        slots_filter(&slots, &bitmap, round % 2);
        check(&slots, &a, &b, round % 2);
        ck_assert_int_eq(slots_from_bitmap(&slots, &bitmap, NULL), 0);
        check(&slots, &b, &b, true);
        slot_bitmap_release(&bitmap);
        slots_release(&slots);
    }
}
END_TEST

START_TEST(a_budget_refuses_and_gets_all_back) {
    struct budget budget;
    struct slots slots;
    struct slot_bitmap bitmap;
    struct err err;
    uint32_t items[100] = {0};
    budget_init(&budget, "query memory", 100, NULL);
    slots_init(&slots, &budget);
    ck_assert_int_eq(slots_copy(&slots, (struct slot_view){items, 20}, &err), 0);
    ck_assert_int_eq(slots_copy(&slots, (struct slot_view){items, 100}, &err), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "query memory"));
    ck_assert_int_eq(slot_bitmap_init(&bitmap, 100000, &budget, &err), ERR_LIMIT);
    slots_release(&slots);
    ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

CHECK_MAIN("slots", lists_meet_as_sets_do, a_budget_refuses_and_gets_all_back)
