/* Every question to the store carries the limit's matchers too, within the store's moment. */
#include "lib/model/limited.h"

#include "tests/check_main.h"

struct fake {
    struct queryable base;
    struct fake *moment; /* what begin answers; NULL: itself */
    size_t asked, matcher_count, ended;
    char last[16]; /* the value of the last matcher */
};

static void note(struct queryable *queryable, const struct matcher *matchers, size_t count) {
    struct fake *fake = (struct fake *)queryable;
    fake->asked++;
    fake->matcher_count = count;
    memcpy(fake->last, matchers[count - 1].value.ptr, matchers[count - 1].value.len);
}

static int fake_select(struct queryable *queryable, const struct matcher *matchers, size_t count,
                       int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                       struct err *err) {
    (void)mint, (void)maxt, (void)budget, (void)set, (void)err;
    note(queryable, matchers, count);
    return 0;
}

static int fake_names(struct queryable *queryable, const struct matcher *matchers, size_t count, int64_t mint,
                      int64_t maxt, struct arena *arena, struct span **names, size_t *name_count,
                      struct err *err) {
    (void)mint, (void)maxt, (void)arena, (void)names, (void)name_count, (void)err;
    note(queryable, matchers, count);
    return 0;
}

static int fake_values(struct queryable *queryable, struct span name, const struct matcher *matchers,
                       size_t count, int64_t mint, int64_t maxt, struct arena *arena, struct span **values,
                       size_t *value_count, struct err *err) {
    (void)name;
    return fake_names(queryable, matchers, count, mint, maxt, arena, values, value_count, err);
}

static struct queryable *fake_begin(struct queryable *queryable) {
    return &((struct fake *)queryable)->moment->base;
}

static void fake_end(struct queryable *queryable) {
    ((struct fake *)queryable)->ended++;
}

static const struct queryable_ops ops = {fake_begin, fake_end, fake_select, fake_names, fake_values};

START_TEST(each_question_is_limited) {
    struct fake moment = {.base = {&ops}}, store = {.base = {&ops}, .moment = &moment};
    struct matcher limit = {.type = MATCH_EQUAL, .name = SPAN("team"), .value = SPAN("x")};
    struct matcher own = {.type = MATCH_EQUAL, .name = SPAN("team"), .value = SPAN("y")};
    struct limited limited;
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20, NULL);
    limited_init(&limited, &store.base, &limit, 1, &arena);
    const struct queryable_ops *asked = limited.base.ops;
    ck_assert_int_eq(queryable_select(&limited.base, &own, 1, 0, 1, NULL, NULL, NULL), 0);
    ck_assert_int_eq(asked->label_names(&limited.base, NULL, 0, 0, 1, NULL, NULL, NULL, NULL), 0);
    ck_assert_uint_eq(store.matcher_count, 1);
    ck_assert_int_eq(asked->label_values(&limited.base, SPAN("a"), &own, 1, 0, 1, NULL, NULL, NULL, NULL), 0);
    ck_assert_uint_eq(store.asked, 3);
    ck_assert_uint_eq(store.matcher_count, 2);
    ck_assert_str_eq(store.last, "x");
    struct queryable *begun = queryable_begin(&limited.base);
    ck_assert_int_eq(queryable_select(begun, &own, 1, 0, 1, NULL, NULL, NULL), 0);
    queryable_end(begun);
    ck_assert_uint_eq(moment.asked, 1);
    ck_assert_uint_eq(moment.matcher_count, 2);
    ck_assert_uint_eq(moment.ended, 1);
    ck_assert_int_eq(queryable_select(&limited.base, &own, 1, 0, 1, NULL, NULL, NULL), 0);
    ck_assert_uint_eq(store.asked, 4);
    arena_release(&arena);
}
END_TEST

START_TEST(without_memory_nothing_is_asked) {
    struct fake store = {.base = {&ops}};
    struct matcher limit = {.type = MATCH_EQUAL, .name = SPAN("team"), .value = SPAN("x")};
    struct limited limited;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 1, NULL);
    limited_init(&limited, &store.base, &limit, 1, &arena);
    ck_assert_int_eq(queryable_select(&limited.base, NULL, 0, 0, 1, NULL, NULL, &err), ERR_LIMIT);
    ck_assert_uint_eq(store.asked, 0);
    arena_release(&arena);
}
END_TEST

CHECK_MAIN("limited", each_question_is_limited, without_memory_nothing_is_asked)
