#pragma once
/*
 * protobuf.h - a body of io.prometheus.client.MetricFamily messages, each behind its length.
 *
 *     body = (varint length, MetricFamily)*
 *     MetricFamily: 1 name  2 help  3 type  4 Metric*  5 unit
 *     Metric: 1 LabelPair*  2 gauge  3 counter  4 summary  5 untyped  6 timestamp_ms  7 histogram
 *
 *     while (expose_family_next(&families, &family, err) == 1)
 *         while (expose_family_metric(&family, &arena, &metric, err) == 1) ...
 *
 * Messages are read where they lie. Any error ends the reading with the family and the reason; nothing of
 * such a body may be used.
 */
#include "lib/codec/varint.h"
#include "lib/expose/metric.h"

struct expose_families {
    struct cursor body;
    size_t size;
};

struct expose_family {
    struct span name, help, unit;
    enum expose_type type;
    struct cursor rest; /* of the message: metrics still to come */
};

void expose_families_init(struct expose_families *families, struct span body);
/* 1, 0 at the end, or ERR_INVALID */
int expose_family_next(struct expose_families *families, struct expose_family *family, struct err *err);
/* 1, 0 at the end, ERR_INVALID, or ERR_LIMIT when the arena is full */
int expose_family_metric(struct expose_family *family, struct arena *arena, struct expose_metric *metric,
                         struct err *err);
