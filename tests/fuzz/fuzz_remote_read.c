// links: storage_remote
/*
 * Any bytes as a remote read: a request that keeps its limits, or an error; memory given back. The first byte
 * says what is done: 0 the rest is the block itself, else it is packed into one.
 */
#include "lib/base/assert.h"
#include "lib/codec/snappy.h"
#include "storage/remote/read_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct read_request *request) {
    size_t matchers = 0;
    ASSERT(request->form == READ_SAMPLES || request->form == READ_CHUNKS);
    ASSERT(request->query_count <= READ_QUERIES_MAX);
    for (size_t i = 0; i < request->query_count; i++) {
        matchers += request->queries[i].matcher_count;
        for (size_t m = 0; m < request->queries[i].matcher_count; m++)
            (void)matcher_matches(&request->queries[i].matchers[m], SPAN("eu"));
    }
    ASSERT(matchers <= READ_MATCHERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct label items[] = {{SPAN("zone"), SPAN("eu")}};
    if (size == 0) return 0;
    struct span rest = span_of((const char *)data + 1, size - 1);
    struct read_request request;
    struct budget budget;
    struct arena arena;
    struct buf packed;
    struct err err = {0};
    budget_init(&budget, "fuzzing", (size_t)64 << 20, NULL);
    arena_init(&arena, SIZE_MAX, &budget);
    buf_init(&packed, (size_t)1 << 24);
    if (data[0]) {
        ASSERT(snappy_write(rest, &packed, NULL) == 0);
        rest = buf_view(&packed);
    }
    int rc = read_request_read(rest, (struct labels){items, 1}, &arena, &request, &err);
    if (rc)
        ASSERT((rc == ERR_INVALID || rc == ERR_LIMIT) && err.text[0]);
    else
        check(&request);
    read_request_release(&request);
    arena_release(&arena);
    buf_release(&packed);
    ASSERT(atomic_load(&budget.used_bytes) == 0);
    return 0;
}
