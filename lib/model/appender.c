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

void append_batch_let_go(struct append_batch *batch) {
    if (batch->held) batch->held->ops->let_go(batch->held, batch->hold);
    batch->held = NULL;
}

void append_batch_destroy(struct append_batch *batch) {
    if (!batch) return;
    append_batch_let_go(batch);
    mem_free(batch->refs);
    mem_free(batch->values);
    mem_free(batch->times_ms);
    mem_free(batch->histograms);
    arena_release(&batch->arena);
    mem_free(batch->results);
    mem_free(batch);
}

void append_batch_clear(struct append_batch *batch) {
    mem_free(batch->times_ms);
    mem_free(batch->histograms);
    batch->times_ms = NULL;
    batch->histograms = NULL;
    batch->count = batch->exemplar_count = batch->metadata_count = 0;
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

/* room for one more in an array of the arena, which doubles */
static bool make_place(struct arena *arena, void **items, size_t *capacity, size_t count, size_t size) {
    if (count < *capacity) return true;
    size_t more = *capacity ? *capacity * 2 : 8;
    void *grown = arena_array(arena, more, size);
    if (!grown) return false;
    if (count) memcpy(grown, *items, count * size);
    *items = grown;
    *capacity = more;
    return true;
}

int append_batch_add_exemplar(struct append_batch *batch, struct labels series, size_t row,
                              const struct exemplar *exemplar, struct err *err) {
    struct batch_exemplar copy = {.row = (uint32_t)row, .exemplar = *exemplar};
    void *items = batch->exemplars;
    if (!make_place(&batch->arena, &items, &batch->exemplar_capacity, batch->exemplar_count, sizeof copy))
        return arena_limit(&batch->arena, "a batch of exemplars", err);
    batch->exemplars = items;
    int rc = labels_copy(series, &batch->arena, &copy.series, err);
    if (!rc) rc = labels_copy(exemplar->labels, &batch->arena, &copy.exemplar.labels, err);
    if (!rc) batch->exemplars[batch->exemplar_count++] = copy;
    return rc;
}

static bool copy_text(struct arena *arena, struct span *text) {
    const char *copy = arena_strndup(arena, text->ptr, text->len);
    if (copy) *text = span_of(copy, text->len);
    return copy != NULL;
}

int append_batch_add_metadata(struct append_batch *batch, const struct metric_metadata *item,
                              struct err *err) {
    struct metric_metadata copy = *item;
    void *items = batch->metadata;
    bool fits =
        make_place(&batch->arena, &items, &batch->metadata_capacity, batch->metadata_count, sizeof copy);
    batch->metadata = items;
    fits = fits && copy_text(&batch->arena, &copy.family) && copy_text(&batch->arena, &copy.type) &&
           copy_text(&batch->arena, &copy.help) && copy_text(&batch->arena, &copy.unit);
    if (!fits) return arena_limit(&batch->arena, "a batch of metadata", err);
    batch->metadata[batch->metadata_count++] = copy;
    return 0;
}
