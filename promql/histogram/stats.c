#include "promql/histogram/stats.h"

#include "lib/model/histogram_walk.h"
#include "promql/histogram/sum.h"

#include <math.h>

static bool is_custom(const struct histogram *h) {
    return h->schema == HISTOGRAM_SCHEMA_CUSTOM;
}

static bool is_around_zero(const struct histogram_bucket *bucket) {
    return bucket->lower <= 0 && bucket->upper >= 0;
}

void histogram_one_sided(const struct histogram *h, struct histogram_bucket *bucket) {
    if (!is_around_zero(bucket)) return;
    if (!h->negative.count && h->positive.count) bucket->lower = 0;
    if (!h->positive.count && h->negative.count) bucket->upper = 0;
}

/* the place in a bucket where this share of it is below */
static double place_in(const struct histogram *h, const struct histogram_bucket *bucket, double share) {
    if (is_custom(h) || is_around_zero(bucket))
        return bucket->lower + (bucket->upper - bucket->lower) * share;
    double lower = log2(fabs(bucket->lower)), upper = log2(fabs(bucket->upper));
    if (bucket->lower > 0) return exp2(lower + (upper - lower) * share);
    return -exp2(upper + (lower - upper) * (1 - share));
}

double histogram_share_below(const struct histogram *h, const struct histogram_bucket *bucket, double value) {
    if (is_custom(h) || is_around_zero(bucket)) {
        if (isinf(bucket->lower)) return 1;
        return (value - bucket->lower) / (bucket->upper - bucket->lower); /* 0 when that is without end */
    }
    double lower = log2(fabs(bucket->lower)), upper = log2(fabs(bucket->upper)), at = log2(fabs(value));
    return value > 0 ? (at - lower) / (upper - lower) : 1 - (at - upper) / (lower - upper);
}

static double observations(const struct histogram *h) {
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    double total = 0;
    histogram_walk_init(&walk, h);
    while (histogram_walk_next(&walk, &bucket)) total += bucket.count;
    return total;
}

bool histogram_has_nan(const struct histogram *h) {
    return isnan(h->sum) && observations(h) < h->count;
}

/* The bucket of the rank, counted from the lowest up, or from the highest down; *up_to: observations so far,
 * its own included. */
static bool find_bucket(const struct histogram *h, double rank, bool is_forward,
                        struct histogram_bucket *found, double *up_to) {
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    double left = is_forward ? 0 : observations(h), below = 0;
    bool any = false;
    histogram_walk_init(&walk, h);
    while (histogram_walk_next(&walk, &bucket)) {
        if (bucket.count == 0) continue;
        if (is_forward) {
            below += bucket.count;
            *found = bucket;
            *up_to = below;
            if (below >= rank) return true;
        } else {
            if (any && left - below < rank) return true;
            *found = bucket;
            *up_to = left - below;
            below += bucket.count;
        }
        any = true;
    }
    return any;
}

double histogram_quantile(double q, const struct histogram *h, enum histogram_skew *skew) {
    struct histogram_bucket bucket = {0};
    double up_to = 0;
    *skew = SKEW_NONE;
    if (q < 0) return -INFINITY;
    if (q > 1) return INFINITY;
    if (h->count == 0 || isnan(q)) return NAN;
    bool has_nan = isnan(h->sum), is_forward = has_nan || q < 0.5;
    double rank = is_forward ? q * h->count : (1 - q) * h->count;
    bool any = find_bucket(h, rank, is_forward, &bucket, &up_to);
    if (has_nan && up_to < rank) {
        *skew = SKEW_NAN_RESULT;
        return NAN;
    }
    if (!any) return NAN;
    if (histogram_has_nan(h)) *skew = SKEW_LEFT_OUT;
    if (is_custom(h)) {
        if (bucket.lower == -INFINITY && bucket.upper <= 0) return bucket.upper;
        if (bucket.lower == -INFINITY)
            bucket.lower = 0;
        else if (bucket.upper == INFINITY)
            return bucket.lower;
    } else if (bucket.lower < 0 && bucket.upper > 0) {
        histogram_one_sided(h, &bucket);
    }
    if (up_to > h->count) up_to = h->count;
    if (up_to < rank) return is_forward ? bucket.upper : bucket.lower;
    rank = is_forward ? rank - (up_to - bucket.count) : up_to - rank;
    return place_in(h, &bucket, rank / bucket.count);
}

double histogram_fraction(double lower, double upper, const struct histogram *h) {
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    double limits[2] = {lower, upper}, ranks[2] = {h->count, h->count}, below = 0;
    bool is_set[2] = {false, false};
    if (h->count == 0 || isnan(lower) || isnan(upper)) return NAN;
    if (lower >= upper) return 0;
    histogram_walk_init(&walk, h);
    while (histogram_walk_next(&walk, &bucket)) {
        histogram_one_sided(h, &bucket);
        for (int i = 0; i < 2; i++) {
            if (is_set[i] || bucket.upper <= limits[i]) continue;
            bool is_inside = bucket.lower < limits[i];
            ranks[i] =
                is_inside ? below + bucket.count * histogram_share_below(h, &bucket, limits[i]) : below;
            is_set[i] = true;
        }
        below += bucket.count;
    }
    for (int i = 0; i < 2; i++)
        if (!is_set[i] || ranks[i] > h->count) ranks[i] = is_set[i] ? h->count : fmin(below, h->count);
    return (ranks[1] - ranks[0]) / h->count;
}

static double middle_of(const struct histogram *h, const struct histogram_bucket *bucket) {
    if (is_custom(h)) return (bucket->lower + bucket->upper) / 2;
    if (is_around_zero(bucket)) return 0;
    double middle = sqrt(bucket->lower * bucket->upper);
    return bucket->upper < 0 ? -middle : middle;
}

double histogram_variance(const struct histogram *h) {
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    double mean = h->sum / h->count, sum = 0, rest = 0;
    histogram_walk_init(&walk, h);
    while (histogram_walk_next(&walk, &bucket)) {
        if (bucket.count == 0) continue;
        double delta = middle_of(h, &bucket) - mean;
        sum_add(bucket.count * delta * delta, &sum, &rest);
    }
    return sum_total(sum, rest) / h->count;
}
