#include "lib/expose/protobuf.h"

#include "lib/base/hash.h"
#include "lib/codec/protobuf.h"
#include "lib/model/histogram_wire.h"

#include <stdlib.h>

enum { FAMILY_NAME = 1, FAMILY_HELP = 2, FAMILY_TYPE = 3, FAMILY_METRIC = 4, FAMILY_UNIT = 5 };
enum { METRIC_LABEL = 1, METRIC_TIMESTAMP = 6 };
enum { COUNTER_VALUE = 1, COUNTER_EXEMPLAR = 2, COUNTER_CREATED = 3 };
enum { SUMMARY_COUNT = 1, SUMMARY_SUM = 2, SUMMARY_QUANTILE = 3, SUMMARY_CREATED = 4 };
enum { HISTOGRAM_BUCKET = 3, HISTOGRAM_CREATED = 15, HISTOGRAM_EXEMPLAR = 16 };
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2, BUCKET_EXEMPLAR = 3, BUCKET_COUNT_FLOAT = 4 };

/* MetricType, in the order of its numbers: what it is here, and which field of a Metric has its value */
static const struct {
    enum expose_type type;
    uint32_t field;
} types[] = {
    {EXPOSE_COUNTER, 3}, {EXPOSE_GAUGE, 2},     {EXPOSE_SUMMARY, 4},
    {EXPOSE_UNKNOWN, 5}, {EXPOSE_HISTOGRAM, 7}, {EXPOSE_GAUGE_HISTOGRAM, 7},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

static const struct histogram_wire histogram_wire = {
    .parts =
        {
            [1] = HISTOGRAM_COUNT_INT,
            [2] = HISTOGRAM_SUM,
            [4] = HISTOGRAM_COUNT_FLOAT,
            [5] = HISTOGRAM_SCHEMA,
            [6] = HISTOGRAM_ZERO_THRESHOLD,
            [7] = HISTOGRAM_ZERO_COUNT_INT,
            [8] = HISTOGRAM_ZERO_COUNT_FLOAT,
            [9] = HISTOGRAM_NEGATIVE_SPANS,
            [10] = HISTOGRAM_NEGATIVE_DELTAS,
            [11] = HISTOGRAM_NEGATIVE_COUNTS,
            [12] = HISTOGRAM_POSITIVE_SPANS,
            [13] = HISTOGRAM_POSITIVE_DELTAS,
            [14] = HISTOGRAM_POSITIVE_COUNTS,
        },
    .float_if_above_zero = true,
};

/* ---- fields of a known type; the first failure stays ---- */

struct message {
    struct cursor cursor;
    struct err *err;
    int rc;
};

static struct message message_of(struct span bytes, struct err *err) {
    return (struct message){.cursor = cursor_of(bytes.ptr, bytes.len), .err = err};
}

static bool next_field(struct message *message, struct protobuf_field *field) {
    if (message->rc) return false;
    if (protobuf_next(&message->cursor, field)) return true;
    if (message->cursor.failed) message->rc = err_set(message->err, ERR_INVALID, "proto: malformed message");
    return false;
}

static bool is_type(struct message *message, const struct protobuf_field *field, enum protobuf_type type) {
    if (field->type == type) return true;
    message->rc = err_set(message->err, ERR_INVALID, "proto: wrong wireType = %u for field %u", field->type,
                          field->number);
    return false;
}

static void take_double(struct message *message, const struct protobuf_field *field, double *value) {
    if (is_type(message, field, PROTOBUF_FIXED64)) *value = bits_double(field->value);
}

static void take_count(struct message *message, const struct protobuf_field *field, double *value) {
    if (is_type(message, field, PROTOBUF_VARINT)) *value = (double)field->value;
}

static void take_bytes(struct message *message, const struct protobuf_field *field, struct span *bytes) {
    if (is_type(message, field, PROTOBUF_BYTES)) *bytes = field->bytes;
}

/* a double whose field has this number */
static int read_double(struct span bytes, uint32_t number, double *value, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    while (next_field(&message, &field))
        if (field.number == number) take_double(&message, &field, value);
    return message.rc;
}

/* ---- exemplars ---- */

/* google.protobuf.Timestamp: 1 seconds, 2 nanos */
static int read_time(struct span bytes, int64_t *time_ms, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    int64_t seconds = 0, nanos = 0;
    while (next_field(&message, &field)) {
        if (field.number > 2 || !is_type(&message, &field, PROTOBUF_VARINT)) continue;
        *(field.number == 1 ? &seconds : &nanos) = (int64_t)field.value;
    }
    if (message.rc) return message.rc;
    if (seconds > INT64_MAX / 2000 || seconds < INT64_MIN / 2000)
        return err_set(err, ERR_INVALID, "timestamp of an exemplar or a start out of range");
    *time_ms = seconds * 1000 + (int32_t)nanos / 1000000;
    return 0;
}

static int read_pair(struct span bytes, struct label_builder *builder, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    struct span name = {0}, value = {0};
    while (next_field(&message, &field)) {
        if (field.number == 1) take_bytes(&message, &field, &name);
        if (field.number == 2) take_bytes(&message, &field, &value);
    }
    if (message.rc) return message.rc;
    if (!name.len || !span_is_utf8(name) || !span_is_utf8(value))
        return err_set(err, ERR_INVALID, "invalid label of an exemplar");
    label_builder_set(builder, name, value);
    return 0;
}

/* Exemplar: 1 LabelPair*, 2 value, 3 timestamp */
static int read_exemplar(struct span bytes, struct arena *arena, struct exemplar *exemplar, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    struct label_builder builder;
    struct span part = {0};
    *exemplar = (struct exemplar){.time_ms = EXPOSE_NO_TIME};
    label_builder_init(&builder, arena, (struct labels){0});
    while (next_field(&message, &field)) {
        if (field.number == 2) take_double(&message, &field, &exemplar->value);
        if (field.number != 1 && field.number != 3) continue;
        take_bytes(&message, &field, &part);
        if (message.rc) break;
        message.rc =
            field.number == 1 ? read_pair(part, &builder, err) : read_time(part, &exemplar->time_ms, err);
    }
    return message.rc ? message.rc : label_builder_finish(&builder, &exemplar->labels, err);
}

static int add_exemplar(struct message *message, const struct protobuf_field *field, struct arena *arena,
                        struct exemplar *exemplar) {
    struct span bytes;
    take_bytes(message, field, &bytes);
    if (!message->rc) message->rc = read_exemplar(bytes, arena, exemplar, message->err);
    return message->rc;
}

static int by_time(const void *a, const void *b) {
    const struct exemplar *x = a, *y = b;
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

/* ---- values ---- */

static void take_created(struct message *message, const struct protobuf_field *field,
                         struct expose_metric *metric) {
    struct span bytes;
    take_bytes(message, field, &bytes);
    if (!message->rc) message->rc = read_time(bytes, &metric->start_ms, message->err);
    metric->has_start = !message->rc;
}

/* how often a field is there */
static uint32_t count_fields(struct span bytes, uint32_t number) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    uint32_t count = 0;
    while (protobuf_next(&message, &field)) count += field.number == number;
    return count;
}

static int read_counter(struct span bytes, struct arena *arena, struct expose_metric *metric,
                        struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    while (next_field(&message, &field)) {
        if (field.number == COUNTER_VALUE) take_double(&message, &field, &metric->value);
        if (field.number == COUNTER_CREATED) take_created(&message, &field, metric);
        if (field.number != COUNTER_EXEMPLAR) continue;
        struct exemplar *exemplar = arena_alloc(arena, sizeof *exemplar);
        if (!exemplar) return arena_limit(arena, "an exemplar", err);
        add_exemplar(&message, &field, arena, exemplar);
        metric->exemplars = exemplar;
        metric->exemplar_count = 1;
    }
    return message.rc;
}

static int read_quantile(struct span bytes, struct expose_point *point, struct err *err) {
    *point = (struct expose_point){0};
    int rc = read_double(bytes, 1, &point->at, err);
    return rc ? rc : read_double(bytes, 2, &point->value, err);
}

static int read_summary(struct span bytes, struct arena *arena, struct expose_metric *metric,
                        struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    struct expose_point *points = arena_array(arena, count_fields(bytes, SUMMARY_QUANTILE), sizeof *points);
    struct span part = {0};
    if (!points) return arena_limit(arena, "a summary", err);
    while (next_field(&message, &field)) {
        if (field.number == SUMMARY_COUNT) take_count(&message, &field, &metric->count);
        if (field.number == SUMMARY_SUM) take_double(&message, &field, &metric->sum);
        if (field.number == SUMMARY_CREATED) take_created(&message, &field, metric);
        if (field.number != SUMMARY_QUANTILE) continue;
        take_bytes(&message, &field, &part);
        if (!message.rc) message.rc = read_quantile(part, &points[metric->point_count++], err);
    }
    metric->points = points;
    return message.rc;
}

static int read_bucket(struct span bytes, struct arena *arena, struct expose_point *point, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    double whole = 0, real = 0;
    *point = (struct expose_point){0};
    while (next_field(&message, &field)) {
        if (field.number == BUCKET_COUNT) take_count(&message, &field, &whole);
        if (field.number == BUCKET_COUNT_FLOAT) take_double(&message, &field, &real);
        if (field.number == BUCKET_BOUND) take_double(&message, &field, &point->at);
        if (field.number != BUCKET_EXEMPLAR) continue;
        struct exemplar *exemplar = arena_alloc(arena, sizeof *exemplar);
        if (!exemplar) return arena_limit(arena, "an exemplar", err);
        add_exemplar(&message, &field, arena, exemplar);
        point->exemplar = exemplar;
    }
    point->value = real > 0 ? real : whole;
    return message.rc;
}

/* buckets and exemplars, which only this histogram has */
static int read_buckets(struct span bytes, struct arena *arena, struct expose_metric *metric,
                        struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    struct expose_point *points = arena_array(arena, count_fields(bytes, HISTOGRAM_BUCKET), sizeof *points);
    struct exemplar *exemplars =
        arena_array(arena, count_fields(bytes, HISTOGRAM_EXEMPLAR), sizeof *exemplars);
    struct span part = {0};
    if (!points || !exemplars) return arena_limit(arena, "a histogram", err);
    while (next_field(&message, &field)) {
        if (field.number == HISTOGRAM_EXEMPLAR)
            add_exemplar(&message, &field, arena, &exemplars[metric->exemplar_count++]);
        if (field.number == HISTOGRAM_CREATED) take_created(&message, &field, metric);
        if (field.number != HISTOGRAM_BUCKET) continue;
        take_bytes(&message, &field, &part);
        if (!message.rc) message.rc = read_bucket(part, arena, &points[metric->point_count++], err);
    }
    if (metric->exemplar_count > 1) qsort(exemplars, metric->exemplar_count, sizeof *exemplars, by_time);
    metric->points = points;
    metric->exemplars = exemplars;
    return message.rc;
}

/* what makes a histogram a native one, too; an empty one says so by a span without buckets */
static bool is_native(const struct histogram *h) {
    return h->positive.span_count || h->negative.span_count || h->zero_threshold > 0 || h->zero_count > 0;
}

static int read_histogram(struct span bytes, struct arena *arena, struct expose_metric *metric,
                          struct err *err) {
    int64_t time_ms;
    int rc = histogram_wire_read(bytes, &histogram_wire, arena, &metric->native, &time_ms, err);
    if (!rc) rc = read_buckets(bytes, arena, metric, err);
    if (rc) return rc == ERR_CORRUPT ? ERR_INVALID : rc;
    metric->count = metric->native.count;
    metric->sum = metric->native.sum;
    metric->has_native = is_native(&metric->native);
    if (metric->type == EXPOSE_GAUGE_HISTOGRAM) metric->native.reset = HISTOGRAM_RESET_GAUGE;
    return 0;
}

static int read_value(struct span bytes, struct arena *arena, struct expose_metric *metric, struct err *err) {
    switch (metric->type) {
    case EXPOSE_COUNTER: return read_counter(bytes, arena, metric, err);
    case EXPOSE_SUMMARY: return read_summary(bytes, arena, metric, err);
    case EXPOSE_HISTOGRAM:
    case EXPOSE_GAUGE_HISTOGRAM: return read_histogram(bytes, arena, metric, err);
    default: return read_double(bytes, 1, &metric->value, err);
    }
}

/* ---- the whole ---- */

static uint32_t value_field(enum expose_type type) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].type == type) return types[i].field;
    return 0;
}

