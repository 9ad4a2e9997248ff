#pragma once
/*
 * histogram.h - a native histogram as the value of one sample.
 *
 *     schema 1, zero_threshold 0.001        spans {offset 0, length 2} {offset 3, length 1}
 *       negative buckets | zero bucket | positive buckets:  index 0 1 . . . 5
 *                                                           count 4 7       2    (positive[], 3 values)
 *
 * Exponential schemas -4..8: bucket i holds (base^(i-1), base^i], base = 2^(2^-schema). Schema -53: custom
 * buckets, whose upper bounds are `bounds`, ascending, the last +Inf left out; only positive buckets then.
 * Counts are absolute, as doubles, which are exact for whole numbers to 2^53; `is_integer` tells that they
 * came as whole numbers. A staleness marker is a histogram whose sum has the bits STALE_BITS.
 *
 * A histogram is a view: whoever made it owns the arrays (an arena, a batch, columns). (Prometheus' native
 * histogram specification; bucket layout as in its protobuf.)
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/model/sample.h"

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_SCHEMA_MIN (-4)
#define HISTOGRAM_SCHEMA_MAX 8
/* finer ones are known: they can be made coarser, and are nowhere kept */
#define HISTOGRAM_SCHEMA_FINEST 52
#define HISTOGRAM_SCHEMA_CUSTOM (-53)
/* of one histogram, all in all: input beyond is refused */
#define HISTOGRAM_MAX_BUCKETS 65536u

enum histogram_reset {
    HISTOGRAM_RESET_UNKNOWN = 0,
    HISTOGRAM_RESET_YES,
    HISTOGRAM_RESET_NO,
    HISTOGRAM_RESET_GAUGE,
};

struct histogram_span {
    int32_t offset; /* from the end of the span before; of the first: from index 0 */
    uint32_t length;
};

struct histogram_buckets {
    const struct histogram_span *spans;
    const double *counts; /* as many as the spans' lengths add up to */
    uint32_t span_count, count;
};

struct histogram {
    int8_t schema;
    uint8_t reset; /* enum histogram_reset */
    bool is_integer;
    uint32_t bound_count;
    double zero_threshold, zero_count, count, sum;
    struct histogram_buckets positive, negative;
    const double *bounds;
};

/* a marker that the series ended: everything zero but the sum */
struct histogram histogram_stale(void);
/* What every stored histogram satisfies: schema known, spans within range and as long as the counts, bounds
   ascending and finite, counts not negative, at most HISTOGRAM_MAX_BUCKETS. ERR_INVALID in Prometheus' words.
 */
int histogram_check(const struct histogram *histogram, struct err *err);
/* arrays and all; NULL when the arena refuses */
struct histogram *histogram_copy(const struct histogram *histogram, struct arena *arena);
/* in one piece of the heap; freed by mem_free */
struct histogram *histogram_clone(const struct histogram *histogram);
/* Can b come after a without a reset? True only when the layout is the same and nothing has become less. */
bool histogram_continues(const struct histogram *a, const struct histogram *b);
/* all bits the same, whatever way the spans are cut */
bool histogram_equal(const struct histogram *a, const struct histogram *b);
