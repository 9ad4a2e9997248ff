/* The payload of type 2: rows of samples in four columns (numbers, times, classes, values). */
#include "storage/wal/record.h"

#include "storage/chunk/histogram_code.h"
#include "storage/wal/value.h"

#include <string.h>

enum value_class { SAME, INTEGER, BITS, THOUSANDTHS };

#define HAS_TIMES 1u
#define HAS_LATE_FROM 2u
#define HAS_HISTOGRAMS 4u
#define IS_KEY 8u
#define STEP_MAX_BYTES ((size_t)256 << 20) /* histograms of a step, unpacked */
#define EXACT_LIMIT 9007199254740992.0     /* 2^53: integers below are exact */

/* ---- writing ---- */

static uint64_t run_length(const uint64_t *numbers, size_t count) {
    size_t len = 1;
    while (len < count && numbers[len] == numbers[len - 1] + 1) len++;
    return len;
}

static void put_runs(struct buf *out, const uint64_t *numbers, size_t count) {
    uint64_t expected = 0;
    for (size_t i = 0; i < count;) {
        uint64_t len = run_length(numbers + i, count - i);
        buf_zigzag(out, (int64_t)(numbers[i] - expected));
        buf_varint(out, len - 1);
        expected = numbers[i] + len;
        i += len;
    }
}

static void put_times(struct buf *out, const int64_t *times_ms, int64_t time_ms, size_t count) {
    if (!times_ms) {
        buf_zigzag(out, time_ms);
        return;
    }
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        buf_zigzag(out, (int64_t)((uint64_t)times_ms[i] - before));
        before = (uint64_t)times_ms[i];
    }
}

/* The class of a value, and the integer that stands for it. What reading would not give back bit for bit is
 * BITS. */
static enum value_class classify(double value, uint64_t bits, uint64_t bits_before, int64_t *integer) {
    if (bits == bits_before) return SAME;
    if (value_is_whole(value, integer)) return INTEGER;
    return value_is_thousandths(value, integer) ? THOUSANDTHS : BITS;
}

/* classes lie in front of the values; their bytes are there already, zero */
static void put_values(struct buf *out, size_t classes_at, const struct samples_columns *rows) {
    const double *values = rows->values;
    uint64_t bits_before = 0;
    int64_t integer_before = 0, integer = 0;
    for (size_t i = 0; i < rows->count && buf_reserve(out, VARINT_MAX); i++) {
        if (rows->histograms && rows->histograms[i]) continue; /* SAME */
        uint64_t bits = double_bits(values[i]);
        enum value_class class = classify(values[i], bits, bits_before, &integer);
        uint8_t *classes = (uint8_t *)out->data + classes_at;
        classes[i / 4] |= (uint8_t)(class << i % 4 * 2);
        uint8_t *at = (uint8_t *)out->data + out->len;
        if (class == INTEGER) {
            out->len += varint_write(zigzag_encode(integer - integer_before), at);
            integer_before = integer;
        } else if (class == THOUSANDTHS) {
            out->len += varint_write(zigzag_encode(integer), at);
        } else if (class == BITS) {
            store_u64(at, bits);
            out->len += sizeof bits;
        }
        bits_before = bits;
    }
}

/* The two lengths stand in front of what they measure: the columns are written behind a gap of the largest
 * size these numbers can have, and moved up. */
static void close_gap(struct buf *out, size_t gap, size_t gap_bytes, size_t runs_bytes, size_t times_bytes) {
    size_t len = varint_write(runs_bytes, (uint8_t *)out->data + gap);
    len += varint_write(times_bytes, (uint8_t *)out->data + gap + len);
    memmove(out->data + gap + len, out->data + gap + gap_bytes, out->len - gap - gap_bytes);
    out->len -= gap_bytes - len;
}

