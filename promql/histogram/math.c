#include "promql/histogram/math.h"

#include "lib/model/histogram_walk.h"
#include "promql/histogram/sum.h"

#include <math.h>
#include <string.h>

static double bucket_total(const struct work_bucket *bucket) {
    return sum_total(bucket->count, bucket->rest);
}

/* ---- lists of buckets ---- */

static bool side_reserve(struct work *work, struct work_side *side, size_t wanted) {
    if (wanted <= side->capacity) return true;
    size_t capacity = wanted + wanted / 2 + 8;
    struct work_bucket *items =
        wanted > UINT32_MAX / 4 ? NULL : arena_array(work->arena, capacity, sizeof *items);
    if (!items) {
        work->is_refused = true;
        return false;
    }
    if (side->count) memcpy(items, side->items, side->count * sizeof *items);
    side->items = items;
    side->capacity = (uint32_t)capacity;
    return true;
}

/* behind the last, or onto it */
static void side_push(struct work_side *side, int32_t index, double count, double rest) {
    struct work_bucket *last = side->count ? &side->items[side->count - 1] : NULL;
    if (last && last->index == index) {
        sum_add(count, &last->count, &last->rest);
        last->rest += rest;
        return;
    }
    side->items[side->count++] = (struct work_bucket){index, count, rest};
}

static void side_load(struct work *work, struct work_side *side, const struct histogram_buckets *buckets) {
    int32_t index = 0;
    uint32_t at = 0;
    side->count = 0;
    if (!side_reserve(work, side, buckets->count)) return;
    for (uint32_t i = 0; i < buckets->span_count; i++) {
        index += buckets->spans[i].offset;
        for (uint32_t k = 0; k < buckets->spans[i].length && at < buckets->count; k++, index++)
            side_push(side, index, buckets->counts[at++], 0);
    }
}

static size_t count_missing(const struct work_side *side, const struct work_side *other) {
    size_t missing = 0;
    for (uint32_t i = 0, j = 0; j < other->count; j++) {
        while (i < side->count && side->items[i].index < other->items[j].index) i++;
        missing += i == side->count || side->items[i].index != other->items[j].index;
    }
    return missing;
}

/* from the last to the first, so that everything is moved once */
static void side_merge(struct work *work, struct work_side *side, const struct work_side *other,
                       double sign) {
    size_t missing = count_missing(side, other);
    if (!side_reserve(work, side, side->count + missing)) return;
    size_t i = side->count, j = other->count, to = side->count + missing;
    side->count += (uint32_t)missing;
    while (j) {
        const struct work_bucket *from = &other->items[j - 1];
        if (i && side->items[i - 1].index > from->index) {
            side->items[--to] = side->items[--i];
            continue;
        }
        bool is_both = i && side->items[i - 1].index == from->index;
        struct work_bucket merged = is_both ? side->items[--i] : (struct work_bucket){.index = from->index};
        sum_add(sign * from->count, &merged.count, &merged.rest);
        merged.rest += sign * from->rest;
        side->items[--to] = merged;
        j--;
    }
}

/* ---- the shape ---- */

static double upper_bound(const struct work *work, int32_t index) {
    return histogram_bound(&work->shape, index);
}

static void side_reduce(struct work_side *side, int by) {
    uint32_t count = side->count;
    side->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct work_bucket bucket = side->items[i];
        side_push(side, ((bucket.index - 1) >> by) + 1, bucket.count, bucket.rest);
    }
}

void work_reduce(struct work *work, int8_t schema) {
    if (schema >= work->shape.schema) return;
    side_reduce(&work->positive, work->shape.schema - schema);
    side_reduce(&work->negative, work->shape.schema - schema);
    work->shape.schema = schema;
}

/* Takes the buckets below the threshold from one side into the zero bucket. When it ends inside of a bucket
 * with observations, it is moved to that one's end. */
