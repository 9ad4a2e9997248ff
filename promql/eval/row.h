#pragma once
/*
 * row.h - inside of promql/eval: the columns that expressions exchange.
 *
 *     steps      t0    t1    t2    t3          one row per series
 *     values     1.5   -     2.5   3
 *     present    1     0     1     1           a bit per step; a value counts only where its bit is set
 *
 * Rows are pushed into sinks one after the other. A pushed row is the pusher's scratch: the sink may change
 * it, and copies what it keeps (rows_keep). All memory is the query's arena, but for histograms of a pushed
 * row, which are the series' columns.
 */
#include "promql/eval/eval.h"

struct row {
    struct labels labels;
    bool drop_name; /* the name goes at the end of the query (delayed name removal) */
    double *values;
    uint64_t *present;
    const struct histogram **histograms; /* NULL: every value is a float; else NULL at the steps of floats.
                                            The value beside a histogram is its sum */
};

struct sink {
    int (*push)(struct sink *sink, struct row *row, struct err *err);
    bool only_presence; /* which steps have a value is all that it looks at */
};

/* a vector that was kept */
struct rows {
    struct row *items;
    size_t count, capacity;
};

static inline bool bit_get(const uint64_t *bits, size_t i) {
    return bits[i / 64] >> (i % 64) & 1;
}
static inline void bit_set(uint64_t *bits, size_t i) {
    bits[i / 64] |= (uint64_t)1 << (i % 64);
}
static inline void bit_clear(uint64_t *bits, size_t i) {
    bits[i / 64] &= ~((uint64_t)1 << (i % 64));
}
/* sets those of [from, to) */
void bits_fill(uint64_t *bits, size_t from, size_t to);
bool bits_any(const uint64_t *bits, size_t words);
size_t bits_count(const uint64_t *bits, size_t words);

/* a row of ev->steps with nothing present */
int row_init(struct eval *ev, struct row *row, struct err *err);
void row_clear(struct eval *ev, struct row *row);
/* the name, and __type__ and __unit__, which say something of the metric of that name only */
bool label_goes_with_name(struct span name);
/* takes the metric's name away, at once or at the end of the query */
int row_drop_name(struct eval *ev, struct row *row, struct err *err);

/* a copy of row at the end of rows; labels are referenced, not copied */
int rows_keep(struct eval *ev, struct rows *rows, const struct row *row, struct err *err);
int rows_add(struct eval *ev, struct rows *rows, struct row **row, struct err *err);
/* evaluates expr into rows */
int rows_collect(struct eval *ev, const struct expr *expr, struct rows *rows, struct err *err);
/* Puts rows with equal labels together: an error when two have a value at one step. Keeps the order of first
 * appearance. */
int rows_merge(struct eval *ev, struct rows *rows, struct err *err);
/* names whose removal was put off go now, and rows that become the same are merged */
int rows_finish_names(struct eval *ev, struct rows *rows, struct err *err);
int rows_push(struct rows *rows, struct sink *sink, struct err *err);
