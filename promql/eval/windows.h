#pragma once
/*
 * windows.h - inside of promql/eval: the windows of one call over all steps, and what is done with them.
 *
 *     window.c     range functions: series by series, row by row, onwards
 *     slide.c      a series of floats: its windows, one after the other or many that lie alike
 *     subquery.c   what stands in the place of samples when the range is a subquery
 *     matrix.c     a bare range expression
 */
#include "promql/eval/ahead.h"
#include "promql/eval/alike.h"
#include "promql/eval/row.h"

#define PARAMS_MAX 4

struct windows {
    bool fixed;                /* @: one window for all steps */
    int64_t first_ms, last_ms; /* window ends of the first and the last step */
    int64_t range_ms;
    const double *const *params; /* per parameter a column of steps */
    size_t param_count;
    range_kernel *kernel;
    alike_kernel *alike; /* NULL: there is none */
    enum range_edge edge;
    bool keeps_name, wants_resets;
    bool has_overlap;    /* of start times, which is told once */
    bool has_pushed;     /* there was a series */
    struct span doubted; /* the metric that was told to be no counter, last */
    const struct expr *call;
    struct sink *sink, *next; /* next: merging, where series may become the same without their names */
    struct merging *merging;
    struct eval *ev;
    struct ahead_room room; /* of the query's own thread */
    struct {                /* of series with histograms, in the arena, grown to the longest series */
        uint8_t *is_reset;
        int64_t *float_times_ms, *float_starts_ms;
        double *floats;
        size_t capacity;
    } native;
};

/* slide.c */
bool windows_use_resets(enum function_id id);
/* how far samples outside of a window matter */
int64_t windows_before_ms(const struct eval *ev, const struct windows *windows);
int64_t windows_behind_ms(const struct eval *ev, const struct windows *windows);
/* NULL: they are not known, or not looked at */
const int64_t *windows_starts_of(const struct windows *windows, const struct columns *samples);
/* what a function asks of its parameters, once it has samples to be used on */
int windows_check_params(enum function_id id, const double *params, struct err *err);
bool windows_are_one(const struct windows *windows); /* the same at each step */
/* all windows of a series of floats; on any thread */
int windows_slide(const struct windows *windows, struct ahead_room *room, const struct columns *samples,
                  double *values, uint64_t *present, struct err *err);

/* subquery.c */
int subquery_rows(struct eval *ev, const struct subquery *subquery, int64_t first_ms, int64_t last_ms,
                  int64_t range_ms, struct eval *inner, struct rows *rows, struct err *err);
/* a row of it as samples */
int subquery_columns(const struct eval *ev, const struct row *row, struct columns *samples, struct err *err);
