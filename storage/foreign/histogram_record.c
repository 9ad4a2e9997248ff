#include "lib/base/bits.h"
#include "storage/foreign/histogram.h"

/*
 * A histogram in a log record, bytes throughout:
 *
 *     reset u8 | schema zigzag | zero threshold f64 | zero count | count | sum f64 | spans, spans | buckets,
 * buckets | bounds                    counts: LEB128 or f64 BE; buckets: zigzag differences or f64 BE
 */

static double read_double(struct cursor *cursor) {
    return bits_double(__builtin_bswap64(cursor_u64(cursor)));
}

static double read_count(struct cursor *cursor, bool is_integer) {
    return is_integer ? (double)cursor_varint(cursor) : read_double(cursor);
}

/* what follows has `each` bytes at least, so no length asks for more memory than the record is long times 16
 */
static int read_length(struct cursor *cursor, size_t each, uint32_t *length, struct err *err) {
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count > HISTOGRAM_MAX_BUCKETS || count > cursor_left(cursor) / each)
        return err_set(err, ERR_CORRUPT, "histogram record: length out of range");
    *length = (uint32_t)count;
    return 0;
}

static int read_spans(struct cursor *cursor, struct arena *arena, struct histogram_buckets *buckets,
                      struct err *err) {
    uint32_t count = 0;
    int rc = read_length(cursor, 2, &count, err);
    if (rc) return rc;
    struct histogram_span *spans = arena_array(arena, count, sizeof *spans);
    if (!spans && count) return arena_limit(arena, "histogram record", err);
    for (uint32_t i = 0; i < count; i++) {
        int64_t offset = cursor_zigzag(cursor);
        uint64_t length = cursor_varint(cursor);
        if (offset > INT32_MAX || offset < INT32_MIN || length > HISTOGRAM_MAX_BUCKETS)
            return err_set(err, ERR_CORRUPT, "histogram record: span out of range");
        spans[i] = (struct histogram_span){(int32_t)offset, (uint32_t)length};
    }
    buckets->spans = spans;
    buckets->span_count = count;
    return 0;
}

static int read_buckets(struct cursor *cursor, bool is_integer, struct arena *arena,
                        struct histogram_buckets *buckets, struct err *err) {
    uint32_t count = 0;
    uint64_t sum = 0;
    int rc = read_length(cursor, is_integer ? 1 : 8, &count, err);
    if (rc) return rc;
    double *counts = arena_array(arena, count, sizeof *counts);
    if (!counts && count) return arena_limit(arena, "histogram record", err);
    for (uint32_t i = 0; i < count; i++) {
        if (is_integer) sum += (uint64_t)cursor_zigzag(cursor);
        counts[i] = is_integer ? (double)(int64_t)sum : read_double(cursor);
    }
    buckets->counts = counts;
    buckets->count = count;
    return 0;
}

static int read_bounds(struct cursor *cursor, struct arena *arena, struct histogram *h, struct err *err) {
    int rc = read_length(cursor, 8, &h->bound_count, err);
    if (rc) return rc;
    double *bounds = arena_array(arena, h->bound_count, sizeof *bounds);
    if (!bounds && h->bound_count) return arena_limit(arena, "histogram record", err);
    for (uint32_t i = 0; i < h->bound_count; i++) bounds[i] = read_double(cursor);
    h->bounds = bounds;
    return 0;
}

int foreign_histogram_record(struct cursor *cursor, bool is_integer, struct arena *arena,
                             struct histogram *histogram, struct err *err) {
    struct histogram h = {.is_integer = is_integer, .reset = cursor_u8(cursor) & 3};
    int64_t schema = cursor_zigzag(cursor);
    if (schema < INT8_MIN || schema > INT8_MAX)
        return err_set(err, ERR_CORRUPT, "histogram record: schema %lld", (long long)schema);
    h.schema = (int8_t)schema;
    h.zero_threshold = read_double(cursor);
    h.zero_count = read_count(cursor, is_integer);
    h.count = read_count(cursor, is_integer);
    h.sum = read_double(cursor);
    int rc = read_spans(cursor, arena, &h.positive, err);
    if (!rc) rc = read_spans(cursor, arena, &h.negative, err);
    if (!rc) rc = read_buckets(cursor, is_integer, arena, &h.positive, err);
    if (!rc) rc = read_buckets(cursor, is_integer, arena, &h.negative, err);
    if (!rc && schema == HISTOGRAM_SCHEMA_CUSTOM) rc = read_bounds(cursor, arena, &h, err);
    if (rc) return rc;
    if (cursor->failed) return err_set(err, ERR_CORRUPT, "histogram record ends early");
    if (value_is_stale(h.sum)) {
        h = histogram_stale();
        h.is_integer = is_integer;
    }
    struct err why = {0};
    if (histogram_check(&h, &why)) return err_set(err, ERR_CORRUPT, "histogram record: %s", why.text);
    *histogram = h;
    return 0;
}
