#include "lib/model/histogram_wire.h"

#include "lib/codec/protobuf.h"

enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };

/* what is read twice: first counted, then filled in */
struct parts {
    struct histogram_span *spans[2]; /* positive, negative */
    int64_t *deltas[2];
    double *counts[2], *bounds;
    uint32_t span_count[2], delta_count[2], count_count[2], bound_count;
};

static int malformed(struct err *err) {
    return err_set(err, ERR_CORRUPT, "proto: malformed histogram");
}

/* the next field that is a part, whose number becomes that of the part */
static bool next_part(struct cursor *message, const struct histogram_wire *wire,
                      struct protobuf_field *field) {
    while (protobuf_next(message, field)) {
        if (field->number >= HISTOGRAM_WIRE_FIELDS) continue;
        field->number = wire->parts[field->number];
        if (field->number != HISTOGRAM_NO_PART) return true;
    }
    return false;
}

static bool is_repeated(uint32_t number) {
    return (number >= HISTOGRAM_NEGATIVE_SPANS && number <= HISTOGRAM_POSITIVE_COUNTS) ||
           number == HISTOGRAM_CUSTOM_VALUES;
}

/* the type of single values; packed ones are bytes */
static uint32_t type_of(uint32_t number) {
    switch (number) {
    case HISTOGRAM_NEGATIVE_SPANS:
    case HISTOGRAM_POSITIVE_SPANS: return PROTOBUF_BYTES;
    case HISTOGRAM_COUNT_FLOAT:
    case HISTOGRAM_SUM:
    case HISTOGRAM_ZERO_THRESHOLD:
    case HISTOGRAM_ZERO_COUNT_FLOAT:
    case HISTOGRAM_NEGATIVE_COUNTS:
    case HISTOGRAM_POSITIVE_COUNTS:
    case HISTOGRAM_CUSTOM_VALUES: return PROTOBUF_FIXED64;
    default: return PROTOBUF_VARINT;
    }
}

static int side_of(uint32_t number) {
    return number >= HISTOGRAM_POSITIVE_SPANS ? 0 : 1;
}

/* how many values a field of numbers holds; each varint ends with a byte below 0x80 */
static uint32_t count_numbers(const struct protobuf_field *field) {
    if (field->type != PROTOBUF_BYTES) return 1;
    if (type_of(field->number) == PROTOBUF_FIXED64) return (uint32_t)(field->bytes.len / 8);
    uint32_t count = 0;
    for (size_t i = 0; i < field->bytes.len; i++) count += (uint8_t)field->bytes.ptr[i] < 0x80;
    return count;
}

static int read_span(struct span bytes, struct histogram_span *span, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    *span = (struct histogram_span){0};
    while (protobuf_next(&message, &field)) {
        if (field.number > SPAN_LENGTH) continue;
        if (field.type != PROTOBUF_VARINT) return malformed(err);
        if (field.number == SPAN_OFFSET)
            span->offset = (int32_t)zigzag_decode(field.value & UINT32_MAX);
        else
            span->length = (uint32_t)field.value;
    }
    return message.failed ? malformed(err) : 0;
}

static void add_number(struct parts *parts, uint32_t number, uint64_t value) {
    int side = side_of(number);
    if (number == HISTOGRAM_CUSTOM_VALUES)
        parts->bounds[parts->bound_count++] = bits_double(value);
    else if (type_of(number) == PROTOBUF_FIXED64)
        parts->counts[side][parts->count_count[side]++] = bits_double(value);
    else
        parts->deltas[side][parts->delta_count[side]++] = zigzag_decode(value);
}

static int take_numbers(struct parts *parts, const struct protobuf_field *field, struct err *err) {
    if (field->type != PROTOBUF_BYTES) {
        add_number(parts, field->number, field->value);
        return 0;
    }
    struct cursor numbers = cursor_of(field->bytes.ptr, field->bytes.len);
    bool is_double = type_of(field->number) == PROTOBUF_FIXED64;
    while (numbers.p < numbers.end) {
        uint64_t value = is_double ? cursor_u64(&numbers) : protobuf_varint(&numbers);
        if (numbers.failed) return malformed(err);
        add_number(parts, field->number, value);
    }
    return 0;
}

static int take_repeated(struct parts *parts, const struct protobuf_field *field, struct err *err) {
    int side = side_of(field->number);
    if (type_of(field->number) == PROTOBUF_BYTES)
        return read_span(field->bytes, &parts->spans[side][parts->span_count[side]++], err);
    return take_numbers(parts, field, err);
}

/* ---- first pass: single values, and how many of the others ---- */

static void count_repeated(struct parts *parts, const struct protobuf_field *field) {
    int side = side_of(field->number);
    if (type_of(field->number) == PROTOBUF_BYTES)
        parts->span_count[side]++;
    else if (field->number == HISTOGRAM_CUSTOM_VALUES)
        parts->bound_count += count_numbers(field);
    else if (type_of(field->number) == PROTOBUF_FIXED64)
        parts->count_count[side] += count_numbers(field);
    else
        parts->delta_count[side] += count_numbers(field);
}

struct scalars {
    bool is_float;                  /* by the kind of its count; the last one decides */
    double count[2], zero_count[2]; /* whole, float */
    int64_t time_ms, schema;
    uint64_t reset;
};

