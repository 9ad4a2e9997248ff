// links: storage_foreign
/*
 * Any bytes are rows or an error; what histograms come out keep the rules of stored ones. Input: encoding,
 * chunk.
 */
#include "lib/base/assert.h"
#include "storage/foreign/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct columns columns;
    struct err err;
    if (size < 1) return 0;
    columns_init(&columns, NULL);
    int rc = foreign_chunk_read(data[0], span_of((const char *)data + 1, size - 1), &columns, &err);
    ASSERT(rc || columns.count <= 65535);
    for (size_t i = 0; i < columns.count; i++)
        if (columns_histogram(&columns, i))
            ASSERT(histogram_check(columns_histogram(&columns, i), NULL) == 0);
    columns_release(&columns);
    return 0;
}
