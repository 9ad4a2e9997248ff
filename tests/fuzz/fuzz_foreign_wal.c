// links: storage_foreign
/*
 * Any bytes are a segment that is read up to where it is damaged; and, as a record, samples or an error.
 */
#include "lib/base/assert.h"
#include "storage/foreign/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int series(void *context, uint64_t reference, struct labels labels, struct err *err) {
    (void)context, (void)reference, (void)err;
    for (uint32_t i = 1; i < labels.count; i++)
        ASSERT(span_compare(labels.items[i - 1].name, labels.items[i].name) < 0);
    return 0;
}

static int sample(void *context, uint64_t reference, int64_t time_ms, double value, struct err *err) {
    (void)context, (void)reference, (void)time_ms, (void)value, (void)err;
    return 0;
}

static int histogram(void *context, uint64_t reference, int64_t time_ms, const struct histogram *histogram,
                     struct err *err) {
    (void)context, (void)reference, (void)time_ms, (void)err;
    ASSERT(histogram_check(histogram, NULL) == 0);
    return 0;
}

static int deletion(void *context, uint64_t reference, int64_t mint, int64_t maxt, struct err *err) {
    (void)context, (void)reference, (void)mint, (void)maxt, (void)err;
    return 0;
}

static int record(struct span bytes, void *context, struct err *err) {
    static const struct foreign_record_sink sink = {series, sample, histogram, deletion};
    return foreign_record_read(bytes, &sink, context, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct span bytes = span_of((const char *)data, size);
    (void)foreign_wal_bytes(bytes, record, NULL, &err);
    (void)record(bytes, NULL, &err);
    return 0;
}