static void take_scalar(struct histogram *h, struct scalars *s, const struct protobuf_field *field) {
    switch (field->number) {
    case HISTOGRAM_COUNT_INT:
    case HISTOGRAM_COUNT_FLOAT:
        s->is_float = field->number == HISTOGRAM_COUNT_FLOAT;
        s->count[s->is_float] = s->is_float ? bits_double(field->value) : (double)field->value;
        break;
    case HISTOGRAM_SUM: h->sum = bits_double(field->value); break;
    case HISTOGRAM_SCHEMA: s->schema = zigzag_decode(field->value & UINT32_MAX); break;
    case HISTOGRAM_ZERO_THRESHOLD: h->zero_threshold = bits_double(field->value); break;
    case HISTOGRAM_ZERO_COUNT_INT: s->zero_count[0] = (double)field->value; break;
    case HISTOGRAM_ZERO_COUNT_FLOAT: s->zero_count[1] = bits_double(field->value); break;
    case HISTOGRAM_RESET_HINT: s->reset = field->value; break;
    case HISTOGRAM_TIMESTAMP: s->time_ms = (int64_t)field->value; break;
    default: break;
    }
}

static int read_scalars(struct span bytes, const struct histogram_wire *wire, struct histogram *h,
                        struct scalars *s, struct parts *counted, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (next_part(&message, wire, &field)) {
        bool packed = is_repeated(field.number) && field.type == PROTOBUF_BYTES;
        if (field.type != type_of(field.number) && !packed) return malformed(err);
        if (packed && type_of(field.number) == PROTOBUF_FIXED64 && field.bytes.len % 8) return malformed(err);
        if (is_repeated(field.number))
            count_repeated(counted, &field);
        else
            take_scalar(h, s, &field);
    }
    if (wire->float_if_above_zero) s->is_float = s->count[1] > 0 || s->zero_count[1] > 0;
    h->is_integer = !s->is_float;
    h->count = s->count[s->is_float];
    h->zero_count = s->zero_count[s->is_float];
    return message.failed ? malformed(err) : 0;
}

/* ---- second pass ---- */

static bool allocate(struct parts *parts, const struct parts *counted, struct arena *arena) {
    bool fits = true;
    for (int side = 0; side < 2; side++) {
        parts->spans[side] = arena_alloc(arena, counted->span_count[side] * sizeof **parts->spans + 1);
        parts->deltas[side] = arena_alloc(arena, counted->delta_count[side] * sizeof **parts->deltas + 1);
        parts->counts[side] = arena_alloc(arena, counted->count_count[side] * sizeof **parts->counts + 1);
        fits = fits && parts->spans[side] && parts->deltas[side] && parts->counts[side];
    }
    parts->bounds = arena_alloc(arena, counted->bound_count * sizeof *parts->bounds + 1);
    return fits && parts->bounds;
}

static int read_repeated(struct span bytes, const struct histogram_wire *wire, struct parts *parts,
                         struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (next_part(&message, wire, &field)) {
        if (!is_repeated(field.number)) continue;
        int rc = take_repeated(parts, &field, err);
        if (rc) return rc;
    }
    return 0;
}

/* in place: a double takes the room of its delta; a sum past 64 bits wraps, as in Go, and is refused if it is
   negative */
static struct histogram_buckets side_buckets(const struct parts *parts, int side, bool is_float) {
    struct histogram_buckets buckets = {.spans = parts->spans[side], .span_count = parts->span_count[side]};
    if (is_float) {
        buckets.counts = parts->counts[side];
        buckets.count = parts->count_count[side];
        return buckets;
    }
    uint64_t count = 0;
    double *counts = (double *)parts->deltas[side];
    for (uint32_t i = 0; i < parts->delta_count[side]; i++) {
        count += (uint64_t)parts->deltas[side][i];
        double absolute = (double)(int64_t)count;
        memcpy(&counts[i], &absolute, sizeof absolute);
    }
    buckets.counts = counts;
    buckets.count = parts->delta_count[side];
    return buckets;
}

static int check_scalars(const struct scalars *s, struct err *err) {
    if (s->schema < INT8_MIN || s->schema > INT8_MAX)
        return err_set(err, ERR_INVALID, "invalid histogram schema %lld", (long long)s->schema);
    return 0;
}

int histogram_wire_read(struct span bytes, const struct histogram_wire *wire, struct arena *arena,
                        struct histogram *histogram, int64_t *time_ms, struct err *err) {
    struct histogram h = {0};
    struct scalars s = {0};
    struct parts counted = {0}, parts = {0};
    int rc = read_scalars(bytes, wire, &h, &s, &counted, err);
    if (rc) return rc;
    if (!allocate(&parts, &counted, arena)) return arena_limit(arena, "a histogram", err);
    rc = read_repeated(bytes, wire, &parts, err);
    if (rc) return rc;
    *time_ms = s.time_ms;
    rc = check_scalars(&s, err);
    if (rc) return rc;
    h.schema = (int8_t)s.schema;
    h.reset = s.reset > HISTOGRAM_RESET_GAUGE ? HISTOGRAM_RESET_UNKNOWN : (uint8_t)s.reset;
    h.positive = side_buckets(&parts, 0, s.is_float);
    h.negative = side_buckets(&parts, 1, s.is_float);
    h.bounds = parts.bounds;
    h.bound_count = parts.bound_count;
    *histogram = value_is_stale(h.sum) ? histogram_stale() : h;
    return 0;
}
