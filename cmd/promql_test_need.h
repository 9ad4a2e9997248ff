#pragma once
/*
 * promql_test_need.h - what the expression of a case leans on: data or functions that this version has not.
 *
 * A case is left out only for what is found here or for what the engine itself calls unsupported; a wrong
 * answer is never a reason.
 */
#include "cmd/promql_test.h"
#include "promql/parse/ast.h"

/* Label sets of a store whose samples have start times. */
struct test_special {
    struct labels labels;
    struct test_special *next;
};

/* Remembers the special series of a load command; adds to *specials in arena. */
int promql_test_note_specials(const struct test_command *command, struct arena *arena,
                              struct test_special **specials, struct err *err);
/* The reason why the case must be left out, or NULL. Texts are literals or in arena. */
const char *promql_test_reason(const struct expr *expr, const struct test_special *specials,
                               struct arena *arena);
/* The reason for an error of the engine that says "unsupported". */
const char *promql_test_unsupported(const struct expr *expr, const char *text, struct arena *arena);
/* Gives every selector and subquery that has none an @ of at_ms, outside of subqueries. False: the
   expression's value depends on the time it is evaluated at, so the pinned one need not be the same. */
bool promql_test_pin(struct expr *expr, int64_t at_ms);
