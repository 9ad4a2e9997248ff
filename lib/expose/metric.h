#pragma once
/*
 * metric.h - a metric with all that its type has, as protobuf and composite values of OpenMetrics 2.0 say it
 * at once: one number, or count, sum and quantiles or buckets, or a native histogram, with exemplars.
 *
 *     rpc_seconds{a="b"} {count:2,sum:1.5,bucket:[1:1,+Inf:2]}        name, labels | count, sum, points
 *
 * It is a view: text is the body's, arrays are in the arena of whoever read it. What becomes of it (which
 * series) is decided by who stores it; the text of such a series is written only when it is new.
 */
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"

enum expose_type {
    EXPOSE_UNKNOWN,
    EXPOSE_COUNTER,
    EXPOSE_GAUGE,
    EXPOSE_SUMMARY,
    EXPOSE_HISTOGRAM,
    EXPOSE_GAUGE_HISTOGRAM,
    EXPOSE_INFO,
    EXPOSE_STATESET,
};

/* as in the text formats: "gaugehistogram" */
const char *expose_type_name(enum expose_type type);

/* an exemplar without a time of its own */
#define EXPOSE_NO_TIME INT64_MIN

/* of a summary a quantile and its value; of a histogram an upper bound and the count at or below it */
struct expose_point {
    double at, value;
    const struct exemplar *exemplar; /* NULL: none */
};

struct expose_metric {
    enum expose_type type;
    struct span name;   /* of the family */
    struct span labels; /* as they lie in the body, see is_wire */
    bool is_wire;       /* labels is a Metric message; else a series text */
    uint64_t key;       /* keyed hash of name and labels: equal for the same metric of the next body */
    bool has_time, has_start;
    int64_t time_ms, start_ms; /* start: when a counter, summary or histogram was created */
    double value;              /* of a counter, gauge or unknown */
    double count, sum;         /* of a summary or histogram */
    const struct expose_point *points;
    uint32_t point_count;
    bool has_native;
    struct histogram native; /* well-formed (histogram_check) but for its schema, which may be finer */
    const struct exemplar *exemplars; /* of value, or of the native histogram */
    uint32_t exemplar_count;
};

/* The text of one of its series, in the text format: name and suffix, its labels, and with `extra` that label
 * of that number. In arena, or ERR_LIMIT, or ERR_INVALID. */
int expose_metric_series(const struct expose_metric *metric, const char *suffix, const char *extra, double at,
                         struct arena *arena, struct span *text, struct err *err);
/* the same for labels at hand, __name__ and le left out */
int expose_series_text(struct span name, const char *suffix, struct labels labels, struct arena *arena,
                       struct span *text, struct err *err);
/* le and quantile as Prometheus writes them: 1.0, 0.5, 1e+06, +Inf */
size_t expose_bound_write(double bound, char *out); /* NUMBER_MAX_TEXT + 2 bytes */
