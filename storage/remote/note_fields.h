#pragma once
/*
 * note_fields.h - exemplars and metadata as remote write has them: numbers of the fields of
 * prometheus.Exemplar (of 2.0, too) and MetricMetadata, and the types of metrics in the order of their
 * numbers.
 */
#include "lib/base/span.h"

#include <stddef.h>
#include <stdint.h>

enum { EXEMPLAR_LABELS = 1, EXEMPLAR_VALUE = 2, EXEMPLAR_TIMESTAMP = 3 };
enum { METADATA_TYPE = 1, METADATA_FAMILY = 2, METADATA_HELP = 4, METADATA_UNIT = 5 };

static const char *const metadata_types[] = {"unknown",        "counter", "gauge", "histogram",
                                             "gaugehistogram", "summary", "info",  "stateset"};
#define METADATA_TYPES (sizeof metadata_types / sizeof *metadata_types)
