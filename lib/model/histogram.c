#include "lib/model/histogram.h"

#include "lib/base/mem.h"

#include <math.h>
#include <string.h>

struct histogram histogram_stale(void) {
    return (struct histogram){.sum = value_stale()};
}

/* in 64 bits, so that no sum of offsets and lengths overflows */
static int check_spans(const struct histogram_buckets *buckets, const char *side, struct err *err) {
    int64_t at = 0;
    uint64_t covered = 0;
    for (uint32_t i = 0; i < buckets->span_count; i++) {
        if (i > 0 && buckets->spans[i].offset < 0)
            return err_set(err, ERR_INVALID, "%s side: span number %u with offset %d: negative offset", side,
                           i + 1, buckets->spans[i].offset);
        at += (int64_t)buckets->spans[i].offset + buckets->spans[i].length;
        covered += buckets->spans[i].length;
        if (at > INT32_MAX || at < INT32_MIN)
            return err_set(err, ERR_INVALID, "%s side: span number %u is out of range", side, i + 1);
    }
    if (covered != buckets->count)
        return err_set(err, ERR_INVALID, "%s side: spans need %llu buckets, have %u buckets", side,
                       (unsigned long long)covered, buckets->count);
    for (uint32_t i = 0; i < buckets->count; i++)
        if (buckets->counts[i] < 0)
            return err_set(err, ERR_INVALID,
                           "%s side: bucket number %u has observation count of %g: negative bucket count",
                           side, i + 1, buckets->counts[i]);
    return 0;
}

static int check_bounds(const struct histogram *h, struct err *err) {
    for (uint32_t i = 0; i < h->bound_count; i++) {
        if (!isfinite(h->bounds[i]))
            return err_set(err, ERR_INVALID, "custom bucket bound %u is not finite", i + 1);
        if (i > 0 && h->bounds[i] <= h->bounds[i - 1])
            return err_set(err, ERR_INVALID, "custom bucket bounds are not ascending at number %u", i + 1);
    }
    int64_t last = 0;
    for (uint32_t i = 0; i < h->positive.span_count; i++)
        last += (int64_t)h->positive.spans[i].offset + h->positive.spans[i].length;
    if (h->positive.span_count && (h->positive.spans[0].offset < 0 || last > (int64_t)h->bound_count + 1))
        return err_set(
            err, ERR_INVALID,
            "only %u custom bounds defined which is insufficient to cover total span length of %lld",
            h->bound_count, (long long)last);
    if (h->negative.span_count || h->negative.count || h->zero_count != 0 || h->zero_threshold != 0)
        return err_set(err, ERR_INVALID, "custom buckets: must not have negative or zero buckets");
    return 0;
}

int histogram_check(const struct histogram *h, struct err *err) {
    if (value_is_stale(h->sum)) return 0;
    bool is_custom = h->schema == HISTOGRAM_SCHEMA_CUSTOM;
    if (!is_custom && (h->schema < HISTOGRAM_SCHEMA_MIN || h->schema > HISTOGRAM_SCHEMA_MAX))
        return err_set(err, ERR_INVALID, "invalid histogram schema %d", h->schema);
    uint64_t parts = (uint64_t)h->positive.count + h->negative.count + h->positive.span_count +
                     h->negative.span_count + h->bound_count;
    if (parts > HISTOGRAM_MAX_BUCKETS)
        return err_set(err, ERR_INVALID,
                       "histogram of %llu buckets, spans and bounds exceeds the limit of %u",
                       (unsigned long long)parts, HISTOGRAM_MAX_BUCKETS);
    int rc = check_spans(&h->positive, "positive", err);
    if (!rc) rc = check_spans(&h->negative, "negative", err);
    if (!rc && is_custom) rc = check_bounds(h, err);
    if (rc) return rc;
    if (!is_custom && h->bound_count)
        return err_set(err, ERR_INVALID, "histogram with exponential schema must not have custom bounds");
    if (h->zero_count < 0)
        return err_set(err, ERR_INVALID, "zero bucket has observation count of %g: negative", h->zero_count);
    if (h->count < 0) return err_set(err, ERR_INVALID, "observation count is negative");
    return 0;
}

/* false when the arena refused */
static bool copy_array(const void **array, size_t count, size_t size, struct arena *arena) {
    if (!count) {
        *array = NULL;
        return true;
    }
    void *copy = arena_alloc(arena, count * size);
    if (copy) memcpy(copy, *array, count * size);
    *array = copy;
    return copy != NULL;
}

static bool copy_buckets(struct histogram_buckets *buckets, struct arena *arena) {
    return copy_array((const void **)&buckets->spans, buckets->span_count, sizeof *buckets->spans, arena) &&
           copy_array((const void **)&buckets->counts, buckets->count, sizeof *buckets->counts, arena);
}

