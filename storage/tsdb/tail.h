#pragma once
/*
 * tail.h - samples as they are applied, for whoever sends them on, and up to where that has been done.
 *
 *     applier   batch --> [rows] [rows] [rows] --take--> sent somewhere --done-->
 *                         at most max_rows
 *
 * A tail that is full, or whose reader cannot use rows any more, is behind: batches pass it by, and it keeps
 * the earliest time of all that it missed. Its reader then begins anew: rows from that moment on are kept
 * again, and all from that time on is read through the query port.
 *
 * The position is on disk (storage/FORMAT.md): of what the log holds up to a sequence S, all that is not done
 * is at time T or later. A start takes T down to the earliest time that it replays behind S. So a tail whose
 * last run ended cleanly goes on where it was, and one that did not begins behind.
 *
 * Threads: rows are taken by one for each tail; the rest any.
 */
#include "lib/base/arena.h"
#include "lib/model/appender.h"
#include "lib/model/queryable.h"
#include "storage/tsdb/tsdb.h"

#define TAIL_NAME_MAX 200u

/* what was stored of one batch */
struct tail_rows {
    struct tail_rows *next;
    uint64_t place;  /* among the rows of this tail: 1, 2, 3 ... */
    uint64_t commit; /* a moment of the store from this one on has them */
    int64_t min_time;
    size_t count;
    struct series_ref *refs; /* to be confirmed under a hold of the appender port */
    double *values;
    int64_t *times_ms;
    const struct histogram **histograms; /* NULL: all are floats */
    struct batch_exemplar *exemplars;    /* each with the labels of its series */
    size_t exemplar_count;
    struct arena arena;
};

void tail_rows_destroy(struct tail_rows *rows);

struct tail;
/* The tail of a name, of which there is one at a time: where it was, or, when nobody knows it, from now on.
 * wake is called on the applier when there is something new after there was nothing; it must be short. */
struct tail *tail_open(struct tsdb *tsdb, const char *name, size_t max_rows, void (*wake)(void *context),
                       void *context);
/* its position stays known */
void tail_close(struct tail *tail);
/* positions of other names are forgotten */
void tail_keep(struct tsdb *tsdb, const char *const *names, size_t count);

/* NULL: nothing is waiting. The caller destroys them. */
struct tail_rows *tail_take(struct tail *tail);
/* all rows up to this place have been dealt with */
void tail_done(struct tail *tail, uint64_t place);
/* of a reference that is valid under a hold; the texts live as long as the database */
size_t tail_label_count(const struct tail *tail, struct series_ref ref);
/* items: room for so many */
struct labels tail_labels(const struct tail *tail, struct series_ref ref, struct label *items);
size_t tail_waiting(struct tail *tail);
bool tail_is_behind(struct tail *tail);
/* it cannot be had from the rows any more; what is waiting is missed, too */
void tail_miss(struct tail *tail, int64_t time_ms);
/* Not behind any more: the earliest time of what was missed. All from there on is to be read, and told to
 * tail_read. INT64_MAX: nothing was missed. */
int64_t tail_begin(struct tail *tail);
/* all before this time has been read and dealt with; INT64_MAX: the reading has ended */
void tail_read(struct tail *tail, int64_t time_ms);
/* the commit of a moment (queryable_begin of the database's port) */
uint64_t tail_moment(const struct queryable *moment);

/* The positions as they are, to disk; is_sync: they survive a power cut. */
int tails_save(struct tsdb *tsdb, bool is_sync, struct err *err);