/* each with its place, coded against the one before it in this record */
static void put_histograms(struct buf *out, const struct samples_columns *rows) {
    struct buf body;
    const struct histogram *before = NULL;
    size_t expected = 0;
    buf_init(&body, out->max_bytes);
    for (size_t i = 0; i < rows->count; i++) {
        const struct histogram *histogram = rows->histograms[i];
        if (!histogram) continue;
        buf_varint(&body, i - expected);
        histogram_code_put(&body, histogram, before);
        if (!value_is_stale(histogram->sum)) before = histogram;
        expected = i + 1;
    }
    buf_varint(out, body.len);
    buf_span(out, buf_view(&body));
    out->failed |= body.failed;
    buf_release(&body);
}

int samples_record_write(struct buf *out, const struct samples_columns *rows, struct err *err) {
    static const uint8_t zeros[2 * VARINT_MAX];
    size_t begin = out->len, class_bytes = (rows->count + 3) / 4;
    bool has_late_from = rows->late_from != LATE_NEVER;
    if (rows->count > RECORD_MAX_ROWS)
        return err_set(err, ERR_LIMIT, "more than %u samples at once", RECORD_MAX_ROWS);
    buf_putc(out, (char)((rows->times_ms ? HAS_TIMES : 0) | (has_late_from ? HAS_LATE_FROM : 0) |
                         (rows->histograms ? HAS_HISTOGRAMS : 0) | (rows->is_key ? IS_KEY : 0)));
    buf_varint(out, rows->count);
    if (has_late_from) buf_zigzag(out, rows->late_from);
    if (rows->is_key) buf_varint(out, rows->replaces);
    if (rows->histograms) put_histograms(out, rows);
    size_t gap = out->len;
    buf_append(out, zeros, sizeof zeros);
    size_t runs = out->len;
    put_runs(out, rows->numbers, rows->count);
    size_t times = out->len;
    put_times(out, rows->times_ms, rows->time_ms, rows->count);
    size_t classes = out->len;
    if (buf_reserve(out, class_bytes)) {
        memset(out->data + out->len, 0, class_bytes);
        out->len += class_bytes;
        put_values(out, classes, rows);
    }
    if (out->failed) {
        out->len = begin;
        return err_set(err, ERR_LIMIT, "a record of %zu samples is larger than its limit", rows->count);
    }
    close_gap(out, gap, sizeof zeros, times - runs, classes - times);
    return 0;
}

/* ---- reading ---- */

static int corrupt(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "samples record: %s", what);
}

int samples_reader_init(struct samples_reader *reader, const void *payload, size_t len, struct err *err) {
    struct cursor cursor = cursor_of(payload, len);
    uint8_t flags = cursor_u8(&cursor);
    uint64_t rows = cursor_varint(&cursor);
    int64_t late_from = flags & HAS_LATE_FROM ? cursor_zigzag(&cursor) : LATE_NEVER;
    uint64_t replaces = flags & IS_KEY ? cursor_varint(&cursor) : 0;
    uint64_t histograms_len = flags & HAS_HISTOGRAMS ? cursor_varint(&cursor) : 0;
    if (histograms_len > cursor_left(&cursor))
        return corrupt(err, "its histograms are longer than the record");
    const uint8_t *histograms = cursor_bytes(&cursor, histograms_len);
    uint64_t runs_len = cursor_varint(&cursor), times_len = cursor_varint(&cursor);
    if (cursor.failed || flags & ~(HAS_TIMES | HAS_LATE_FROM | HAS_HISTOGRAMS | IS_KEY) ||
        rows > RECORD_MAX_ROWS)
        return corrupt(err, "bad header");
    size_t left = cursor_left(&cursor);
    if (runs_len > left || times_len > left - runs_len || (rows + 3) / 4 > left - runs_len - times_len)
        return corrupt(err, "its columns are longer than the record");
    const uint8_t *runs = cursor_bytes(&cursor, runs_len), *times = cursor_bytes(&cursor, times_len);
    struct samples_reader found = {.runs = cursor_of(runs, runs_len),
                                   .times = cursor_of(times, times_len),
                                   .classes = cursor_bytes(&cursor, (rows + 3) / 4),
                                   .rows = rows,
                                   .late_from = late_from,
                                   .has_times = flags & HAS_TIMES,
                                   .is_key = flags & IS_KEY,
                                   .replaces = replaces,
                                   .histograms = cursor_of(histograms, histograms_len),
                                   .histogram_row = UINT64_MAX};
    found.values = cursor;
    if (!found.has_times) found.time_ms = cursor_zigzag(&found.times);
    if (found.times.failed) return corrupt(err, "no time");
    *reader = found;
    if (histograms_len) {
        reader->histogram_row = cursor_varint(&reader->histograms);
        reader->decoder = histogram_decoder_create();
        arena_init(&reader->arena, STEP_MAX_BYTES, NULL);
    }
    return 0;
}

