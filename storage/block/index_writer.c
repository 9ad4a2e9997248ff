#include "storage/block/index_writer.h"

#include "lib/base/bits.h"
#include "lib/base/hash.h"
#include "lib/codec/crc32c.h"
#include "lib/codec/varint.h"
#include "storage/block/layout.h"
#include "storage/block/page.h"

#include <stdlib.h>

#define LEVEL 3

void index_writer_init(struct index_writer *index) {
    *index = (struct index_writer){0};
    arena_init(&index->texts, SIZE_MAX, NULL);
}

void index_writer_release(struct index_writer *index) {
    arena_release(&index->texts);
    vec_release(&index->symbols);
    map_release(&index->by_text);
    vec_release(&index->labels);
    vec_release(&index->pages);
    vec_release(&index->page_ends);
}

/* ---- noting ---- */

static bool text_equal(uint32_t symbol, const void *key, const void *context) {
    return span_equal(((const struct index_writer *)context)->symbols.items[symbol],
                      *(const struct span *)key);
}

static uint32_t symbol_of(struct index_writer *index, struct span text) {
    uint64_t hash = hash_bytes_keyed(text.ptr, text.len);
    uint32_t symbol = map_find(&index->by_text, hash, &text, text_equal, index);
    if (symbol != MAP_NONE) return symbol;
    symbol = (uint32_t)index->symbols.count;
    *vec_push(&index->symbols) = span_of(arena_strndup(&index->texts, text.ptr, text.len), text.len);
    map_insert(&index->by_text, hash, symbol);
    return symbol;
}

void index_writer_page(struct index_writer *index, struct page_ref page) {
    *vec_push(&index->pages) = page;
}

static int compare_with_last(const struct index_writer *index, struct labels labels) {
    const uint32_t *last = index->labels.items + index->last;
    uint32_t count = *last++;
    for (uint32_t i = 0; i < count && i < labels.count; i++) {
        int order = span_compare(index->symbols.items[last[2 * i]], labels.items[i].name);
        if (!order) order = span_compare(index->symbols.items[last[2 * i + 1]], labels.items[i].value);
        if (order) return order;
    }
    return count < labels.count ? -1 : count > labels.count;
}

int index_writer_check(const struct index_writer *index, struct labels labels, struct err *err) {
    if (index->series && compare_with_last(index, labels) >= 0)
        return err_set(err, ERR_INVALID, "series of a block are not in the order of their labels");
    if (index->series == UINT32_MAX - 1 || index->symbols.count > UINT32_MAX / 2)
        return err_set(err, ERR_LIMIT, "a block has too many series");
    return 0;
}

void index_writer_series(struct index_writer *index, struct labels labels) {
    index->last = index->labels.count;
    *vec_push(&index->labels) = labels.count;
    for (uint32_t i = 0; i < labels.count; i++) {
        uint32_t name = symbol_of(index, labels.items[i].name),
                 value = symbol_of(index, labels.items[i].value);
        *vec_push(&index->labels) = name;
        *vec_push(&index->labels) = value;
    }
    *vec_push(&index->page_ends) = (uint32_t)index->pages.count;
    index->series++;
}

/* ---- the file ---- */

struct writing {
    struct index_writer *index;
    struct file *file;
    struct zstd_writer *zstd;
    uint64_t offset;
    int64_t mint;
    uint32_t *order, *ranks; /* symbols by rank; rank of each */
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
    const struct index_writer *index = context;
    return span_compare(index->symbols.items[*(const uint32_t *)a],
                        index->symbols.items[*(const uint32_t *)b]);
}

