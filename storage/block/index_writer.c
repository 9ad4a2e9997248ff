#include "storage/block/index_writer.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"
#include "lib/codec/zstd.h"
#include "storage/block/index_lists.h"
#include "storage/block/page.h"

#include <stdlib.h>

#define LEVEL 3

struct writing {
    const struct index_notes *notes;
    struct file *file;
    struct zstd_writer *zstd;
    uint64_t offset;
    int64_t mint;
    uint32_t *order, *ranks; /* symbols by rank; rank of each */
    uint32_t names;          /* written so far */
    struct buf page, packed, table;
};

static int put(struct writing *w, const void *data, size_t len, struct err *err) {
    int rc = file_write(w->file, data, len, w->offset, err);
    w->offset += len;
    return rc;
}

static void put_u32(struct buf *out, uint32_t value) {
    uint8_t bytes[4];
    store_u32(bytes, value);
    buf_append(out, bytes, sizeof bytes);
}

static void put_u64(struct buf *out, uint64_t value) {
    uint8_t bytes[8];
    store_u64(bytes, value);
    buf_append(out, bytes, sizeof bytes);
}

/* what is in `page` becomes a page of the file, and the table knows where */
static int end_page(struct writing *w, struct err *err) {
    put_u64(&w->table, w->offset);
    if (w->page.failed || w->table.failed) return err_set(err, ERR_LIMIT, "index of a block is too large");
    buf_reset(&w->packed);
    int rc = page_write(w->page.data, w->page.len, w->zstd, &w->packed, err);
    if (!rc) rc = put(w, w->packed.data, w->packed.len, err);
    buf_reset(&w->page);
    return rc;
}

static int compare_symbols(const void *a, const void *b, void *context) {
    const struct index_notes *notes = context;
    return span_compare(notes->symbols.items[*(const uint32_t *)a],
                        notes->symbols.items[*(const uint32_t *)b]);
}

static int put_symbols(struct writing *w, struct err *err) {
    uint32_t count = (uint32_t)w->notes->symbols.count;
    w->order = mem_array(count, sizeof *w->order);
    w->ranks = mem_array(count, sizeof *w->ranks);
    for (uint32_t i = 0; i < count; i++) w->order[i] = i;
    if (count) qsort_r(w->order, count, sizeof *w->order, compare_symbols, (void *)w->notes);
    put_u32(&w->table, count);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < count; i++) {
        struct span text = w->notes->symbols.items[w->order[i]];
        w->ranks[w->order[i]] = i;
        buf_varint(&w->page, text.len);
        buf_span(&w->page, text);
        if (i % SYMBOLS_A_PAGE == SYMBOLS_A_PAGE - 1 || i == count - 1) rc = end_page(w, err);
    }
    return rc;
}

static void put_page_ref(struct writing *w, const struct page_ref *ref, uint64_t *group) {
    buf_varint(&w->page,
               (uint64_t)ref->is_histogram | (uint64_t)(ref->times != 0) << 1 | (uint64_t)ref->page << 2);
    buf_zigzag(&w->page, (int64_t)(ref->group - *group));
    buf_varint(&w->page, ref->count - 1);
    buf_varint(&w->page, (uint64_t)ref->mint - (uint64_t)w->mint);
    buf_varint(&w->page, (uint64_t)ref->maxt - (uint64_t)ref->mint);
    if (ref->times) buf_varint(&w->page, ref->times);
    *group = ref->group;
}

static void put_series_of(struct writing *w, const struct notes_reader *reader, uint64_t *group) {
    buf_varint(&w->page, reader->labels.count / 2);
    for (size_t i = 0; i < reader->labels.count; i++) buf_varint(&w->page, w->ranks[reader->labels.items[i]]);
    buf_varint(&w->page, reader->pages.count);
    for (size_t i = 0; i < reader->pages.count; i++) put_page_ref(w, &reader->pages.items[i], group);
}

