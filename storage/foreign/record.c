#include "lib/base/bits.h"
#include "lib/codec/varint.h"
#include "storage/foreign/histogram.h"
#include "storage/foreign/source.h"
#include "storage/foreign/wal.h"

/*
 * The records of the log, all numbers big endian or LEB128:
 *
 *     1 series       (reference u64, labels: count, (name, value) as length and text) ...
 *     2 samples      reference u64, time i64 | (reference and time as zigzag differences, value f64) ...
 *     3 deletions    (reference u64, mint, maxt zigzag) ...
 *     7 9 and 8 10   as 2, with a histogram (8, 10: of floats) instead of the value
 *     4 exemplars, 5 markers, 6 metadata: left out
 */

enum {
    RECORD_SERIES = 1,
    RECORD_SAMPLES,
    RECORD_DELETIONS,
    RECORD_EXEMPLARS,
    RECORD_MARKERS,
    RECORD_METADATA,
    RECORD_HISTOGRAMS,
    RECORD_FLOAT_HISTOGRAMS,
    RECORD_CUSTOM,
    RECORD_FLOAT_CUSTOM
};

#define MAX_LABELS 4096u
#define WORK_BYTES ((size_t)64 << 20)

struct reading {
    struct cursor cursor;
    struct arena arena; /* of one series or histogram */
    const struct foreign_record_sink *sink;
    void *context;
};

static uint64_t read_u64(struct cursor *cursor) {
    return __builtin_bswap64(cursor_u64(cursor));
}

static struct span read_text(struct cursor *cursor) {
    uint64_t len = cursor_varint(cursor);
    if (len > cursor_left(cursor)) {
        cursor->failed = true;
        return SPAN("");
    }
    return span_of((const char *)cursor_bytes(cursor, (size_t)len), (size_t)len);
}

static int read_series(struct reading *r, struct err *err) {
    uint64_t reference = read_u64(&r->cursor), count = cursor_varint(&r->cursor);
    if (r->cursor.failed || count > MAX_LABELS || count > cursor_left(&r->cursor) / 2)
        return err_set(err, ERR_CORRUPT, "series record: labels out of range");
    struct label_builder builder;
    struct labels labels;
    label_builder_init(&builder, &r->arena, (struct labels){0});
    for (uint64_t i = 0; i < count; i++) {
        struct span name = read_text(&r->cursor), value = read_text(&r->cursor);
        if (r->cursor.failed || name.len == 0) return err_set(err, ERR_CORRUPT, "series record: a bad label");
        label_builder_set(&builder, name, value);
    }
    int rc = label_builder_finish(&builder, &labels, err);
    return rc ? rc : r->sink->series(r->context, reference, labels, err);
}

static int read_deletion(struct reading *r, struct err *err) {
    uint64_t reference = read_u64(&r->cursor);
    int64_t mint = cursor_zigzag(&r->cursor), maxt = cursor_zigzag(&r->cursor);
    if (r->cursor.failed) return err_set(err, ERR_CORRUPT, "deletion record ends early");
    return r->sink->deletion(r->context, reference, mint, maxt, err);
}

static int read_value(struct reading *r, unsigned type, uint64_t reference, int64_t time, struct err *err) {
    if (type == RECORD_SAMPLES) {
        double value = bits_double(read_u64(&r->cursor));
        if (r->cursor.failed) return err_set(err, ERR_CORRUPT, "samples record ends early");
        return r->sink->sample(r->context, reference, time, value, err);
    }
    struct histogram histogram;
    bool is_integer = type == RECORD_HISTOGRAMS || type == RECORD_CUSTOM;
    int rc = foreign_histogram_record(&r->cursor, is_integer, &r->arena, &histogram, err);
    return rc ? rc : r->sink->histogram(r->context, reference, time, &histogram, err);
}

static int read_rows(struct reading *r, unsigned type, struct err *err) {
    if (!cursor_left(&r->cursor)) return 0;
    uint64_t reference = read_u64(&r->cursor), time = read_u64(&r->cursor);
    int rc = 0;
    while (cursor_left(&r->cursor) && !rc && !r->cursor.failed) {
        uint64_t step = (uint64_t)cursor_zigzag(&r->cursor), later = (uint64_t)cursor_zigzag(&r->cursor);
        rc = read_value(r, type, reference + step, (int64_t)(time + later), err);
        arena_release(&r->arena);
    }
    if (!rc && r->cursor.failed) return err_set(err, ERR_CORRUPT, "samples record ends early");
    return rc;
}

int foreign_record_read(struct span record, const struct foreign_record_sink *sink, void *context,
                        struct err *err) {
    struct reading r = {.cursor = cursor_of(record.ptr, record.len), .sink = sink, .context = context};
    int rc = 0;
    unsigned type = cursor_u8(&r.cursor);
    arena_init(&r.arena, WORK_BYTES, NULL);
    switch (type) {
    case RECORD_SERIES:
    case RECORD_DELETIONS:
        while (cursor_left(&r.cursor) && !rc) {
            rc = type == RECORD_SERIES ? read_series(&r, err) : read_deletion(&r, err);
            arena_release(&r.arena);
        }
        break;
    case RECORD_SAMPLES:
    case RECORD_HISTOGRAMS:
    case RECORD_FLOAT_HISTOGRAMS:
    case RECORD_CUSTOM:
    case RECORD_FLOAT_CUSTOM: rc = read_rows(&r, type, err); break;
    case RECORD_EXEMPLARS:
    case RECORD_MARKERS:
    case RECORD_METADATA: break;
    default: rc = err_set(err, ERR_UNSUPPORTED, "log record of type %u", type);
    }
    arena_release(&r.arena);
    return rc;
}
