#pragma once
/*
 * family.h - what was pushed: families of metrics, taken apart far enough to be checked and told again.
 *
 *     # TYPE rpc histogram                       family rpc, histogram
 *     rpc_bucket{le="1"} 3                         metric {instance="", job="a"}: points (1, 3) (+Inf, 4)
 *     rpc_bucket{le="+Inf"} 4                                                    count 4, sum 2.5
 *     rpc_sum 2.5 ...
 *
 * The labels of a metric are its own with those of the group over them, and an empty instance where there is
 * none: whoever takes them with honor_labels then gives it no other. A family owns its memory, which counts
 * against a budget. Of a native histogram only count, sum and classic buckets are kept.
 */
#include "lib/base/vec.h"
#include "lib/expose/metric.h"
#include "lib/model/labels.h"

#include <stdint.h>

struct push_point {
    double at, value; /* quantile or upper bound, and its value or count */
};

struct push_metric {
    struct labels labels; /* without the name; may hold empty values */
    double value;         /* of a counter, gauge or untyped */
    double count, sum;    /* of a summary or histogram */
    struct push_point *points;
    uint32_t point_count, point_capacity;
};

struct push_family {
    struct arena arena; /* of all below */
    struct span name, help;
    enum expose_type type; /* unknown, counter, gauge, summary or histogram */
    bool has_type;
    int64_t time_ms; /* of the push that brought it */
    VEC(struct push_metric *) metrics;
};

struct push_families {
    VEC(struct push_family *) items; /* in the order of the body, each name once */
    size_t lines;                    /* samples in all, as text */
    bool has_times;                  /* a sample had a timestamp, which is not allowed */
};

enum push_format { PUSH_TEXT, PUSH_PROTOBUF };

struct push_limits { /* 0: none */
    size_t lines;    /* samples in the store, and so of a body */
    size_t groups;
    size_t labels, label_name_bytes, label_value_bytes; /* of one series */
    size_t label_bytes;                                 /* names and values of a series together */
};

/* Families of a body, the labels of the group put in. Memory is taken from budget (NULL: any). ERR_INVALID,
 * ERR_LIMIT; then there are none. */
int push_families_read(enum push_format format, struct span body, struct labels group,
                       const struct push_limits *limits, struct budget *budget,
                       struct push_families *families, struct err *err);
/* frees all that are there; a NULL among them is fine */
void push_families_release(struct push_families *families);
void push_family_destroy(struct push_family *family); /* NULL is fine */
/* samples of a family as text */
size_t push_family_lines(const struct push_family *family);