static int read_metric(struct expose_family *family, struct span bytes, struct arena *arena,
                       struct expose_metric *metric, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    struct span part = {0}, value = {0};
    uint32_t wanted = value_field(family->type);
    *metric = (struct expose_metric){.type = family->type,
                                     .name = family->name,
                                     .labels = bytes,
                                     .is_wire = true,
                                     .key = hash_bytes_keyed(family->name.ptr, family->name.len)};
    while (next_field(&message, &field)) {
        if (field.number == METRIC_LABEL) {
            take_bytes(&message, &field, &part);
            metric->key = hash_mix(metric->key, hash_bytes_keyed(field.bytes.ptr, field.bytes.len));
        } else if (field.number == METRIC_TIMESTAMP && is_type(&message, &field, PROTOBUF_VARINT)) {
            metric->time_ms = (int64_t)field.value;
        } else if (field.number == wanted) {
            take_bytes(&message, &field, &value);
        }
    }
    metric->has_time = metric->time_ms != 0;
    return message.rc ? message.rc : read_value(value, arena, metric, err);
}

static bool has_unit_suffix(struct span name, struct span unit) {
    return name.len > unit.len && span_ends_with(name, unit) && name.ptr[name.len - unit.len - 1] == '_';
}

static int check_family(const struct expose_family *family, struct err *err) {
    struct span name = family->name;
    if (!name.len || !span_is_utf8(name))
        return err_set(err, ERR_INVALID, "invalid metric name: %.*s", (int)(name.len < 100 ? name.len : 100),
                       name.ptr ? name.ptr : "");
    if (!span_is_utf8(family->help)) return err_set(err, ERR_INVALID, "invalid help: not UTF-8");
    if (!family->unit.len) return 0;
    if (family->type == EXPOSE_COUNTER && span_ends_with(name, SPAN("_total"))) name.len -= 6;
    if (span_is_utf8(family->unit) && has_unit_suffix(name, family->unit)) return 0;
    return err_set(err, ERR_INVALID, "unit \"%.*s\" not a suffix of the metric",
                   (int)(family->unit.len < 100 ? family->unit.len : 100), family->unit.ptr);
}

