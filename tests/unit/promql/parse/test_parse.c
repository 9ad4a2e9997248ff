#include "promql/parse/parse.h"
#include "tests/check_main.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const struct parse_options everything = {
    .experimental_functions = true, .extended_range_selectors = true, .binop_fill_modifiers = true};

/* the canonical form, or the error with its position */
static const char *form_with(const char *text, const struct parse_options *options) {
    static char form[4096];
    struct arena arena;
    struct buf out;
    struct expr *expr;
    struct parse_error error;
    arena_init(&arena, 64 << 20, NULL);
    buf_init(&out, sizeof form - 1);
    if (promql_parse(span_from(text), options, &arena, &expr, &error) != 0) {
        parse_error_write(&error, &out);
    } else {
        expr_print(expr, &out);
        expr_release(expr);
    }
    snprintf(form, sizeof form, "%s", buf_text(&out));
    buf_release(&out);
    arena_release(&arena);
    return form;
}

static const char *lines_of(const char *text) {
    static char lines[8192];
    struct arena arena;
    struct buf out;
    struct expr *expr;
    struct parse_error error;
    arena_init(&arena, 64 << 20, NULL);
    buf_init(&out, sizeof lines - 1);
    ck_assert_int_eq(promql_parse(span_from(text), &everything, &arena, &expr, &error), 0);
    expr_format(expr, 0, &out);
    expr_release(expr);
    snprintf(lines, sizeof lines, "%s", buf_text(&out));
    buf_release(&out);
    arena_release(&arena);
    return lines;
}

static const char *form(const char *text) {
    return form_with(text, &everything);
}

