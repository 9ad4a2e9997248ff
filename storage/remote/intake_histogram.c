#include "storage/remote/intake_histogram.h"

#include "lib/model/histogram_wire.h"

static const struct histogram_wire wire = {.parts = {
                                               [1] = HISTOGRAM_COUNT_INT,
                                               [2] = HISTOGRAM_COUNT_FLOAT,
                                               [3] = HISTOGRAM_SUM,
                                               [4] = HISTOGRAM_SCHEMA,
                                               [5] = HISTOGRAM_ZERO_THRESHOLD,
                                               [6] = HISTOGRAM_ZERO_COUNT_INT,
                                               [7] = HISTOGRAM_ZERO_COUNT_FLOAT,
                                               [8] = HISTOGRAM_NEGATIVE_SPANS,
                                               [9] = HISTOGRAM_NEGATIVE_DELTAS,
                                               [10] = HISTOGRAM_NEGATIVE_COUNTS,
                                               [11] = HISTOGRAM_POSITIVE_SPANS,
                                               [12] = HISTOGRAM_POSITIVE_DELTAS,
                                               [13] = HISTOGRAM_POSITIVE_COUNTS,
                                               [14] = HISTOGRAM_RESET_HINT,
                                               [15] = HISTOGRAM_TIMESTAMP,
                                               [16] = HISTOGRAM_CUSTOM_VALUES,
                                           }};

int intake_histogram_read(struct span bytes, struct arena *arena, struct histogram *histogram,
                          int64_t *time_ms, struct err *err) {
    struct histogram h;
    int rc = histogram_wire_read(bytes, &wire, arena, &h, time_ms, err);
    if (!rc) rc = histogram_check(&h, err);
    if (!rc) *histogram = h;
    return rc;
}
