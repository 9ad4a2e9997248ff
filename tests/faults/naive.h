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
    bool is_late;
};

struct naive_series {
    VEC(struct naive_sample) samples; /* by time */
};

/* the times that a batch may bring */
struct naive_bounds {
    int64_t earliest, latest;
    int64_t late_from; /* LATE_NEVER: only behind the newest of the series */
};

struct naive {
    VEC(struct naive_series) series;
    uint64_t changes;
    int64_t newest_ms; /* of all; INT64_MIN: none */
    int64_t window_ms; /* of late samples; 0: none are taken */
};

void naive_init(struct naive *naive);
void naive_release(struct naive *naive);
struct naive_bounds naive_bounds(const struct naive *naive, int64_t now_ms, bool keep_late);
/* What a store should answer, and the sample is there when that is APPEND_STORED. */
enum append_result naive_append(struct naive *naive, uint32_t series, int64_t time_ms, uint64_t bits,
                                const struct naive_bounds *bounds);
/* the samples in [mint, maxt] as of `changes`, into out; their number */
size_t naive_read(const struct naive *naive, uint32_t series, int64_t mint, int64_t maxt, uint64_t changes,
                  struct naive_sample **out);
int64_t naive_newest(const struct naive *naive, uint32_t series);
/* of a recent sample of the series, which has some */
int64_t naive_any_time(const struct naive *naive, uint32_t series, uint64_t random);