static bool gather_zero(const struct work *work, const struct work_side *side, double *threshold,
                        double *total, double *rest) {
    for (uint32_t i = 0; i < side->count; i++) {
        const struct work_bucket *bucket = &side->items[i];
        double upper = upper_bound(work, bucket->index);
        if (upper_bound(work, bucket->index - 1) >= *threshold) break;
        sum_add(bucket_total(bucket), total, rest);
        if (upper <= *threshold) continue;
        if (bucket_total(bucket) == 0) break;
        *threshold = upper;
        return true;
    }
    return false;
}

static void drop_below(const struct work *work, struct work_side *side) {
    uint32_t gone = 0;
    while (gone < side->count && upper_bound(work, side->items[gone].index) <= work->shape.zero_threshold)
        gone++;
    memmove(side->items, side->items + gone, (side->count - gone) * sizeof *side->items);
    side->count -= gone;
}

/* the zero bucket reaches to the threshold at least */
static void widen_zero(struct work *work, double threshold) {
    double total, rest;
    do {
        total = work->zero_count;
        rest = work->zero_rest;
        (void)gather_zero(work, &work->positive, &threshold, &total, &rest);
    } while (gather_zero(work, &work->negative, &threshold, &total, &rest));
    work->zero_count = total;
    work->zero_rest = rest;
    work->shape.zero_threshold = threshold;
    if (work->positive.count) drop_below(work, &work->positive);
    if (work->negative.count) drop_below(work, &work->negative);
}

static void same_zero(struct work *a, struct work *b) {
    while (a->shape.zero_threshold != b->shape.zero_threshold) {
        if (a->shape.zero_threshold > b->shape.zero_threshold)
            widen_zero(b, a->shape.zero_threshold);
        else
            widen_zero(a, b->shape.zero_threshold);
    }
}

static bool same_bounds(const struct histogram *a, const struct histogram *b) {
    return a->bound_count == b->bound_count &&
           (!a->bound_count || memcmp(a->bounds, b->bounds, a->bound_count * sizeof *a->bounds) == 0);
}

static const double *common_bounds(struct work *work, const struct histogram *a, const struct histogram *b,
                                   uint32_t *count) {
    uint32_t least = a->bound_count < b->bound_count ? a->bound_count : b->bound_count;
    double *bounds = arena_array(work->arena, least, sizeof *bounds);
    *count = 0;
    if (!bounds) {
        work->is_refused = true;
        return NULL;
    }
    for (uint32_t i = 0, j = 0; i < a->bound_count && j < b->bound_count;) {
        if (a->bounds[i] == b->bounds[j]) {
            bounds[(*count)++] = a->bounds[i++];
            j++;
        } else if (a->bounds[i] < b->bounds[j]) {
            i++;
        } else {
            j++;
        }
    }
    return bounds;
}

/* buckets go into those of fewer bounds, all of them its own */
static void use_bounds(struct work *work, const double *bounds, uint32_t count) {
    uint32_t buckets = work->positive.count, to = 0;
    work->positive.count = 0;
    for (uint32_t i = 0; i < buckets; i++) {
        struct work_bucket bucket = work->positive.items[i];
        double upper = upper_bound(work, bucket.index);
        while (to < count && bounds[to] < upper) to++;
        side_push(&work->positive, (int32_t)to, bucket.count, bucket.rest);
    }
    work->shape.bounds = bounds;
    work->shape.bound_count = count;
}

/* both with the same schema, zero bucket and bounds; false: they never can */
static bool same_shape(struct work *a, struct work *b, unsigned *notes) {
    if (histogram_is_custom(&a->shape) != histogram_is_custom(&b->shape)) {
        *notes |= WORK_INCOMPATIBLE;
        return false;
    }
    if (histogram_is_custom(&a->shape)) {
        if (same_bounds(&a->shape, &b->shape)) return true;
        uint32_t count;
        const double *bounds = common_bounds(a, &a->shape, &b->shape, &count);
        *notes |= WORK_RECONCILED;
        if (!bounds) return false;
        use_bounds(a, bounds, count);
        use_bounds(b, bounds, count);
        return true;
    }
    same_zero(a, b);
    work_reduce(a, b->shape.schema);
    work_reduce(b, a->shape.schema);
    return true;
}

/* ---- operations ---- */

void work_init(struct work *work, struct arena *arena) {
    *work = (struct work){.arena = arena};
}

