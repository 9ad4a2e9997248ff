/* h </ x and h >/ x: observations on one side of a limit. */
#include "promql/histogram/math.h"

#include "lib/model/histogram_walk.h"
#include "promql/histogram/stats.h"
#include "promql/histogram/sum.h"

#include <math.h>

struct trim {
    const struct histogram *h;
    struct work *work;
    double limit;
    bool is_upper;
    bool has_cut; /* something went */
};

/* the middle of what is left of a bucket, as its observations are taken to be spread */
static double middle_of(const struct histogram_bucket *bucket, bool is_linear) {
    if (isinf(bucket->lower)) return bucket->upper;
    if (isinf(bucket->upper)) return bucket->lower;
    if (is_linear) return (bucket->lower + bucket->upper) / 2;
    double middle = sqrt(bucket->lower * bucket->upper);
    return bucket->upper < 0 ? -middle : middle;
}

/* Cuts a bucket to its side of the limit. One without end is kept whole when its end is on the other side,
 * since its observations may be anywhere; else it goes. */
static void cut(struct trim *trim, struct histogram_bucket *bucket) {
    double limit = trim->limit;
    bool is_gone = trim->is_upper ? limit <= bucket->lower : limit >= bucket->upper;
    bool is_whole = trim->is_upper ? limit >= bucket->upper : limit <= bucket->lower;
    if (is_whole) return;
    trim->has_cut = trim->has_cut || bucket->count != 0;
    bool reaches_away = trim->is_upper ? isinf(bucket->upper) : isinf(bucket->lower);
    if (is_gone || reaches_away) {
        bucket->count = 0;
        return;
    }
    if (isinf(bucket->upper) || isinf(bucket->lower)) { /* all of it may be on the near side */
        *(isinf(bucket->upper) ? &bucket->lower : &bucket->upper) = limit;
        return;
    }
    double share = histogram_share_below(trim->h, bucket, limit);
    if (trim->is_upper) {
        bucket->count *= share;
        bucket->upper = limit;
    } else {
        bucket->count *= 1 - share;
        bucket->lower = limit;
    }
}

static void take(struct trim *trim, struct histogram_bucket *bucket) {
    struct work *work = trim->work;
    bool is_linear = histogram_is_custom(trim->h) || (bucket->lower <= 0 && bucket->upper >= 0);
    bool is_first_custom = histogram_is_custom(trim->h) && isinf(bucket->lower) && isfinite(bucket->upper);
    bool is_from_zero = is_first_custom && bucket->upper > 0;
    if (is_from_zero) bucket->lower = 0;
    cut(trim, bucket);
    if (is_from_zero && trim->limit < 0 && isfinite(trim->limit)) { /* it began below 0 all the same */
        trim->has_cut = trim->has_cut || bucket->count != 0;
        bucket->count = 0;
    }
    sum_add(bucket->count, &work->count, &work->count_rest);
    if (bucket->count != 0)
        sum_add(bucket->count * middle_of(bucket, is_linear), &work->sum, &work->sum_rest);
}

static void take_side(struct trim *trim, struct work_side *side, bool is_negative) {
    for (uint32_t i = 0; i < side->count; i++) {
        struct work_bucket *item = &side->items[i];
        double near = histogram_bound(trim->h, (int64_t)item->index - 1);
        double far = histogram_bound(trim->h, item->index);
        if (!histogram_is_custom(trim->h) && near < trim->h->zero_threshold) near = trim->h->zero_threshold;
        struct histogram_bucket bucket = {
            .lower = is_negative ? -far : near, .upper = is_negative ? -near : far, .count = item->count};
        take(trim, &bucket);
        item->count = bucket.count;
        item->rest = 0;
    }
}

const struct histogram *histogram_trim(struct work *scratch, const struct histogram *h, double limit,
                                       bool is_upper) {
    struct trim trim = {.h = h, .work = scratch, .limit = limit, .is_upper = is_upper};
    struct histogram_bucket zero = {
        .lower = -h->zero_threshold, .upper = h->zero_threshold, .count = h->zero_count};
    work_set(scratch, h);
    scratch->count = scratch->sum = 0;
    take_side(&trim, &scratch->negative, true);
    if (zero.count != 0) {
        histogram_one_sided(h, &zero);
        take(&trim, &zero);
        scratch->zero_count = zero.count;
    }
    take_side(&trim, &scratch->positive, false);
    return trim.has_cut ? work_finish(scratch) : h;
}
