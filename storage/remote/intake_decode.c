/*
 * intake_decode.c - a decoded body to rows, some hundred series at a time:
 *
 *     frame     where the labels of each series lie, and their hash
 *     look up   all of them at once, so that the misses of the processor's cache overlap
 *     rows      samples and histograms; labels only of series that are not known
 */
#include "lib/codec/protobuf.h"
#include "storage/remote/intake_histogram.h"
#include "storage/remote/intake_inside.h"
#include "storage/remote/intake_labels.h"
#include "storage/remote/intake_notes.h"

#define LOT 256

/* field numbers of prometheus.WriteRequest, TimeSeries and Sample */
enum { REQUEST_TIMESERIES = 1, REQUEST_METADATA = 3 };
enum { SERIES_LABELS = 1, SERIES_SAMPLES = 2, SERIES_EXEMPLARS = 3, SERIES_HISTOGRAMS = 4 };
enum { SAMPLE_VALUE = 1, SAMPLE_TIMESTAMP = 2 };

#define TAG(number, type) (uint8_t)((number) << 3 | (type))

struct lot {
    size_t count;
    struct span labels[LOT];  /* the label fields at the front of the message */
    struct cursor rest[LOT];  /* what comes after them */
    struct hash128 keys[LOT]; /* of labels */
    struct series_ref refs[LOT];
};

static int malformed(const char *what, struct err *err) {
    return err_set(err, ERR_CORRUPT, "proto: malformed %s", what);
}

static int wrong_type(const struct protobuf_field *field, const char *name, struct err *err) {
    return err_set(err, ERR_CORRUPT, "proto: wrong wireType = %u for field %s", field->type, name);
}

/* ---- rows ---- */

static int no_memory(struct err *err) {
    return err_set(err, ERR_LIMIT, "no memory for the samples of a request");
}

/* before each row: batches double, and the new half is paid for first */
static int make_room(struct intake_request *request, struct err *err) {
    const struct append_batch *batch = request->batch;
    if (batch->count < batch->capacity) return 0;
    if (!budget_take(&request->budget, batch->capacity * INTAKE_ROW_BYTES)) return no_memory(err);
    request->row_bytes += batch->capacity * INTAKE_ROW_BYTES;
    return 0;
}

static void note_time(struct intake_request *request, int64_t time_ms) {
    if (request->batch->count == 0) request->first_time_ms = time_ms;
    request->times_differ |= time_ms != request->first_time_ms;
}

int intake_add_sample(struct intake_request *request, struct series_ref ref, double value, int64_t time_ms,
                      struct err *err) {
    int rc = make_room(request, err);
    if (rc) return rc;
    note_time(request, time_ms);
    append_batch_add(request->batch, ref, value, time_ms);
    return 0;
}

static int read_sample(struct span bytes, double *value, int64_t *time_ms, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    *value = 0;
    *time_ms = 0;
    while (protobuf_next(&message, &field)) {
        if (field.number == SAMPLE_VALUE) {
            if (field.type != PROTOBUF_FIXED64) return wrong_type(&field, "Value", err);
            *value = bits_double(field.value);
        } else if (field.number == SAMPLE_TIMESTAMP) {
            if (field.type != PROTOBUF_VARINT) return wrong_type(&field, "Timestamp", err);
            *time_ms = (int64_t)field.value;
        }
    }
    return message.failed ? malformed("sample", err) : 0;
}

/* the way nearly all are written: value, then time, nothing else */
static inline bool read_usual_sample(struct span bytes, double *value, int64_t *time_ms) {
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    if (bytes.len < 11 || p[0] != TAG(SAMPLE_VALUE, PROTOBUF_FIXED64) ||
        p[9] != TAG(SAMPLE_TIMESTAMP, PROTOBUF_VARINT))
        return false;
    struct cursor time = cursor_of(p + 10, bytes.len - 10);
    *value = bits_double(load_u64(p + 1));
    *time_ms = (int64_t)protobuf_varint(&time);
    return !time.failed && time.p == time.end;
}

