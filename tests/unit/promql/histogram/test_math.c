/* The arithmetic against naive definitions: buckets as an array over all indexes, quantiles by sorting. */
#include "lib/model/histogram_walk.h"
#include "promql/histogram/math.h"
#include "promql/histogram/stats.h"
#include "tests/check_main.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REACH 64 /* indexes -REACH .. REACH - 1 */
#define ROUNDS 300

static struct arena arena;
static struct work work;
static uint64_t state;

static void setup(void) {
    arena_init(&arena, (size_t)64 << 20, NULL);
    work_init(&work, &arena);
    state = 12345;
}

static void teardown(void) {
    arena_release(&arena);
}

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

/* a histogram of buckets by index */
struct naive {
    int schema;
    double zero_count, zero_threshold, count, sum;
    double positive[2 * REACH], negative[2 * REACH];
};

static void put_side(const double *from, struct histogram_buckets *buckets) {
    struct histogram_span *spans = arena_array(&arena, 2 * REACH, sizeof *spans);
    double *counts = arena_array(&arena, 2 * REACH, sizeof *counts);
    *buckets = (struct histogram_buckets){.spans = spans, .counts = counts};
    int next = 0;
    for (int i = 0; i < 2 * REACH; i++) {
        if (from[i] == 0) continue;
        int index = i - REACH;
        bool is_first = buckets->span_count == 0;
        if (is_first || index != next)
            spans[buckets->span_count++] = (struct histogram_span){index - (is_first ? 0 : next), 0};
        spans[buckets->span_count - 1].length++;
        counts[buckets->count++] = from[i];
        next = index + 1;
    }
}

static struct histogram histogram_of(const struct naive *naive) {
    struct histogram h = {.schema = (int8_t)naive->schema,
                          .zero_count = naive->zero_count,
                          .zero_threshold = naive->zero_threshold,
                          .count = naive->count,
                          .sum = naive->sum};
    put_side(naive->positive, &h.positive);
    put_side(naive->negative, &h.negative);
    return h;
}

/* no bucket reaches into the zero bucket of 2^-30 */
static struct naive random_naive(void) {
    struct naive n = {.schema = (int)draw(3), .zero_threshold = ldexp(1, -30), .zero_count = draw(5)};
    n.count = n.zero_count;
    for (uint32_t i = draw(20); i > 0; i--) {
        double *side = draw(3) ? n.positive : n.negative;
        uint32_t count = 1 + draw(9);
        side[REACH - 16 + (int)draw(32)] += count;
        n.count += count;
    }
    n.sum = (double)draw(1000) - 300;
    return n;
}

static struct naive reduced(const struct naive *n, int schema) {
    struct naive out = *n;
    out.schema = schema;
    memset(out.positive, 0, sizeof out.positive);
    memset(out.negative, 0, sizeof out.negative);
    for (int i = 0; i < 2 * REACH; i++) {
        /* (base^(i-1), base^i] lies in the bucket of the coarser schema that ends at or behind it */
        int to = (int)ceil((double)(i - REACH) / (1 << (n->schema - schema))) + REACH;
        out.positive[to] += n->positive[i];
        out.negative[to] += n->negative[i];
    }
    return out;
}

static void check_equal(const struct histogram *h, const struct naive *wanted) {
    struct histogram other = histogram_of(wanted);
    ck_assert_ptr_nonnull(h);
    ck_assert_int_eq(h->schema, wanted->schema);
    ck_assert_double_eq(h->count, wanted->count);
    ck_assert_double_eq(h->sum, wanted->sum);
    ck_assert_double_eq(h->zero_count, wanted->zero_count);
    ck_assert(histogram_same(&work, h, &other));
    ck_assert_int_eq(histogram_check(h, NULL) == 0 || wanted->count < 0, true);
}

