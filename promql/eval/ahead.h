#pragma once
/*
 * ahead.h - inside of promql/eval: the series of a selector are read and made into rows on a second thread
 * while the query works on those before.
 *
 *     batches   | 0 .. 31 | 32 .. 63 | 64 .. 95 |        of series, in the order of the set
 *     query         ^ pushes their rows; while the batch it needs is not ready it makes later ones itself
 *
 * The order is that of the set whatever the threads do, so answers do not depend on them. A small set is read
 * by the query alone, one series at a time.
 */
#include "lib/sys/thread.h"
#include "promql/eval/eval.h"

#include <stdatomic.h>

#define AHEAD_BATCHES 4u

/* what of a series: all samples, also with values that need only be told from staleness markers
 * (columns.only_markers), or the newest, when rows before it may be left out */
enum ahead_wants { AHEAD_ALL, AHEAD_MARKERS, AHEAD_NEWEST };

/* what a thread needs beside a series to make a row of it; room for `capacity` samples */
struct ahead_room {
    uint32_t *resets, *relative;
    double *doubles;
    size_t capacity;
    struct budget *budget;
};

/* budget is set, the rest zero, before the first call */
int ahead_room_for(struct ahead_room *room, size_t samples, struct err *err);
void ahead_room_release(struct ahead_room *room);

struct ahead_series {
    size_t count;   /* samples that were read */
    double *values; /* the row over the query's steps, when is_made; present is zeroed before */
    uint64_t *present;
    bool is_made;
    struct columns samples; /* when it is not */
};

/* Makes the row of a series, on any thread, or leaves it to the query: is_made stays false. What takes long
 * asks eval_stopped now and then. */
typedef int ahead_make(void *context, struct ahead_room *room, struct columns *samples,
                       struct ahead_series *series, struct err *err);

struct ahead_batch {
    struct ahead_series *series;
    size_t count; /* good ones */
    int rc;       /* of the series behind them */
    struct err err;
    bool is_ready;
};

struct ahead_thread { /* what one thread has for itself */
    struct columns samples;
    struct ahead_room room;
};

struct ahead {
    struct eval *ev;
    struct series_set *set;
    int64_t mint, maxt;
    enum ahead_wants wants;
    ahead_make *make; /* NULL: the query makes all rows */
    void *context;
    struct ahead_thread own, other;
    struct ahead_batch *batches;
    size_t batch_count, batch_size;
    bool has_thread;
    struct thread thread;
    struct mutex lock;
    struct condition changed;
    size_t taken, used; /* batches so far */
    atomic_bool is_stopping;
};

int ahead_open(struct ahead *ahead, struct eval *ev, struct series_set *set, int64_t mint, int64_t maxt,
               enum ahead_wants wants, ahead_make *make, void *context, struct err *err);
/* Series `index`, which goes up by one from call to call; valid until the next. As series_set_read. */
int ahead_read(struct ahead *ahead, size_t index, struct ahead_series **series, struct err *err);
/* at any time, and after an ahead_open that failed; the set is not touched any more */
void ahead_close(struct ahead *ahead);
