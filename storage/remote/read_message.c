#include "storage/remote/read_message.h"

#include "lib/codec/crc32c.h"
#include "lib/codec/protobuf.h"
#include "storage/remote/read_chunk.h"

#define LENGTH_BYTES 5

/* field numbers of prometheus.TimeSeries, Label, Sample, Histogram and BucketSpan */
enum { SERIES_LABELS = 1, SERIES_SAMPLES = 2, SERIES_HISTOGRAMS = 4 };
enum { LABEL_NAME_TEXT = 1, LABEL_VALUE_TEXT = 2 };
enum { SAMPLE_VALUE = 1, SAMPLE_TIMESTAMP = 2 };
enum { H_COUNT = 1, H_COUNT_FLOAT, H_SUM, H_SCHEMA, H_ZERO_THRESHOLD, H_ZERO_COUNT, H_ZERO_COUNT_FLOAT };
enum { H_NEGATIVE_SPANS = 8, H_POSITIVE_SPANS = 11, H_RESET_HINT = 14, H_TIMESTAMP, H_BOUNDS };
enum { SPANS_TO_DELTAS = 1, SPANS_TO_COUNTS = 2 }; /* from the number of the spans to those of the buckets */
enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };
/* and of ChunkedReadResponse, ChunkedSeries and Chunk */
enum { ANSWER_SERIES = 1, ANSWER_QUERY = 2 };
enum { CHUNKED_LABELS = 1, CHUNKED_CHUNKS = 2 };
enum { CHUNK_MIN = 1, CHUNK_MAX, CHUNK_TYPE, CHUNK_DATA };

size_t read_message_begin(struct buf *out, uint32_t number) {
    static const uint8_t hole[LENGTH_BYTES];
    buf_varint(out, (uint64_t)number << 3 | PROTOBUF_BYTES);
    size_t at = out->len;
    buf_append(out, hole, sizeof hole);
    return at;
}