START_TEST(sums_are_those_of_the_buckets_at_the_coarser_schema) {
    setup();
    for (int round = 0; round < ROUNDS; round++) {
        struct naive a = random_naive(), b = random_naive();
        int schema = a.schema < b.schema ? a.schema : b.schema;
        struct naive left = reduced(&a, schema), right = reduced(&b, schema), sum = left;
        struct histogram h = histogram_of(&a), other = histogram_of(&b);
        unsigned notes = 0;
        for (int i = 0; i < 2 * REACH; i++) {
            sum.positive[i] += right.positive[i];
            sum.negative[i] += right.negative[i];
        }
        sum.count += right.count;
        sum.sum += right.sum;
        sum.zero_count += right.zero_count;
        work_set(&work, &h);
        work_add(&work, &other, 1, &notes);
        const struct histogram *added = work_finish(&work);
        ck_assert_uint_eq(notes, 0);
        check_equal(added, &sum);
        /* and back */
        work_set(&work, added);
        work_add(&work, &other, -1, &notes);
        check_equal(work_finish(&work), &left);
    }
    teardown();
}
END_TEST

START_TEST(scaling_scales_everything) {
    setup();
    struct naive n = random_naive();
    struct histogram h = histogram_of(&n);
    work_set(&work, &h);
    work_scale(&work, -2);
    const struct histogram *scaled = work_finish(&work);
    ck_assert_double_eq(scaled->count, -2 * n.count);
    ck_assert_int_eq(scaled->reset, HISTOGRAM_RESET_GAUGE);
    work_set(&work, scaled);
    work_divide(&work, -2);
    check_equal(work_finish(&work), &n);
    work_set(&work, &h);
    work_divide(&work, 0);
    ck_assert_uint_eq(work_finish(&work)->positive.count, 0);
    teardown();
}
END_TEST

START_TEST(the_wider_zero_bucket_takes_what_it_reaches) {
    setup();
    struct naive a = {.zero_threshold = 0.25, .zero_count = 1, .count = 1},
                 b = {.zero_threshold = 0.001, .zero_count = 2, .count = 14};
    b.positive[REACH - 2] = 3; /* (0.125, 0.25] */
    b.positive[REACH + 1] = 4; /* (1, 2] */
    b.negative[REACH - 3] = 5; /* [-0.125, -0.0625) */
    struct histogram h = histogram_of(&a), other = histogram_of(&b);
    unsigned notes = 0;
    work_set(&work, &h);
    work_add(&work, &other, 1, &notes);
    struct naive wanted = {.zero_threshold = 0.25, .zero_count = 11, .count = 15};
    wanted.positive[REACH + 1] = 4;
    check_equal(work_finish(&work), &wanted);
    /* a threshold inside of a full bucket moves to its end */
    a.zero_threshold = 0.2;
    h = histogram_of(&a);
    work_set(&work, &h);
    work_add(&work, &other, 1, &notes);
    check_equal(work_finish(&work), &wanted);
    teardown();
}
END_TEST

static struct histogram custom(const double *bounds, uint32_t bound_count, const double *counts,
                               uint32_t count) {
    struct histogram_span *span = arena_array(&arena, 1, sizeof *span);
    struct histogram h = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                          .bounds = bounds,
                          .bound_count = bound_count,
                          .positive = {span, counts, 1, count}};
    span->length = count;
    for (uint32_t i = 0; i < count; i++) h.count += counts[i];
    return h;
}

START_TEST(custom_buckets_meet_at_the_bounds_of_both) {
    setup();
    static const double few[] = {5, 10}, more[] = {2, 5, 7, 10, 20};
    static const double few_counts[] = {1, 2, 3}, more_counts[] = {1, 1, 1, 1, 1, 1};
    struct histogram a = custom(few, 2, few_counts, 3), b = custom(more, 5, more_counts, 6);
    unsigned notes = 0;
    work_set(&work, &b);
    work_add(&work, &a, 1, &notes);
    const struct histogram *sum = work_finish(&work);
    ck_assert_uint_eq(notes, WORK_RECONCILED);
    ck_assert_uint_eq(sum->bound_count, 2);
    ck_assert_double_eq(sum->positive.counts[0], 3);
    ck_assert_double_eq(sum->positive.counts[1], 4);
    ck_assert_double_eq(sum->positive.counts[2], 5);
    struct naive n = random_naive();
    struct histogram exponential = histogram_of(&n);
    work_add(&work, &exponential, 1, &notes);
    ck_assert(notes & WORK_INCOMPATIBLE);
    teardown();
}
END_TEST

