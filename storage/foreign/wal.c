#include "storage/foreign/wal.h"

#include "lib/codec/crc32c.h"
#include "storage/foreign/source.h"

#include <snappy-c.h>
#include <zstd.h>

#define PAGE ((size_t)32 << 10)
#define HEADER 7
#define MAX_RECORD ((size_t)256 << 20)
#define MAX_SEGMENT ((size_t)1 << 30)

enum { FRAGMENT_END, FRAGMENT_WHOLE, FRAGMENT_FIRST, FRAGMENT_MIDDLE, FRAGMENT_LAST };
enum { PACKED_SNAPPY = 8, PACKED_ZSTD = 16, TYPE_BITS = 7 };

struct log_reader {
    struct buf record, unpacked;
    bool is_open; /* fragments of a record are waiting for their last */
    foreign_record_each *each;
    void *context;
};

static int unpack_snappy(struct log_reader *reader, struct span packed, struct err *err) {
    size_t len;
    if (snappy_uncompressed_length(packed.ptr, packed.len, &len) != SNAPPY_OK || len > packed.len * 64 + 64)
        return err_set(err, ERR_CORRUPT, "log record is not snappy");
    if (!buf_reserve(&reader->unpacked, len ? len : 1))
        return err_set(err, ERR_LIMIT, "log record of %zu bytes", len);
    if (snappy_uncompress(packed.ptr, packed.len, reader->unpacked.data, &len) != SNAPPY_OK)
        return err_set(err, ERR_CORRUPT, "log record is not snappy");
    reader->unpacked.len = len;
    return 0;
}

/* Go's encoder may leave the size out: then room is made until it fits */
static int unpack_zstd(struct log_reader *reader, struct span packed, struct err *err) {
    unsigned long long told = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    if (told == ZSTD_CONTENTSIZE_ERROR) return err_set(err, ERR_CORRUPT, "log record is not zstd");
    bool is_told = told != ZSTD_CONTENTSIZE_UNKNOWN;
    if (is_told && told > MAX_RECORD) return err_set(err, ERR_LIMIT, "log record of %llu bytes", told);
    for (size_t room = is_told ? (size_t)told + 1 : packed.len * 8 + 64;; room *= 4) {
        if (!buf_reserve(&reader->unpacked, room))
            return err_set(err, ERR_LIMIT, "log record of more than %zu bytes", room);
        size_t len = ZSTD_decompress(reader->unpacked.data, room, packed.ptr, packed.len);
        if (!ZSTD_isError(len)) {
            reader->unpacked.len = len;
            return 0;
        }
        if (is_told || room > MAX_RECORD / 4) return err_set(err, ERR_CORRUPT, "log record is not zstd");
    }
}

static int finish_record(struct log_reader *reader, unsigned flags, struct err *err) {
    struct span record = buf_view(&reader->record);
    int rc = 0;
    buf_reset(&reader->unpacked);
    if (flags & PACKED_SNAPPY)
        rc = unpack_snappy(reader, record, err);
    else if (flags & PACKED_ZSTD)
        rc = unpack_zstd(reader, record, err);
    if (rc) return rc;
    if (flags & (PACKED_SNAPPY | PACKED_ZSTD)) record = buf_view(&reader->unpacked);
    return record.len ? reader->each(record, reader->context, err) : 0;
}

static int take_fragment(struct log_reader *reader, unsigned flags, struct span bytes, struct err *err) {
    unsigned type = flags & TYPE_BITS;
    bool begins = type == FRAGMENT_WHOLE || type == FRAGMENT_FIRST;
    if (type > FRAGMENT_LAST || begins == reader->is_open)
        return err_set(err, ERR_CORRUPT, "log fragment of type %u out of order", type);
    if (begins) buf_reset(&reader->record);
    if (!buf_span(&reader->record, bytes)) return err_set(err, ERR_LIMIT, "log record is too large");
    reader->is_open = type == FRAGMENT_FIRST || type == FRAGMENT_MIDDLE;
    return reader->is_open ? 0 : finish_record(reader, flags, err);
}

static int read_page(struct log_reader *reader, struct span page, struct err *err) {
    size_t at = 0;
    while (at < page.len && page.ptr[at]) {
        const char *head = page.ptr + at;
        if (page.len - at < HEADER) return err_set(err, ERR_CORRUPT, "log page ends in a header");
        size_t len = (size_t)(uint8_t)head[1] << 8 | (uint8_t)head[2];
        if (len > page.len - at - HEADER) return err_set(err, ERR_CORRUPT, "log fragment is cut off");
        if (crc32c(0, head + HEADER, len) != load_be32(head + 3))
            return err_set(err, ERR_CORRUPT, "log fragment does not pass its checksum");
        int rc = take_fragment(reader, (uint8_t)head[0], span_of(head + HEADER, len), err);
        if (rc) return rc;
        at += HEADER + len;
    }
    return 0;
}

static void reader_init(struct log_reader *reader, foreign_record_each *each, void *context) {
    *reader = (struct log_reader){.each = each, .context = context};
    buf_init(&reader->record, MAX_RECORD);
    buf_init(&reader->unpacked, MAX_RECORD);
}

static void reader_release(struct log_reader *reader) {
    buf_release(&reader->record);
    buf_release(&reader->unpacked);
}

int foreign_wal_bytes(struct span bytes, foreign_record_each *each, void *context, struct err *err) {
    struct log_reader reader;
    int rc = 0;
    reader_init(&reader, each, context);
    for (size_t at = 0; at < bytes.len && !rc; at += PAGE)
        rc = read_page(&reader, span_of(bytes.ptr + at, bytes.len - at < PAGE ? bytes.len - at : PAGE), err);
    reader_release(&reader);
    return rc;
}

/* *damage is set, and 0 answered, when the bytes are at fault */
static int read_segment(struct log_reader *reader, struct file_system *fs, const char *path,
                        struct err *damage, struct err *err) {
    struct source source;
    int rc = source_open(fs, path, &source, err);
    if (rc) return rc;
    reader->is_open = false;
    struct err why = {0};
    uint64_t at = 0;
    for (; at < source.size && !rc; at += PAGE) {
        const uint8_t *bytes;
        size_t got;
        rc = source_some(&source, at, PAGE, &bytes, &got, &why);
        if (!rc) rc = read_page(reader, span_of((const char *)bytes, got), &why);
    }
    source_close(&source);
    if (rc == ERR_CORRUPT) return err_set(damage, rc, "\"%s\": %s", path, why.text);
    return rc ? err_set(err, rc, "\"%s\": %s", path, why.text) : 0;
}

int foreign_wal_read(struct file_system *fs, const char *folder, uint64_t first, foreign_record_each *each,
                     void *context, struct err *damage, struct err *err) {
    struct source_numbers segments = {0};
    struct log_reader reader;
    struct buf path;
    int rc = source_list(fs, folder, "", 8, &segments, err);
    reader_init(&reader, each, context);
    buf_init(&path, 4096);
    for (size_t i = 0; i < segments.list.count && !rc; i++) {
        if (segments.list.items[i] < first) continue;
        buf_reset(&path);
        buf_printf(&path, "%s/%08llu", folder, (unsigned long long)segments.list.items[i]);
        rc = read_segment(&reader, fs, buf_text(&path), damage, err);
    }
    buf_release(&path);
    reader_release(&reader);
    vec_release(&segments.list);
    return rc == ERR_CORRUPT && damage->code ? 0 : rc;
}
