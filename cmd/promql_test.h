#pragma once
/*
 * promql_test.h - the promqltest language: what the parts of `server promql test` share.
 *
 *     load 5m                                     <- command LOAD: value k of a series belongs to k * step
 *       requests{job="a"} 0+10x10                    series line: labels, then values
 *
 *     eval instant at 50m rate(requests[5m])      <- command EVAL: an expression and what it must give
 *       expect no_warn                               expectations
 *       {job="a"} 0.03                               result lines: a series each, or one bare number
 *
 *     clear                                       <- command CLEAR: a new, empty store
 *
 * promql_test_parse.c reads commands, promql_test_values.c one series line, promql_test_judge.c compares a
 * result with an EVAL, promql_test_run.c owns store and engine, promql_test.c is the command. Everything of a
 * file lives in one arena.
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/model/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum test_value_kind { TEST_VALUE_NONE, TEST_VALUE_FLOAT, TEST_VALUE_HISTOGRAM };

struct histogram;

struct test_histogram {
    const struct histogram *value;
    bool has_reset; /* the counter reset was written */
};

struct test_value {
    double number;
    struct test_histogram histogram;
    enum test_value_kind kind;
};

struct test_series {
    struct labels labels;
    struct test_value *values;
    size_t count;
    size_t line;
    bool has_histogram;
    bool is_start_times; /* a <metric>@st line: values are ms from a sample's time to its counter's start */
    struct test_series *next;
};

enum test_expect_kind { TEST_EXPECT_FAIL, TEST_EXPECT_WARN, TEST_EXPECT_INFO };

struct test_expect {
    enum test_expect_kind kind;
    bool is_regex;
    bool has_text; /* else any message will do */
    struct span text;
    struct test_expect *next;
};

/* What an EVAL asks and must get. Times in ms, inclusive; an instant query has from_ms == to_ms, step_ms 0.
 */
struct test_eval {
    bool is_range;
    int64_t from_ms, to_ms, step_ms;
    struct span expression;
    bool is_ordered, no_warn, no_info;
    struct test_expect *expects;
    bool has_scalar, has_string, has_matrix;
    double scalar;
    struct span string;
    int64_t matrix_from_ms, matrix_to_ms, matrix_step_ms; /* with has_matrix: expect range vector */
};

enum test_command_kind { TEST_CLEAR, TEST_LOAD, TEST_EVAL };

struct test_command {
    enum test_command_kind kind;
    size_t line;
    bool with_nhcb;        /* LOAD: load_with_nhcb */
    int64_t step_ms;       /* LOAD */
    struct test_eval eval; /* EVAL */
    struct test_series *series;
    struct test_command *next;
};

/* The commands of a file's text, in order; text must outlive them. Errors: "line 12: reason". */
int promql_test_parse(struct span text, struct arena *arena, struct test_command **commands, struct err *err);
/* One series line, trimmed: labels and values. */
int promql_test_series(struct span line, struct arena *arena, struct test_series *series, struct err *err);
/* A text between quotes or backticks at the start of *rest, unescaped; *rest is moved behind it. */
int promql_test_unquote(struct span *rest, struct arena *arena, struct span *text, struct err *err);
/* A number as result lines have them: decimal, Inf, NaN. */
bool promql_test_number(struct span text, double *number);
