#pragma once
/*
 * math.h - arithmetic of native histograms.
 *
 *     histogram --work_set--> work: (index, count) pairs, ascending --work_add ...--> --work_finish-->
 * histogram
 *
 * A work is one histogram that is being computed, with sums that keep what rounding takes away. It lives in
 * an arena and is used again and again: adding ten thousand histograms costs the memory of one. Of two
 * schemas the coarser wins, of two zero buckets the wider, of two sets of custom bounds those that both have.
 * Exponential and custom buckets do not mix. (Prometheus' native histogram specification, "Interoperability
 * of histograms".)
 */
#include "lib/model/histogram.h"

struct work_bucket {
    int32_t index;
    double count, rest;
};

struct work_side {
    struct work_bucket *items;
    uint32_t count, capacity;
};

struct work {
    struct arena *arena;
    bool is_refused;        /* the arena is full: no result */
    struct histogram shape; /* schema, reset, zero_threshold, bounds; the rest is below */
    double zero_count, zero_rest, count, count_rest, sum, sum_rest;
    struct work_side positive, negative, scratch;
    struct work *other; /* what is added, reshaped */
};

/* what an addition had to do */
enum {
    WORK_RECONCILED = 1,     /* custom bounds differed */
    WORK_RESET_CONFLICT = 2, /* one says counter reset, the other says none */
    WORK_INCOMPATIBLE = 4,   /* exponential and custom buckets: nothing was added */
};

void work_init(struct work *work, struct arena *arena);
void work_set(struct work *work, const struct histogram *histogram);
/* the bounds, which are those of the histogram, go into the arena: it may be gone before the work is done */
void work_own_bounds(struct work *work);
/* adds (sign 1) or subtracts (sign -1); notes are or-ed into *notes */
void work_add(struct work *work, const struct histogram *histogram, double sign, unsigned *notes);
/* adds h / parts */
void work_add_part(struct work *work, const struct histogram *histogram, double parts, unsigned *notes);
/* a negative factor makes a gauge */
void work_scale(struct work *work, double factor);
/* division by 0 leaves no buckets */
void work_divide(struct work *work, double by);
/* to a coarser schema */
void work_reduce(struct work *work, int8_t schema);
/* The histogram of floats without empty buckets, in the arena; NULL: the arena refused at some time. The work
 * can go on. */
const struct histogram *work_finish(struct work *work);

/* is b, later than a, the begin of a new count? (specification, "Counter resets") */
bool histogram_is_reset(struct work *scratch, const struct histogram *a, const struct histogram *b);
/* the same buckets, counts and sum; resets do not matter */
bool histogram_same(struct work *scratch, const struct histogram *a, const struct histogram *b);
/* observations above (or below, is_upper false) the limit are cut off; inside of a bucket as if they were
 * spread as in quantiles */
const struct histogram *histogram_trim(struct work *scratch, const struct histogram *histogram, double limit,
                                       bool is_upper);

static inline bool histogram_is_custom(const struct histogram *histogram) {
    return histogram->schema == HISTOGRAM_SCHEMA_CUSTOM;
}
