// links: storage_chunk
/*
 * Any bytes decode to an error or to columns; columns that decode are packed again and come back the same.
 * Input: encoding, count, bytes.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "storage/chunk/chunk.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t count = 1 + data[1] % CHUNK_SAMPLES;
    int64_t times[CHUNK_SAMPLES];
    double values[CHUNK_SAMPLES];
    struct err err;
    int rc = chunk_decode(data[0], data + 2, size - 2, count, times, values, &err);
    if (rc == 0) pack_again(times, values, count);
    return 0;
}
