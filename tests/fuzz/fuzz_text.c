// links: lib_expose
/* fuzz_text.c - a whole exposition: every entry, its value and its labels; spans must lie in the body. */
#include "lib/base/assert.h"
#include "lib/expose/expose.h"

#include <string.h>

/* who knows the series beforehand reads the same */
static void read_known(struct expose_reader reader, const struct expose_entry *plain) {
    struct expose_entry entry;
    struct span line = span_of(reader.body.ptr + reader.at, reader.body.len - reader.at);
    if (plain->series.ptr != line.ptr) return; /* empty lines and comments before it */
    struct span series = expose_peek(&reader, plain->series.len);
    if (!series.len) return; /* a value that begins with a brace */
    struct expose_reader shortcut = reader;
    ASSERT(expose_next_known(&reader, series, &entry, NULL) == 0);
    ASSERT(memcmp(&entry, plain, sizeof entry) == 0);
    double taken, value;
    if (!expose_take_plain(&shortcut, series.len, &taken)) return;
    ASSERT(shortcut.at == reader.at && shortcut.line == reader.line && !entry.has_time);
    ASSERT(expose_value(&reader, entry.value, &value, NULL) == 0 &&
           memcmp(&taken, &value, sizeof value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct expose_reader reader;
    struct expose_entry entry;
    expose_reader_init(&reader, EXPOSE_TEXT, span_of((const char *)data, size));
    for (;;) {
        struct expose_reader before = reader;
        if (expose_next(&reader, &entry, NULL) || entry.kind == EXPOSE_END) break;
        struct arena arena;
        struct labels labels;
        double value;
        if (entry.kind != EXPOSE_SERIES) continue;
        read_known(before, &entry);
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
