#include "lib/model/appender.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <string.h>

#define APPEND_HISTOGRAM_BYTES ((size_t)256 << 20)

struct append_batch *append_batch_create(size_t capacity, bool with_times, append_done *done, void *context) {
    struct append_batch *batch = mem_zalloc(sizeof *batch);
    batch->capacity = capacity ? capacity : 1;
    batch->refs = mem_resize(NULL, batch->capacity, sizeof *batch->refs);
    batch->values = mem_resize(NULL, batch->capacity, sizeof *batch->values);
    if (with_times) batch->times_ms = mem_resize(NULL, batch->capacity, sizeof *batch->times_ms);
    arena_init(&batch->arena, APPEND_HISTOGRAM_BYTES, NULL);
    batch->done = done;
    batch->context = context;
    return batch;
}

void append_batch_destroy(struct append_batch *batch) {
    if (!batch) return;
    mem_free(batch->refs);
    mem_free(batch->values);
    mem_free(batch->times_ms);
    mem_free(batch->histograms);
    arena_release(&batch->arena);
    mem_free(batch->results);
    mem_free(batch);
}

static void grow(struct append_batch *batch) {
    if (batch->histograms) {
        batch->histograms = mem_resize(batch->histograms, batch->capacity * 2, sizeof *batch->histograms);
        memset(batch->histograms + batch->capacity, 0, batch->capacity * sizeof *batch->histograms);
    }
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

int append_batch_add_histogram(struct append_batch *batch, struct series_ref ref,
                               const struct histogram *histogram, int64_t time_ms, struct err *err) {
    struct histogram *copy = histogram_copy(histogram, &batch->arena);
    if (!copy) return arena_limit(&batch->arena, "a batch of histograms", err);
    append_batch_add(batch, ref, histogram->sum, time_ms);
    if (!batch->histograms) batch->histograms = mem_array(batch->capacity, sizeof *batch->histograms);
    batch->histograms[batch->count - 1] = copy;
    return 0;
}
