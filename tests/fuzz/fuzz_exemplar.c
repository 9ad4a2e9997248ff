// links: storage_exemplar
/*
 * Any bytes read as exemplars (first byte even) or metadata end in an error or in items that are written and
 * read back the same.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "storage/exemplar/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_exemplars(const uint8_t *data, size_t size) {
    struct cursor cursor = cursor_of(data, size);
    struct arena arena;
    struct labels series, series_back;
    struct exemplar exemplar, back;
    struct err err;
    struct buf out;
    arena_init(&arena, 16 << 20, NULL);
    buf_init(&out, 1 << 20);
    while (exemplar_read(&cursor, &arena, &series, &exemplar, &err) == 1) {
        buf_reset(&out);
        if (!exemplar_write(&out, series, &exemplar)) break;
        struct cursor again = cursor_of(out.data, out.len);
        ASSERT(exemplar_read(&again, &arena, &series_back, &back, &err) == 1);
        ASSERT(labels_equal(series, series_back) && labels_equal(exemplar.labels, back.labels));
        ASSERT(exemplar.time_ms == back.time_ms && double_bits(exemplar.value) == double_bits(back.value));
        arena_release(&arena);
    }
    arena_release(&arena);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    if (data[0] % 2 == 0) {
        read_exemplars(data + 1, size - 1);
        return 0;
    }
    struct cursor cursor = cursor_of(data + 1, size - 1);
    struct metric_metadata item;
    struct err err;
    size_t bytes = 0;
    while (metadata_read(&cursor, &item, &err) == 1)
        bytes += item.family.len + item.type.len + item.unit.len + item.help.len;
    ASSERT(bytes < size);
    return 0;
}
