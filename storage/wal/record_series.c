/* The payload of type 1: series and their labels, each coded against the one before. */
#include "storage/wal/record.h"

#include "lib/base/assert.h"

void series_record_begin(struct series_record *record, struct buf *out) {
    *record = (struct series_record){.out = out, .begin = out->len};
}

static bool put_text(struct buf *out, struct span text, struct span before) {
    if (before.len && span_equal(text, before)) return buf_varint(out, 0);
    return buf_varint(out, text.len) && buf_span(out, text);
}

int series_record_add(struct series_record *record, uint64_t number, struct labels labels, struct err *err) {
    struct buf *out = record->out;
    size_t begin = out->len;
    if (labels.count > RECORD_MAX_LABELS)
        return err_set(err, ERR_LIMIT, "a series has %u labels, more than %u", labels.count,
                       RECORD_MAX_LABELS);
    bool fits = buf_zigzag(out, (int64_t)(number - record->next_number)) && buf_varint(out, labels.count);
    for (uint32_t i = 0; fits && i < labels.count; i++) {
        struct label before = i < record->previous.count ? record->previous.items[i] : (struct label){0};
        ASSERT(labels.items[i].name.len && labels.items[i].value.len);
        fits = put_text(out, labels.items[i].name, before.name) &&
               put_text(out, labels.items[i].value, before.value);
    }
    if (!fits) {
        out->len = begin;
        return err_set(err, ERR_LIMIT, "a record of series is larger than its limit");
    }
    record->count++;
    record->next_number = number + 1;
    record->previous = labels;
    return 0;
}

size_t series_record_size(const struct series_record *record) {
    return record->out->len - record->begin;
}

int series_record_end(struct series_record *record, struct err *err) {
    uint8_t count[VARINT_MAX];
    size_t len = varint_write(record->count, count), body = series_record_size(record);
    if (!buf_reserve(record->out, len))
        return err_set(err, ERR_LIMIT, "a record of series is larger than its limit");
    char *begin = record->out->data + record->begin;
    memmove(begin + len, begin, body);
    memcpy(begin, count, len);
    record->out->len += len;
    return 0;
}

static int corrupt(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "series record: %s", what);
}

int series_reader_init(struct series_reader *reader, const void *payload, size_t len, struct err *err) {
    struct cursor cursor = cursor_of(payload, len);
    uint64_t count = cursor_varint(&cursor);
    if (cursor.failed || count > cursor_left(&cursor)) return corrupt(err, "more series than bytes");
    *reader = (struct series_reader){.cursor = cursor, .left = count};
    return 0;
}

/* the text at the cursor, or the one before; false: corrupt */
static bool get_text(struct cursor *cursor, struct span *text, bool *is_same) {
    uint64_t len = cursor_varint(cursor);
    if (len) {
        *is_same = false;
        const uint8_t *bytes = len <= cursor_left(cursor) ? cursor_bytes(cursor, len) : NULL;
        if (!bytes) return false;
        *text = span_of((const char *)bytes, len);
    }
    return !cursor->failed && text->len;
}

int series_reader_next(struct series_reader *reader, uint64_t *number, struct labels *labels,
                       struct err *err) {
    struct cursor *cursor = &reader->cursor;
    if (!reader->left) return cursor_left(cursor) ? corrupt(err, "bytes left over") : 0;
    uint64_t next = reader->next_number + (uint64_t)cursor_zigzag(cursor), count = cursor_varint(cursor);
    if (cursor->failed || count > RECORD_MAX_LABELS || count > cursor_left(cursor))
        return corrupt(err, "more labels than bytes");
    vec_reserve(&reader->labels, count);
    bool same_names = count == reader->label_count, same_value;
    for (uint32_t i = 0; i < count; i++) {
        struct label *label = &reader->labels.items[i];
        if (i >= reader->label_count) *label = (struct label){0};
        if (!get_text(cursor, &label->name, &same_names) || !get_text(cursor, &label->value, &same_value))
            return corrupt(err, "bad label");
    }
    reader->label_count = (uint32_t)count;
    reader->same_names = same_names;
    reader->left--;
    reader->next_number = next + 1;
    *number = next;
    *labels = (struct labels){reader->labels.items, (uint32_t)count};
    return 1;
}

void series_reader_release(struct series_reader *reader) {
    vec_release(&reader->labels);
}
