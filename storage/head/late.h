#pragma once
/*
 * late.h - samples before the newest of their series: kept apart, by series and time, until they go into a
 * block.
 *
 *     slot 7 -> [t 100 v batch 31][t 140 v batch 29][t 150 v batch 31] ...      sorted by time
 *
 * A reader sees those of batches up to its own. They are few and live shortly, so one lock guards all.
 *
 * Threads: one adds and removes (the appending one); any number read.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"
#include "lib/model/queryable.h"
#include "lib/sys/thread.h"

#include <stdatomic.h>
#include <stdint.h>

struct late_sample {
    int64_t time_ms;
    uint64_t sequence; /* of its batch */
    double value;
    struct histogram *histogram; /* with its arrays in one piece of heap, or NULL */
};

struct late_series {
    uint32_t slot;
    VEC(struct late_sample) samples;
};

struct late {
    struct mutex lock;
    struct map by_slot;
    VEC(struct late_series) series;
    atomic_uint_least64_t samples; /* of all */
    atomic_uint_least64_t bytes;
};

void late_init(struct late *late);
void late_release(struct late *late);

/* APPEND_STORED, or APPEND_REPEATED, APPEND_DUPLICATE when there is one of that time */
enum append_result late_add(struct late *late, uint32_t slot, uint64_t sequence, int64_t time_ms,
                            double value, const struct histogram *histogram);
/* has the series one in [mint, maxt]? */
bool late_overlaps(struct late *late, uint32_t slot, int64_t mint, int64_t maxt);
/* the reader's late samples in [mint, maxt] sorted in among the rows from `from` on; at equal times those
 * there stay */
int late_read(struct late *late, uint32_t slot, uint64_t reader, int64_t mint, int64_t maxt, size_t from,
              struct columns *columns, struct err *err);
/* appends the slots that have late samples, in no order */
struct slots;
int late_slots(struct late *late, struct slots *slots, struct err *err);
/* removes what batches up to this one brought, up to maxt; slots that are left without are told */
void late_drop(struct late *late, uint64_t sequence, int64_t maxt,
               void (*emptied)(void *context, uint32_t slot), void *context);
