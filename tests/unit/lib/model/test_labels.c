#include "lib/model/labels.h"
#include "lib/model/matcher.h"
#include "tests/check_main.h"

static struct arena arena;

/* builds from name, value pairs ended by NULL */
static struct labels labels_from(const char *const *pairs) {
    struct label_builder builder;
    struct labels labels;
    label_builder_init(&builder, &arena, (struct labels){0});
    for (; pairs[0]; pairs += 2) label_builder_set(&builder, span_from(pairs[0]), span_from(pairs[1]));
    ck_assert_int_eq(label_builder_finish(&builder, &labels, NULL), 0);
    return labels;
}
#define LABELS(...) labels_from((const char *[]){__VA_ARGS__, NULL})

static const char *text_of(struct labels labels) {
    struct buf out;
    buf_init(&out, 1000);
    labels_write(labels, &out);
    const char *text = arena_strndup(&arena, buf_text(&out), out.len);
    buf_release(&out);
    return text;
}

START_TEST(a_builder_sorts_replaces_and_deletes) {
    arena_init(&arena, 1 << 20, NULL);
    struct labels labels = LABELS("z", "1", "a", "2", "m", "3", "a", "4", "z", "");
    ck_assert_str_eq(text_of(labels), "{a=\"4\", m=\"3\"}");
    ck_assert(span_is(labels_get(labels, SPAN("m")), "3"));
    ck_assert(!labels_has(labels, SPAN("z")));
    struct label_builder builder;
    label_builder_init(&builder, &arena, labels);
    for (int i = 0; i < 100; i++) {
        const char *name = arena_printf(&arena, "n%02d", i);
        label_builder_set(&builder, span_from(name), SPAN("v"));
    }
    ck_assert_int_eq(label_builder_finish(&builder, &labels, NULL), 0);
    ck_assert_uint_eq(labels.count, 102);
    for (uint32_t i = 1; i < labels.count; i++)
        ck_assert_int_lt(span_compare(labels.items[i - 1].name, labels.items[i].name), 0);
    arena_release(&arena);
}
END_TEST

START_TEST(text_is_as_prometheus_prints_it) {
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_str_eq(text_of(LABELS("__name__", "up", "job", "a\"b\n")), "up{job=\"a\\\"b\\n\"}");
    ck_assert_str_eq(text_of(LABELS("__name__", "up")), "up");
    ck_assert_str_eq(text_of((struct labels){0}), "{}");
    ck_assert_str_eq(text_of(LABELS("__name__", "my.metric", "a.b", "\xff")),
                     "{\"my.metric\", \"a.b\"=\"\\xff\"}");
    arena_release(&arena);
}
END_TEST

START_TEST(equal_sets_hash_equal_and_order_is_total) {
    arena_init(&arena, 1 << 20, NULL);
    struct labels a = LABELS("a", "1", "b", "2"), b = LABELS("b", "2", "a", "1"), c = LABELS("a", "1"), copy;
    ck_assert(labels_equal(a, b) && labels_hash(a) == labels_hash(b));
    ck_assert(!labels_equal(a, c) && labels_hash(a) != labels_hash(c));
    ck_assert_int_gt(labels_compare(a, c), 0);
    ck_assert_int_lt(labels_compare(c, a), 0);
    ck_assert_int_eq(labels_copy(a, &arena, &copy, NULL), 0);
    ck_assert(labels_equal(a, copy) && copy.items[0].name.ptr != a.items[0].name.ptr);
    struct arena small;
    arena_init(&small, 16, NULL);
    ck_assert_int_eq(labels_copy(a, &small, &copy, NULL), ERR_LIMIT);
    arena_release(&small);
    arena_release(&arena);
}
END_TEST

START_TEST(groups_compare_by_chosen_names) {
    arena_init(&arena, 1 << 20, NULL);
    struct labels a = LABELS("__name__", "x", "a", "1", "b", "2", "c", "3"),
                  b = LABELS("__name__", "y", "a", "1", "b", "9", "c", "3");
    struct span by[] = {SPAN("a"), SPAN("c")}, without[] = {SPAN("b")};
    ck_assert(labels_equal_for(a, b, by, 2, false) &&
              labels_hash_for(a, by, 2, false) == labels_hash_for(b, by, 2, false));
    ck_assert(labels_equal_for(a, b, without, 1, true) &&
              labels_hash_for(a, without, 1, true) == labels_hash_for(b, without, 1, true));
    ck_assert(!labels_equal_for(a, b, by, 0, true));
    ck_assert(labels_equal_for(a, b, by, 0, false));
    arena_release(&arena);
}
END_TEST

START_TEST(matchers_see_an_absent_label_as_empty) {
    arena_init(&arena, 1 << 20, NULL);
    struct labels labels = LABELS("__name__", "up", "job", "api");
    static const struct {
        enum matcher_type type;
        const char *name, *value;
        bool matches, matches_empty;
    } cases[] = {
        {MATCH_EQUAL, "job", "api", true, false},   {MATCH_NOT_EQUAL, "job", "api", false, true},
        {MATCH_REGEX, "job", "a.*", true, false},   {MATCH_NOT_REGEX, "job", "a.*", false, true},
        {MATCH_EQUAL, "none", "", true, true},      {MATCH_REGEX, "none", ".*", true, true},
        {MATCH_NOT_EQUAL, "none", "x", true, true}, {MATCH_REGEX, "none", ".+", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct matcher matcher;
        ck_assert_int_eq(
            matcher_init(&matcher, cases[i].type, span_from(cases[i].name), span_from(cases[i].value), NULL),
            0);
        ck_assert_msg(matchers_match(&matcher, 1, labels) == cases[i].matches, "case %zu", i);
        ck_assert_msg(matcher_matches_empty(&matcher) == cases[i].matches_empty, "case %zu", i);
        matcher_release(&matcher);
    }
    struct matcher untouched = {0};
    ck_assert_int_lt(matcher_init(&untouched, MATCH_REGEX, SPAN("a"), SPAN("("), NULL), 0);
    ck_assert_ptr_null(untouched.regex);
    arena_release(&arena);
}
END_TEST

CHECK_MAIN("labels", a_builder_sorts_replaces_and_deletes, text_is_as_prometheus_prints_it,
           equal_sets_hash_equal_and_order_is_total, groups_compare_by_chosen_names,
           matchers_see_an_absent_label_as_empty)
