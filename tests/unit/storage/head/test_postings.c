#include "storage/head/postings.h"

#include "tests/check_main.h"

#include <string.h>

static uint32_t place;

/* is it just these slots, by each way to read it? */
static void check_posting(const struct posting *posting, const uint32_t *wanted, size_t count,
                          uint32_t slot_count) {
    struct posting_walk walk = {.posting = posting};
    struct slots slots;
    struct slot_bitmap bitmap;
    struct err err;
    uint32_t slot;
    size_t at = 0;
    while (posting_next(&walk, &slot)) {
        ck_assert_uint_lt(at, count);
        ck_assert_uint_eq(slot, wanted[at++]);
    }
    ck_assert_uint_eq(at, count);
    slots_init(&slots, NULL);
    ck_assert_int_eq(posting_copy(posting, &slots, &err), 0);
    ck_assert_uint_eq(slots.count, count);
    if (count) ck_assert_mem_eq(slots.items, wanted, count * sizeof *wanted);
    posting_filter(posting, &slots, true);
    ck_assert_uint_eq(slots.count, count);
    posting_filter(posting, &slots, false);
    ck_assert_uint_eq(slots.count, 0);
    ck_assert_int_eq(slot_bitmap_init(&bitmap, slot_count, NULL, &err), 0);
    posting_unite(posting, &bitmap);
    ck_assert_int_eq(slots_from_bitmap(&slots, &bitmap, &err), 0);
    ck_assert_uint_eq(slots.count, count);
    if (count) ck_assert_mem_eq(slots.items, wanted, count * sizeof *wanted);
    slot_bitmap_release(&bitmap);
    slots_release(&slots);
}

START_TEST(lists_are_what_was_added) {
    enum { NAMES = 5, VALUES = 40, SLOTS = 4000 };
    static uint32_t wanted[NAMES][VALUES][SLOTS];
    static size_t counts[NAMES][VALUES];
    struct postings postings = {0};
    uint64_t state = 7;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (uint32_t name = 0; name < NAMES; name++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            uint32_t value = (uint32_t)(state >> 40) % (name ? VALUES : 3);
            postings_add(&postings, 100 + name, 1000 + value, slot, &place);
            wanted[name][value][counts[name][value]++] = slot;
        }
    ck_assert_uint_eq(postings.pairs, 4 * VALUES + 3);
    for (uint32_t name = 0; name < NAMES; name++)
        for (uint32_t value = 0; value < VALUES; value++) {
            const struct posting_name *entry = postings_name(&postings, 100 + name);
            check_posting(postings_find(entry, 1000 + value), wanted[name][value], counts[name][value],
                          SLOTS);
        }
    ck_assert_ptr_null(postings_name(&postings, 99));
    ck_assert_ptr_null(postings_find(postings_name(&postings, 100), 5));
    postings_release(&postings);
}
END_TEST

START_TEST(slots_in_any_order_are_sorted) {
    struct postings postings = {0};
    const uint32_t slots[] = {9, 3, 7, 1, 8, 2, 0};
    const uint32_t sorted[] = {0, 1, 2, 3, 7, 8, 9};
    for (size_t i = 0; i < 7; i++) postings_add(&postings, 1, 2, slots[i], &place);
    check_posting(postings_find(postings_name(&postings, 1), 2), sorted, 7, 10);
    postings_release(&postings);
}
END_TEST

/* Slots come and go at random, by the thousand and one by one, so that the list changes its form often. */
START_TEST(a_list_whose_slots_come_and_go_is_right_in_every_form) {
    enum { SLOTS = 30000 };
    static bool has[SLOTS];
    static uint32_t wanted[SLOTS];
    struct posting posting = {.value = 1};
    uint64_t state = 11;
    uint32_t denses = 0, sparses = 0;
    for (uint32_t round = 0; round < 60; round++) {
        struct slot_bitmap gone;
        struct err err;
        /* sometimes few stay */
        uint32_t keep = round % 4 > 1 ? 40 : 2, add = round % 4 == 3 ? 20 : round % 4 == 2 ? 300 : 6000;
        ck_assert_int_eq(slot_bitmap_init(&gone, SLOTS, NULL, &err), 0);
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            if (!has[slot] || (state >> 33) % keep == 0) continue;
            slot_bitmap_add(&gone, (struct slot_view){&slot, 1});
            has[slot] = false;
        }
        posting_remove(&posting, &gone);
        slot_bitmap_release(&gone);
        for (uint32_t i = 0; i < add; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            uint32_t slot = (uint32_t)(state >> 33) % SLOTS;
            if (has[slot]) continue;
            posting_add(&posting, slot);
            has[slot] = true;
        }
        size_t count = 0;
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            if (has[slot]) wanted[count++] = slot;
        ck_assert_uint_eq(posting.count, count);
        check_posting(&posting, wanted, count, SLOTS);
        denses += posting.is_dense;
        sparses += !posting.is_dense;
    }
    ck_assert_uint_gt(denses, 5);
    ck_assert_uint_gt(sparses, 5);
    posting_release(&posting);
}
END_TEST

CHECK_MAIN("postings", lists_are_what_was_added, slots_in_any_order_are_sorted,
           a_list_whose_slots_come_and_go_is_right_in_every_form)
