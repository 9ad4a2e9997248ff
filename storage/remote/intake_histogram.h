#pragma once
/*
 * intake_histogram.h - inside of storage/remote: prometheus.Histogram to struct histogram.
 *
 * Integer histograms come with deltas between buckets and are made absolute; float histograms (those whose
 * count is a double) come with absolute counts. Numbers in repeated fields may be packed or not.
 */
#include "lib/base/span.h"
#include "lib/model/histogram.h"

/* The arrays lie in arena. ERR_CORRUPT: not protobuf. ERR_INVALID: no valid histogram. ERR_LIMIT: the arena
   is full. *time_ms is set unless ERR_CORRUPT. */
int intake_histogram_read(struct span bytes, struct arena *arena, struct histogram *histogram,
                          int64_t *time_ms, struct err *err);
