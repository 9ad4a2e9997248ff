/* The payload of type 3: the rows of a batch that differ from those of a key record with the same series. */
#include "storage/wal/record.h"

#include "storage/wal/value.h"

#define HAS_LATE_FROM 2u
#define ROW_MAX_BYTES (VARINT_MAX + 8)

/* how a row is coded, which its value in the key decides */
enum form { WHOLE, THOUSANDTHS, BITS };

static enum form form_of(double key, int64_t *m) {
    if (value_is_whole(key, m)) return WHOLE;
    return value_is_thousandths(key, m) ? THOUSANDTHS : BITS;
}

/* ---- writing ---- */

static size_t put_change(uint8_t *at, double value, double key) {
    int64_t before, now;
    enum form form = form_of(key, &before);
    /* bits that are 0 at the end of a double come first, and cost nothing as a varint */
    if (form == BITS) return varint_write(__builtin_bswap64(double_bits(value) ^ double_bits(key)), at);
    bool fits = form == WHOLE ? value_is_whole(value, &now) : value_is_thousandths(value, &now);
    if (fits) return varint_write(zigzag_encode(now - before), at);
    at[0] = 0; /* no change is 0 */
    store_u64(at + 1, double_bits(value));
    return 1 + sizeof(uint64_t);
}

/* eight rows: their byte of the bitmap, the changed ones behind what is there */
static uint8_t put_eight(struct buf *out, const struct changes_columns *rows, size_t from, size_t count) {
    uint8_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        double value = rows->values[from + i], key = rows->key_values[from + i];
        if (double_bits(value) == double_bits(key)) continue;
        changed |= (uint8_t)(1u << i);
        out->len += put_change((uint8_t *)out->data + out->len, value, key);
    }
    return changed;
}

int changes_record_write(struct buf *out, const struct changes_columns *rows, struct err *err) {
    size_t begin = out->len, map_bytes = (rows->count + 7) / 8;
    bool has_late_from = rows->late_from != LATE_NEVER;
    buf_putc(out, has_late_from ? HAS_LATE_FROM : 0);
    buf_varint(out, rows->count);
    buf_varint(out, rows->key_distance);
    if (has_late_from) buf_zigzag(out, rows->late_from);
    buf_zigzag(out, rows->time_ms);
    size_t map = out->len;
    if (buf_reserve(out, map_bytes)) out->len += map_bytes;
    for (size_t i = 0; i < map_bytes && buf_reserve(out, 8 * ROW_MAX_BYTES); i++) {
        size_t left = rows->count - i * 8;
        uint8_t changed = put_eight(out, rows, i * 8, left < 8 ? left : 8);
        out->data[map + i] = (char)changed;
    }
    if (!out->failed) return 0;
    out->len = begin;
    return err_set(err, ERR_LIMIT, "a record of %zu samples is larger than its limit", rows->count);
}

/* ---- reading ---- */

static int corrupt(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "changes record: %s", what);
}

int changes_reader_init(struct changes_reader *reader, const void *payload, size_t len, struct err *err) {
    struct cursor cursor = cursor_of(payload, len);
    uint8_t flags = cursor_u8(&cursor);
    struct changes_reader found = {.rows = cursor_varint(&cursor), .key_distance = cursor_varint(&cursor)};
    found.late_from = flags & HAS_LATE_FROM ? cursor_zigzag(&cursor) : LATE_NEVER;
    found.time_ms = cursor_zigzag(&cursor);
    if (cursor.failed || flags & ~HAS_LATE_FROM || found.rows > RECORD_MAX_ROWS)
        return corrupt(err, "bad header");
    if ((found.rows + 7) / 8 > cursor_left(&cursor))
        return corrupt(err, "its bitmap is longer than the record");
    found.changed = cursor_bytes(&cursor, (size_t)(found.rows + 7) / 8);
    found.values = cursor;
    *reader = found;
    return 0;
}

int changes_reader_key(struct changes_reader *reader, const void *payload, size_t len, struct err *err) {
    int rc = samples_reader_init(&reader->key, payload, len, err);
    if (rc) return rc;
    if (reader->key.rows == reader->rows) return 0;
    samples_reader_release(&reader->key);
    return corrupt(err, "its key has other rows");
}

void changes_reader_release(struct changes_reader *reader) {
    samples_reader_release(&reader->key);
}

static double read_change(struct cursor *cursor, double key) {
    int64_t before;
    enum form form = form_of(key, &before);
    uint64_t code = cursor_varint(cursor);
    if (form == BITS) return bits_double(__builtin_bswap64(code) ^ double_bits(key));
    if (!code) return bits_double(cursor_u64(cursor));
    double now = (double)(int64_t)((uint64_t)before + (uint64_t)zigzag_decode(code));
    return form == WHOLE ? now : now / 1000;
}

int changes_reader_next(struct changes_reader *reader, struct samples_rows *rows, struct err *err) {
    uint64_t done = reader->key.done;
    int rc = samples_reader_next(&reader->key, rows, err);
    if (rc == 0 && cursor_left(&reader->values)) return corrupt(err, "bytes left over");
    if (rc <= 0) return rc;
    for (size_t i = 0; i < rows->count; i++) {
        rows->times_ms[i] = reader->time_ms;
        uint64_t row = done + i;
        if (reader->changed[row / 8] >> row % 8 & 1)
            rows->values[i] = read_change(&reader->values, rows->values[i]);
    }
    return reader->values.failed ? corrupt(err, "it ends before its last row") : 1;
}
