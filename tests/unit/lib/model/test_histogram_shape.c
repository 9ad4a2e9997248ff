#include "lib/model/histogram_shape.h"
#include "tests/check_main.h"

#include <math.h>
#include <string.h>

static struct arena arena;
static struct err err;

static uint64_t random_state = 9;
static uint32_t draw(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

/* counts by index, counted one after the other */
#define SPREAD 400
static void spread(const struct histogram_buckets *side, int by, double counts[2 * SPREAD]) {
    int64_t index = 0;
    uint32_t bucket = 0;
    memset(counts, 0, 2 * SPREAD * sizeof *counts);
    for (uint32_t i = 0; i < side->span_count; i++) {
        index += side->spans[i].offset;
        for (uint32_t k = 0; k < side->spans[i].length; k++, index++) {
            double upper = (double)index / pow(2, by); /* bucket i ends at base^i */
            counts[SPREAD + (int)ceil(upper)] += side->counts[bucket++];
        }
    }
}

START_TEST(coarser_buckets_hold_what_the_finer_ones_did) {
    for (int round = 0; round < 500; round++) {
        struct histogram_span spans[5];
        double counts[100], wanted[2 * SPREAD], got[2 * SPREAD];
        struct histogram h = {.schema = (int8_t)draw(9), .positive = {spans, counts, 0, 0}}, reduced;
        for (h.positive.span_count = 0; h.positive.span_count < 5; h.positive.span_count++) {
            struct histogram_span *span = &spans[h.positive.span_count];
            span->offset = h.positive.span_count ? (int32_t)draw(20) : (int32_t)draw(100) - 50;
            span->length = draw(6);
            for (uint32_t k = 0; k < span->length; k++) counts[h.positive.count++] = draw(4);
        }
        int8_t schema = (int8_t)(draw(13) - 4);
        arena_init(&arena, 1 << 20, NULL);
        ck_assert_int_eq(histogram_reduce(&h, schema, &arena, &reduced, &err), 0);
        ck_assert_int_eq(reduced.schema, schema < h.schema ? schema : h.schema);
        ck_assert_int_eq(histogram_check(&reduced, &err), 0);
        for (uint32_t i = 0; i < reduced.positive.count; i++) ck_assert(reduced.positive.counts[i] > 0);
        spread(&h.positive, h.schema - reduced.schema, wanted);
        spread(&reduced.positive, 0, got);
        ck_assert(memcmp(wanted, got, sizeof wanted) == 0);
        arena_release(&arena);
    }
}
END_TEST

START_TEST(gaps_wider_than_an_offset_are_kept) {
    struct histogram_span spans[] = {{INT32_MIN, 1}, {INT32_MAX, 1}, {INT32_MAX - 2, 1}};
    double counts[] = {1, 0, 2};
    struct histogram h = {.positive = {spans, counts, 3, 3}}, reduced;
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(histogram_check(&h, &err), 0);
    ck_assert_int_eq(histogram_reduce(&h, 0, &arena, &reduced, &err), 0);
    ck_assert_int_eq(histogram_check(&reduced, &err), 0);
    int64_t index = 0;
    for (uint32_t i = 0; i < reduced.positive.span_count; i++)
        index += (int64_t)reduced.positive.spans[i].offset + reduced.positive.spans[i].length;
    ck_assert_int_eq(index, (int64_t)INT32_MIN + 1 + INT32_MAX + 1 + INT32_MAX - 2 + 1);
    arena_release(&arena);
}
END_TEST

START_TEST(buckets_add_up_to_the_count) {
    static const struct histogram_span span = {0, 2};
    static const double counts[] = {1, 2};
    struct histogram h = {.positive = {&span, counts, 1, 2}, .zero_count = 1, .count = 4, .is_integer = true};
    ck_assert_int_eq(histogram_check_count(&h, &err), 0);
    h.count = 5;
    ck_assert_int_eq(histogram_check_count(&h, &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "4 observations found in buckets, but the Count field is 5"));
    h.sum = NAN; /* one was not a number */
    ck_assert_int_eq(histogram_check_count(&h, &err), 0);
    h.count = 3;
    ck_assert_int_eq(histogram_check_count(&h, &err), ERR_INVALID);
    h.is_integer = false;
    ck_assert_int_eq(histogram_check_count(&h, &err), 0);
}
END_TEST

static const struct {
    const char *error; /* NULL: converts */
    struct classic_bucket buckets[4];
    uint32_t bucket_count;
    bool has_count;
    double count;
    /* wanted */
    uint32_t bound_count, count_count;
    double first;
    bool is_integer;
} classic_cases[] = {
    {NULL, {{1, 2, 0}, {2, 3, 1}, {INFINITY, 5, 2}}, 3, true, 5, 2, 3, 2, true},
    {NULL, {{2, 3, 0}, {1, 2, 1}}, 2, true, 5, 2, 3, 2, true},            /* order and +Inf do not matter */
    {NULL, {{1, 2, 0}, {1, 9, 1}, {2, 3, 2}}, 3, true, 5, 2, 3, 2, true}, /* the first of two is it */
    {NULL, {{1, 2, 0}, {2, 3, 1}}, 2, false, 0, 2, 2, 2, true},           /* the last bucket's count */
    {NULL, {{1, 2.5, 0}, {2, 3, 1}}, 2, true, 3, 2, 2, 2.5, false},
    {NULL, {{0, 0, 0}}, 0, true, 7, 0, 1, 7, true}, /* all in one bucket */
    {NULL, {{1, 0, 0}, {2, 0, 1}}, 2, true, 0, 2, 0, 0, true},
    {"must be provided", {{0, 0, 0}}, 0, false, 0, 0, 0, 0, false},
    {"not cumulative", {{1, 2, 0}, {2, 1, 1}}, 2, true, 5, 0, 0, 0, false},
    {"count mismatch", {{INFINITY, 2, 0}}, 1, true, 5, 0, 0, 0, false},
    {"has a count of -1", {{1, -1, 0}}, 1, true, 5, 0, 0, 0, false},
    {"has a count of", {{1, NAN, 0}}, 1, true, 5, 0, 0, 0, false},
    {"has a count of", {{NAN, 1, 0}}, 1, true, 5, 0, 0, 0, false},
    {"not cumulative", {{1, 6, 0}}, 1, true, 5, 0, 0, 0, false},
    {"not finite", {{-INFINITY, 0, 0}}, 1, true, 5, 0, 0, 0, false},
};

START_TEST(classic_buckets_become_custom_ones) {
    for (size_t i = 0; i < sizeof classic_cases / sizeof *classic_cases; i++) {
        struct classic_bucket buckets[5];
        struct histogram h;
        memcpy(buckets, classic_cases[i].buckets, sizeof classic_cases[i].buckets);
        struct classic_histogram classic = {buckets, classic_cases[i].bucket_count,
                                            classic_cases[i].has_count, classic_cases[i].count, 1.5};
        arena_init(&arena, 1 << 20, NULL);
        int rc = histogram_of_classic(&classic, &arena, &h, &err);
        if (classic_cases[i].error) {
            ck_assert_int_eq(rc, ERR_INVALID);
            ck_assert_msg(strstr(err.text, classic_cases[i].error) != NULL, "case %zu: %s", i, err.text);
        } else {
            ck_assert_msg(rc == 0, "case %zu: %s", i, err.text);
            ck_assert_int_eq(h.schema, HISTOGRAM_SCHEMA_CUSTOM);
            ck_assert_uint_eq(h.bound_count, classic_cases[i].bound_count);
            ck_assert_uint_eq(h.positive.count, classic_cases[i].count_count);
            ck_assert(h.sum == 1.5 && h.is_integer == classic_cases[i].is_integer);
            if (h.positive.count) ck_assert(h.positive.counts[0] == classic_cases[i].first);
            ck_assert_int_eq(histogram_check_count(&h, &err), 0);
        }
        arena_release(&arena);
    }
}
END_TEST

CHECK_MAIN("histogram_shape", coarser_buckets_hold_what_the_finer_ones_did,
           gaps_wider_than_an_offset_are_kept, buckets_add_up_to_the_count,
           classic_buckets_become_custom_ones)