void work_set(struct work *work, const struct histogram *h) {
    work->shape = *h;
    work->shape.positive = work->shape.negative = (struct histogram_buckets){0};
    work->zero_count = h->zero_count;
    work->count = h->count;
    work->sum = h->sum;
    work->zero_rest = work->count_rest = work->sum_rest = 0;
    side_load(work, &work->positive, &h->positive);
    side_load(work, &work->negative, &h->negative);
}

void work_own_bounds(struct work *work) {
    size_t bytes = work->shape.bound_count * sizeof *work->shape.bounds;
    double *bounds = bytes ? arena_alloc(work->arena, bytes) : NULL;
    if (bounds) memcpy(bounds, work->shape.bounds, bytes);
    work->is_refused |= bytes && !bounds;
    work->shape.bounds = bounds;
}

static struct work *other_of(struct work *work, const struct histogram *h) {
    if (!work->other) {
        work->other = arena_alloc(work->arena, sizeof *work->other);
        if (!work->other) {
            work->is_refused = true;
            return NULL;
        }
        work_init(work->other, work->arena);
    }
    work_set(work->other, h);
    return work->other;
}

/* a gauge stays one; what is not known on one side is not known; a conflict is not known either */
static void join_resets(struct work *work, uint8_t other, unsigned *notes) {
    uint8_t *own = &work->shape.reset;
    if (*own == other || *own == HISTOGRAM_RESET_GAUGE) return;
    if (other == HISTOGRAM_RESET_GAUGE) {
        *own = HISTOGRAM_RESET_GAUGE;
        return;
    }
    if (*own != HISTOGRAM_RESET_UNKNOWN && other != HISTOGRAM_RESET_UNKNOWN) *notes |= WORK_RESET_CONFLICT;
    *own = HISTOGRAM_RESET_UNKNOWN;
}

static void add_other(struct work *work, struct work *other, uint8_t reset, double sign, unsigned *notes) {
    if (!same_shape(work, other, notes)) return;
    join_resets(work, reset, notes);
    sum_add(sign * other->zero_count, &work->zero_count, &work->zero_rest);
    work->zero_rest += sign * other->zero_rest;
    sum_add(sign * other->count, &work->count, &work->count_rest);
    sum_add(sign * other->sum, &work->sum, &work->sum_rest);
    side_merge(work, &work->positive, &other->positive, sign);
    side_merge(work, &work->negative, &other->negative, sign);
    work->is_refused |= other->is_refused;
}

void work_add(struct work *work, const struct histogram *h, double sign, unsigned *notes) {
    struct work *other = other_of(work, h);
    if (other) add_other(work, other, h->reset, sign, notes);
}

/* a sum and its rest; beyond what is finite there is nothing to keep */
static void change_sum(double *sum, double *rest, double by, bool is_division) {
    *sum = is_division ? *sum / by : *sum * by;
    *rest = is_division ? *rest / by : *rest * by;
    if (!isfinite(*sum) || !isfinite(*rest)) *rest = 0;
}

static void change(struct work *work, double by, bool is_division) {
    struct work_side *sides[] = {&work->positive, &work->negative};
    change_sum(&work->zero_count, &work->zero_rest, by, is_division);
    change_sum(&work->count, &work->count_rest, by, is_division);
    change_sum(&work->sum, &work->sum_rest, by, is_division);
    for (size_t s = 0; s < 2; s++)
        for (uint32_t i = 0; i < sides[s]->count; i++)
            change_sum(&sides[s]->items[i].count, &sides[s]->items[i].rest, by, is_division);
    if (by < 0) work->shape.reset = HISTOGRAM_RESET_GAUGE;
}

void work_scale(struct work *work, double factor) {
    change(work, factor, false);
}

void work_divide(struct work *work, double by) {
    change(work, by, true);
    if (by == 0) work->positive.count = work->negative.count = 0;
}

void work_add_part(struct work *work, const struct histogram *h, double parts, unsigned *notes) {
    struct work *other = other_of(work, h);
    if (!other) return;
    change(other, parts, true);
    add_other(work, other, h->reset, 1, notes);
}

