#pragma once
/*
 * histogram_wire.h - native histograms as protocol buffers: of remote write (prometheus.Histogram) and of
 * targets (io.prometheus.client.Histogram), which have the same parts under other field numbers.
 *
 * Integer histograms come with deltas between buckets and are made absolute; float histograms come with
 * absolute counts. Numbers in repeated fields may be packed or not.
 */
#include "lib/base/span.h"
#include "lib/model/histogram.h"

enum histogram_part {
    HISTOGRAM_NO_PART, /* not read here */
    HISTOGRAM_COUNT_INT,
    HISTOGRAM_COUNT_FLOAT,
    HISTOGRAM_SUM,
    HISTOGRAM_SCHEMA,
    HISTOGRAM_ZERO_THRESHOLD,
    HISTOGRAM_ZERO_COUNT_INT,
    HISTOGRAM_ZERO_COUNT_FLOAT,
    HISTOGRAM_NEGATIVE_SPANS,
    HISTOGRAM_NEGATIVE_DELTAS,
    HISTOGRAM_NEGATIVE_COUNTS,
    HISTOGRAM_POSITIVE_SPANS,
    HISTOGRAM_POSITIVE_DELTAS,
    HISTOGRAM_POSITIVE_COUNTS,
    HISTOGRAM_RESET_HINT,
    HISTOGRAM_TIMESTAMP,
    HISTOGRAM_CUSTOM_VALUES,
};

#define HISTOGRAM_WIRE_FIELDS 17

struct histogram_wire {
    uint8_t parts[HISTOGRAM_WIRE_FIELDS]; /* enum histogram_part by field number */
    bool float_if_above_zero; /* floats when a float count is above 0; else when the count came as one */
};

/* The arrays lie in arena; the caller checks the histogram (histogram_check). ERR_CORRUPT: not protobuf.
   ERR_INVALID: no histogram. ERR_LIMIT: the arena is full. *time_ms is set unless ERR_CORRUPT; 0: none was
   there. */
int histogram_wire_read(struct span bytes, const struct histogram_wire *wire, struct arena *arena,
                        struct histogram *histogram, int64_t *time_ms, struct err *err);
