#pragma once
/*
 * promql_test_judge.h - does a result equal what an eval command expects?
 *
 * Numbers agree within a relative 1e-6; vectors may come in any order unless the eval says ordered; a matrix
 * must be sorted by its labels; missing and extra series both fail.
 */
#include "cmd/promql_test.h"
#include "lib/base/buf.h"

enum test_outcome_kind { TEST_SCALAR, TEST_STRING, TEST_VECTOR, TEST_MATRIX };

struct test_row { /* a series of a result; one point in a vector */
    struct labels labels;
    const int64_t *times_ms;
    const double *values;
    const struct histogram *const *histograms; /* NULL: all are floats */
    size_t count;
};

struct test_outcome {
    enum test_outcome_kind kind;
    double scalar;
    struct span string;
    struct test_row *rows;
    size_t count;
};

/* false, and "expected ..., got ..." in complaint, when it does not */
bool promql_test_judge(const struct test_command *command, const struct test_outcome *result,
                       struct arena *arena, struct buf *complaint);
/* does text satisfy what expect says? An expression that does not compile satisfies nothing. */
bool promql_test_message(const struct test_expect *expect, struct span text);
