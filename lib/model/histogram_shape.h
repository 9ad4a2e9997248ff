#pragma once
/*
 * histogram_shape.h - the same observations in other buckets.
 *
 *     schema 2    . 1 . 3 | 2 . . 1         four buckets of schema 2 are two of schema 1
 *     schema 1     1   3  |  2   1          (index i goes to ((i - 1) >> 1) + 1)
 *
 * Inputs never change; results lie in an arena, without empty buckets.
 */
#include "lib/model/histogram.h"

/* The histogram (checked) at a schema of at most `schema`, without empty buckets; custom buckets stay as they
 * are. 0 or ERR_LIMIT. */
int histogram_reduce(const struct histogram *histogram, int8_t schema, struct arena *arena,
                     struct histogram *result, struct err *err);
/* Do the buckets of a histogram of whole numbers add up to its count? Observations of NaN are in none. As
 * Prometheus: floats are not held to it. ERR_INVALID in its words. */
int histogram_check_count(const struct histogram *histogram, struct err *err);

/* a bucket of a classic histogram: observations at or below upper */
struct classic_bucket {
    double upper, count;
    uint32_t order; /* of two with the same bound the one with the lower order counts */
};

struct classic_histogram {
    struct classic_bucket *buckets; /* in any order; room for one more; sorted in place */
    uint32_t bucket_count;
    bool has_count; /* else the highest bucket's */
    double count, sum;
};

/* To custom buckets (schema -53). ERR_INVALID: no histogram (not cumulative, negative, count and buckets
 * disagree). ERR_LIMIT: the arena is full. */
int histogram_of_classic(struct classic_histogram *classic, struct arena *arena, struct histogram *result,
                         struct err *err);