struct histogram *histogram_copy(const struct histogram *histogram, struct arena *arena) {
    struct histogram *copy = arena_alloc(arena, sizeof *copy);
    if (!copy) return NULL;
    *copy = *histogram;
    bool fits = copy_buckets(&copy->positive, arena) && copy_buckets(&copy->negative, arena) &&
                copy_array((const void **)&copy->bounds, copy->bound_count, sizeof *copy->bounds, arena);
    return fits ? copy : NULL;
}

/* a copy of the array at *at, which moves behind it */
static const void *place_array(uint8_t **at, const void *array, size_t bytes) {
    const void *placed = *at;
    if (bytes) memcpy(*at, array, bytes);
    *at += bytes;
    return placed;
}

/* doubles first: everything behind them needs less alignment */
struct histogram *histogram_clone(const struct histogram *h) {
    size_t positive = h->positive.count * sizeof(double), negative = h->negative.count * sizeof(double),
           bounds = h->bound_count * sizeof(double),
           positive_spans = h->positive.span_count * sizeof(struct histogram_span),
           negative_spans = h->negative.span_count * sizeof(struct histogram_span);
    struct histogram *clone =
        mem_alloc(sizeof *clone + positive + negative + bounds + positive_spans + negative_spans);
    uint8_t *at = (uint8_t *)(clone + 1);
    *clone = *h;
    clone->positive.counts = place_array(&at, h->positive.counts, positive);
    clone->negative.counts = place_array(&at, h->negative.counts, negative);
    clone->bounds = place_array(&at, h->bounds, bounds);
    clone->positive.spans = place_array(&at, h->positive.spans, positive_spans);
    clone->negative.spans = place_array(&at, h->negative.spans, negative_spans);
    return clone;
}

/* walks the buckets of one side by index */
struct walk {
    const struct histogram_buckets *buckets;
    uint32_t span, in_span, bucket;
    int64_t index;
};

static bool walk_next(struct walk *walk, int64_t *index, double *count) {
    const struct histogram_buckets *b = walk->buckets;
    while (walk->span < b->span_count && walk->in_span == b->spans[walk->span].length) {
        walk->span++;
        walk->in_span = 0;
        if (walk->span < b->span_count) walk->index += b->spans[walk->span].offset;
    }
    if (walk->span == b->span_count) return false;
    walk->in_span++;
    *index = walk->index++;
    *count = b->counts[walk->bucket++];
    return true;
}

static struct walk walk_of(const struct histogram_buckets *buckets) {
    return (struct walk){.buckets = buckets, .index = buckets->span_count ? buckets->spans[0].offset : 0};
}

static bool buckets_equal(const struct histogram_buckets *a, const struct histogram_buckets *b) {
    struct walk in_a = walk_of(a), in_b = walk_of(b);
    int64_t index_a, index_b;
    double count_a, count_b;
    if (a->count != b->count) return false;
    while (walk_next(&in_a, &index_a, &count_a)) {
        if (!walk_next(&in_b, &index_b, &count_b)) return false;
        if (index_a != index_b || double_bits(count_a) != double_bits(count_b)) return false;
    }
    return true;
}

static bool buckets_continue(const struct histogram_buckets *a, const struct histogram_buckets *b) {
    struct walk in_a = walk_of(a), in_b = walk_of(b);
    int64_t index_a, index_b;
    double count_a, count_b;
    bool more = walk_next(&in_b, &index_b, &count_b);
    while (walk_next(&in_a, &index_a, &count_a)) {
        while (more && index_b < index_a) more = walk_next(&in_b, &index_b, &count_b);
        bool is_there = more && index_b == index_a;
        if (count_a > (is_there ? count_b : 0)) return false;
    }
    return true;
}

static bool bits_equal(double a, double b) {
    return double_bits(a) == double_bits(b);
}

static bool bounds_equal(const struct histogram *a, const struct histogram *b) {
    return a->bound_count == b->bound_count &&
           (!a->bound_count || memcmp(a->bounds, b->bounds, a->bound_count * sizeof *a->bounds) == 0);
}

bool histogram_continues(const struct histogram *a, const struct histogram *b) {
    return a->schema == b->schema && bits_equal(a->zero_threshold, b->zero_threshold) && bounds_equal(a, b) &&
           a->count <= b->count && a->zero_count <= b->zero_count &&
           buckets_continue(&a->positive, &b->positive) && buckets_continue(&a->negative, &b->negative);
}

bool histogram_equal(const struct histogram *a, const struct histogram *b) {
    if (value_is_stale(a->sum) || value_is_stale(b->sum)) return bits_equal(a->sum, b->sum);
    return a->schema == b->schema && a->reset == b->reset && a->is_integer == b->is_integer &&
           bits_equal(a->zero_threshold, b->zero_threshold) && bits_equal(a->zero_count, b->zero_count) &&
           bits_equal(a->count, b->count) && bits_equal(a->sum, b->sum) &&
           buckets_equal(&a->positive, &b->positive) && buckets_equal(&a->negative, &b->negative) &&
           bounds_equal(a, b);
}
