#pragma once
/*
 * exemplars.h - the newest exemplars of all series, a bounded number of them.
 *
 *     ring      | 7 | 8 | 9 | 4 | 5 | 6 |      the oldest makes room for the next
 *     series A    '-------'                    each series knows its oldest and newest; each exemplar the
 * next
 *
 * A series is known by its labels, not by its place in the head: exemplars outlive it there.
 *
 * Threads: any; one lock.
 */
#include "lib/base/err.h"
#include "lib/model/exemplar.h"
#include "lib/model/matcher.h"

#include <stdbool.h>
#include <stddef.h>

struct exemplars;

enum exemplar_result {
    EXEMPLAR_STORED,
    EXEMPLAR_REPEATED,     /* as the newest of its series */
    EXEMPLAR_OUT_OF_ORDER, /* before the newest of its series */
    EXEMPLAR_TOO_LONG,     /* labels of more than EXEMPLAR_MAX_RUNES */
    EXEMPLAR_RESULTS,
};

/* max 0: none is kept */
struct exemplars *exemplars_create(size_t max);
void exemplars_destroy(struct exemplars *exemplars);
/* what is beyond the new maximum goes, the oldest first */
void exemplars_set_max(struct exemplars *exemplars, size_t max);
/* what exemplars_add would answer; what is not stored is counted here */
enum exemplar_result exemplars_judge(struct exemplars *exemplars, struct labels series,
                                     const struct exemplar *exemplar);
enum exemplar_result exemplars_add(struct exemplars *exemplars, struct labels series,
                                   const struct exemplar *exemplar);

struct exemplar_series {
    struct labels labels;
    struct exemplar *items; /* ascending */
    size_t count;
};

/* Of the series that match one of the selectors (each `matchers[i]` of `counts[i]`), those in [mint, maxt];
 * sorted by labels, in arena. */
int exemplars_select(struct exemplars *exemplars, const struct matcher *const *matchers, const size_t *counts,
                     size_t selectors, int64_t mint, int64_t maxt, struct arena *arena,
                     struct exemplar_series **series, size_t *count, struct err *err);

/* all, oldest first; ends when each answers false */
void exemplars_each(struct exemplars *exemplars,
                    bool (*each)(void *context, struct labels series, const struct exemplar *exemplar),
                    void *context);

struct exemplar_stats {
    size_t count, max, series;
    int64_t oldest_ms; /* 0: there is none */
    uint64_t results[EXEMPLAR_RESULTS];
};
struct exemplar_stats exemplars_stats(struct exemplars *exemplars);
