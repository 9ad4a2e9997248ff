#pragma once
/*
 * intake_histogram.h - inside of storage/remote: prometheus.Histogram to struct histogram
 * (lib/model/histogram_wire.h).
 */
#include "lib/base/span.h"
#include "lib/model/histogram.h"

/* The arrays lie in arena. ERR_CORRUPT: not protobuf. ERR_INVALID: no valid histogram. ERR_LIMIT: the arena
   is full. *time_ms is set unless ERR_CORRUPT. */
int intake_histogram_read(struct span bytes, struct arena *arena, struct histogram *histogram,
                          int64_t *time_ms, struct err *err);