static int wrap(const struct expose_family *family, int rc, struct err *err) {
    return err_wrap(err, rc, "metric family \"%.*s\"", (int)(family->name.len < 80 ? family->name.len : 80),
                    family->name.ptr ? family->name.ptr : "");
}

/* all but the metrics, which stand before the unit */
static int read_family(struct span bytes, struct expose_family *family, struct err *err) {
    struct message message = message_of(bytes, err);
    struct protobuf_field field;
    uint64_t type = 0;
    *family = (struct expose_family){.rest = message.cursor};
    while (next_field(&message, &field)) {
        switch (field.number) {
        case FAMILY_NAME: take_bytes(&message, &field, &family->name); break;
        case FAMILY_HELP: take_bytes(&message, &field, &family->help); break;
        case FAMILY_UNIT: take_bytes(&message, &field, &family->unit); break;
        case FAMILY_TYPE:
            if (is_type(&message, &field, PROTOBUF_VARINT)) type = field.value;
            break;
        default: break;
        }
    }
    if (!message.rc && type >= TYPE_COUNT)
        message.rc = err_set(err, ERR_INVALID, "unknown metric type %llu", (unsigned long long)type);
    if (message.rc) return message.rc;
    family->type = types[type].type;
    return check_family(family, err);
}

void expose_families_init(struct expose_families *families, struct span body) {
    *families = (struct expose_families){cursor_of(body.ptr, body.len), body.len};
}

int expose_family_next(struct expose_families *families, struct expose_family *family, struct err *err) {
    struct cursor *body = &families->body;
    size_t at = families->size - cursor_left(body);
    if (body->p == body->end) return 0;
    uint64_t len = protobuf_varint(body);
    const uint8_t *bytes = protobuf_take(body, len);
    if (!bytes)
        return err_set(err, ERR_INVALID, "proto: a metric family at byte %zu does not end in the body", at);
    int rc = read_family(span_of((const char *)bytes, (size_t)len), family, err);
    return rc ? err_wrap(err, wrap(family, rc, err), "at byte %zu", at) : 1;
}

int expose_family_metric(struct expose_family *family, struct arena *arena, struct expose_metric *metric,
                         struct err *err) {
    struct protobuf_field field;
    while (protobuf_next(&family->rest, &field)) {
        if (field.number != FAMILY_METRIC) continue;
        if (field.type != PROTOBUF_BYTES)
            return wrap(family, err_set(err, ERR_INVALID, "proto: wrong wireType for a metric"), err);
        int rc = read_metric(family, field.bytes, arena, metric, err);
        return rc ? wrap(family, rc, err) : 1;
    }
    return 0; /* a failure would have been one of expose_family_next already */
}
