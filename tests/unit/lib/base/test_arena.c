#include "lib/base/arena.h"
#include "tests/check_main.h"

#include <string.h>

START_TEST(limit_is_reported_as_null) {
    struct arena arena;
    arena_init(&arena, 10000, NULL);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 9000));
    ck_assert_ptr_null(arena_alloc(&arena, 9000));
    ck_assert_ptr_null(arena_array(&arena, SIZE_MAX / 2, 3));
    struct err err = {0};
    ck_assert_int_eq(arena_limit(&arena, "a test", &err), ERR_LIMIT);
    ck_assert_str_eq(err.text, "a test needs more memory than its limit of 10000 bytes");
    arena_release(&arena);
}
END_TEST

START_TEST(allocations_keep_their_bytes) {
    struct arena arena;
    unsigned char *blocks[500];
    arena_init(&arena, 1 << 20, NULL);
    for (int i = 0; i < 500; i++) {
        blocks[i] = arena_alloc(&arena, (size_t)i + 1);
        ck_assert_uint_eq((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], i & 0xff, (size_t)i + 1);
    }
    for (int i = 0; i < 500; i++)
        for (int k = 0; k <= i; k++) ck_assert_uint_eq(blocks[i][k], i & 0xff);
    arena_release(&arena);
}
END_TEST

START_TEST(every_byte_is_given_back_to_the_budget) {
    struct budget all, query;
    struct arena arena;
    budget_init(&all, "all queries", 100000, NULL);
    budget_init(&query, "query memory", 50000, &all);
    arena_init(&arena, SIZE_MAX, &query);
    while (arena_alloc(&arena, 1000)) {
    }
    ck_assert_uint_gt(atomic_load(&all.used_bytes), 40000);
    ck_assert_uint_le(atomic_load(&all.used_bytes), 50000);
    arena_release(&arena);
    ck_assert_uint_eq(atomic_load(&all.used_bytes), 0);
    ck_assert_uint_eq(atomic_load(&query.used_bytes), 0);
}
END_TEST

START_TEST(a_parent_refuses_for_its_children) {
    struct budget all, one, two;
    budget_init(&all, "all", 100, NULL);
    budget_init(&one, "one", 80, &all);
    budget_init(&two, "two", 80, &all);
    ck_assert(budget_take(&one, 80));
    ck_assert(!budget_take(&two, 30));
    ck_assert_uint_eq(atomic_load(&two.used_bytes), 0);
    ck_assert(budget_take(&two, 20));
    budget_release(&one);
    ck_assert_uint_eq(atomic_load(&all.used_bytes), 20);
    ck_assert(!budget_take(&two, SIZE_MAX));
}
END_TEST

START_TEST(printf_text_is_terminated) {
    struct arena arena;
    arena_init(&arena, 1 << 16, NULL);
    ck_assert_str_eq(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    ck_assert_str_eq(arena_strndup(&arena, "hello", 4), "hell");
    arena_release(&arena);
}
END_TEST

CHECK_MAIN("arena", limit_is_reported_as_null, allocations_keep_their_bytes,
           every_byte_is_given_back_to_the_budget, a_parent_refuses_for_its_children,
           printf_text_is_terminated)
