#include "lib/codec/protobuf.h"
#include "lib/model/sample.h"
#include "web/api/exposition.h"

#include <math.h>

/* io.prometheus.client.MetricFamily, as Prometheus' client libraries write it. */

#define MESSAGE_MAX ((size_t)8 << 20)

enum { TYPE_UNTYPED = 3, TYPE_HISTOGRAM = 4, TYPE_GAUGE_HISTOGRAM = 5 };

static uint64_t zigzag(int32_t value) {
    return (uint64_t)(uint32_t)(((uint32_t)value << 1) ^ (uint32_t)(value >> 31));
}

/* a message inside: written to a buf of its own, then put with its length */
static void put_message(struct buf *out, uint32_t number, struct buf *message) {
    if (message->failed) out->failed = true;
    protobuf_put_bytes(out, number, buf_view(message));
    buf_release(message);
}

static void put_label(struct buf *out, const struct exposition *exposition, const struct label *label) {
    struct buf pair, name;
    buf_init(&pair, MESSAGE_MAX);
    buf_init(&name, MESSAGE_MAX);
    exposition_write_name(exposition, label->name, &name);
    put_message(&pair, 1, &name);
    protobuf_put_bytes(&pair, 2, label->value);
    put_message(out, 1, &pair);
}

static void put_spans(struct buf *out, uint32_t number, const struct histogram_buckets *buckets) {
    for (uint32_t i = 0; i < buckets->span_count; i++) {
        struct buf span;
        buf_init(&span, 64);
        protobuf_put_varint(&span, 1, zigzag(buckets->spans[i].offset));
        protobuf_put_varint(&span, 2, buckets->spans[i].length);
        put_message(out, number, &span);
    }
}

static void put_exponential(struct buf *out, const struct histogram *histogram) {
    protobuf_put_varint(out, 5, zigzag(histogram->schema));
    protobuf_put_double(out, 6, histogram->zero_threshold);
    protobuf_put_double(out, 8, histogram->zero_count);
    put_spans(out, 9, &histogram->negative);
    for (uint32_t i = 0; i < histogram->negative.count; i++)
        protobuf_put_double(out, 11, histogram->negative.counts[i]);
    put_spans(out, 12, &histogram->positive);
    for (uint32_t i = 0; i < histogram->positive.count; i++)
        protobuf_put_double(out, 14, histogram->positive.counts[i]);
    if (!histogram->positive.span_count && !histogram->negative.span_count) {
        struct buf none; /* an empty span tells a histogram without buckets from a classic one */
        buf_init(&none, 64);
        protobuf_put_varint(&none, 1, 0);
        protobuf_put_varint(&none, 2, 0);
        put_message(out, 12, &none);
    }
}

/* custom buckets have no place of their own in this message: classic ones say the same */
static void put_classic(struct buf *out, const struct histogram *histogram) {
    const struct histogram_buckets *buckets = &histogram->positive;
    double total = 0;
    uint32_t at = 0;
    int64_t index = 0;
    for (uint32_t s = 0; s < buckets->span_count; s++) {
        index += buckets->spans[s].offset;
        for (uint32_t i = 0; i < buckets->spans[s].length; i++, index++) {
            struct buf bucket;
            total += buckets->counts[at++];
            buf_init(&bucket, 64);
            protobuf_put_double(&bucket, 2,
                                index < histogram->bound_count ? histogram->bounds[index] : INFINITY);
            protobuf_put_double(&bucket, 4, total);
            put_message(out, 3, &bucket);
        }
    }
}

static void put_histogram(struct buf *out, const struct histogram *histogram) {
    struct buf message;
    buf_init(&message, MESSAGE_MAX);
    protobuf_put_double(&message, 2, histogram->sum);
    protobuf_put_double(&message, 4, histogram->count);
    if (histogram->schema == HISTOGRAM_SCHEMA_CUSTOM)
        put_classic(&message, histogram);
    else
        put_exponential(&message, histogram);
    put_message(out, 7, &message);
}

static void put_metric(struct buf *out, const struct exposition *exposition,
                       const struct exposed_sample *sample, struct labels extra) {
    struct buf metric;
    buf_init(&metric, MESSAGE_MAX);
    for (uint32_t i = 0; i < sample->labels.count; i++)
        if (!span_is(sample->labels.items[i].name, LABEL_NAME))
            put_label(&metric, exposition, &sample->labels.items[i]);
    for (uint32_t i = 0; i < extra.count; i++)
        if (!labels_has(sample->labels, extra.items[i].name)) put_label(&metric, exposition, &extra.items[i]);
    if (sample->histogram) {
        put_histogram(&metric, sample->histogram);
    } else {
        struct buf untyped;
        buf_init(&untyped, 64);
        protobuf_put_double(&untyped, 1, sample->value);
        put_message(&metric, 5, &untyped);
    }
    protobuf_put_varint(&metric, 6, (uint64_t)sample->time_ms);
    put_message(out, 4, &metric);
}

void exposition_write_protobuf(const struct exposition *exposition, const struct exposed_sample *samples,
                               size_t count, struct labels extra, struct buf *out) {
    const struct histogram *first = samples->histogram;
    struct buf family, name;
    buf_init(&family, MESSAGE_MAX);
    buf_init(&name, MESSAGE_MAX);
    exposition_write_name(exposition, labels_get(samples->labels, SPAN(LABEL_NAME)), &name);
    put_message(&family, 1, &name);
    protobuf_put_varint(&family, 3,
                        !first                                  ? TYPE_UNTYPED
                        : first->reset == HISTOGRAM_RESET_GAUGE ? TYPE_GAUGE_HISTOGRAM
                                                                : TYPE_HISTOGRAM);
    for (size_t i = 0; i < count; i++) put_metric(&family, exposition, &samples[i], extra);
    if (family.failed) out->failed = true;
    buf_varint(out, family.len);
    buf_span(out, buf_view(&family));
    buf_release(&family);
}