static int add_sample(struct intake_request *request, struct series_ref ref, bool is_refused,
                      struct span bytes, struct err *err) {
    double value;
    int64_t time_ms;
    int rc = 0;
    if (!read_usual_sample(bytes, &value, &time_ms)) rc = read_sample(bytes, &value, &time_ms, err);
    request->refused_rows += is_refused;
    return rc || is_refused ? rc : intake_add_sample(request, ref, value, time_ms, err);
}

static int add_histogram(struct intake_request *request, struct series_ref ref, bool is_refused,
                         struct span bytes, struct err *err) {
    struct histogram histogram;
    int64_t time_ms;
    arena_release(&request->scratch);
    int rc = intake_histogram_read(bytes, &request->scratch, &histogram, &time_ms, err);
    if (rc == ERR_INVALID) return intake_note(request, err);
    request->refused_rows += is_refused;
    if (!rc && !is_refused) rc = make_room(request, err);
    if (rc || is_refused) return rc;
    note_time(request, time_ms);
    return append_batch_add_histogram(request->batch, ref, &histogram, time_ms, err);
}

/* ---- one series ---- */

/* Labels are not known: decodes them for later. *is_refused: no series may have them. */
static int add_miss(struct intake_request *request, struct span labels, bool *is_refused, struct err *err) {
    struct intake_miss miss = {.series = (uint32_t)intake_series_count(request)};
    int rc = intake_labels_read(labels, &request->arena, &miss.labels, err);
    if (rc == ERR_INVALID) {
        *is_refused = true;
        return intake_note(request, err);
    }
    if (!rc && !buf_append(&request->misses, &miss, sizeof miss)) rc = no_memory(err);
    return rc;
}

/* how far the request was before a series */
struct mark {
    size_t rows, series, misses, refused_rows, exemplars;
    int trouble;
};

static struct mark mark_of(const struct intake_request *request) {
    return (struct mark){
        request->batch->count,          request->series.len,  request->misses.len, request->refused_rows,
        request->batch->exemplar_count, request->trouble.code};
}

/* forgets a series without rows, or one that is read again from its beginning */
static void take_back(struct intake_request *request, const struct mark *mark, bool reads_again) {
    struct append_batch *batch = request->batch;
    for (size_t i = mark->rows; batch->histograms && i < batch->count; i++) batch->histograms[i] = NULL;
    batch->count = mark->rows;
    request->series.len = mark->series;
    request->misses.len = mark->misses;
    if (!reads_again) return;
    batch->exemplar_count = mark->exemplars;
    request->refused_rows = mark->refused_rows;
    request->trouble.code = mark->trouble;
}

/* *is_scattered: labels come after samples, so that what was taken for all labels was not */
static int add_rows(struct intake_request *request, struct span labels, struct cursor *rest,
                    struct series_ref ref, bool is_refused, bool skip_labels, bool *is_scattered,
                    struct err *err) {
    struct protobuf_field field;
    int rc = 0;
    while (!rc && protobuf_next(rest, &field)) {
        if (field.number > SERIES_HISTOGRAMS) continue;
        if (field.type != PROTOBUF_BYTES) return wrong_type(&field, "of a time series", err);
        if (field.number == SERIES_SAMPLES) {
            rc = add_sample(request, ref, is_refused, field.bytes, err);
        } else if (field.number == SERIES_HISTOGRAMS) {
            rc = add_histogram(request, ref, is_refused, field.bytes, err);
        } else if (field.number == SERIES_EXEMPLARS && !is_refused) {
            rc = intake_add_exemplar(request, labels, field.bytes, err);
        } else if (field.number == SERIES_LABELS && !skip_labels) {
            *is_scattered = true;
            return 0;
        }
    }
    if (!rc && rest->failed) rc = malformed("time series", err);
    return rc;
}

static int add_series(struct intake_request *request, struct span labels, struct series_ref ref,
                      struct cursor *rest, bool skip_labels, bool *is_scattered, struct err *err) {
    struct mark before = mark_of(request);
    bool is_refused = false;
    int rc = 0;
    if (ref.generation == 0) rc = add_miss(request, labels, &is_refused, err);
    struct intake_series entry = {labels.ptr, (uint32_t)labels.len, (uint32_t)before.rows};
    if (!rc && !buf_append(&request->series, &entry, sizeof entry)) rc = no_memory(err);
    if (!rc) rc = add_rows(request, labels, rest, ref, is_refused, skip_labels, is_scattered, err);
    if (!rc && (*is_scattered || request->batch->count == before.rows))
        take_back(request, &before, *is_scattered);
    return rc;
}