/* ---- back to spans ---- */

static bool side_pack(struct work *work, const struct work_side *side, struct histogram_buckets *buckets) {
    uint32_t count = 0, spans = 0;
    int32_t next = 0;
    for (uint32_t i = 0; i < side->count; i++) {
        if (bucket_total(&side->items[i]) == 0) continue;
        spans += !count || side->items[i].index != next;
        next = side->items[i].index + 1;
        count++;
    }
    *buckets = (struct histogram_buckets){0};
    if (!count) return true;
    double *counts = arena_array(work->arena, count, sizeof *counts);
    struct histogram_span *made = counts ? arena_array(work->arena, spans, sizeof *made) : NULL;
    if (!made) return false;
    *buckets = (struct histogram_buckets){made, counts, spans, count};
    count = spans = 0;
    next = 0;
    for (uint32_t i = 0; i < side->count; i++) {
        double total = bucket_total(&side->items[i]);
        if (total == 0) continue;
        int32_t index = side->items[i].index;
        if (!count || index != next) made[spans++] = (struct histogram_span){index - (count ? next : 0), 0};
        made[spans - 1].length++;
        counts[count++] = total;
        next = index + 1;
    }
    return true;
}

const struct histogram *work_finish(struct work *work) {
    struct histogram *h = work->is_refused ? NULL : arena_alloc(work->arena, sizeof *h);
    if (!h) return NULL;
    *h = work->shape;
    h->is_integer = false;
    h->zero_count = sum_total(work->zero_count, work->zero_rest);
    h->count = sum_total(work->count, work->count_rest);
    h->sum = sum_total(work->sum, work->sum_rest);
    bool fits =
        side_pack(work, &work->positive, &h->positive) && side_pack(work, &work->negative, &h->negative);
    return fits ? h : NULL;
}

/* ---- comparisons ---- */

/* has every bucket of a as much in b? */
static bool has_grown(const struct work_side *a, const struct work_side *b) {
    for (uint32_t i = 0, j = 0; i < a->count; i++) {
        while (j < b->count && b->items[j].index < a->items[i].index) j++;
        double now = j < b->count && b->items[j].index == a->items[i].index ? bucket_total(&b->items[j]) : 0;
        if (now < bucket_total(&a->items[i])) return false;
    }
    return true;
}

bool histogram_is_reset(struct work *scratch, const struct histogram *a, const struct histogram *b) {
    unsigned notes = 0;
    if (b->reset == HISTOGRAM_RESET_YES) return true;
    if (b->reset == HISTOGRAM_RESET_NO) return false;
    if (b->count < a->count || histogram_is_custom(a) != histogram_is_custom(b)) return true;
    if (!histogram_is_custom(a) && (b->schema > a->schema || b->zero_threshold < a->zero_threshold))
        return true;
    work_set(scratch, a);
    struct work *now = other_of(scratch, b);
    if (!now) return true;
    if (!histogram_is_custom(a) && a->zero_threshold < b->zero_threshold)
        widen_zero(scratch, b->zero_threshold);
    if (scratch->shape.zero_threshold != b->zero_threshold) return true; /* inside of a bucket of a */
    if (b->zero_count < sum_total(scratch->zero_count, scratch->zero_rest)) return true;
    return !same_shape(scratch, now, &notes) || !has_grown(&scratch->positive, &now->positive) ||
           !has_grown(&scratch->negative, &now->negative);
}

static bool same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

bool histogram_same(struct work *scratch, const struct histogram *a, const struct histogram *b) {
    bool same = a->schema == b->schema && same_number(a->count, b->count) && same_number(a->sum, b->sum);
    same = same && a->zero_threshold == b->zero_threshold && same_number(a->zero_count, b->zero_count);
    if (!same || !same_bounds(a, b)) return false;
    work_set(scratch, a);
    struct work *other = other_of(scratch, b);
    return other && has_grown(&scratch->positive, &other->positive) &&
           has_grown(&other->positive, &scratch->positive) &&
           has_grown(&scratch->negative, &other->negative) && has_grown(&other->negative, &scratch->negative);
}
