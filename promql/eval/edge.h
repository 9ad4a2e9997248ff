#pragma once
/*
 * edge.h - inside of promql/eval: ranges with `anchored` and `smoothed`, whose edges have values of their
 * own.
 *
 *     samples     a    b    c    d    e        anchored: the sample at or before each edge
 *     range          (         ]               smoothed: between the samples on both sides of it
 *
 * Nothing is extrapolated: what these functions see reaches from edge to edge exactly.
 */
#include "promql/eval/range.h"

/* The value of rate, increase, delta, changes or resets. The window holds every sample from a lookback before
 * its start (and, smoothed, to a lookback behind its end). */
bool edge_value(enum function_id id, bool is_smoothed, const struct window *w, double *value);

/* The samples become what is in (start_ms, end_ms] with a value at each edge: of a bare range. */
int edge_extend(struct columns *samples, bool is_smoothed, int64_t start_ms, int64_t end_ms, struct err *err);

/* an instant selector with `smoothed`: of samples ascending; false: none is at or before time_ms */
bool edge_instant(const int64_t *times_ms, const double *values, size_t count, int64_t time_ms,
                  double *value);
