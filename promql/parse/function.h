#pragma once
/*
 * function.h - the table of functions, made from function.def.
 */
#include "lib/base/span.h"
#include "promql/parse/ast.h"

enum function_id {
#define FUNCTION(name, result, args, optional, state, doc) FN_##name,
#include "promql/parse/function.def"
#undef FUNCTION
    FN_COUNT
};

enum function_state { FUNCTION_STABLE, FUNCTION_EXPERIMENTAL };

struct function {
    enum function_id id;
    const char *name;
    enum value_type result;
    const char *args; /* v r s t, see function.def */
    int optional;
    enum function_state state;
    const char *doc;
};

/* NULL when there is none of that name */
const struct function *function_find(struct span name);
const struct function *function_at(enum function_id id);