/* ---- labels that do not stand together: they are copied to where they do ---- */

static int join_labels(struct intake_request *request, struct span labels, struct cursor rest,
                       struct span *joined, struct err *err) {
    struct protobuf_field field;
    struct buf out;
    buf_init_budget(&out, INTAKE_DECODED_MAX, &request->budget);
    buf_span(&out, labels);
    while (protobuf_next(&rest, &field))
        if (field.number == SERIES_LABELS && field.type == PROTOBUF_BYTES)
            protobuf_put_bytes(&out, SERIES_LABELS, field.bytes);
    char *copy = out.failed ? NULL : arena_strndup(&request->arena, out.data, out.len);
    int rc = rest.failed ? malformed("time series", err) : copy ? 0 : no_memory(err);
    if (!rc) *joined = span_of(copy, out.len);
    buf_release(&out);
    return rc;
}

static int add_scattered(struct intake_request *request, struct span labels, struct cursor rest,
                         struct err *err) {
    struct span joined;
    struct series_ref ref;
    bool is_scattered = false;
    int rc = join_labels(request, labels, rest, &joined, err);
    if (rc) return rc;
    struct hash128 key = hash_bytes_keyed_128(joined.ptr, joined.len);
    series_cache_find(request->intake->cache, &key, 1, &ref);
    return add_series(request, joined, ref, &rest, true, &is_scattered, err);
}

static int add_of_lot(struct intake_request *request, struct lot *lot, size_t i, struct err *err) {
    struct cursor whole_rest = lot->rest[i];
    bool is_scattered = false;
    int rc = add_series(request, lot->labels[i], lot->refs[i], &lot->rest[i], false, &is_scattered, err);
    return is_scattered && !rc ? add_scattered(request, lot->labels[i], whole_rest, err) : rc;
}

/* ---- the whole ---- */

static int frame(struct lot *lot, struct span series, struct err *err) {
    struct cursor message = cursor_of(series.ptr, series.len);
    while (message.p < message.end && *message.p == TAG(SERIES_LABELS, PROTOBUF_BYTES)) {
        message.p++;
        uint64_t len = protobuf_varint(&message);
        if (!protobuf_take(&message, len)) return malformed("time series", err);
    }
    struct span labels = span_of(series.ptr, (size_t)((const char *)message.p - series.ptr));
    lot->labels[lot->count] = labels;
    lot->keys[lot->count] = hash_bytes_keyed_128(labels.ptr, labels.len);
    lot->rest[lot->count++] = message;
    return 0;
}

static int add_lot(struct intake_request *request, struct lot *lot, struct err *err) {
    int rc = 0;
    series_cache_find(request->intake->cache, lot->keys, lot->count, lot->refs);
    for (size_t i = 0; i < lot->count && !rc; i++) rc = add_of_lot(request, lot, i, err);
    lot->count = 0;
    return rc;
}

int intake_decode(struct intake_request *request, struct err *err) {
    struct cursor message = cursor_of(request->body.data, request->body.len);
    struct protobuf_field field;
    struct lot lot;
    lot.count = 0;
    int rc = 0;
    while (!rc && protobuf_next(&message, &field)) {
        if (field.number != REQUEST_TIMESERIES && field.number != REQUEST_METADATA) continue;
        if (field.type != PROTOBUF_BYTES) return wrong_type(&field, "of a write request", err);
        if (field.number == REQUEST_METADATA) {
            rc = intake_add_metadata(request, field.bytes, err);
            continue;
        }
        rc = frame(&lot, field.bytes, err);
        if (!rc && lot.count == LOT) rc = add_lot(request, &lot, err);
    }
    if (!rc && message.failed) rc = malformed("write request", err);
    return rc ? rc : add_lot(request, &lot, err);
}
