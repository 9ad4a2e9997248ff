#pragma once
/*
 * output.h - inside of promql/rules: the series that a rule writes, known by reference, and the batch of a
 * group.
 *
 *     outputs_begin; outputs_add(labels) per result; outputs_end   -> rows, and markers for what vanished
 *     output_batch_flush                                          -> written and seen by queries
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"
#include "lib/sys/thread.h"

struct output {
    struct hash128 identity;
    struct labels labels; /* owned, one piece */
    struct series_ref ref;
    uint32_t round;                    /* the last that yielded it */
    double value;                      /* of this round */
    const struct histogram *histogram; /* valid until outputs_end */
    bool is_written;
};

struct outputs {
    VEC(struct output *) items;
    struct map index; /* by identity */
    uint32_t round;
    size_t added; /* in this round */
};

struct output_batch {
    struct append_batch *batch; /* NULL: nothing waits */
    VEC(struct output *) rows;  /* whose each is; NULL for markers */
    struct mutex lock;
    struct condition done;
    bool is_done;
};

void outputs_release(struct outputs *outputs);
void outputs_begin(struct outputs *outputs);
/* ERR_EXISTS: this round has the labels already; ERR_LIMIT: the store takes no more series */
int outputs_add(struct outputs *outputs, struct appender *appender, struct labels labels, double value,
                const struct histogram *histogram, struct err *err);
/* the round counts: rows and staleness markers go to the batch */
int outputs_end(struct outputs *outputs, struct output_batch *batch, int64_t time_ms, struct err *err);

void output_batch_init(struct output_batch *batch);
void output_batch_release(struct output_batch *batch);
/* waits until it is written; how many rows were refused by the store is told in *refused */
int output_batch_flush(struct output_batch *batch, struct appender *appender, size_t *refused,
                       struct err *err);

/* a copy of labels in one piece of memory; mem_free((void *)copy.items) */
struct labels labels_own(struct labels labels);
