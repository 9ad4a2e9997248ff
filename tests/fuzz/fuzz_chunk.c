// links: storage_chunk
/*
 * Any bytes decode to an error or to columns; columns that decode are packed again and come back the same.
 * Input: encoding, count, bytes.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "storage/chunk/histogram_chunk.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack_again(const int64_t *times, const double *values, size_t count) {
    struct chunk_state state = {0};
    uint8_t bytes[CHUNK_MAX_BYTES];
    size_t needed, stored = 0;
    while (stored < count && chunk_append(&state, bytes, sizeof bytes, times[stored],
                                          double_bits(values[stored]), &needed) == CHUNK_STORED)
        stored++;
    int64_t times_back[CHUNK_SAMPLES];
    double values_back[CHUNK_SAMPLES];
    ASSERT(chunk_decode(state.encoding, bytes, chunk_bytes(&state), stored, times_back, values_back, NULL) ==
           0);
    ASSERT(memcmp(times, times_back, stored * sizeof *times) == 0);
    ASSERT(memcmp(values, values_back, stored * sizeof *values) == 0);
}

/* that there was no reset may have been noted */
static bool is_kept(const struct histogram *stored, const struct histogram *given) {
    struct histogram told = *given;
    if (told.reset == HISTOGRAM_RESET_UNKNOWN && stored->reset == HISTOGRAM_RESET_NO)
        told.reset = HISTOGRAM_RESET_NO;
    return histogram_equal(stored, &told);
}

static void pack_histograms_again(const struct columns *columns) {
    struct chunk_state state = {0};
    struct histogram_chunk *chunk = histogram_chunk_create(), *restored;
    struct columns back;
    for (size_t i = 0; i < columns->count && state.count == i; i++)
        histogram_chunk_append(&state, chunk, columns->times_ms[i], columns->histograms[i]);
    columns_init(&back, NULL);
    const uint8_t *bytes = (const uint8_t *)chunk->bytes.data;
    if (state.count) {
        int rc = histogram_chunk_restore(&state, bytes, chunk->bytes.len, &restored, NULL);
        ASSERT(rc == 0);
        histogram_chunk_destroy(restored);
    }
    int rc = histogram_chunk_decode(bytes, chunk->bytes.len, state.count, INT64_MIN, INT64_MAX, &back, NULL);
    ASSERT(rc == 0 && back.count == state.count);
    for (size_t i = 0; i < back.count; i++) {
        ASSERT(back.times_ms[i] == columns->times_ms[i]);
        bool is_stale = value_is_stale(columns->values[i]);
        ASSERT(is_stale ? value_is_stale(back.values[i])
                        : is_kept(back.histograms[i], columns->histograms[i]));
    }
    columns_release(&back);
    histogram_chunk_destroy(chunk);
}

static void decode_histograms(const uint8_t *data, size_t size, size_t count) {
    struct columns columns;
    struct err err;
    columns_init(&columns, NULL);
    if (histogram_chunk_decode(data, size, count, INT64_MIN, INT64_MAX, &columns, &err) == 0)
        pack_histograms_again(&columns);
    columns_release(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t count = 1 + data[1] % CHUNK_SAMPLES;
    if (data[0] == CHUNK_HISTOGRAM) {
        decode_histograms(data + 2, size - 2, count);
        return 0;
    }
    int64_t times[CHUNK_SAMPLES];
    double values[CHUNK_SAMPLES];
    struct err err;
    int rc = chunk_decode(data[0], data + 2, size - 2, count, times, values, &err);
    if (rc == 0) pack_again(times, values, count);
    return 0;
}
