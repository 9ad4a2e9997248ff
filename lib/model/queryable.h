#pragma once
/*
 * queryable.h - the port through which series are read, a column at a time.
 *
 *     queryable_select(matchers, mint, maxt) -> series_set of N series, as of one moment
 *       series_set_labels(i)                    labels, into the caller's arena, only when wanted
 *       series_set_read(i, mint, maxt, columns) times[] and values[] appended, in time order, staleness
 * markers included
 *
 * mint and maxt are inclusive. A set is read as of the moment of its select (or of queryable_begin): batches
 * that came later are not seen, and a batch is seen whole or not at all. Different series of one set may be
 * read by different threads at once. The order of series in a set is not sorted by labels. Sets are closed by
 * series_set_close. Sizes are limited by the budgets in the arena and the columns.
 */
#include "lib/base/arena.h"
#include "lib/base/budget.h"
#include "lib/base/err.h"
#include "lib/model/histogram.h"
#include "lib/model/labels.h"
#include "lib/model/matcher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of one series. Row i is a float, or a histogram when histograms is there and histograms[i] is not
   NULL: its value is then the histogram's sum, so value_is_stale works for both. */
struct columns {
    int64_t *times_ms;
    double *values;
    const struct histogram **histograms; /* NULL as long as no row is one */
    int64_t *starts_ms; /* when the counter of each row began, 0: not known; NULL as long as none is known */
    size_t count, capacity;
    int64_t step_ms, step_before; /* times ascend by step_ms from row to row; 0: not known. Before the rows
                                     that are being added; see columns_note_step */
    struct arena arena;           /* of the histograms */
    struct budget *budget;        /* counts capacity and arena; may be NULL */
    bool only_markers; /* set by who reads: values may be any others as long as staleness markers are told
                          from them. Stays over columns_reset */
};

void columns_init(struct columns *columns, struct budget *budget);
void columns_release(struct columns *columns);
/* no rows, memory kept */
void columns_reset(struct columns *columns);
/* room for `more` rows after count, or ERR_LIMIT; where histograms or starts_ms is there, its new entries are
 * NULL or 0 */
int columns_reserve(struct columns *columns, size_t more, struct err *err);
/* Rows from `from` on were added behind the last columns_reserve; their times ascend by step_ms (0: nobody
 * knows). Who does not call it loses what is known. */
void columns_note_step(struct columns *columns, size_t from, int64_t step_ms);
/* one row behind the others, copied into the arena */
int columns_add_histogram(struct columns *columns, int64_t time_ms, const struct histogram *histogram,
                          struct err *err);
/* row i's counter began then */
void columns_set_start(struct columns *columns, size_t i, int64_t start_ms);
/* row i of from behind the rows of to; from's histogram is copied */
int columns_add_row(struct columns *to, const struct columns *from, size_t i, struct err *err);

/* only floats stay; how many rows were histograms */
size_t columns_drop_histograms(struct columns *columns);
/* staleness markers, which are no samples of a range */
void columns_drop_stale(struct columns *columns);
/* Rows [from, middle) and [middle, count) each ascend in time: together they ascend strictly afterwards. Of
 * two rows of one time the first run's stays. */
int columns_merge(struct columns *columns, size_t from, size_t middle, struct err *err);

bool columns_has_histograms(const struct columns *columns);

static inline const struct histogram *columns_histogram(const struct columns *columns, size_t i) {
    return columns->histograms ? columns->histograms[i] : NULL;
}

struct series_set;
struct series_set_ops {
    int (*labels)(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                  struct err *err);
    /* labels_identity of its labels */
    int (*identity)(struct series_set *set, size_t index, struct hash128 *identity, struct err *err);
    /* ERR_CORRUPT: what can be read is in the columns, the rest is on a part of the disk that cannot be
     * trusted. After any other error the columns are as before. */
    int (*read)(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                struct err *err);
    /* The newest sample in [mint, maxt], if it is known without reading: false when it is not, or is a
     * histogram. *is_there: there is one. May be NULL. */
    bool (*newest)(struct series_set *set, size_t index, int64_t mint, int64_t maxt, bool *is_there,
                   int64_t *time_ms, double *value);
    void (*close)(struct series_set *set);
};
struct series_set { /* first member of an implementation */
    const struct series_set_ops *ops;
    size_t count;
    /* The store answers from what it can trust: what was left out, in words, as of close or the end of
     * reading; NULL when nothing was. Any thread may set it (a literal or text of the store's life). */
    _Atomic(const char *) warning;
};

struct queryable;
struct queryable_ops {
    /* The same store as of one moment for all selects that follow, until end; its sets are closed before.
     * NULL: each select has a moment of its own. */
    struct queryable *(*begin)(struct queryable *queryable);
    void (*end)(struct queryable *queryable);
    int (*select)(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                  int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                  struct err *err);
    /* names, or values of `name`, over the series that match and have samples in [mint, maxt]; sorted, in
     * arena */
    int (*label_names)(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                       int64_t mint, int64_t maxt, struct arena *arena, struct span **names, size_t *count,
                       struct err *err);
    int (*label_values)(struct queryable *queryable, struct span name, const struct matcher *matchers,
                        size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                        struct span **values, size_t *count, struct err *err);
};
struct queryable { /* first member of an implementation */
    const struct queryable_ops *ops;
};

/* what the selects of one query go to, so that all of them see the same batches */
static inline struct queryable *queryable_begin(struct queryable *queryable) {
    return queryable->ops->begin ? queryable->ops->begin(queryable) : queryable;
}

static inline void queryable_end(struct queryable *queryable) {
    if (queryable->ops->end) queryable->ops->end(queryable);
}

static inline int queryable_select(struct queryable *queryable, const struct matcher *matchers,
                                   size_t matcher_count, int64_t mint, int64_t maxt, struct budget *budget,
                                   struct series_set **set, struct err *err) {
    return queryable->ops->select(queryable, matchers, matcher_count, mint, maxt, budget, set, err);
}

static inline int series_set_labels(struct series_set *set, size_t index, struct arena *arena,
                                    struct labels *labels, struct err *err) {
    return set->ops->labels(set, index, arena, labels, err);
}

static inline int series_set_identity(struct series_set *set, size_t index, struct hash128 *identity,
                                      struct err *err) {
    return set->ops->identity(set, index, identity, err);
}

static inline int series_set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt,
                                  struct columns *columns, struct err *err) {
    return set->ops->read(set, index, mint, maxt, columns, err);
}

/* As series_set_read, but rows before the newest may be left out. */
int series_set_read_newest(struct series_set *set, size_t index, int64_t mint, int64_t maxt,
                           struct columns *columns, struct err *err);

static inline void series_set_close(struct series_set *set) {
    if (set) set->ops->close(set);
}
