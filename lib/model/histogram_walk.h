#pragma once
/*
 * histogram_walk.h - the buckets of a native histogram from the lowest to the highest, with their bounds.
 *
 *     negative, highest index first | zero | positive, lowest index first
 *     [-base^i, -base^(i-1))        [-t, t]  (base^(i-1), base^i]                 custom: [-Inf, b0] (b0, b1]
 * ...
 *
 * A bucket that the zero bucket reaches into is cut at its threshold. (Prometheus' native histogram
 * specification, "Schema" and "Zero bucket".)
 */
#include "lib/model/histogram.h"

struct histogram_bucket {
    double lower, upper, count;
    bool lower_inclusive, upper_inclusive;
};

struct histogram_walk {
    const struct histogram *histogram;
    enum { WALK_NEGATIVE, WALK_ZERO, WALK_POSITIVE, WALK_END } part;
    uint32_t span, in_span, done; /* of the part: where its next bucket is */
    int64_t index;                /* of the next bucket */
};

void histogram_walk_init(struct histogram_walk *walk, const struct histogram *histogram);
/* false at the end; buckets without observations are not left out, but a zero bucket is */
bool histogram_walk_next(struct histogram_walk *walk, struct histogram_bucket *bucket);
/* the upper bound of a bucket of a positive index */
double histogram_bound(const struct histogram *histogram, int64_t index);
