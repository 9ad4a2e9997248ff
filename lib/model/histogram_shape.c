#include "lib/model/histogram_shape.h"

#include <math.h>
#include <stdlib.h>

/* ---- buckets, one after the other, ascending in index ---- */

struct shaped {
    struct histogram_span *spans;
    double *counts;
    uint32_t span_count, count;
    int64_t next; /* index behind the last bucket */
};

static bool shaped_init(struct shaped *shaped, uint32_t buckets, struct arena *arena) {
    *shaped = (struct shaped){0};
    if (!buckets) return true;
    shaped->spans = arena_alloc(arena, ((size_t)buckets + 2) * sizeof *shaped->spans); /* see start_span */
    shaped->counts = arena_alloc(arena, buckets * sizeof *shaped->counts);
    return shaped->spans && shaped->counts;
}

/* without the empty buckets a gap may be wider than an offset: at most twice in all of 32 bits */
static void start_span(struct shaped *shaped, int64_t index) {
    int64_t gap = index - (shaped->count ? shaped->next : 0);
    for (; gap > INT32_MAX; gap -= INT32_MAX)
        shaped->spans[shaped->span_count++] = (struct histogram_span){INT32_MAX, 0};
    shaped->spans[shaped->span_count++] = (struct histogram_span){(int32_t)gap, 0};
}

static void shaped_add(struct shaped *shaped, int64_t index, double count) {
    if (count == 0) return;
    if (shaped->count && index == shaped->next - 1) {
        shaped->counts[shaped->count - 1] += count;
        return;
    }
    if (!shaped->count || index != shaped->next) start_span(shaped, index);
    shaped->spans[shaped->span_count - 1].length++;
    shaped->counts[shaped->count++] = count;
    shaped->next = index + 1;
}

static struct histogram_buckets shaped_buckets(const struct shaped *shaped) {
    return (struct histogram_buckets){shaped->spans, shaped->counts, shaped->span_count, shaped->count};
}

/* towards lower indexes, also for negative ones */
static int64_t shift_index(int64_t index, int by) {
    return by ? ((index - 1) >> by) + 1 : index;
}

static bool reduce_side(const struct histogram_buckets *from, int by, struct arena *arena,
                        struct histogram_buckets *to) {
    struct shaped shaped;
    int64_t index = 0;
    uint32_t bucket = 0;
    if (!shaped_init(&shaped, from->count, arena)) return false;
    for (uint32_t i = 0; i < from->span_count; i++) {
        index += from->spans[i].offset;
        for (uint32_t k = 0; k < from->spans[i].length; k++)
            shaped_add(&shaped, shift_index(index++, by), from->counts[bucket++]);
    }
    *to = shaped_buckets(&shaped);
    return true;
}

int histogram_reduce(const struct histogram *h, int8_t schema, struct arena *arena, struct histogram *result,
                     struct err *err) {
    struct histogram reduced = *h;
    int by = h->schema > schema && h->schema != HISTOGRAM_SCHEMA_CUSTOM ? h->schema - schema : 0;
    if (!reduce_side(&h->positive, by, arena, &reduced.positive) ||
        !reduce_side(&h->negative, by, arena, &reduced.negative))
        return arena_limit(arena, "a histogram", err);
    reduced.schema = (int8_t)(h->schema - by);
    *result = reduced;
    return 0;
}

int histogram_check_count(const struct histogram *h, struct err *err) {
    double sum = h->zero_count;
    if (!h->is_integer || value_is_stale(h->sum)) return 0;
    for (uint32_t i = 0; i < h->positive.count; i++) sum += h->positive.counts[i];
    for (uint32_t i = 0; i < h->negative.count; i++) sum += h->negative.counts[i];
    if (isnan(h->sum) ? sum > h->count : sum != h->count)
        return err_set(err, ERR_INVALID,
                       "%.0f observations found in buckets, but the Count field is %.0f: %s", sum, h->count,
                       isnan(h->sum) ? "histogram's observation count should be at least the number of "
                                       "observations found in the buckets"
                                     : "histogram's observation count should equal the number of "
                                       "observations found in the buckets (in absence of NaN)");
    return 0;
}

/* ---- classic ones ---- */

static int compare(const void *a, const void *b) {
    const struct classic_bucket *x = a, *y = b;
    if (x->upper != y->upper) return x->upper < y->upper ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* sorted, each bound once, cumulative, the last one +Inf */
static int arrange(struct classic_histogram *classic, struct err *err) {
    struct classic_bucket *buckets = classic->buckets;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < classic->bucket_count; i++)
        if (isnan(buckets[i].upper) || !(buckets[i].count >= 0))
            return err_set(err, ERR_INVALID, "bucket le=%g has a count of %g", buckets[i].upper,
                           buckets[i].count);
    if (classic->bucket_count) qsort(buckets, classic->bucket_count, sizeof *buckets, compare);
    for (uint32_t i = 0; i < classic->bucket_count; i++)
        if (!kept || buckets[kept - 1].upper != buckets[i].upper) buckets[kept++] = buckets[i];
    if (!classic->has_count) {
        if (!kept) return err_set(err, ERR_INVALID, "count must be provided when no buckets are present");
        classic->count = buckets[kept - 1].count;
    }
    if (!kept || !isinf(buckets[kept - 1].upper) || buckets[kept - 1].upper < 0)
        buckets[kept++] = (struct classic_bucket){.upper = INFINITY, .count = classic->count};
    for (uint32_t i = 1; i < kept; i++)
        if (buckets[i].count < buckets[i - 1].count)
            return err_set(err, ERR_INVALID, "count is not cumulative: %g < %g", buckets[i].count,
                           buckets[i - 1].count);
    classic->bucket_count = kept;
    if (classic->count == buckets[kept - 1].count) return 0;
    return err_set(err, ERR_INVALID, "count mismatch: count=%g != le=+Inf count=%g", classic->count,
                   buckets[kept - 1].count);
}

static bool is_whole(double value) {
    return value == floor(value) && value < 0x1p63;
}

int histogram_of_classic(struct classic_histogram *classic, struct arena *arena, struct histogram *result,
                         struct err *err) {
    int rc = arrange(classic, err);
    if (rc) return rc;
    struct shaped shaped;
    double *bounds = arena_alloc(arena, classic->bucket_count * sizeof *bounds), before = 0;
    if (!shaped_init(&shaped, classic->bucket_count, arena) || !bounds)
        return arena_limit(arena, "a histogram", err);
    struct histogram h = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                          .count = classic->count,
                          .sum = classic->sum,
                          .is_integer = is_whole(classic->count),
                          .bounds = bounds,
                          .bound_count = classic->bucket_count - 1};
    for (uint32_t i = 0; i < classic->bucket_count; i++) {
        const struct classic_bucket *bucket = &classic->buckets[i];
        h.is_integer = h.is_integer && is_whole(bucket->count);
        shaped_add(&shaped, i, bucket->count - before);
        before = bucket->count;
        bounds[i] = bucket->upper;
    }
    h.positive = shaped_buckets(&shaped);
    rc = histogram_check(&h, err);
    if (!rc) *result = h;
    return rc;
}
