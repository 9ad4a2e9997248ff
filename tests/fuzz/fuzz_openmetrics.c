// links: lib_expose
/* fuzz_openmetrics.c - a whole exposition: every entry, its value and its labels; spans must lie in the body.
 */
#include "lib/base/assert.h"
#include "lib/expose/expose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct expose_reader reader;
    struct expose_entry entry;
    expose_reader_init(&reader, EXPOSE_OPENMETRICS, span_of((const char *)data, size));
    while (expose_next(&reader, &entry, NULL) == 0 && entry.kind != EXPOSE_END) {
        struct arena arena;
        struct labels labels;
        double value;
        if (entry.kind != EXPOSE_SERIES) continue;
        ASSERT(entry.series.ptr >= (const char *)data &&
               entry.series.ptr + entry.series.len <= (const char *)data + size);
        (void)expose_value(&reader, entry.value, &value, NULL); /* both may refuse */
        arena_init(&arena, 1 << 20, NULL);
        if (expose_labels(entry.series, reader.type, &arena, &labels, NULL) == 0)
            for (uint32_t i = 1; i < labels.count; i++)
                ASSERT(span_compare(labels.items[i - 1].name, labels.items[i].name) < 0);
        arena_release(&arena);
    }
    return 0;
}
