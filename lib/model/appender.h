#pragma once
/*
 * appender.h - the port through which samples enter a store, a batch at a time.
 *
 *     producer (a scrape loop)                                    store
 *       batch = append_batch_create(); append_batch_hold()        no series that this batch uses leaves
 *       appender_resolve(labels[]) -> refs[]                      get or create series, in memory only
 *       append_batch_add() ...
 *       appender_append(batch)  -------- ownership moves ------->  write to the log, then apply, then
 * done(batch) on ITS thread
 *
 * A batch is seen by queries whole or not at all, once its record was written; one whose write failed is
 * never seen. `done` is called exactly once per batch, on a thread of the store, must be short and must not
 * call the store; it owns the batch again and destroys it. appender_append waits while the store's queue is
 * full; it never drops.
 *
 * References are 32-bit slots with a generation: a store lets series go that nobody feeds, and recycles their
 * slots; the row of a reference of an older generation gets APPEND_NO_SERIES and is lost, its batch stored in
 * part. So a producer begins with append_batch_hold: references that it resolves or confirms from then on are
 * valid until the batch is destroyed. References kept from earlier batches are confirmed when the hold says
 * so. Without a hold any reference may be gone.
 */
#include "lib/base/err.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series_ref {
    uint32_t slot, generation; /* generation 0 is never valid */
};

enum append_result {
    APPEND_STORED = 0,
    APPEND_REPEATED,      /* same time and same value as the newest sample: nothing to do, not an error */
    APPEND_DUPLICATE,     /* same time, another value */
    APPEND_OUT_OF_ORDER,  /* before the newest sample */
    APPEND_OUT_OF_BOUNDS, /* too far in the future or before what the store takes */
    APPEND_NO_SERIES,     /* the reference's slot was recycled */
    APPEND_TOO_OLD,       /* before the newest sample by more than the out-of-order window */
};

/* as the time from which rows may come late: none may */
#define LATE_NEVER INT64_MAX

/* an exemplar that comes with a batch, of a series it names or of one of its rows */
struct batch_exemplar {
    struct labels series; /* none: that of the row */
    uint32_t row;
    struct exemplar exemplar;
};

struct append_hold {
    uint64_t announced; /* as in an earlier hold: what was valid then is valid in this one */
    unsigned turn;      /* the store's */
};

struct appender;
struct append_batch;
typedef void append_done(struct append_batch *batch);

struct append_batch {
    struct series_ref *refs;
    double *values;                   /* of a histogram its sum */
    struct histogram **histograms;    /* NULL: all rows are floats; else NULL for each that is one */
    struct arena arena;               /* of the histograms, exemplars and metadata */
    struct batch_exemplar *exemplars; /* what the store does not take of these is counted there, no error */
    struct metric_metadata *metadata;
    size_t exemplar_count, exemplar_capacity, metadata_count, metadata_capacity;
    int64_t *times_ms; /* NULL: every row at time_ms */
    int64_t time_ms;
    size_t count, capacity;
    bool keep_late; /* rows before the newest sample are taken whatever the out-of-order window: set by our
                       own scrapes after a step of the clock, and by who fills the past */
    bool wait_sync; /* done only when the batch is on disk (but with --storage.wal-sync=off) */
    bool is_urgent; /* somebody waits for done: not gathered with what comes after it */
    append_done *done;
    void *context;         /* for done */
    struct appender *held; /* the store that is held; NULL: none */
    struct append_hold hold;
    int64_t late_from; /* the store's */
    /* set by the store before done: */
    int rc;                    /* 0, or why nothing of the batch was stored */
    uint8_t *results;          /* enum append_result per row, when rc is 0 */
    struct append_batch *next; /* the store's queue */
};

struct append_batch *append_batch_create(size_t capacity, bool with_times, append_done *done, void *context);
void append_batch_destroy(struct append_batch *batch);
/* without rows, as created; one time for all */
void append_batch_clear(struct append_batch *batch);
/* grows as needed; time_ms is ignored without per-row times */
void append_batch_add(struct append_batch *batch, struct series_ref ref, double value, int64_t time_ms);

/* copied; ERR_LIMIT when it is larger than a batch may be */
int append_batch_add_histogram(struct append_batch *batch, struct series_ref ref,
                               const struct histogram *histogram, int64_t time_ms, struct err *err);

/* copied; series.count 0: the row says whose it is. ERR_LIMIT as above */
int append_batch_add_exemplar(struct append_batch *batch, struct labels series, size_t row,
                              const struct exemplar *exemplar, struct err *err);
int append_batch_add_metadata(struct append_batch *batch, const struct metric_metadata *item,
                              struct err *err);

struct appender_ops {
    int (*resolve)(struct appender *appender, const struct labels *label_sets, size_t count,
                   struct series_ref *refs, bool *created, struct err *err);
    void (*append)(struct appender *appender, struct append_batch *batch);
    /* NULL, all three: series never leave */
    struct append_hold (*hold)(struct appender *appender);
    void (*let_go)(struct appender *appender, struct append_hold hold);
    void (*confirm)(struct appender *appender, struct series_ref *refs, size_t count);
};
struct appender { /* first member of an implementation */
    const struct appender_ops *ops;
};

/* Gets or creates the series of each label set. created[i] tells which are new (may be NULL). ERR_LIMIT: no
   more series are taken; refs is then untouched. Any thread. */
static inline int appender_resolve(struct appender *appender, const struct labels *label_sets, size_t count,
                                   struct series_ref *refs, bool *created, struct err *err) {
    return appender->ops->resolve(appender, label_sets, count, refs, created, err);
}

/* Before the first reference for the batch is got; its destruction lets go, and must come before the store's
 * end. Series that leave wait for it, so a producer does not sit on a batch that holds. */
static inline void append_batch_hold(struct append_batch *batch, struct appender *appender) {
    if (!appender->ops->hold) return;
    batch->hold = appender->ops->hold(appender);
    batch->held = appender;
}

/* The same as its destruction does, for a batch that is kept for a while after it is done. */
void append_batch_let_go(struct append_batch *batch);

/* References of earlier batches: those not valid any more become 0, the others are as if resolved now. Under
 * a hold, when its `announced` is another than theirs was. */
static inline void appender_confirm(struct appender *appender, struct series_ref *refs, size_t count) {
    if (appender->ops->confirm) appender->ops->confirm(appender, refs, count);
}

static inline void appender_append(struct appender *appender, struct append_batch *batch) {
    appender->ops->append(appender, batch);
}
