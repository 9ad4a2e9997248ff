/* Answers of the query API as text, as JSON and as a picture. */
#include "cmd/query_plot.h"
#include "cmd/query_print.h"

#include "lib/codec/json_read.h"
#include "tests/check_main.h"

static struct arena arena;
static struct buf out;

static const struct ynode *tree(const char *text) {
    const struct ynode *root;
    struct ymark where;
    arena_init(&arena, 1 << 20, NULL);
    buf_init(&out, 1 << 20);
    ck_assert_int_eq(json_read(span_from(text), &arena, &root, &where, NULL), 0);
    return root;
}

static void finish(void) {
    buf_release(&out);
    arena_release(&arena);
}

static void prints(const char *text, const char *wanted) {
    ck_assert(query_print(tree(text), &out));
    ck_assert_str_eq(buf_text(&out), wanted);
    finish();
}

START_TEST(each_type_has_its_form) {
    prints("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"up\",\"a\":\"b\"},"
           "\"value\":[1435781451.781,\"1\"]}]}",
           "up{a=\"b\"} => 1 @[1435781451.781]\n");
    prints("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1,\"2\"],[2.5,\"NaN\"]]}]}",
           "{} =>\n2 @[1]\nNaN @[2.5]\n");
    prints("{\"resultType\":\"scalar\",\"result\":[7,\"8\"]}", "scalar: 8 @[7]\n");
    prints("[{\"__name__\":\"up\",\"a\":\"b\"}]", "{__name__=\"up\", a=\"b\"}\n");
    prints("[\"x\",\"y\"]", "x\ny\n");
    prints("{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"histogram\":[1,{\"count\":\"3\",\"sum\":"
           "\"1.5\","
           "\"buckets\":[[0,\"1\",\"2\",\"3\"]]}]}]}",
           "{} => Count: 3.000000, Sum: 1.500000, Buckets: [(1,2]:3] @[1]\n");
}
END_TEST

START_TEST(what_is_of_no_form_is_told) {
    static const char *const texts[] = {
        "{}",
        "{\"resultType\":\"vector\",\"result\":[1]}",
        "[[1]]",
        "{\"resultType\":\"scalar\",\"result\":[]}",
        "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[7]}]}",
        "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"a\":[]},\"value\":[1,\"1\"]}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(!query_print(tree(texts[i]), &out), "%s", texts[i]);
        finish();
    }
}
END_TEST

START_TEST(json_is_the_result_alone) {
    query_print_json(tree("{\"resultType\":\"scalar\",\"result\":[7.25,\"8\"]}"), &out);
    ck_assert_str_eq(buf_text(&out), "[7.25,\"8\"]\n");
    finish();
}
END_TEST

START_TEST(a_picture_has_axes_dots_and_a_legend) {
    struct plot_size size = {.columns = 22, .rows = 4};
    const char *text = "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"a\":\"b\"},\"values\":"
                       "[[0,\"0\"],[60,\"10\"]]}]}";
    const struct ynode *data = tree(text);
    ck_assert(query_plot(data, &size, &out));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "        10 |"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "         0 |"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "00:00:00"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "-- {a=\"b\"}\n"));
    ck_assert_ptr_null(strchr(buf_text(&out), '\033'));
    size.has_colours = true;
    ck_assert(query_plot(data, &size, &out));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "\033[36m"));
    finish();
}
END_TEST

START_TEST(numbers_at_the_ends_are_drawn) {
    struct plot_size size = {.columns = 0, .rows = 1000000};
    const char *text =
        "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[0,\"-1e308\"],[1,\"1e308\"],"
        "[2,\"NaN\"],[2,\"+Inf\"],[1,\"5\"],[1e300,\"5\"]]},{\"metric\":{},\"values\":[[0,\"1\"]]}]}";
    ck_assert(query_plot(tree(text), &size, &out));
    finish();
    ck_assert(!query_plot(tree("{\"resultType\":\"matrix\",\"result\":[]}"), &size, &out));
    finish();
    ck_assert(
        query_plot(tree("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[0,\"7\"]]}]}"),
                   &size, &out));
    finish();
}
END_TEST

CHECK_MAIN("query_print", each_type_has_its_form, what_is_of_no_form_is_told, json_is_the_result_alone,
           a_picture_has_axes_dots_and_a_legend, numbers_at_the_ends_are_drawn)
