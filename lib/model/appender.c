#include "lib/model/appender.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

struct append_batch *append_batch_create(size_t capacity, bool with_times, append_done *done, void *context) {
    struct append_batch *batch = mem_zalloc(sizeof *batch);
    batch->capacity = capacity ? capacity : 1;
    batch->refs = mem_resize(NULL, batch->capacity, sizeof *batch->refs);
    batch->values = mem_resize(NULL, batch->capacity, sizeof *batch->values);
    if (with_times) batch->times_ms = mem_resize(NULL, batch->capacity, sizeof *batch->times_ms);
    batch->done = done;
    batch->context = context;
    return batch;
}

void append_batch_destroy(struct append_batch *batch) {
    if (!batch) return;
    mem_free(batch->refs);
    mem_free(batch->values);
    mem_free(batch->times_ms);
    mem_free(batch->results);
    mem_free(batch);
}

static void grow(struct append_batch *batch) {
    batch->capacity *= 2;
    batch->refs = mem_resize(batch->refs, batch->capacity, sizeof *batch->refs);
    batch->values = mem_resize(batch->values, batch->capacity, sizeof *batch->values);
    if (batch->times_ms)
        batch->times_ms = mem_resize(batch->times_ms, batch->capacity, sizeof *batch->times_ms);
}

void append_batch_add(struct append_batch *batch, struct series_ref ref, double value, int64_t time_ms) {
    ASSERT(batch->results == NULL); /* not while the store has it */
    if (batch->count == batch->capacity) grow(batch);
    batch->refs[batch->count] = ref;
    batch->values[batch->count] = value;
    if (batch->times_ms) batch->times_ms[batch->count] = time_ms;
    batch->count++;
}
