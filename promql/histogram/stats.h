#pragma once
/*
 * stats.h - what a native histogram says of the observations in it.
 *
 *     | zero |  1  |  4  |  2  |      rank q * count falls into a bucket, and inside it is interpolated:
 *                 ^ rank             linearly in the zero bucket and in custom ones, else in powers of 2
 *
 * Observations of NaN count, but are in no bucket.
 */
#include "lib/model/histogram.h"

enum histogram_skew {
    SKEW_NONE,
    SKEW_NAN_RESULT, /* the rank falls on an observation of NaN */
    SKEW_LEFT_OUT,   /* some are NaN, and were taken as larger than all others */
};

double histogram_quantile(double q, const struct histogram *h, enum histogram_skew *skew);
/* did it see NaN? */
bool histogram_has_nan(const struct histogram *h);
/* share of the observations in (lower, upper] */
double histogram_fraction(double lower, double upper, const struct histogram *h);
/* of the middles of the buckets */
double histogram_variance(const struct histogram *h);
/* places in a bucket: which share of it is at or below value; value is inside */
struct histogram_bucket;
double histogram_share_below(const struct histogram *h, const struct histogram_bucket *bucket, double value);
/* a bucket around 0 has observations on the side of the others only */
void histogram_one_sided(const struct histogram *h, struct histogram_bucket *bucket);
