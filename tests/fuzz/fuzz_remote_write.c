/*
 * fuzz_remote_write.c - any bytes as a remote write request of either version, to a store whose references go
 * stale now and then: no crash, memory given back, every stored row under sound labels.
 *
 * The first byte says what is done: 0 the rest is the block itself, else the rest is packed into one; its
 * other bits make references stale.
 */
// links: storage_remote
#include "lib/base/assert.h"
#include "lib/codec/snappy.h"
#include "storage/remote/intake.h"
#include "tests/unit/storage/remote/fake_store.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context) {
    (void)context;
}

static void check_labels(struct labels labels) {
    ASSERT(labels.count > 0);
    for (uint32_t i = 0; i < labels.count; i++) {
        ASSERT(labels.items[i].name.len && labels.items[i].value.len);
        ASSERT(span_is_utf8(labels.items[i].name) && span_is_utf8(labels.items[i].value));
        ASSERT(i == 0 || span_compare(labels.items[i - 1].name, labels.items[i].name) < 0);
    }
}

static void take(struct intake *intake, struct fake_store *store, struct span packed, bool is_second,
                 uint8_t stale) {
    struct intake_request *request;
    struct err err = {0};
    int rc = (is_second ? intake_read_second : intake_read)(intake, packed, &request, &err);
    ASSERT(rc == 0 || rc == ERR_INVALID || rc == ERR_LIMIT);
    if (rc) return;
    for (size_t i = 0; i < store->generations.count; i++)
        if (stale >> (i & 7) & 1) store->generations.items[i]++;
    (void)intake_append(request, &store->port, ignore, NULL);
    rc = intake_finish(request, &err);
    ASSERT(rc == 0 || (rc == ERR_INVALID && err.text[0]));
    intake_request_destroy(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct span rest = span_of((const char *)data + 1, size - 1);
    struct fake_store store;
    struct buf packed;
    struct intake *intake = intake_create(NULL, NULL);
    fake_store_init(&store);
    buf_init(&packed, (size_t)1 << 24);
    if (data[0]) {
        ASSERT(snappy_write(rest, &packed, NULL) == 0);
        rest = buf_view(&packed);
    }
    for (int round = 0; round < 4; round++) take(intake, &store, rest, round & 1, (uint8_t)(data[0] & 0xfe));
    for (size_t i = 0; i < store.series.count; i++) check_labels(store.series.items[i]);
    ASSERT(intake_memory(intake)->used_bytes == 0);
    buf_release(&packed);
    fake_store_release(&store);
    intake_destroy(intake);
    return 0;
}
