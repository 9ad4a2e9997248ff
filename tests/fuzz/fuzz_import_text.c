// links: storage_remote
/*
 * Any bytes as a text to be imported: nothing of it or rows under sound labels, memory given back. The first
 * byte says which format.
 */
#include "lib/base/assert.h"
#include "storage/remote/intake.h"
#include "tests/unit/storage/remote/fake_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context) {
    (void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct fake_store store;
    struct intake *intake = intake_create(NULL, NULL);
    struct intake_request *request;
    struct err err = {0};
    fake_store_init(&store);
    struct intake_form form = {(enum intake_text)(data[0] % 3), 1000, data[0] & 4 ? 1 : 60000000000,
                               data[0] & 8 ? SPAN("base") : SPAN("")};
    int rc = intake_read_text(intake, span_of((const char *)data + 1, size - 1), &form, &request, &err);
    ASSERT(rc == 0 || ((rc == ERR_INVALID || rc == ERR_LIMIT) && err.text[0]));
    if (!rc) {
        (void)intake_append(request, &store.port, ignore, NULL);
        rc = intake_finish(request, &err);
        ASSERT(rc == 0 || rc == ERR_INVALID);
        intake_request_destroy(request);
    }
    for (size_t i = 0; i < store.series.count; i++) {
        struct labels labels = store.series.items[i];
        ASSERT(labels.count > 0);
        for (uint32_t l = 0; l < labels.count; l++)
            ASSERT(labels.items[l].name.len && labels.items[l].value.len &&
                   span_is_utf8(labels.items[l].value));
    }
    ASSERT(intake_memory(intake)->used_bytes == 0);
    fake_store_release(&store);
    intake_destroy(intake);
    return 0;
}
