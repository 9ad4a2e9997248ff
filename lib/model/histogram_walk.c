#include "lib/model/histogram_walk.h"

#include "lib/base/bits.h"

#include <float.h>
#include <math.h>

/* Prometheus and its client libraries take the roots of 2 from a table whose last digits are not quite right,
 * and answers are compared with theirs: for each 256th of a power, in [1/2, 1), how many units in the last
 * place the table is above the true root, plus 4. */
static const char table_errors[] = "4444443444344444443244333333333344344434433344334433453344334433"
                                   "4444443333223423443444344443444444434544342244334333443434223333"
                                   "3434332233233433333333232322232244334434332234223322343323223323"
                                   "3312332322122212222222111100120133233222231133222312332222012211";

static double root_of_two(unsigned part) {
    double root = (double)(exp2l((long double)part / 256) / 2); /* rounded once */
    return bits_double(double_bits(root) + (uint64_t)table_errors[part] - '4');
}

static double exponential_bound(int schema, int64_t index) {
    int64_t whole = schema < 0 ? index * ((int64_t)1 << -schema) : index >> schema;
    unsigned part = schema < 0 ? 0 : (unsigned)(index - whole * ((int64_t)1 << schema)) << (8 - schema);
    if (whole >= 1024) return whole == 1024 && !part ? DBL_MAX : INFINITY;
    return ldexp(root_of_two(part), whole < -2000 ? -2000 : (int)whole + 1);
}

double histogram_bound(const struct histogram *h, int64_t index) {
    if (h->schema != HISTOGRAM_SCHEMA_CUSTOM) return exponential_bound(h->schema, index);
    if (index < 0) return -INFINITY;
    return index < (int64_t)h->bound_count ? h->bounds[index] : INFINITY;
}

static void begin_negative(struct histogram_walk *walk) {
    const struct histogram_buckets *buckets = &walk->histogram->negative;
    walk->part = WALK_NEGATIVE;
    walk->done = walk->in_span = 0;
    walk->span = buckets->span_count;
    walk->index = -1;
    for (uint32_t i = 0; i < buckets->span_count; i++)
        walk->index += (int64_t)buckets->spans[i].offset + buckets->spans[i].length;
}

static void begin_positive(struct histogram_walk *walk) {
    walk->part = WALK_POSITIVE;
    walk->span = walk->in_span = walk->done = 0;
    walk->index = walk->histogram->positive.span_count ? walk->histogram->positive.spans[0].offset : 0;
}

void histogram_walk_init(struct histogram_walk *walk, const struct histogram *histogram) {
    walk->histogram = histogram;
    begin_negative(walk);
}

/* from the last bucket to the first; the index is that of the bucket found */
static bool step_down(struct histogram_walk *walk, int64_t *index, double *count) {
    const struct histogram_buckets *buckets = &walk->histogram->negative;
    if (walk->done == buckets->count) return false;
    while (!walk->in_span) { /* how many of the span are left */
        if (walk->span < buckets->span_count) walk->index -= buckets->spans[walk->span].offset;
        walk->in_span = buckets->spans[--walk->span].length;
    }
    *index = walk->index--;
    *count = buckets->counts[buckets->count - ++walk->done];
    walk->in_span--;
    return true;
}

static bool step_up(struct histogram_walk *walk, int64_t *index, double *count) {
    const struct histogram_buckets *buckets = &walk->histogram->positive;
    if (walk->done == buckets->count) return false;
    while (walk->in_span == buckets->spans[walk->span].length) {
        walk->index += buckets->spans[++walk->span].offset;
        walk->in_span = 0;
    }
    *index = walk->index++;
    *count = buckets->counts[walk->done++];
    walk->in_span++;
    return true;
}

static bool next_negative(struct histogram_walk *walk, struct histogram_bucket *bucket) {
    int64_t index;
    const struct histogram *h = walk->histogram;
    if (!step_down(walk, &index, &bucket->count)) return false;
    bucket->lower = -histogram_bound(h, index);
    bucket->upper = -histogram_bound(h, index - 1);
    if (bucket->upper < 0 && bucket->upper > -h->zero_threshold) bucket->upper = -h->zero_threshold;
    bucket->lower_inclusive = true;
    bucket->upper_inclusive = false;
    return true;
}

static bool next_positive(struct histogram_walk *walk, struct histogram_bucket *bucket) {
    int64_t index;
    const struct histogram *h = walk->histogram;
    if (!step_up(walk, &index, &bucket->count)) return false;
    bucket->lower = histogram_bound(h, index - 1);
    bucket->upper = histogram_bound(h, index);
    if (bucket->lower > 0 && bucket->lower < h->zero_threshold) bucket->lower = h->zero_threshold;
    bucket->lower_inclusive = h->schema == HISTOGRAM_SCHEMA_CUSTOM && index == 0;
    bucket->upper_inclusive = true;
    return true;
}

bool histogram_walk_next(struct histogram_walk *walk, struct histogram_bucket *bucket) {
    const struct histogram *h = walk->histogram;
    if (walk->part == WALK_NEGATIVE) {
        if (next_negative(walk, bucket)) return true;
        walk->part = WALK_ZERO;
    }
    if (walk->part == WALK_ZERO) {
        begin_positive(walk);
        if (h->zero_count > 0) {
            *bucket =
                (struct histogram_bucket){-h->zero_threshold, h->zero_threshold, h->zero_count, true, true};
            return true;
        }
    }
    if (walk->part == WALK_POSITIVE && next_positive(walk, bucket)) return true;
    walk->part = WALK_END;
    return false;
}
