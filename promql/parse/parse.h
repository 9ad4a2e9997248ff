#pragma once
/*
 * parse.h - PromQL text to a typed tree, and back.
 *
 * A Pratt parser: precedence is a table (parse_operator.c), nesting and nodes are counted, so hostile text is
 * an error and never a crash. Error texts and positions are Prometheus' ("1:5: parse error: unexpected end of
 * input").
 */
#include "lib/base/buf.h"
#include "promql/parse/ast.h"
#include "promql/parse/function.h"

#define PARSE_MAX_DEPTH 500
#define PARSE_MAX_NODES 50000
#define PARSE_MAX_HEIGHT 4000 /* of the tree: 1+1+1... is high without being nested */

struct parse_options {
    size_t max_text_bytes;         /* 0: 256 KiB */
    bool experimental_functions;   /* promql-experimental-functions */
    bool extended_range_selectors; /* anchored, smoothed */
    bool binop_fill_modifiers;     /* fill, fill_left, fill_right */
};

struct parse_error {
    uint32_t start, end;   /* bytes */
    uint32_t line, column; /* of start, from 1; 0 when there is no text to point into */
    char text[256];        /* without position: "unexpected end of input" */
};

/* 0 and a tree, or ERR_INVALID (ERR_LIMIT for depth, nodes, length) with `error` filled. The tree refers to
 * `text` and to arena. */
int promql_parse(struct span text, const struct parse_options *options, struct arena *arena,
                 struct expr **expr, struct parse_error *error);
/* The milliseconds of a duration in a query of this step and range; 0, or ERR_EXECUTION when it comes out at
 * or below 0 and must not, or too large. */
int duration_resolve(const struct duration *duration, bool must_be_positive, int64_t step_ms,
                     int64_t range_ms, int64_t *ms, struct err *err);
/* "1:5: parse error: unexpected end of input" */
void parse_error_write(const struct parse_error *error, struct buf *out);

/* Prometheus' canonical form, which parses to the same tree. */
void expr_print(const struct expr *expr, struct buf *out);
/* The same over several lines, from `level` on, where one is too long; parses to the same tree. (format.c) */
void expr_format(const struct expr *expr, unsigned level, struct buf *out);
/* parts of the form: "sum by (a) ", "+ on (b) group_left () " without the last blank, "[5m:1m] @ 3" */
void expr_print_aggregate_head(const struct aggregate *aggregate, struct buf *out);
void expr_print_operator(const struct binary *binary, struct buf *out);
void expr_print_subquery_tail(const struct subquery *subquery, struct buf *out);
/* "scalar", "instant vector", "range vector", "string" */
const char *value_type_name(enum value_type type);
const char *operator_text(enum operator op);
const char *aggregate_text(enum aggregate_op op);
bool operator_is_comparison(enum operator op);
bool operator_is_set(enum operator op);
