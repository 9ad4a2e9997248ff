#pragma once
/*
 * series_scan.h - the parts of a series text as they are written, quotes taken off, escapes not: for telling
 * series apart without making labels.
 */
#include "lib/base/span.h"

#include <stdbool.h>

struct series_scan {
    struct span text;
    size_t at;
    struct span metric; /* known when the scan has ended */
};

void series_scan_init(struct series_scan *scan, struct span series);
/* false at the end, and at what is no label */
bool series_scan_next(struct series_scan *scan, struct span *name, struct span *value);
/* the metric's name alone */
struct span series_scan_metric(struct span series);
