/*
 * fuzz_remote_answer.c - any bytes as the answer to a remote read: series whose samples ascend, or an error;
 * memory given back. The first byte says what is done: even, the rest is the block itself, else it is packed
 * into one; its other bits which labels are taken off.
 */
// links: storage_ask
#include "lib/base/assert.h"
#include "lib/codec/snappy.h"
#include "storage/ask/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_series(struct series_set *set, size_t index) {
    struct columns columns;
    struct arena arena;
    struct labels labels;
    struct hash128 identity;
    columns_init(&columns, NULL);
    arena_init(&arena, SIZE_MAX, NULL);
    ASSERT(series_set_labels(set, index, &arena, &labels, NULL) == 0);
    ASSERT(series_set_identity(set, index, &identity, NULL) == 0);
    ASSERT(series_set_read(set, index, INT64_MIN, INT64_MAX, &columns, NULL) == 0);
    for (size_t i = 1; i < columns.count; i++) ASSERT(columns.times_ms[i] > columns.times_ms[i - 1]);
    arena_release(&arena);
    columns_release(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct label items[] = {{SPAN("zone"), SPAN("eu")}};
    if (size == 0) return 0;
    struct span rest = span_of((const char *)data + 1, size - 1);
    struct question question = {.external = {items, data[0] >> 1 & 1},
                                .replica = data[0] & 4 ? SPAN("replica") : SPAN("")};
    struct series_set *set;
    struct budget budget;
    struct buf packed;
    struct err err = {0};
    budget_init(&budget, "fuzzing", (size_t)64 << 20, NULL);
    buf_init(&packed, (size_t)1 << 24);
    if (data[0] & 1) {
        ASSERT(snappy_write(rest, &packed, NULL) == 0);
        rest = buf_view(&packed);
    }
    int rc = answer_read(&question, rest, &budget, &set, &err);
    if (rc) {
        ASSERT(err.text[0]);
    } else {
        for (size_t i = 0; i < set->count; i++) check_series(set, i);
        series_set_close(set);
    }
    buf_release(&packed);
    ASSERT(atomic_load(&budget.used_bytes) == 0);
    return 0;
}
