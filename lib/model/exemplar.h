#pragma once
/*
 * exemplar.h - what goes along with samples: single observations, and what is said of metrics.
 *
 * All are views; whoever made them owns the text.
 */
#include "lib/model/labels.h"

#include <stdint.h>

/* one observation behind a bucket or a counter, with what tells where it came from (a trace id) */
struct exemplar {
    struct labels labels;
    double value;
    int64_t time_ms;
};

/* Prometheus' limit, in characters of all names and values together */
#define EXEMPLAR_MAX_RUNES 128u

/* of a family of metrics; type as in the text format ("counter"), help as written there */
struct metric_metadata {
    struct span family, type, help, unit;
};
