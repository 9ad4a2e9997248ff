/*
 * test_promql_test_parse.c - the promqltest language: commands, expectations, values.
 */
#include "cmd/promql_test.h"
#include "lib/model/histogram.h"
#include "lib/model/sample.h"

#include "tests/check_main.h"

static struct arena arena;

static void setup(void) {
    arena_init(&arena, 1 << 20, NULL);
}

static void teardown(void) {
    arena_release(&arena);
}

static struct test_command *parsed(const char *text) {
    struct err err = {0};
    struct test_command *commands = NULL;
    int rc = promql_test_parse(span_from(text), &arena, &commands, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return commands;
}

static struct test_series series_of(const char *line) {
    struct err err = {0};
    struct test_series series = {0};
    ck_assert_msg(promql_test_series(span_from(line), &arena, &series, &err) == 0, "%s", err.text);
    return series;
}

static void refused(const char *text, const char *reason) {
    struct err err = {0};
    struct test_command *commands = NULL;
    ck_assert_int_ne(promql_test_parse(span_from(text), &arena, &commands, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, reason));
    ck_assert_ptr_null(commands);
}

START_TEST(commands_come_in_order_with_their_lines) {
    struct test_command *c =
        parsed("# note\nclear\n\nload 30s\n  a{x=\"1\"} 1 2\n  b 3\n\neval instant at 1m a + b\n"
               "  {x=\"1\"} 5\n");
    ck_assert_int_eq(c->kind, TEST_CLEAR);
    ck_assert_uint_eq(c->line, 2);
    c = c->next;
    ck_assert_int_eq(c->kind, TEST_LOAD);
    ck_assert_int_eq(c->step_ms, 30000);
    ck_assert(span_is(labels_get(c->series->labels, SPAN("x")), "1"));
    ck_assert(span_is(labels_get(c->series->next->labels, SPAN(LABEL_NAME)), "b"));
    c = c->next;
    ck_assert_int_eq(c->kind, TEST_EVAL);
    ck_assert_uint_eq(c->line, 8);
    ck_assert(span_is(c->eval.expression, "a + b"));
    ck_assert_int_eq(c->eval.from_ms, 60000);
    ck_assert_ptr_null(c->next);
}
END_TEST

START_TEST(a_comment_ends_a_block_as_a_blank_line_does) {
    struct test_command *c = parsed("load 1s\n  a 1\n# note\nclear");
    ck_assert_ptr_null(c->series->next);
    ck_assert_int_eq(c->next->kind, TEST_CLEAR);
}
END_TEST

START_TEST(range_evals_have_bounds_and_step) {
    struct test_eval *eval = &parsed("eval range from 0 to 1h30m step 5m  sum(a)\n {} 1 _ 3\n")->eval;
    ck_assert(eval->is_range);
    ck_assert_int_eq(eval->from_ms, 0);
    ck_assert_int_eq(eval->to_ms, 5400000);
    ck_assert_int_eq(eval->step_ms, 300000);
    ck_assert(span_is(eval->expression, "sum(a)"));
}
END_TEST

START_TEST(expectations_are_kept) {
    struct test_eval *eval = &parsed("eval instant at 0 a\n  expect ordered\n  expect no_warn\n"
                                     "  expect fail msg: no such thing\n  expect info regex:a.c\n")
                                  ->eval;
    ck_assert(eval->is_ordered && eval->no_warn && !eval->no_info);
    ck_assert_int_eq(eval->expects->kind, TEST_EXPECT_INFO);
    ck_assert(eval->expects->is_regex && span_is(eval->expects->text, "a.c"));
    ck_assert_int_eq(eval->expects->next->kind, TEST_EXPECT_FAIL);
    ck_assert(span_is(eval->expects->next->text, "no such thing"));
}
END_TEST

START_TEST(older_forms_say_the_same) {
    struct test_command *c =
        parsed("eval_ordered instant at 0 a\n\neval_fail instant at 0 b\n"
               "  expected_fail_message boom\n\neval_warn range from 0 to 1s step 1s c\n");
    ck_assert(c->eval.is_ordered);
    ck_assert_int_eq(c->next->eval.expects->kind, TEST_EXPECT_FAIL);
    ck_assert(span_is(c->next->eval.expects->text, "boom"));
    ck_assert_int_eq(c->next->next->eval.expects->kind, TEST_EXPECT_WARN);
}
END_TEST

START_TEST(scalars_strings_and_range_vectors_are_expected) {
    struct test_command *c = parsed("eval instant at 0 1\n  -1.5e3\n\neval instant at 0 \"x\"\n"
                                    "  expect string \"a\\tb\"\n\neval instant at 1m a[1m]\n"
                                    "  expect range vector from 10s to 1m step 10s\n  a 1 2\n");
    ck_assert(c->eval.has_scalar && c->eval.scalar == -1500);
    c = c->next;
    ck_assert(c->eval.has_string && span_is(c->eval.string, "a\tb"));
    c = c->next;
    ck_assert(c->eval.has_matrix);
    ck_assert_int_eq(c->eval.matrix_from_ms, 10000);
    ck_assert_int_eq(c->eval.matrix_step_ms, 10000);
    ck_assert_uint_eq(c->series->count, 2);
}
END_TEST

START_TEST(values_repeat_and_climb) {
    struct test_series s = series_of("a 1 2x2 10+5x2 3-1x1 _ _x2 stale");
    const double numbers[] = {1, 2, 2, 2, 10, 15, 20, 3, 2};
    ck_assert_uint_eq(s.count, 13);
    for (size_t i = 0; i < 9; i++) ck_assert_double_eq(s.values[i].number, numbers[i]);
    for (size_t i = 9; i < 12; i++) ck_assert_int_eq(s.values[i].kind, TEST_VALUE_NONE);
    ck_assert(value_is_stale(s.values[12].number));
}
END_TEST

START_TEST(numbers_have_all_forms) {
    struct test_series s = series_of("a -1 +2 .5 1e3 1E-3+1e1x1 NaN -Inf +inf");
    ck_assert_uint_eq(s.count, 9);
    ck_assert_double_eq(s.values[3].number, 1000);
    ck_assert_double_eq(s.values[5].number, 10.001);
    ck_assert(s.values[6].number != s.values[6].number);
    ck_assert_double_eq(s.values[7].number, -__builtin_inf());
    ck_assert_double_eq(s.values[8].number, __builtin_inf());
}
END_TEST

START_TEST(histograms_are_read_and_added) {
    struct test_series s = series_of("a {{schema:1 sum:15 buckets:[3 2]}}x2 {{count:1}}+{{count:2}}x1 7");
    ck_assert(s.has_histogram);
    ck_assert_uint_eq(s.count, 6);
    ck_assert_int_eq(s.values[4].kind, TEST_VALUE_HISTOGRAM);
    ck_assert_double_eq(s.values[2].histogram.value->sum, 15);
    ck_assert_double_eq(s.values[2].histogram.value->positive.counts[1], 2);
    ck_assert_double_eq(s.values[4].histogram.value->count, 3);
    ck_assert_int_eq(s.values[5].kind, TEST_VALUE_FLOAT);
}
END_TEST

START_TEST(labels_have_all_forms) {
    struct test_series s = series_of("{\"my.metric\", l='a\"b', \"ü\"=\"\\u00fc\\x41\", none=\"\"} 1");
    ck_assert_uint_eq(s.labels.count, 3);
    ck_assert(span_is(labels_get(s.labels, SPAN(LABEL_NAME)), "my.metric"));
    ck_assert(span_is(labels_get(s.labels, SPAN("l")), "a\"b"));
    ck_assert(span_is(labels_get(s.labels, SPAN("ü")), "üA"));
    ck_assert_uint_eq(series_of("{} 1").labels.count, 0);
}
END_TEST

START_TEST(start_time_lines_are_known) {
    struct test_series s = series_of("a{x=\"1\"}@st _ -30s-1mx2");
    static const double offsets[] = {0, -30000, -90000, -150000};
    ck_assert(s.is_start_times);
    ck_assert_uint_eq(s.count, 4);
    ck_assert_int_eq(s.values[0].kind, TEST_VALUE_NONE);
    for (size_t i = 1; i < 4; i++) ck_assert(s.values[i].number == offsets[i]);
    s = series_of("a@st 0 -0ms +1m5s");
    ck_assert_uint_eq(s.count, 3);
    ck_assert(s.values[0].number == 0 && s.values[1].number == 0 && s.values[2].number == 65000);
    refused("load 1m\n  a@st 5\n  a 1\n", "line 2: expected a duration");
}
END_TEST

START_TEST(mistakes_name_their_line) {
    refused("clear\nlaod 5m\n", "line 2: unknown command \"laod\"");
    refused("load 5x\n", "line 1");
    refused("load 5m\n  a 1 two\n", "line 2: expected a value at \"two\"");
    refused("load 5m\n  a{x=1} 1\n", "line 2: expected a string");
    refused("load 5m\n  a 1x99999999999\n", "bad repetition");
    refused("eval instant 5m a\n", "expected \"at\"");
    refused("eval range from 0 to 1m step 0 a\n", "empty range");
    refused("eval instant at 0 a\n  expect nothing\n", "unknown expectation");
    refused("eval instant at 0 a\n  expected_fail_message x\n", "without eval_fail");
    refused("load 1s\n  a {{count:1\n", "unclosed histogram");
    refused("load 1s\n  a{x=\"\\q\"} 1\n", "bad string");
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("parse");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, commands_come_in_order_with_their_lines);
    tcase_add_test(tcase, a_comment_ends_a_block_as_a_blank_line_does);
    tcase_add_test(tcase, range_evals_have_bounds_and_step);
    tcase_add_test(tcase, expectations_are_kept);
    tcase_add_test(tcase, older_forms_say_the_same);
    tcase_add_test(tcase, scalars_strings_and_range_vectors_are_expected);
    tcase_add_test(tcase, values_repeat_and_climb);
    tcase_add_test(tcase, numbers_have_all_forms);
    tcase_add_test(tcase, histograms_are_read_and_added);
    tcase_add_test(tcase, labels_have_all_forms);
    tcase_add_test(tcase, start_time_lines_are_known);
    tcase_add_test(tcase, mistakes_name_their_line);
    return check_run("promql_test_parse", tcase);
}
