#include "storage/foreign/index.h"

#include "lib/codec/crc32c.h"
#include "lib/codec/varint.h"

#define MAGIC 0xBAAAD700u
#define HEADER_BYTES 5
#define TOC_SECTIONS 6
#define TOC_BYTES (TOC_SECTIONS * 8 + 4)
#define ALIGNMENT 16u
#define MAX_SYMBOLS_BYTES ((size_t)2 << 30)
#define MAX_SERIES_BYTES ((uint64_t)32 << 20)
#define MAX_LABELS 4096u

static int corrupt(const struct foreign_index *index, uint64_t offset, const char *what, struct err *err) {
    return err_set(err, ERR_CORRUPT, "\"%s\" at %llu: %s", index->source.file.path,
                   (unsigned long long)offset, what);
}

static int read_symbol_list(struct foreign_index *index, uint64_t offset, struct err *err) {
    struct cursor cursor = cursor_of(index->symbols_bytes.data, index->symbols_bytes.len);
    const uint8_t *count_bytes = cursor_bytes(&cursor, 4);
    if (!count_bytes) return corrupt(index, offset, "symbols without a count", err);
    uint32_t count = load_be32(count_bytes);
    if (count > cursor_left(&cursor)) return corrupt(index, offset, "more symbols than bytes", err);
    vec_reserve(&index->symbols, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t len = cursor_varint(&cursor);
        const uint8_t *text = len <= cursor_left(&cursor) ? cursor_bytes(&cursor, (size_t)len) : NULL;
        if (cursor.failed || !text) return corrupt(index, offset, "a symbol ends behind the symbols", err);
        *vec_push(&index->symbols) = span_of((const char *)text, (size_t)len);
    }
    return 0;
}

static int read_symbols(struct foreign_index *index, uint64_t offset, struct err *err) {
    uint8_t bytes[4];
    int rc = file_read(&index->source.file, bytes, sizeof bytes, offset, err);
    if (rc) return rc;
    uint64_t len = load_be32(bytes);
    buf_init(&index->symbols_bytes, MAX_SYMBOLS_BYTES);
    if (offset + 4 + len + 4 > index->source.size || !buf_reserve(&index->symbols_bytes, (size_t)len + 1))
        return corrupt(index, offset, "symbols longer than the file, or than 2 GiB", err);
    rc = file_read(&index->source.file, index->symbols_bytes.data, (size_t)len, offset + 4, err);
    if (!rc) rc = file_read(&index->source.file, bytes, sizeof bytes, offset + 4 + len, err);
    if (rc) return rc;
    index->symbols_bytes.len = (size_t)len;
    if (crc32c(0, index->symbols_bytes.data, (size_t)len) != load_be32(bytes))
        return corrupt(index, offset, "the symbols do not pass their checksum", err);
    return read_symbol_list(index, offset, err);
}

static int read_contents(struct foreign_index *index, struct err *err) {
    const uint8_t *bytes;
    uint64_t size = index->source.size, toc = size - TOC_BYTES;
    if (size < HEADER_BYTES + TOC_BYTES) return corrupt(index, 0, "too short for an index", err);
    int rc = source_bytes(&index->source, 0, HEADER_BYTES, &bytes, err);
    if (rc) return rc;
    if (load_be32(bytes) != MAGIC) return corrupt(index, 0, "not the magic of an index", err);
    if (bytes[4] != 2)
        return err_set(err, ERR_UNSUPPORTED, "\"%s\": index of version %u, only 2 is read",
                       index->source.file.path, bytes[4]);
    rc = source_bytes(&index->source, toc, TOC_BYTES, &bytes, err);
    if (rc) return rc;
    if (crc32c(0, bytes, TOC_SECTIONS * 8) != load_be32(bytes + TOC_SECTIONS * 8))
        return corrupt(index, toc, "the table of contents does not pass its checksum", err);
    uint64_t symbols = load_be64(bytes);
    index->at = load_be64(bytes + 8);
    index->end = toc;
    for (int i = 2; i < TOC_SECTIONS; i++) {
        uint64_t section = load_be64(bytes + i * 8);
        if (section > index->at && section < index->end) index->end = section;
    }
    if (symbols > toc || index->at > toc) return corrupt(index, toc, "sections behind the end", err);
    return read_symbols(index, symbols, err);
}

