#pragma once
/*
 * ahead.h - inside of promql/eval: the series of a selector are read on a second thread while the query works
 * on those before.
 *
 *     reader   | 0 .. 31 | 32 .. 63 | 64 .. 95 |        a batch of series each, in order
 *     query         ^ works on them
 *
 * The order is that of the set whatever the threads do, so answers do not depend on them. A small set is read
 * by the query itself.
 */
#include "lib/sys/thread.h"
#include "promql/eval/eval.h"

#define AHEAD_BATCH 32u
#define AHEAD_BATCHES 4u

struct ahead_batch {
    struct columns columns[AHEAD_BATCH];
    int rc; /* of the series behind the last good one */
    size_t count;
    struct err err;
};

struct ahead {
    struct series_set *set;
    int64_t mint, maxt;
    struct columns own; /* without a thread */
    bool has_thread;
    struct thread thread;
    struct mutex lock;
    struct condition changed;
    size_t filled, used; /* batches so far */
    bool is_stopping;
    struct ahead_batch *batches; /* AHEAD_BATCHES of them */
};

void ahead_open(struct ahead *ahead, struct eval *ev, struct series_set *set, int64_t mint, int64_t maxt);
/* The samples of series `index`, which goes up by one from call to call; valid until the next. As
 * series_set_read. */
int ahead_read(struct ahead *ahead, size_t index, struct columns **samples, struct err *err);
/* at any time; the set is not touched any more */
void ahead_close(struct ahead *ahead);
