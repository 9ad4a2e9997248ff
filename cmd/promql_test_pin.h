#pragma once
/*
 * promql_test_pin.h - an expression with its time nailed down.
 */
#include "promql/parse/ast.h"

/* Gives every selector and subquery that has none an @ of at_ms, outside of subqueries. False: the
   expression's value depends on the time it is evaluated at, so the pinned one need not be the same. */
bool promql_test_pin(struct expr *expr, int64_t at_ms);
