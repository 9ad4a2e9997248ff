#include "storage/chunk/histogram_chunk.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "storage/chunk/histogram_code.h"

struct histogram_chunk *histogram_chunk_create(void) {
    struct histogram_chunk *chunk = mem_zalloc(sizeof *chunk);
    buf_init(&chunk->bytes, HISTOGRAM_CHUNK_MAX_BYTES);
    return chunk;
}

void histogram_chunk_destroy(struct histogram_chunk *chunk) {
    if (!chunk) return;
    buf_release(&chunk->bytes);
    mem_free(chunk->last);
    mem_free(chunk);
}

static bool is_known_to_continue(const struct chunk_state *state, const struct histogram_chunk *chunk,
                                 const struct histogram *histogram) {
    return histogram->reset == HISTOGRAM_RESET_UNKNOWN && chunk->last && state->last_bits != STALE_BITS &&
           !value_is_stale(histogram->sum) && chunk->last->reset != HISTOGRAM_RESET_GAUGE &&
           histogram_continues(chunk->last, histogram);
}

enum chunk_result histogram_chunk_append(struct chunk_state *state, struct histogram_chunk *chunk,
                                         int64_t time, const struct histogram *sample) {
    if (state->count == CHUNK_SAMPLES || chunk->bytes.len > HISTOGRAM_CHUNK_BYTES) return CHUNK_FULL;
    struct histogram told = *sample, *histogram = &told;
    if (is_known_to_continue(state, chunk, sample)) told.reset = HISTOGRAM_RESET_NO;
    uint64_t step = (uint64_t)time - (state->count ? (uint64_t)state->last_time : 0);
    buf_zigzag(&chunk->bytes, (int64_t)(step - state->time_step));
    histogram_code_put(&chunk->bytes, histogram, chunk->last);
    state->time_step = state->count ? chunk_kept_step(step) : 0;
    state->encoding = CHUNK_HISTOGRAM;
    state->last_time = time;
    state->last_bits = double_bits(histogram->sum);
    state->count++;
    if (value_is_stale(histogram->sum)) return CHUNK_STORED;
    mem_free(chunk->last);
    chunk->last = histogram_clone(histogram);
    return CHUNK_STORED;
}

bool histogram_chunk_is_last(const struct chunk_state *state, const struct histogram_chunk *chunk,
                             const struct histogram *histogram) {
    if (double_bits(histogram->sum) != state->last_bits) return false;
    if (state->last_bits == STALE_BITS) return true;
    struct histogram told = *histogram;
    if (chunk->last && told.reset == HISTOGRAM_RESET_UNKNOWN && chunk->last->reset == HISTOGRAM_RESET_NO)
        told.reset = HISTOGRAM_RESET_NO; /* noted when it came */
    return chunk->last && histogram_equal(chunk->last, &told);
}

int64_t histogram_chunk_first_time(const struct histogram_chunk *chunk) {
    struct cursor cursor = cursor_of(chunk->bytes.data, chunk->bytes.len);
    return cursor_zigzag(&cursor);
}

struct reading {
    struct cursor cursor;
    struct histogram_decoder *decoder;
    uint64_t time, step;
    size_t done;
};

static bool next(struct reading *r, struct histogram *sample) {
    r->step += (uint64_t)cursor_zigzag(&r->cursor);
    r->time += r->step;
    r->step = r->done++ == 0 ? 0 : chunk_kept_step(r->step);
    return !r->cursor.failed && histogram_code_get(r->decoder, &r->cursor, sample);
}

static int bad(size_t count, size_t len, struct err *err) {
    return err_set(err, ERR_CORRUPT, "chunk of %zu histograms does not fit its %zu bytes", count, len);
}

int histogram_chunk_decode(const uint8_t *bytes, size_t len, size_t count, int64_t mint, int64_t maxt,
                           struct columns *columns, struct err *err) {
    struct reading r = {.cursor = cursor_of(bytes, len), .decoder = histogram_decoder_create()};
    struct histogram sample;
    int rc = 0;
    while (!rc && r.done < count) {
        if (!next(&r, &sample))
            rc = bad(count, len, err);
        else if ((int64_t)r.time >= mint && (int64_t)r.time <= maxt)
            rc = columns_add_histogram(columns, (int64_t)r.time, &sample, err);
    }
    histogram_decoder_destroy(r.decoder);
    return rc;
}

int histogram_chunk_restore(const struct chunk_state *state, const uint8_t *bytes, size_t len,
                            struct histogram_chunk **chunk, struct err *err) {
    struct reading r = {.cursor = cursor_of(bytes, len), .decoder = histogram_decoder_create()};
    struct histogram sample;
    bool fits = state->count > 0;
    while (fits && r.done < state->count) fits = next(&r, &sample);
    fits = fits && !cursor_left(&r.cursor) && (int64_t)r.time == state->last_time &&
           double_bits(sample.sum) == state->last_bits;
    if (fits) {
        struct histogram_chunk *made = histogram_chunk_create();
        const struct histogram *last = histogram_decoder_last(r.decoder);
        buf_append(&made->bytes, bytes, len);
        made->last = last ? histogram_clone(last) : NULL;
        *chunk = made;
    }
    histogram_decoder_destroy(r.decoder);
    return fits ? 0 : bad(state->count, len, err);
}