START_TEST(good_expressions_print_in_canonical_form) {
    static const char *const cases[][2] = {
        {"1", "1"},
        {"0x1F", "31"},
        {"1_000.5", "1000.5"},
        {"5m", "5m"},
        {"-1", "-1"},
        {"-x", "-x"},
        {"-2^2", "-2 ^ 2"},
        {"1+2*3", "1 + 2 * 3"},
        {"iNf", "+Inf"},
        {"foo", "foo"},
        {"foo{}", "foo"},
        {"foo{a=\"b\",c!~'d|e',}", "foo{a=\"b\",c!~\"d|e\"}"},
        {"{__name__=~'a.+'}", "{__name__=~\"a.+\"}"},
        {"{\"my.metric\", \"a.b\"='c'}", "{\"a.b\"=\"c\",__name__=\"my.metric\"}"},
        {"foo[5m] offset 1h", "foo[5m] offset 1h"},
        {"foo @ 123 offset -5m", "foo @ 123.000 offset -5m"},
        {"foo offset 5m @ start()", "foo @ start() offset 5m"},
        {"rate(foo[1m])", "rate(foo[1m])"},
        {"sum(foo) by (job,)", "sum by (job) (foo)"},
        {"SUM without(a, b)(foo)", "sum without (a, b) (foo)"},
        {"topk(5, foo)", "topk(5, foo)"},
        {"foo + on(a) group_left(b) bar", "foo + on (a) group_left (b) bar"},
        {"foo == bool 1", "foo == bool 1"},
        {"a and b or c unless d", "a and b or c unless d"},
        {"foo[5m:]", "foo[5m:]"},
        {"rate(foo[5m])[1h:1m] @ end()", "rate(foo[5m])[1h:1m] @ end()"},
        {"sum", "sum"},
        {"by", "by"},
        {"offset", "offset"},
        {"foo[5m+1m]", "foo[5m + 1m]"},
        {"foo[step()]", "foo[step()]"},
        {"foo offset (5m*2)", "foo offset (5m * 2)"},
        {"a:b:c", "a:b:c"},
        {"label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
         "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")"},
        {"'a\\n\\x41\\u00e9'", "\"a\\nA\xc3\xa9\""},
        {"foo # comment\n + bar", "foo + bar"},
        {"a + fill(1) b", "a + fill (1) b"},
        {"rate(foo[5m] anchored)", "rate(foo[5m] anchored)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(form(cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(bad_expressions_are_refused_with_position_and_reason) {
    static const char *const cases[][2] = {
        {"", "unknown position: parse error: no expression found in input"},
        {"1 +", "1:4: parse error: unexpected end of input"},
        {"(1", "1:3: parse error: unclosed left parenthesis"},
        {"1)", "1:3: parse error: unexpected right parenthesis ')'"},
        {"*1", "1:1: parse error: unexpected <op:*>"},
        {"foo bar", "1:5: parse error: unexpected identifier \"bar\""},
        {"nope(1)", "1:1: parse error: unknown function with name \"nope\""},
        {"rate(foo)",
         "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"},
        {"abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"},
        {"round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"},
        {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"{a=~'.*'}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
        {"1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
        {"foo + bool bar", "1:5: parse error: bool modifier can only be used on comparison operators"},
        {"foo[5m] + 1",
         "1:1: parse error: binary expression must contain only scalar and instant vector types"},
        {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
        {"foo offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"},
        {"(foo)[5m]", "1:6: parse error: ranges only allowed for vector selectors"},
        {"foo offset 5m [5m]", "1:15: parse error: no offset modifiers allowed before range"},
        {"foo{a=\"b\"", "1:10: parse error: unexpected end of input inside braces"},
        {"foo{a=b}", "1:7: parse error: unexpected identifier \"b\" in label matching, expected string"},
        {"\"abc", "1:1: parse error: unterminated quoted string"},
        {"\n\n 1 $", "3:4: parse error: unexpected character: '$'"},
        {"foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
        {"foo[0m]", "1:5: parse error: duration must be greater than 0"},
        {"abs(foo,)", "1:8: parse error: trailing commas not allowed in function call args"},
        {"foo{a=~\"(\"}", "1:5: parse error: error parsing regexp: missing closing ): `(`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(form(cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(experimental_parts_need_their_flag) {
    ck_assert_str_eq(form_with("mad_over_time(a[5m])", NULL),
                     "1:1: parse error: function \"mad_over_time\" is not enabled");
    ck_assert_ptr_nonnull(strstr(form_with("limitk(1, a)", NULL), "experimental"));
    ck_assert_ptr_nonnull(strstr(form_with("a + fill(1) b", NULL), "not enabled"));
    ck_assert_ptr_nonnull(strstr(form_with("a[5m] smoothed", NULL), "not enabled"));
}
END_TEST

START_TEST(hostile_nesting_is_an_error) {
    static char text[300001];
    memset(text, '(', 100000);
    ck_assert_ptr_nonnull(strstr(form(text), "nests deeper than 500 levels"));
    memset(text, '-', 100000);
    ck_assert_ptr_nonnull(strstr(form(text), "nests deeper than 500 levels"));
    for (int i = 0; i < 100000; i++) memcpy(text + 2 * i, "1+", 2);
    text[200000] = '1';
    text[200001] = '\0';
    ck_assert_ptr_nonnull(strstr(form(text), "levels"));
    memset(text, 'a', 300000);
    ck_assert_ptr_nonnull(strstr(form(text), "longer than 262144 bytes"));
}
END_TEST

static int checked;
static void check_round_trip(const char *text) {
    char first[4096];
    snprintf(first, sizeof first, "%s", form(text));
    if (strstr(first, "parse error")) return;
    ck_assert_str_eq(form(first), first);
    ck_assert_str_eq(form(lines_of(first)), first);
    checked++;
}

START_TEST(what_is_printed_parses_to_the_same_form) {
    const char *folder = "../shared/promqltest";
    DIR *dir = opendir(folder);
    check_round_trip("sum by (a) (rate(x{b=~\"c|d\"}[5m] offset 1m)) / ignoring (e) group_right (f) -y ^ 2");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[512], line[8192];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = strstr(entry->d_name, ".test") ? fopen(path, "r") : NULL;
        while (file && fgets(line, sizeof line, file)) {
            char *text = strncmp(line, "eval instant at ", 16) == 0 ? strchr(line + 16, ' ') : NULL;
            if (text) check_round_trip(text + 1);
        }
        if (file) fclose(file);
    }
    if (dir) closedir(dir);
    ck_assert_int_gt(checked, dir ? 1000 : 0);
}
END_TEST

#define LONG "a_metric_with_a_name_that_takes_half_of_a_line"

START_TEST(what_is_too_long_for_a_line_is_opened_up) {
    ck_assert_str_eq(lines_of("sum(rate(x[5m]))>0"), "sum(rate(x[5m])) > 0");
    ck_assert_str_eq(lines_of("sum by (a) (rate(" LONG "[5m])) / on (a) group_left () rate(" LONG "[5m])"),
                     "  sum by (a) (rate(" LONG "[5m]))\n"
                     "/ on (a) group_left ()\n"
                     "  rate(" LONG "[5m])");
    ck_assert_str_eq(lines_of("topk(3, (max_over_time((" LONG " + " LONG ")[1h:1m])))"),
                     "topk(\n"
                     "  3,\n"
                     "  (\n"
                     "    max_over_time(\n"
                     "      (" LONG " + " LONG ")[1h:1m]\n"
                     "    )\n"
                     "  )\n"
                     ")");
}
END_TEST

CHECK_MAIN("parse", good_expressions_print_in_canonical_form,
           bad_expressions_are_refused_with_position_and_reason, experimental_parts_need_their_flag,
           hostile_nesting_is_an_error, what_is_too_long_for_a_line_is_opened_up,
           what_is_printed_parses_to_the_same_form)
