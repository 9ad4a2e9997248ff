#pragma once
/*
 * native.h - inside of promql/eval: native histograms as elements of vectors.
 *
 * An element is a float, or a histogram with its sum beside it. What functions cannot use of histograms they
 * leave out, some with a note.
 */
#include "promql/eval/row.h"
#include "promql/histogram/math.h"

struct operand {
    double value;
    const struct histogram *histogram; /* NULL: a float */
};

static inline struct operand row_operand(const struct row *row, size_t step) {
    return (struct operand){row->values[step], row->histograms ? row->histograms[step] : NULL};
}

/* the element becomes that of a step; the histogram is not copied */
int row_set(struct eval *ev, struct row *row, size_t step, struct operand operand, struct err *err);
/* histograms are no elements of the row any more; true: there were some */
bool row_drop_histograms(struct eval *ev, struct row *row);

struct binary_result {
    struct operand value; /* of a comparison the left element */
    bool keep;            /* a comparison holds, or there is a result */
    bool is_known;        /* false: such elements do not go together, bool or not */
};

/* binary_histogram.c */
int binary_element(struct eval *ev, const struct expr *expr, const struct operand *left,
                   const struct operand *right, struct binary_result *result, struct err *err);
/* of the query, for one computation at a time; NULL: memory is full */
struct work *native_work(struct eval *ev);
int native_finish(struct eval *ev, struct work *work, const struct histogram **histogram, struct err *err);
/* what an addition had to do, as infos and warnings */
void native_notes(struct eval *ev, const struct expr *at, unsigned notes, const char *operation);

/* A sum, or a mean that goes over to an incremental one when the sum would overflow. work is the caller's. */
struct native_mean {
    struct work *work;
    bool is_mean, is_incremental;
    bool has_reset, has_none; /* one said that there was a reset, one that there was none */
    double count;
};
void native_mean_add(struct native_mean *mean, const struct histogram *histogram, unsigned *notes);
void native_mean_end(struct native_mean *mean);

/* window_histogram.c: one window of a series that has histograms */
struct native_window {
    const int64_t *times_ms;
    const double *values;
    const struct histogram *const *histograms; /* NULL for a float */
    const int64_t *starts_ms;                  /* NULL: not known, or not looked at */
    const uint8_t *is_reset; /* against the sample before, in the series; with counters only */
    size_t count;
    int64_t start_ms, end_ms, eval_ms;
    const double *params;
    int64_t *float_times_ms, *float_starts_ms; /* scratch for as many as count */
    double *floats, *scratch;
    uint32_t *resets;
};
/* edge: what the range says of its edges */
int native_range(struct eval *ev, const struct expr *call, const struct native_window *w,
                 enum range_edge edge, struct labels labels, struct operand *result, bool *is_there,
                 struct err *err);
/* changes and resets, of all samples of the window */
int native_count(struct eval *ev, const struct native_window *w, bool of_resets, struct operand *result,
                 bool *is_there, struct err *err);

/* edge_histogram.c */
enum native_warning { NATIVE_MIXED, NATIVE_MIXED_BUCKETS, NATIVE_NO_COUNTER, NATIVE_NO_GAUGE };
void native_warn(struct eval *ev, const struct expr *at, enum native_warning what, struct span name);
/* The window has the samples around it, too, as in edge.h. */
int native_edge(struct eval *ev, const struct expr *at, enum function_id id, bool is_smoothed,
                const struct native_window *w, struct span name, struct operand *result, bool *is_there,
                struct err *err);
/* an instant selector with `smoothed`, at the window's end */
int native_smooth(struct eval *ev, const struct expr *at, const struct native_window *w, struct span name,
                  struct operand *result, bool *is_there, struct err *err);