static int put_series(struct writing *w, struct err *err) {
    struct notes_reader reader;
    uint64_t group = 0;
    size_t count = w->notes->series;
    int rc = 0;
    put_u32(&w->table, (uint32_t)count);
    notes_reader_init(&reader, w->notes);
    for (size_t i = 0; !rc && notes_next(&reader); i++) {
        put_series_of(w, &reader, &group);
        if (i % SERIES_A_PAGE == SERIES_A_PAGE - 1 || i == count - 1) {
            rc = end_page(w, err);
            group = 0;
        }
    }
    notes_reader_release(&reader);
    return rc;
}

static void put_list(struct writing *w, const struct index_list *list) {
    struct buf bytes;
    uint32_t before = 0;
    buf_init(&bytes, PAGE_MAX_BYTES);
    for (size_t i = 0; i < list->count; i++) {
        buf_varint(&bytes, list->series[i] - before);
        before = list->series[i];
    }
    buf_varint(&w->page, list->value);
    buf_varint(&w->page, list->count);
    buf_varint(&w->page, bytes.len);
    buf_span(&w->page, buf_view(&bytes));
    w->page.failed |= bytes.failed;
    buf_release(&bytes);
}

/* table: name, number of values, number of pages, then of each page the first value and the offset */
static int put_name(void *context, uint32_t name, const struct index_list *lists, size_t count,
                    struct err *err) {
    struct writing *w = context;
    uint32_t pages = 0;
    int rc = 0;
    put_u32(&w->table, name);
    put_u32(&w->table, (uint32_t)count);
    size_t pages_at = w->table.len;
    put_u32(&w->table, 0);
    for (size_t i = 0; !rc && i < count; i++) {
        if (!w->page.len) put_u32(&w->table, lists[i].value);
        put_list(w, &lists[i]);
        if (w->page.len < VALUES_PAGE_BYTES && i + 1 < count) continue;
        rc = end_page(w, err);
        pages++;
    }
    if (rc) return rc;
    store_u32(w->table.data + pages_at, pages);
    w->names++;
    return 0;
}

static int put_values(struct writing *w, struct err *err) {
    size_t names_at = w->table.len;
    put_u32(&w->table, 0);
    int rc = index_lists_each(w->notes, w->ranks, put_name, w, err);
    if (!rc && !w->table.failed) store_u32(w->table.data + names_at, w->names);
    return rc;
}

static int put_table(struct writing *w, struct err *err) {
    uint8_t footer[FOOTER_BYTES] = {0};
    store_u64(footer, w->offset);
    store_u32(footer + 8, crc32c(0, footer, 8));
    if (w->table.failed) return err_set(err, ERR_LIMIT, "index of a block is too large");
    buf_reset(&w->packed);
    int rc = page_write(w->table.data, w->table.len, w->zstd, &w->packed, err);
    if (!rc) rc = put(w, w->packed.data, w->packed.len, err);
    return rc ? rc : put(w, footer, sizeof footer, err);
}

int index_write(const struct index_notes *notes, int64_t mint, struct file *file, uint64_t *bytes,
                struct err *err) {
    struct writing w = {.notes = notes, .file = file, .mint = mint, .zstd = zstd_writer_create(LEVEL)};
    uint8_t header[FILE_HEADER];
    buf_init(&w.page, PAGE_MAX_BYTES);
    buf_init(&w.packed, 2 * PAGE_MAX_BYTES);
    buf_init(&w.table, PAGE_MAX_BYTES);
    file_header_write(INDEX_MAGIC, header);
    int rc = put(&w, header, sizeof header, err);
    if (!rc) rc = put_symbols(&w, err);
    if (!rc) rc = put_series(&w, err);
    if (!rc) rc = put_values(&w, err);
    if (!rc) rc = put_table(&w, err);
    if (!rc) *bytes = w.offset;
    buf_release(&w.page);
    buf_release(&w.packed);
    buf_release(&w.table);
    mem_free(w.order);
    mem_free(w.ranks);
    zstd_writer_destroy(w.zstd);
    return rc;
}
