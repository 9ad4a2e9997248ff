// links: storage_block
/*
 * Any bytes are an index that is refused or one that can be read through: symbols, series, values. Input: the
 * index file behind its header, up to the footer. Checksums of pages that have room for one are made good,
 * from the front, as far as the lengths lead; the last 4 bytes say where the table is.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "storage/block/index.h"
#include "storage/block/layout.h"
#include "storage/block/page.h"
#include "tests/fuzz/one_file.h"

#define READ_MOST 300u /* of each kind: an index may claim many */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal_pages(uint8_t *bytes, size_t len) {
    size_t at = FILE_HEADER;
    while (len - at >= PAGE_HEADER) {
        size_t stored = load_u32(bytes + at);
        if (stored > len - at - PAGE_HEADER) return;
        store_u32(bytes + at + 8, crc32c(crc32c(0, bytes + at, 8), bytes + at + PAGE_HEADER, stored));
        at += PAGE_HEADER + stored;
    }
}

static int each_value(void *context, uint32_t value, uint64_t count, struct cursor list, struct err *err) {
    const struct index *index = context;
    (void)err;
    ASSERT(value < index->symbols && count <= index->series);
    for (uint64_t i = 0; i < count; i++) (void)cursor_varint(&list);
    return 0;
}

static void read_symbols(struct index *index) {
    for (uint32_t i = 0; i < index->symbols && i < READ_MOST; i++) {
        struct arena arena;
        struct span text;
        uint32_t found;
        arena_init(&arena, 1 << 20, NULL);
        if (index_symbol(index, i, &arena, &text, NULL) == 0)
            (void)index_find_symbol(index, text, &found, NULL);
        arena_release(&arena);
    }
}

static void read_through(struct index *index) {
    read_symbols(index);
    for (uint32_t i = 0; i < index->series && i < READ_MOST; i++) {
        struct index_series series;
        if (index_series_read(index, i, &series, NULL)) continue;
        for (size_t k = 0; k < series.page_count; k++)
            ASSERT(series.pages[k].count >= 1 && series.pages[k].mint <= series.pages[k].maxt);
        for (size_t k = 0; k < series.label_count; k++) ASSERT(series.labels[k] < index->symbols);
        index_series_release(&series);
    }
    for (uint32_t i = 0; i < index->name_count && i < READ_MOST; i++)
        (void)index_values(index, &index->names[i], 0, UINT32_MAX - 1, each_value, index, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct one_file one;
    struct index index;
    if (size < 4) return 0;
    size_t body = size - 4, len = FILE_HEADER + body + FOOTER_BYTES;
    uint8_t *bytes = mem_zalloc(len), *footer = bytes + FILE_HEADER + body;
    file_header_write(INDEX_MAGIC, bytes);
    memcpy(bytes + FILE_HEADER, data, body);
    seal_pages(bytes, FILE_HEADER + body);
    store_u64(footer, load_u32(data + body));
    store_u32(footer + 8, crc32c(0, footer, 8));
    int rc = index_open(&index, one_file_init(&one, bytes, len), "input", 1000, NULL);
    ASSERT(rc == 0);
    rc = index_load(&index, NULL);
    ASSERT(rc == 0 || rc == ERR_CORRUPT);
    if (rc == 0) read_through(&index);
    index_close(&index);
    mem_free(bytes);
    return 0;
}
