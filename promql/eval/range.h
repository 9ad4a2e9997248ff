#pragma once
/*
 * range.h - inside of promql/eval: what a range function sees, one window after the other.
 *
 *     series   . . . . . . . . . . . .         times[first..last) lie in (start_ms, end_ms]
 *     window         (. . . .]
 *
 * The two indexes slide over the series as the steps go on, so finding the windows of a series costs its
 * samples plus its steps.
 */
#include "promql/eval/eval.h"
#include "promql/histogram/sum.h"

/* What extrapolation makes of the edges of a window: the same for the next one when its samples lie alike. */
struct extrapolation {
    int64_t start_ms, end_ms;         /* gaps at the edges */
    size_t count;                     /* 0: nothing is known yet */
    double to_start, to_end, sampled; /* seconds */
    double factor;                    /* unless the counter would have been below 0 */
    double steepest;                  /* first value to increase: above it, it would not have been */
};

struct window {
    const int64_t *times_ms; /* of the samples in the window, ascending, without staleness markers */
    const double *values;
    const int64_t *starts_ms; /* when the counter of each sample began, 0: not known; NULL: of none */
    size_t count;             /* at least 1 */
    int64_t start_ms, end_ms; /* start is outside */
    int64_t eval_ms;          /* the step's own time, whatever @ and offset say */
    const uint32_t *resets; /* indexes i in the window (from its first sample) with values[i] < values[i - 1],
                               ascending, i >= 1 */
    size_t reset_count;
    const double *drops;  /* alike.h: of each sample, the value before it that a reset took away, else -0,
                             which adds nothing to any number; NULL: there is no reset */
    const double *params; /* the call's scalars at this step, in order */
    double *scratch;      /* room for count doubles */
    struct extrapolation *last; /* of the series' window before; NULL: there was none */
};

/* A position in ascending times that goes up with the steps. Where times are regular, so are its strides:
 * then it is found at once, whatever lies between. */
struct seeker {
    size_t at, stride; /* samples before it; how far it went the last time */
};

/* how many of the times are at or before time_ms, which never goes down */
static inline size_t seek(struct seeker *seeker, const int64_t *times_ms, size_t count, int64_t time_ms) {
    size_t guess = seeker->at + seeker->stride;
    if (guess > count || (guess && times_ms[guess - 1] > time_ms) ||
        (guess < count && times_ms[guess] <= time_ms)) {
        guess = seeker->at;
        while (guess < count && times_ms[guess] <= time_ms) guess++;
        seeker->stride = guess - seeker->at;
    }
    return seeker->at = guess;
}

/* false: no value at this step */
typedef bool range_kernel(const struct window *window, double *value);

/* NULL for a function that is none */
range_kernel *range_kernel_of(enum function_id id);
/* the part of it in fn_statistics.c */
range_kernel *range_statistics_kernel(enum function_id id);
/* does the function keep the metric's name? */
bool range_keeps_name(enum function_id id);

/* fn_statistics.c: shared with aggregations */
double quantile_of(double *values, size_t count, double q); /* sorts values */
/* the mean that goes over to an incremental one when the sum would overflow */
struct mean {
    double sum, rest; /* of the values, or of the mean itself once incremental */
    double count;
    bool incremental;
};
void mean_add(struct mean *mean, double value);
double mean_total(const struct mean *mean);
