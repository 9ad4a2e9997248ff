#include "storage/exemplar/record.h"

#include "lib/base/bits.h"

#define LABELS_MAX 4096u

static bool put_text(struct buf *out, struct span text) {
    return buf_varint(out, text.len) && buf_span(out, text);
}

static bool put_labels(struct buf *out, struct labels labels) {
    bool fits = buf_varint(out, labels.count);
    for (uint32_t i = 0; fits && i < labels.count; i++)
        fits = put_text(out, labels.items[i].name) && put_text(out, labels.items[i].value);
    return fits;
}

static bool taken_back(struct buf *out, size_t begin) {
    out->len = begin;
    out->failed = false;
    return false;
}

bool exemplar_write(struct buf *out, struct labels series, const struct exemplar *exemplar) {
    size_t begin = out->len;
    uint8_t value[8];
    store_u64(value, double_bits(exemplar->value));
    bool fits = put_labels(out, series) && buf_zigzag(out, exemplar->time_ms) &&
                buf_append(out, value, sizeof value) && put_labels(out, exemplar->labels);
    return fits || taken_back(out, begin);
}

bool metadata_write(struct buf *out, const struct metric_metadata *item) {
    size_t begin = out->len;
    bool fits = put_text(out, item->family) && put_text(out, item->type) && put_text(out, item->unit) &&
                put_text(out, item->help);
    return fits || taken_back(out, begin);
}

static struct span get_text(struct cursor *cursor) {
    uint64_t len = cursor_varint(cursor);
    if (cursor->failed || len > cursor_left(cursor)) {
        cursor->failed = true;
        return span_of(NULL, 0);
    }
    return span_of((const char *)cursor_bytes(cursor, (size_t)len), (size_t)len);
}

static int corrupt(struct err *err) {
    return err_set(err, ERR_CORRUPT, "a record of exemplars or metadata makes no sense");
}

/* in order of name, and names not empty: as every label set of ours */
static int get_labels(struct cursor *cursor, struct arena *arena, struct labels *labels, struct err *err) {
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count > LABELS_MAX || count > cursor_left(cursor)) return corrupt(err);
    struct label *items = arena_array(arena, (size_t)count + 1, sizeof *items);
    if (!items) return arena_limit(arena, "labels", err);
    for (uint64_t i = 0; i < count; i++) {
        items[i].name = get_text(cursor);
        items[i].value = get_text(cursor);
        if (cursor->failed || !items[i].name.len) return corrupt(err);
        if (i && span_compare(items[i - 1].name, items[i].name) >= 0) return corrupt(err);
    }
    *labels = (struct labels){items, (uint32_t)count};
    return 0;
}

int exemplar_read(struct cursor *cursor, struct arena *arena, struct labels *series,
                  struct exemplar *exemplar, struct err *err) {
    if (!cursor_left(cursor)) return 0;
    int rc = get_labels(cursor, arena, series, err);
    if (rc) return rc;
    exemplar->time_ms = cursor_zigzag(cursor);
    exemplar->value = bits_double(cursor_u64(cursor));
    if (cursor->failed) return corrupt(err);
    rc = get_labels(cursor, arena, &exemplar->labels, err);
    return rc ? rc : 1;
}

int metadata_read(struct cursor *cursor, struct metric_metadata *item, struct err *err) {
    if (!cursor_left(cursor)) return 0;
    item->family = get_text(cursor);
    item->type = get_text(cursor);
    item->unit = get_text(cursor);
    item->help = get_text(cursor);
    return cursor->failed || !item->family.len ? corrupt(err) : 1;
}