int foreign_index_open(struct file_system *fs, const char *path, struct foreign_index *index,
                       struct err *err) {
    struct foreign_index opened = {0};
    int rc = source_open(fs, path, &opened.source, err);
    if (rc) return rc;
    rc = read_contents(&opened, err);
    if (rc)
        foreign_index_close(&opened);
    else
        *index = opened;
    return rc;
}

void foreign_index_close(struct foreign_index *index) {
    source_close(&index->source);
    buf_release(&index->symbols_bytes);
    vec_release(&index->symbols);
    vec_release(&index->labels);
    vec_release(&index->chunks);
}

static int read_labels(struct foreign_index *index, struct cursor *cursor, struct err *err) {
    uint64_t count = cursor_varint(cursor);
    if (count > MAX_LABELS) return corrupt(index, index->at, "series of too many labels", err);
    index->labels.count = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t name = cursor_varint(cursor), value = cursor_varint(cursor);
        if (cursor->failed || name >= index->symbols.count || value >= index->symbols.count)
            return corrupt(index, index->at, "series with a label that is no symbol", err);
        struct label label = {index->symbols.items[name], index->symbols.items[value]};
        if (label.value.len == 0) continue; /* no such label */
        if (index->labels.count &&
            span_compare(index->labels.items[index->labels.count - 1].name, label.name) >= 0)
            return corrupt(index, index->at, "labels of a series are not sorted", err);
        *vec_push(&index->labels) = label;
    }
    return 0;
}

static int read_chunk_metas(struct foreign_index *index, struct cursor *cursor, struct err *err) {
    uint64_t count = cursor_varint(cursor), mint = 0, maxt = 0, reference = 0;
    if (count > cursor_left(cursor)) return corrupt(index, index->at, "more chunks than bytes", err);
    index->chunks.count = 0;
    for (uint64_t i = 0; i < count; i++) {
        mint = i ? maxt + cursor_varint(cursor) : (uint64_t)cursor_zigzag(cursor);
        maxt = mint + cursor_varint(cursor);
        reference = i ? reference + (uint64_t)cursor_zigzag(cursor) : cursor_varint(cursor);
        if (cursor->failed) return corrupt(index, index->at, "chunks end early", err);
        *vec_push(&index->chunks) = (struct foreign_chunk_meta){(int64_t)mint, (int64_t)maxt, reference};
    }
    return 0;
}

int foreign_index_next(struct foreign_index *index, bool *more, struct err *err) {
    const uint8_t *bytes;
    size_t got;
    index->at = (index->at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    *more = index->at < index->end;
    if (!*more) return 0;
    int rc = source_some(&index->source, index->at, VARINT_MAX, &bytes, &got, err);
    if (rc) return rc;
    struct cursor cursor = cursor_of(bytes, got);
    uint64_t len = cursor_varint(&cursor);
    size_t used = got - cursor_left(&cursor);
    if (cursor.failed || len > MAX_SERIES_BYTES)
        return corrupt(index, index->at, "series without a good length", err);
    if (len == 0) return corrupt(index, index->at, "an empty series", err);
    rc = source_bytes(&index->source, index->at + used, (size_t)len + 4, &bytes, err);
    if (rc) return rc;
    if (crc32c(0, bytes, (size_t)len) != load_be32(bytes + len))
        return corrupt(index, index->at, "series does not pass its checksum", err);
    cursor = cursor_of(bytes, (size_t)len);
    index->reference = index->at / ALIGNMENT;
    rc = read_labels(index, &cursor, err);
    if (!rc) rc = read_chunk_metas(index, &cursor, err);
    if (!rc) index->at += used + len + 4;
    return rc;
}
