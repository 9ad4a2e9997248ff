#pragma once
/*
 * exec.h - inside of lib/template: one execution, and the functions that templates call.
 *
 * A function gets its arguments evaluated and of the types that its signature says:
 *
 *     "sss"   three strings        a anything    q what query answers    S a sample
 *     "sa*"   a string, then any number of anything
 *
 * It writes why it failed as Go does, without place and name.
 */
#include "lib/template/node.h"
#include "lib/template/value.h"

struct exec;

typedef int template_function(struct exec *x, const struct value *args, size_t count, struct value *result,
                              struct err *err);

struct function {
    const char *name, *signature;
    template_function *run; /* NULL: and, or, which leave out arguments */
};

const struct function *template_function_find(struct span name);
extern const struct function builtin_functions[], rule_functions[]; /* ended by a row without name */

struct variable {
    struct span name;
    struct value value;
};

#define EXEC_MAX_VARIABLES 4096
#define EXEC_MAX_CALLS 100

struct exec {
    const struct template *template;
    const struct template_part *part; /* that is being executed */
    const struct template_env *env;
    struct arena arena;
    struct buf *out;
    struct buf why;
    const struct node *at; /* error texts are about */
    struct variable *variables;
    size_t variable_count, variable_capacity;
    int calls, steps, queries;
};

/* text that was made, as a value in the arena; released here */
int exec_text(struct exec *x, struct buf *made, struct value *result, struct err *err);

/* number.c: what humanize and its like take; a text is parsed */
int value_to_float(const struct value *value, double *number, struct err *err);
