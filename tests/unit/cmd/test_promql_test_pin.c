/*
 * test_promql_test_pin.c - pinning expressions to a time.
 */
#include "cmd/promql_test_pin.h"
#include "promql/parse/parse.h"

#include "tests/check_main.h"

static struct arena arena;
static struct expr *expr;

static void setup(void) {
    arena_init(&arena, 1 << 20, NULL);
    expr = NULL;
}

static void teardown(void) {
    if (expr) expr_release(expr);
    arena_release(&arena);
}

static struct expr *parsed(const char *text) {
    struct parse_options options = {.experimental_functions = true};
    struct parse_error error = {0};
    if (expr) expr_release(expr);
    expr = NULL;
    ck_assert_msg(promql_parse(span_from(text), &options, &arena, &expr, &error) == 0, "%s", error.text);
    return expr;
}

static void pinned(const char *text, const char *wanted) {
    struct buf out;
    buf_init(&out, 1000);
    ck_assert(promql_test_pin(parsed(text), 90500));
    expr_print(expr, &out);
    ck_assert_str_eq(buf_text(&out), wanted);
    buf_release(&out);
}

START_TEST(every_selector_without_a_time_gets_one) {
    pinned("sum(a) / rate(b[5m] offset 1m)", "sum(a @ 90.500) / rate(b[5m] @ 90.500 offset 1m)");
    pinned("a @ 5 or b @ end()", "a @ 5.000 or b @ end()");
    pinned("max_over_time(a[5m:1m])", "max_over_time(a[5m:1m] @ 90.500)");
    pinned("topk(scalar(a), -b)", "topk(scalar(a @ 90.500), -b @ 90.500)");
}
END_TEST

START_TEST(what_depends_on_the_time_is_not_pinned) {
    ck_assert(!promql_test_pin(parsed("a + time()"), 1000));
    ck_assert(!promql_test_pin(parsed("sum(timestamp(a))"), 1000));
    ck_assert(!promql_test_pin(parsed("predict_linear(a[5m], 10)"), 1000));
    ck_assert(!promql_test_pin(parsed("hour() + a"), 1000));
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("need");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_selector_without_a_time_gets_one);
    tcase_add_test(tcase, what_depends_on_the_time_is_not_pinned);
    return check_run("promql_test_pin", tcase);
}