START_TEST(a_reset_is_any_loss) {
    setup();
    for (int round = 0; round < ROUNDS; round++) {
        struct naive n = random_naive(), later = n;
        struct histogram before = histogram_of(&n);
        later.positive[REACH + (int)draw(8)] += 2;
        later.count += 2;
        struct histogram after = histogram_of(&later);
        ck_assert(!histogram_is_reset(&work, &before, &after));
        ck_assert(histogram_continues(&before, &after));
        struct naive coarser = reduced(&later, 0);
        struct histogram coarse = histogram_of(&coarser);
        ck_assert(!histogram_is_reset(&work, &before, &coarse));
        ck_assert_int_eq(histogram_is_reset(&work, &coarse, &after), n.schema > 0);
        for (int i = 0; i < 2 * REACH; i++) {
            if (n.positive[i] == 0) continue;
            later.positive[i]--;
            after = histogram_of(&later);
            ck_assert_int_eq(histogram_is_reset(&work, &before, &after), later.positive[i] < n.positive[i]);
            ck_assert_int_eq(histogram_continues(&before, &after), later.positive[i] >= n.positive[i]);
            later.positive[i]++;
        }
    }
    teardown();
}
END_TEST

/* observations at the upper ends of their buckets: every rank's bucket is known */
START_TEST(quantiles_lie_in_the_bucket_of_their_rank) {
    setup();
    for (int round = 0; round < ROUNDS; round++) {
        struct naive n = random_naive();
        enum histogram_skew skew;
        n.zero_count = 0;
        n.count = 0;
        for (int i = 0; i < 2 * REACH; i++) n.count += n.positive[i] + n.negative[i];
        if (n.count == 0) continue;
        struct histogram h = histogram_of(&n);
        double last = -INFINITY;
        for (double q = 0.01; q < 1; q += 0.07) {
            double value = histogram_quantile(q, &h, &skew), rank = q * n.count, below = 0;
            struct histogram_walk walk;
            struct histogram_bucket bucket;
            ck_assert_int_eq(skew, SKEW_NONE);
            ck_assert(value >= last);
            last = value;
            histogram_walk_init(&walk, &h);
            while (histogram_walk_next(&walk, &bucket) && below + bucket.count < rank) below += bucket.count;
            bool is_edge = fabs(below + bucket.count - rank) < 1e-9 * n.count;
            ck_assert_msg(is_edge || (value >= bucket.lower && value <= bucket.upper),
                          "q %g: %g not in %g..%g", q, value, bucket.lower, bucket.upper);
            /* the share of the observations up to there is q again */
            double share = histogram_fraction(-INFINITY, value, &h);
            ck_assert_msg(is_edge || fabs(share - q) < 1e-9, "q %g: share %g", q, share);
        }
    }
    teardown();
}
END_TEST

START_TEST(both_sides_of_a_limit_are_the_whole) {
    setup();
    for (int round = 0; round < ROUNDS; round++) {
        struct naive n = random_naive();
        struct histogram h = histogram_of(&n);
        if (n.count == 0) continue;
        double limit = ldexp(1 + draw(100) / 100.0, (int)draw(12) - 6) * (draw(2) ? 1 : -1);
        const struct histogram *below = histogram_trim(&work, &h, limit, true);
        ck_assert_ptr_nonnull(below);
        const struct histogram *above = histogram_trim(&work, &h, limit, false);
        ck_assert_double_eq_tol(below->count + above->count, n.count, 1e-9);
        ck_assert_double_eq_tol(below->count, histogram_fraction(-INFINITY, limit, &h) * n.count, 1e-9);
    }
    teardown();
}
END_TEST

START_TEST(a_full_arena_is_no_result) {
    setup();
    struct naive n = random_naive();
    struct histogram h = histogram_of(&n);
    struct arena small;
    struct work cramped;
    unsigned notes = 0;
    arena_init(&small, 64, NULL);
    work_init(&cramped, &small);
    work_set(&cramped, &h);
    work_add(&cramped, &h, 1, &notes);
    ck_assert_ptr_null(work_finish(&cramped));
    arena_release(&small);
    teardown();
}
END_TEST

CHECK_MAIN("math", sums_are_those_of_the_buckets_at_the_coarser_schema, scaling_scales_everything,
           the_wider_zero_bucket_takes_what_it_reaches, custom_buckets_meet_at_the_bounds_of_both,
           a_reset_is_any_loss, quantiles_lie_in_the_bucket_of_their_rank,
           both_sides_of_a_limit_are_the_whole, a_full_arena_is_no_result)
