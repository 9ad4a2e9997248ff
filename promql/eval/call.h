#pragma once
/*
 * call.h - inside of promql/eval: how functions of instant vectors are implemented.
 *
 * An element function sees one value at a time with its scalars at that step (fn_math.c, fn_date.c). A vector
 * function sees whole rows (fn_label.c, fn_histogram.c, fn_vector.c). call.c finds the one or the other by
 * the function's id.
 */
#include "promql/eval/row.h"

/* false: no value. params are the call's scalars at this step, in order; missing optional ones are left out
 * (count tells) */
typedef bool element_function(double value, const double *params, size_t param_count, double *result);
element_function *math_function_of(enum function_id id);
element_function *date_function_of(enum function_id id);

typedef int vector_function(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
vector_function *label_function_of(enum function_id id);
vector_function *histogram_function_of(enum function_id id);
vector_function *shape_function_of(enum function_id id);
vector_function fn_info; /* info.c */
