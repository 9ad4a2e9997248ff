#pragma once
/*
 * family_writer.h - writes what lib/expose/protobuf.h reads: MetricFamily messages behind their lengths.
 */
#include "lib/base/buf.h"
#include "lib/expose/metric.h"

struct written_metric {
    struct labels labels;        /* without the name */
    struct expose_metric metric; /* type, name, key and labels are not looked at */
};

/* appends a family; the metrics' counts are written as floats when the histogram is one of floats */
void family_writer_add(struct buf *body, const char *name, const char *help, const char *unit,
                       enum expose_type type, const struct written_metric *metrics, size_t count);
