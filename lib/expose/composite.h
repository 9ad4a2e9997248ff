#pragma once
/*
 * composite.h - the values of OpenMetrics 2.0 that hold more than a number.
 *
 *     {count:12,sum:5.5,bucket:[1:3,+Inf:12]}                                    a classic histogram
 *     {count:5,sum:12.1,schema:0,zero_threshold:0.001,zero_count:2,
 *      positive_spans:[0:3],positive_buckets:[1,1,1]}                            a native one; may be both
 *     {count:80,sum:1.2,quantile:[0.5:0.1,0.99:0.5]}                             a summary
 *
 * Of gauge histograms count and sum are called gcount and gsum; counts of buckets are absolute. (OpenMetrics
 * 2.0, release candidate.)
 */
#include "lib/expose/expose.h"
#include "lib/expose/metric.h"

/* The metric of an entry with a composite value. Arrays and exemplars in arena. ERR_INVALID with the line, or
 * ERR_LIMIT. */
int expose_composite(const struct expose_reader *reader, const struct expose_entry *entry,
                     struct arena *arena, struct expose_metric *metric, struct err *err);
