#include "storage/head/postings.h"

#include "tests/check_main.h"

#include <string.h>

static uint32_t place;

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
            struct slot_view view = posting_find(entry, 1000 + value);
            ck_assert_uint_eq(view.count, counts[name][value]);
            if (view.count)
                ck_assert_mem_eq(view.items, wanted[name][value], view.count * sizeof *view.items);
        }
    ck_assert_ptr_null(postings_name(&postings, 99));
    ck_assert_uint_eq(posting_find(postings_name(&postings, 100), 5).count, 0);
    postings_release(&postings);
}
END_TEST

START_TEST(slots_in_any_order_are_sorted) {
    struct postings postings = {0};
    const uint32_t slots[] = {9, 3, 7, 1, 8, 2, 0};
    const uint32_t sorted[] = {0, 1, 2, 3, 7, 8, 9};
    for (size_t i = 0; i < 7; i++) postings_add(&postings, 1, 2, slots[i], &place);
    struct slot_view view = posting_find(postings_name(&postings, 1), 2);
    ck_assert_uint_eq(view.count, 7);
    ck_assert_mem_eq(view.items, sorted, sizeof sorted);
    postings_release(&postings);
}
END_TEST

CHECK_MAIN("postings", lists_are_what_was_added, slots_in_any_order_are_sorted)