void read_message_end(struct buf *out, size_t at) {
    if (out->failed) return;
    uint64_t len = out->len - at - LENGTH_BYTES;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        out->data[at + i] = (char)((len >> 7 * i & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

/* of tags of fields below 16 */
#define TAG_BYTES 1

static size_t varint_bytes(uint64_t value) {
    return 1 + (size_t)(63 - __builtin_clzll(value | 1)) / 7;
}

/* a message inside whose length is known */
static void put_head(struct buf *out, uint32_t number, size_t len) {
    buf_varint(out, (uint64_t)number << 3 | PROTOBUF_BYTES);
    buf_varint(out, len);
}

static size_t text_bytes(struct span text) {
    return TAG_BYTES + varint_bytes(text.len) + text.len;
}

void read_message_labels(struct labels labels, uint32_t number, struct buf *out) {
    for (uint32_t i = 0; i < labels.count; i++) {
        struct span name = labels.items[i].name, value = labels.items[i].value;
        put_head(out, number, text_bytes(name) + text_bytes(value));
        protobuf_put_bytes(out, LABEL_NAME_TEXT, name);
        protobuf_put_bytes(out, LABEL_VALUE_TEXT, value);
    }
}

static void put_sample(double value, int64_t time_ms, struct buf *out) {
    put_head(out, SERIES_SAMPLES, TAG_BYTES + sizeof value + TAG_BYTES + varint_bytes((uint64_t)time_ms));
    protobuf_put_double(out, SAMPLE_VALUE, value);
    protobuf_put_varint(out, SAMPLE_TIMESTAMP, (uint64_t)time_ms);
}

/* ---- histograms ---- */

static void put_zigzag(struct buf *out, uint32_t number, int64_t value) {
    protobuf_put_varint(out, number, zigzag_encode(value));
}

static void put_doubles(struct buf *out, uint32_t number, const double *values, size_t count) {
    if (count) protobuf_put_bytes(out, number, span_of((const char *)values, count * sizeof *values));
}

/* counts of whole numbers are below 2^64, and their differences meant modulo that */
static void put_deltas(struct buf *out, uint32_t number, const struct histogram_buckets *side) {
    uint64_t before = 0;
    if (!side->count) return;
    size_t deltas = read_message_begin(out, number);
    for (uint32_t i = 0; i < side->count; i++) {
        uint64_t now = side->counts[i] >= 0x1p64 ? UINT64_MAX : (uint64_t)side->counts[i];
        buf_varint(out, zigzag_encode((int64_t)(now - before)));
        before = now;
    }
    read_message_end(out, deltas);
}

static void put_side(struct buf *out, uint32_t number, const struct histogram_buckets *side,
                     bool is_integer) {
    for (uint32_t i = 0; i < side->span_count; i++) {
        size_t span = read_message_begin(out, number);
        put_zigzag(out, SPAN_OFFSET, side->spans[i].offset);
        protobuf_put_varint(out, SPAN_LENGTH, side->spans[i].length);
        read_message_end(out, span);
    }
    if (is_integer)
        put_deltas(out, number + SPANS_TO_DELTAS, side);
    else
        put_doubles(out, number + SPANS_TO_COUNTS, side->counts, side->count);
}

static void put_count(struct buf *out, uint32_t number, double count, bool is_integer) {
    if (is_integer) /* below 2^64, see put_deltas */
        protobuf_put_varint(out, number, count >= 0x1p64 ? UINT64_MAX : (uint64_t)count);
    else
        protobuf_put_double(out, number + 1, count);
}

static void put_histogram(const struct histogram *h, int64_t time_ms, uint32_t number, struct buf *out) {
    size_t message = read_message_begin(out, number);
    put_count(out, H_COUNT, h->count, h->is_integer);
    protobuf_put_double(out, H_SUM, h->sum);
    put_zigzag(out, H_SCHEMA, h->schema);
    protobuf_put_double(out, H_ZERO_THRESHOLD, h->zero_threshold);
    put_count(out, H_ZERO_COUNT, h->zero_count, h->is_integer);
    put_side(out, H_NEGATIVE_SPANS, &h->negative, h->is_integer);
    put_side(out, H_POSITIVE_SPANS, &h->positive, h->is_integer);
    protobuf_put_varint(out, H_RESET_HINT, h->reset);
    protobuf_put_varint(out, H_TIMESTAMP, (uint64_t)time_ms);
    put_doubles(out, H_BOUNDS, h->bounds, h->bound_count);
    read_message_end(out, message);
}

void read_message_rows(const struct columns *columns, uint32_t histograms, struct buf *out) {
    for (size_t i = 0; i < columns->count; i++) {
        const struct histogram *histogram = columns_histogram(columns, i);
        if (histogram)
            put_histogram(histogram, columns->times_ms[i], histograms, out);
        else
            put_sample(columns->values[i], columns->times_ms[i], out);
    }
}

void read_message_series(struct labels labels, const struct columns *columns, uint32_t number,
                         struct buf *out) {
    size_t series = read_message_begin(out, number);
    read_message_labels(labels, SERIES_LABELS, out);
    read_message_rows(columns, SERIES_HISTOGRAMS, out);
    read_message_end(out, series);
}

/* ---- frames ---- */

static void put_chunk(const struct read_chunk *chunk, struct span data, struct buf *out) {
    size_t message = read_message_begin(out, CHUNKED_CHUNKS);
    protobuf_put_varint(out, CHUNK_MIN, (uint64_t)chunk->mint);
    protobuf_put_varint(out, CHUNK_MAX, (uint64_t)chunk->maxt);
    protobuf_put_varint(out, CHUNK_TYPE, chunk->encoding);
    protobuf_put_bytes(out, CHUNK_DATA, data);
    read_message_end(out, message);
}

static void put_frame(struct span message, struct buf *out) {
    uint32_t checksum = __builtin_bswap32(crc32c(0, message.ptr, message.len));
    buf_varint(out, message.len);
    buf_append(out, &checksum, sizeof checksum);
    buf_span(out, message);
}

void read_message_frame(struct read_framer *framer, size_t query, struct labels labels,
                        const struct columns *columns, size_t *row, struct buf *out) {
    struct buf *message = &framer->message;
    size_t series = read_message_begin(message, ANSWER_SERIES);
    read_message_labels(labels, CHUNKED_LABELS, message);
    do {
        struct read_chunk chunk;
        if (!read_chunk_write(columns, *row, &framer->chunk, &chunk)) message->failed = true;
        if (message->failed) break;
        put_chunk(&chunk, buf_view(&framer->chunk), message);
        buf_reset(&framer->chunk);
        *row = chunk.end;
    } while (*row < columns->count && message->len < framer->max_bytes);
    read_message_end(message, series);
    protobuf_put_varint(message, ANSWER_QUERY, query);
    if (message->failed)
        out->failed = true;
    else
        put_frame(buf_view(message), out);
    buf_reset(message);
}
