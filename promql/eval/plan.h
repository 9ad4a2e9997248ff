#pragma once
/*
 * plan.h - what each part of an expression did while it ran (EXPLAIN).
 *
 *     sum by (a) (rate(x[5m]))     query ---- aggregation ---- call rate(x[5m])
 *
 * Rows are pushed through all parts at once, so a part has its own time only: the clock is switched when
 * evaluation goes down into a part and when a row goes up out of it. A range selector or subquery belongs to
 * the call it is an argument of. Work of a second thread counts where the query waits for it. Only queries
 * that ask for a plan pay for one. Nodes live in the query's arena, as long as its result.
 */
#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct eval;
struct expr;
struct sink;
struct json_writer;
struct span;

struct plan_node {
    const char *kind;    /* "query", "selector", "call" ... */
    uint32_t start, end; /* in the query's text */
    uint64_t series;     /* rows it made; a scalar: 1 */
    uint64_t samples;    /* it read from the store */
    uint64_t bytes;      /* of the query's memory that it took */
    int64_t own_ns;      /* without the nodes below */
    struct plan_node *first, *last, *next, *parent;
};

struct plan {
    struct plan_node *root, *current;
    int64_t since_ns;
    size_t since_bytes;
};

/* inside of promql/eval; plan_begin: NULL when memory is full */
struct plan *plan_begin(struct eval *ev);
void plan_end(struct eval *ev);
int plan_rows(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
int plan_scalar(struct eval *ev, const struct expr *expr, double *out, struct err *err);

/* own time and that of all nodes below */
int64_t plan_total_ns(const struct plan_node *node);
/* the tree as one value: {"node":"call","expr":"rate(x[5m])","start":11,"end":22,"series":..,"samples":..,
 * "bytes":..,"ownSeconds":..,"seconds":..,"children":[...]}; text is the query's */
void plan_write(struct json_writer *json, const struct plan_node *root, struct span text);
