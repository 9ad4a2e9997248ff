#pragma once
/*
 * naive.h - a store so simple that it is right: all samples of each series in a sorted list.
 *
 *     series 3:  (time, bits, added, removed) (time, bits, added, removed) ...    added, removed: counts of
 *                                                                                  changes
 *
 * A state in the past is what was added until then and not removed; so an answer that was asked for earlier
 * can be compared later.
 */
#include "lib/base/vec.h"
#include "lib/model/appender.h"

#include <stdbool.h>
#include <stdint.h>

#define NAIVE_NEVER UINT64_MAX

struct naive_sample {
    int64_t time_ms;
    uint64_t bits;
    uint64_t added, removed;
};

struct naive_series {
    VEC(struct naive_sample) samples; /* by time */
};

struct naive {
    VEC(struct naive_series) series;
    uint64_t changes;
    uint64_t stored;   /* samples, ever */
    int64_t window_ms; /* of out-of-order samples; 0: none are taken */
};

void naive_release(struct naive *naive);
/* What a store should answer, and the sample is there when that is APPEND_STORED. latest: of what is taken.
 */
enum append_result naive_append(struct naive *naive, uint32_t series, int64_t time_ms, uint64_t bits,
                                int64_t latest_ms);
/* the samples in [mint, maxt] as of `changes`, into out; their number */
size_t naive_read(const struct naive *naive, uint32_t series, int64_t mint, int64_t maxt, uint64_t changes,
                  struct naive_sample **out);
int64_t naive_newest(const struct naive *naive, uint32_t series);