void samples_reader_release(struct samples_reader *reader) {
    histogram_decoder_destroy(reader->decoder);
    reader->decoder = NULL;
    arena_release(&reader->arena);
}

static bool read_numbers(struct samples_reader *reader, uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!reader->run_left) {
            reader->number += (uint64_t)cursor_zigzag(&reader->runs);
            uint64_t more = cursor_varint(&reader->runs);
            if (reader->runs.failed || more >= reader->rows - reader->done - i) return false;
            reader->run_left = more + 1;
        }
        numbers[i] = reader->number++;
        reader->run_left--;
    }
    return true;
}

static bool read_times(struct samples_reader *reader, int64_t *times_ms, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (reader->has_times)
            reader->time_ms = (int64_t)((uint64_t)reader->time_ms + (uint64_t)cursor_zigzag(&reader->times));
        times_ms[i] = reader->time_ms;
    }
    return !reader->times.failed;
}

/* those of the rows of this step */
static bool read_histograms(struct samples_reader *reader, struct samples_rows *rows, size_t count) {
    rows->has_histograms = reader->histogram_row < reader->done + count;
    if (!rows->has_histograms) return true;
    arena_release(&reader->arena);
    memset(rows->histograms, 0, count * sizeof *rows->histograms);
    while (reader->histogram_row < reader->done + count) {
        struct histogram sample;
        size_t row = (size_t)(reader->histogram_row - reader->done);
        if (!histogram_code_get(reader->decoder, &reader->histograms, &sample)) return false;
        rows->histograms[row] = histogram_copy(&sample, &reader->arena);
        rows->values[row] = sample.sum;
        if (!rows->histograms[row]) return false;
        uint64_t gap = cursor_left(&reader->histograms) ? cursor_varint(&reader->histograms) : UINT64_MAX;
        if (__builtin_add_overflow(reader->histogram_row + 1, gap, &reader->histogram_row))
            reader->histogram_row = UINT64_MAX;
    }
    return !reader->histograms.failed;
}

static uint64_t read_value(struct samples_reader *reader, enum value_class class) {
    if (class == SAME) return reader->bits;
    if (class == BITS) return cursor_u64(&reader->values);
    int64_t stored = cursor_zigzag(&reader->values);
    if (class == THOUSANDTHS) return double_bits((double)stored / 1000);
    reader->integer = (int64_t)((uint64_t)reader->integer + (uint64_t)stored);
    return double_bits((double)reader->integer);
}

static bool read_values(struct samples_reader *reader, double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t row = reader->done + i;
        reader->bits = read_value(reader, reader->classes[row / 4] >> row % 4 * 2 & 3);
        values[i] = bits_double(reader->bits);
    }
    return !reader->values.failed;
}

int samples_reader_next(struct samples_reader *reader, struct samples_rows *rows, struct err *err) {
    uint64_t left = reader->rows - reader->done;
    size_t count = left < SAMPLES_STEP ? (size_t)left : SAMPLES_STEP;
    if (!count) {
        bool at_end = !cursor_left(&reader->histograms) && !cursor_left(&reader->runs) &&
                      !cursor_left(&reader->times) && !cursor_left(&reader->values);
        return at_end ? 0 : corrupt(err, "bytes left over");
    }
    if (!read_numbers(reader, rows->numbers, count) || !read_times(reader, rows->times_ms, count) ||
        !read_values(reader, rows->values, count) || !read_histograms(reader, rows, count))
        return corrupt(err, "a column ends before its last row");
    rows->count = count;
    reader->done += count;
    return 1;
}
