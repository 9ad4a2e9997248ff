#pragma once
/*
 * histogram_chunk.h - up to 120 native histograms of one series, packed as they come.
 *
 *     | step of time, histogram | step of time, histogram | ...        bytes, not bits
 *
 * Times as the change of the step against the step before, zigzag; histograms as histogram_code.h has them.
 * chunk_state goes along as it does for floats, with encoding CHUNK_HISTOGRAM; last_bits are those of the
 * sum. The chunk owns its bytes, and the last histogram, against which the next is coded.
 */
#include "lib/base/buf.h"
#include "lib/model/queryable.h"
#include "storage/chunk/chunk.h"

/* a chunk this large takes no further sample; one sample may be larger */
#define HISTOGRAM_CHUNK_BYTES ((size_t)16 << 10)
#define HISTOGRAM_CHUNK_MAX_BYTES ((size_t)4 << 20)

struct histogram_chunk {
    struct buf bytes;
    struct histogram *last; /* in one piece of heap; NULL: none but staleness markers came */
};

struct histogram_chunk *histogram_chunk_create(void);
void histogram_chunk_destroy(struct histogram_chunk *chunk);
/* CHUNK_STORED or CHUNK_FULL. Of a histogram that does not say whether its counter was reset, it is noted
 * when it was not, against the one before in the chunk (as Prometheus tells of samples in one chunk). time
 * must be after the last one (not checked). */
enum chunk_result histogram_chunk_append(struct chunk_state *state, struct histogram_chunk *chunk,
                                         int64_t time, const struct histogram *histogram);
/* the sample that came last: has it this value? */
bool histogram_chunk_is_last(const struct chunk_state *state, const struct histogram_chunk *chunk,
                             const struct histogram *histogram);
/* of a chunk with samples */
int64_t histogram_chunk_first_time(const struct histogram_chunk *chunk);
/* Samples in [mint, maxt] are appended to columns. ERR_CORRUPT, ERR_LIMIT: some may have been. The bytes may
 * be anything, and more than the samples need. */
int histogram_chunk_decode(const uint8_t *bytes, size_t len, size_t count, int64_t mint, int64_t maxt,
                           struct columns *columns, struct err *err);
/* an open chunk of an earlier run; ERR_CORRUPT: the bytes are not these samples */
int histogram_chunk_restore(const struct chunk_state *state, const uint8_t *bytes, size_t len,
                            struct histogram_chunk **chunk, struct err *err);
