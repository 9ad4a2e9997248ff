/*
 * test_promql_test_judge.c - which results satisfy an eval, and what the complaint says.
 */
#include "cmd/promql_test_judge.h"
#include "lib/model/sample.h"

#include "tests/check_main.h"

static struct arena arena;
static struct buf complaint;
static struct test_row rows[4];
static int64_t times[4][4];
static double values[4][4];
static struct test_outcome result;

static void setup(void) {
    arena_init(&arena, 1 << 20, NULL);
    buf_init(&complaint, 4096);
    result = (struct test_outcome){.kind = TEST_VECTOR, .rows = rows};
    memset(rows, 0, sizeof rows);
}

static void teardown(void) {
    buf_release(&complaint);
    arena_release(&arena);
}

/* adds a row; its labels as a series line has them */
static void add_row(const char *labels) {
    struct test_series series;
    ck_assert_int_eq(promql_test_series(span_from(labels), &arena, &series, NULL), 0);
    struct test_row *row = &rows[result.count];
    *row = (struct test_row){series.labels, times[result.count], values[result.count], NULL, 0};
    result.count++;
}

static void add_point(int64_t at, double value) {
    struct test_row *row = &rows[result.count - 1];
    times[result.count - 1][row->count] = at;
    values[result.count - 1][row->count++] = value;
}

static bool judged(const char *text) {
    struct test_command *command = NULL;
    struct err err = {0};
    ck_assert_msg(promql_test_parse(span_from(text), &arena, &command, &err) == 0, "%s", err.text);
    buf_reset(&complaint);
    return promql_test_judge(command, &result, &arena, &complaint);
}

static void complains(const char *text, const char *said) {
    ck_assert(!judged(text));
    ck_assert_msg(strstr(buf_text(&complaint), said) != NULL, "%s", buf_text(&complaint));
}

START_TEST(vectors_may_come_in_any_order) {
    add_row("a{x=\"2\"}");
    add_point(0, 2);
    add_row("a{x=\"1\"}");
    add_point(0, 1.0000001);
    ck_assert(judged("eval instant at 0 a\n  a{x=\"1\"} 1\n  a{x=\"2\"} 2\n"));
    complains("eval instant at 0 a\n  expect ordered\n  a{x=\"1\"} 1\n  a{x=\"2\"} 2\n", "at place 2");
}
END_TEST

START_TEST(missing_extra_and_wrong_series_fail) {
    add_row("a");
    add_point(0, 1);
    complains("eval instant at 0 a\n  a 2\n", "expected a 2, got a 1@0");
    complains("eval instant at 0 a\n  a 1\n  b 1\n", "expected b 1, got no such series");
    complains("eval instant at 0 a\n", "expected no such series, got a 1");
    complains("eval instant at 0 a\n  {} 1\n", "expected no such series");
    complains("eval instant at 0 a\n  1\n", "expected a scalar, got an instant vector");
}
END_TEST

START_TEST(numbers_agree_within_a_millionth) {
    add_row("a");
    add_point(0, 1000.0005);
    ck_assert(judged("eval instant at 0 a\n  a 1000\n"));
    complains("eval instant at 0 a\n  a 1001\n", "got a 1000.0005");
    values[0][0] = value_nan();
    ck_assert(judged("eval instant at 0 a\n  a NaN\n"));
    ck_assert(!judged("eval instant at 0 a\n  a stale\n"));
    ck_assert(!judged("eval instant at 0 a\n  a 0\n"));
    values[0][0] = __builtin_inf();
    ck_assert(judged("eval instant at 0 a\n  a Inf\n"));
    ck_assert(!judged("eval instant at 0 a\n  a -Inf\n"));
    values[0][0] = 1e-300;
    ck_assert(!judged("eval instant at 0 a\n  a 0\n"));
}
END_TEST

START_TEST(matrices_need_the_right_points) {
    result.kind = TEST_MATRIX;
    add_row("a");
    add_point(0, 1);
    add_point(20000, 3);
    ck_assert(judged("eval range from 0 to 20s step 10s a\n  a 1 _ 3 9\n"));
    complains("eval range from 0 to 20s step 10s a\n  a 1 2 3\n", "expected a 1 2 3, got a 1@0 3@20000");
    complains("eval range from 0 to 20s step 10s a\n  a 1\n", "expected a 1");
    ck_assert(judged("eval instant at 1m a[1m]\n  expect range vector from 0 to 20s step 20s\n  a 1 3\n"));
}
END_TEST

START_TEST(matrices_are_sorted) {
    result.kind = TEST_MATRIX;
    add_row("b");
    add_point(0, 1);
    add_row("a");
    add_point(0, 1);
    complains("eval range from 0 to 0 step 1s a\n  a 1\n  b 1\n", "expected series sorted");
}
END_TEST

START_TEST(scalars_and_strings_are_judged) {
    result = (struct test_outcome){.kind = TEST_SCALAR, .scalar = 2};
    ck_assert(judged("eval instant at 0 2\n  2\n"));
    complains("eval instant at 0 2\n  3\n", "expected 3, got 2");
    complains("eval instant at 0 2\n", "expected an instant vector, got a scalar");
    result = (struct test_outcome){.kind = TEST_STRING, .string = SPAN("x")};
    ck_assert(judged("eval instant at 0 s\n  expect string \"x\"\n"));
    complains("eval instant at 0 s\n  expect string \"y\"\n", "expected \"y\", got \"x\"");
}
END_TEST

START_TEST(messages_match_whole_or_as_regex_anywhere) {
    struct test_expect any = {0}, whole = {.has_text = true, .text = SPAN("boom")};
    struct test_expect regex = {.has_text = true, .is_regex = true, .text = SPAN("b.+m$|x")};
    ck_assert(promql_test_message(&any, SPAN("anything")));
    ck_assert(promql_test_message(&whole, SPAN("boom")));
    ck_assert(!promql_test_message(&whole, SPAN("big boom")));
    ck_assert(promql_test_message(&regex, SPAN("a big boom")));
    ck_assert(!promql_test_message(&regex, SPAN("a big bang")));
    regex.text = SPAN("(");
    ck_assert(!promql_test_message(&regex, SPAN("(")));
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("judge");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, vectors_may_come_in_any_order);
    tcase_add_test(tcase, missing_extra_and_wrong_series_fail);
    tcase_add_test(tcase, numbers_agree_within_a_millionth);
    tcase_add_test(tcase, matrices_need_the_right_points);
    tcase_add_test(tcase, matrices_are_sorted);
    tcase_add_test(tcase, scalars_and_strings_are_judged);
    tcase_add_test(tcase, messages_match_whole_or_as_regex_anywhere);
    return check_run("promql_test_judge", tcase);
}