static int put_symbols(struct writing *w, struct err *err) {
    uint32_t count = (uint32_t)w->index->symbols.count;
    w->order = mem_array(count, sizeof *w->order);
    w->ranks = mem_array(count, sizeof *w->ranks);
    for (uint32_t i = 0; i < count; i++) w->order[i] = i;
    if (count) qsort_r(w->order, count, sizeof *w->order, compare_symbols, w->index);
    put_u32(&w->table, count);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < count; i++) {
        struct span text = w->index->symbols.items[w->order[i]];
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

static int put_series(struct writing *w, struct err *err) {
    const struct index_writer *index = w->index;
    const uint32_t *labels = index->labels.items;
    uint32_t page = 0;
    uint64_t group = 0;
    int rc = 0;
    put_u32(&w->table, (uint32_t)index->series);
    for (size_t i = 0; !rc && i < index->series; i++) {
        uint32_t end = index->page_ends.items[i], count = *labels++;
        buf_varint(&w->page, count);
        for (uint32_t j = 0; j < 2 * count; j++) buf_varint(&w->page, w->ranks[*labels++]);
        buf_varint(&w->page, end - page);
        for (; page < end; page++) put_page_ref(w, &index->pages.items[page], &group);
        if (i % SERIES_A_PAGE == SERIES_A_PAGE - 1 || i == index->series - 1) {
            rc = end_page(w, err);
            group = 0;
        }
    }
    return rc;
}

/* a label of a series, for the postings */
struct posting {
    uint32_t name, value, series; /* ranks; index */
};

static int compare_postings(const void *a, const void *b) {
    const struct posting *left = a, *right = b;
    if (left->name != right->name) return left->name < right->name ? -1 : 1;
    if (left->value != right->value) return left->value < right->value ? -1 : 1;
    return left->series < right->series ? -1 : left->series > right->series;
}

static struct posting *collect_postings(const struct writing *w, size_t *count) {
    const struct index_writer *index = w->index;
    const uint32_t *labels = index->labels.items;
    size_t total = (index->labels.count - index->series) / 2, at = 0;
    struct posting *postings = mem_array(total, sizeof *postings);
    for (uint32_t i = 0; i < index->series; i++) {
        for (uint32_t left = *labels++; left; left--, labels += 2)
            postings[at++] = (struct posting){w->ranks[labels[0]], w->ranks[labels[1]], i};
    }
    if (total) qsort(postings, total, sizeof *postings, compare_postings);
    *count = total;
    return postings;
}

static size_t same_name(const struct posting *postings, size_t count) {
    size_t n = 1;
    while (n < count && postings[n].name == postings[0].name) n++;
    return n;
}

static size_t same_value(const struct posting *postings, size_t count) {
    size_t n = 1;
    while (n < count && postings[n].value == postings[0].value) n++;
    return n;
}

static void put_value(struct writing *w, const struct posting *postings, size_t count) {
    struct buf list;
    uint32_t before = 0;
    buf_init(&list, PAGE_MAX_BYTES);
    for (size_t i = 0; i < count; i++) {
        buf_varint(&list, postings[i].series - before);
        before = postings[i].series;
    }
    buf_varint(&w->page, postings[0].value);
    buf_varint(&w->page, count);
    buf_varint(&w->page, list.len);
    buf_span(&w->page, buf_view(&list));
    w->page.failed |= list.failed;
    buf_release(&list);
}

/* table: name, number of values, number of pages, then of each page the first value and the offset */
static int put_name(struct writing *w, const struct posting *postings, size_t count, struct err *err) {
    uint32_t values = 0, pages = 0;
    size_t counts_at = w->table.len + 4;
    int rc = 0;
    put_u32(&w->table, postings->name);
    put_u64(&w->table, 0);
    for (size_t i = 0, n; !rc && i < count; i += n) {
        n = same_value(postings + i, count - i);
        if (!w->page.len) put_u32(&w->table, postings[i].value);
        put_value(w, postings + i, n);
        values++;
        if (w->page.len < VALUES_PAGE_BYTES && i + n < count) continue;
        rc = end_page(w, err);
        pages++;
    }
    if (rc) return rc;
    store_u32(w->table.data + counts_at, values);
    store_u32(w->table.data + counts_at + 4, pages);
    return 0;
}

static int put_values(struct writing *w, struct err *err) {
    size_t count, names_at = w->table.len;
    struct posting *postings = collect_postings(w, &count);
    uint32_t names = 0;
    int rc = 0;
    put_u32(&w->table, 0);
    for (size_t i = 0, n; !rc && i < count; i += n) {
        n = same_name(postings + i, count - i);
        rc = put_name(w, postings + i, n, err);
        names++;
    }
    if (!rc && !w->table.failed) store_u32(w->table.data + names_at, names);
    mem_free(postings);
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

int index_writer_end(struct index_writer *index, int64_t mint, struct file *file, uint64_t *bytes,
                     struct err *err) {
    struct writing w = {.index = index, .file = file, .mint = mint, .zstd = zstd_writer_create(LEVEL)};
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
