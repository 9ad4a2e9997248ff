#include "tests/support/family_writer.h"

#include "lib/codec/protobuf.h"

#define PART_MAX ((size_t)1 << 24)

static void put_message(struct buf *out, uint32_t number, struct buf *message) {
    protobuf_put_bytes(out, number, buf_view(message));
    buf_release(message);
}

static void put_text(struct buf *out, uint32_t number, struct span text) {
    if (text.len) protobuf_put_bytes(out, number, text);
}

static void put_labels(struct buf *out, struct labels labels) {
    for (uint32_t i = 0; i < labels.count; i++) {
        struct buf pair;
        buf_init(&pair, PART_MAX);
        put_text(&pair, 1, labels.items[i].name);
        put_text(&pair, 2, labels.items[i].value);
        put_message(out, 1, &pair);
    }
}

static void put_time(struct buf *out, uint32_t number, int64_t time_ms) {
    struct buf time;
    buf_init(&time, PART_MAX);
    protobuf_put_varint(&time, 1, (uint64_t)(time_ms / 1000));
    protobuf_put_varint(&time, 2, (uint64_t)(time_ms % 1000) * 1000000);
    put_message(out, number, &time);
}

static void put_exemplar(struct buf *out, uint32_t number, const struct exemplar *exemplar) {
    struct buf message;
    buf_init(&message, PART_MAX);
    put_labels(&message, exemplar->labels);
    protobuf_put_double(&message, 2, exemplar->value);
    if (exemplar->time_ms != EXPOSE_NO_TIME) put_time(&message, 3, exemplar->time_ms);
    put_message(out, number, &message);
}

static void put_quantiles(struct buf *out, const struct expose_metric *metric) {
    for (uint32_t i = 0; i < metric->point_count; i++) {
        struct buf message;
        buf_init(&message, PART_MAX);
        protobuf_put_double(&message, 1, metric->points[i].at);
        protobuf_put_double(&message, 2, metric->points[i].value);
        put_message(out, 3, &message);
    }
}

static void put_buckets(struct buf *out, const struct expose_metric *metric, bool floats) {
    for (uint32_t i = 0; i < metric->point_count; i++) {
        struct buf message;
        buf_init(&message, PART_MAX);
        if (floats)
            protobuf_put_double(&message, 4, metric->points[i].value);
        else
            protobuf_put_varint(&message, 1, (uint64_t)metric->points[i].value);
        protobuf_put_double(&message, 2, metric->points[i].at);
        if (metric->points[i].exemplar) put_exemplar(&message, 3, metric->points[i].exemplar);
        put_message(out, 3, &message);
    }
}

/* spans, then deltas of whole numbers or the floats as they are, packed */
static void put_side(struct buf *out, uint32_t number, const struct histogram_buckets *buckets, bool floats) {
    struct buf counts;
    double before = 0;
    for (uint32_t i = 0; i < buckets->span_count; i++) {
        struct buf span;
        buf_init(&span, PART_MAX);
        protobuf_put_varint(&span, 1, zigzag_encode(buckets->spans[i].offset));
        protobuf_put_varint(&span, 2, buckets->spans[i].length);
        put_message(out, number, &span);
    }
    buf_init(&counts, PART_MAX);
    for (uint32_t i = 0; i < buckets->count; i++) {
        if (floats)
            buf_append(&counts, &buckets->counts[i], sizeof(double));
        else
            buf_zigzag(&counts, (int64_t)(buckets->counts[i] - before));
        before = buckets->counts[i];
    }
    if (counts.len)
        put_message(out, number + (floats ? 2 : 1), &counts);
    else
        buf_release(&counts);
}

static void put_native(struct buf *out, const struct expose_metric *metric, bool floats) {
    const struct histogram *h = &metric->native;
    protobuf_put_varint(out, 5, zigzag_encode(h->schema));
    protobuf_put_double(out, 6, h->zero_threshold);
    if (floats)
        protobuf_put_double(out, 8, h->zero_count);
    else
        protobuf_put_varint(out, 7, (uint64_t)h->zero_count);
    put_side(out, 9, &h->negative, floats);
    put_side(out, 12, &h->positive, floats);
    for (uint32_t i = 0; i < metric->exemplar_count; i++) put_exemplar(out, 16, &metric->exemplars[i]);
}

static void put_histogram(struct buf *out, const struct expose_metric *metric) {
    bool floats = metric->has_native && !metric->native.is_integer;
    if (floats)
        protobuf_put_double(out, 4, metric->count);
    else
        protobuf_put_varint(out, 1, (uint64_t)metric->count);
    protobuf_put_double(out, 2, metric->sum);
    put_buckets(out, metric, floats);
    if (metric->has_native) put_native(out, metric, floats);
}

static uint32_t put_value(struct buf *out, enum expose_type type, const struct expose_metric *metric) {
    switch (type) {
    case EXPOSE_SUMMARY:
        protobuf_put_varint(out, 1, (uint64_t)metric->count);
        protobuf_put_double(out, 2, metric->sum);
        put_quantiles(out, metric);
        if (metric->has_start) put_time(out, 4, metric->start_ms);
        return 4;
    case EXPOSE_HISTOGRAM:
    case EXPOSE_GAUGE_HISTOGRAM:
        put_histogram(out, metric);
        if (metric->has_start) put_time(out, 15, metric->start_ms);
        return 7;
    default:
        protobuf_put_double(out, 1, metric->value);
        if (type == EXPOSE_COUNTER && metric->exemplar_count) put_exemplar(out, 2, metric->exemplars);
        if (type == EXPOSE_COUNTER && metric->has_start) put_time(out, 3, metric->start_ms);
        return type == EXPOSE_COUNTER ? 3 : type == EXPOSE_GAUGE ? 2 : 5;
    }
}

void family_writer_add(struct buf *body, const char *name, const char *help, const char *unit,
                       enum expose_type type, const struct written_metric *metrics, size_t count) {
    static const uint8_t numbers[] = {
        [EXPOSE_COUNTER] = 0, [EXPOSE_GAUGE] = 1,     [EXPOSE_SUMMARY] = 2,
        [EXPOSE_UNKNOWN] = 3, [EXPOSE_HISTOGRAM] = 4, [EXPOSE_GAUGE_HISTOGRAM] = 5};
    struct buf family;
    buf_init(&family, PART_MAX);
    put_text(&family, 1, span_from(name));
    put_text(&family, 2, span_from(help));
    protobuf_put_varint(&family, 3, numbers[type]);
    for (size_t i = 0; i < count; i++) {
        struct buf metric, value;
        buf_init(&metric, PART_MAX);
        buf_init(&value, PART_MAX);
        put_labels(&metric, metrics[i].labels);
        uint32_t number = put_value(&value, type, &metrics[i].metric);
        put_message(&metric, number, &value);
        if (metrics[i].metric.has_time) protobuf_put_varint(&metric, 6, (uint64_t)metrics[i].metric.time_ms);
        put_message(&family, 4, &metric);
    }
    put_text(&family, 5, span_from(unit));
    buf_varint(body, family.len);
    buf_span(body, buf_view(&family));
    buf_release(&family);
}
