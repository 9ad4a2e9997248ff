/*
 * append.c - a batch goes into the open chunks.
 *
 * Rows of one page are done under one hold of its lock. What a row becomes depends only on what the series
 * holds, so a replay of the same batches decides the same (rows too far in the future were sorted out before
 * they were logged).
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "storage/head/inside.h"

#include <string.h>

/* what one batch adds to the head's totals */
struct tally {
    uint64_t stored, opened, filled;
    uint64_t out_of_order, duplicates, out_of_bounds;
    int64_t min_time, max_time;
};

static void chunk_close(struct head *head, struct series *series) {
    const struct chunk_state *chunk = &series->chunk;
    struct chunk_info info = {
        .number = series->number,
        .mint = chunk_first_time(series->bytes, chunk_bytes(chunk)),
        .maxt = chunk->last_time,
        .encoding = chunk->encoding,
        .count = chunk->count,
        .len = (uint16_t)chunk_bytes(chunk),
    };
    series_push_full(series, chunk_store_add(&head->chunks, &info, series->bytes));
    slab_free(&head->slab, series->size_class, series->bytes);
    series->bytes = NULL;
    series->size_class = 0;
    chunk_begin(&series->chunk);
}

static void chunk_grow(struct head *head, struct series *series, size_t needed) {
    uint8_t size_class = slab_class(needed);
    uint8_t *bytes = slab_alloc(&head->slab, size_class);
    if (series->bytes) memcpy(bytes, series->bytes, chunk_bytes(&series->chunk));
    slab_free(&head->slab, series->size_class, series->bytes);
    series->bytes = bytes;
    series->size_class = size_class;
}

/* The first chunk of a series ends early, each slot's at another count: else the chunks of all series that a
 * start or a new target created at once would be full, and written, at the same time for ever. */
static bool ends_early(const struct series *series, uint32_t slot) {
    return series->full_count == 0 && series->chunk.count >= 24 + (slot * 2654435761u >> 16) % 96;
}

static void put(struct head *head, struct series *series, uint32_t slot, int64_t time, uint64_t bits,
                struct tally *tally) {
    if (ends_early(series, slot)) {
        chunk_close(head, series);
        tally->filled++;
    }
    for (;;) {
        size_t needed, capacity = series->bytes ? slab_class_bytes(series->size_class) : 0;
        tally->opened += series->chunk.count == 0 && capacity == 0 && series->full_count == 0;
        enum chunk_result result = chunk_append(&series->chunk, series->bytes, capacity, time, bits, &needed);
        if (result == CHUNK_STORED) return;
        if (result == CHUNK_GROW) {
            chunk_grow(head, series, needed);
        } else {
            chunk_close(head, series);
            tally->filled++;
        }
    }
}

static enum append_result judge(const struct series *series, int64_t time, uint64_t bits) {
    const struct chunk_state *chunk = &series->chunk;
    if (chunk->count == 0 || time > chunk->last_time) return APPEND_STORED;
    if (time < chunk->last_time) return APPEND_OUT_OF_ORDER;
    return bits == chunk->last_bits ? APPEND_REPEATED : APPEND_DUPLICATE;
}

static void mark_batch(struct head *head, struct series *series, uint32_t slot, uint64_t sequence,
                       int64_t time) {
    if (mark_sequence(series->mark) == sequence) return;
    commits_keep(&head->commits, slot, series->mark, series->batch_time);
    series->mark = mark_make(sequence, series->mark);
    series->batch_time = time;
}

static enum append_result append_row(struct head *head, struct series *series, uint32_t slot,
                                     uint64_t sequence, int64_t time, uint64_t bits, struct tally *tally) {
    enum append_result result = judge(series, time, bits);
    if (result != APPEND_STORED) return result;
    mark_batch(head, series, slot, sequence, time);
    put(head, series, slot, time, bits, tally);
    if (time < tally->min_time) tally->min_time = time;
    if (time > tally->max_time) tally->max_time = time;
    return APPEND_STORED;
}

static void count_result(struct tally *tally, uint8_t result) {
    switch ((enum append_result)result) {
    case APPEND_STORED: tally->stored++; break;
    case APPEND_DUPLICATE: tally->duplicates++; break;
    case APPEND_OUT_OF_ORDER: tally->out_of_order++; break;
    case APPEND_OUT_OF_BOUNDS: tally->out_of_bounds++; break;
    case APPEND_REPEATED:
    case APPEND_NO_SERIES:
    case APPEND_TOO_OLD: break;
    }
}

/* The end of an open chunk is seldom in a cache: ask for it while other rows are done. Only this thread moves
 * open chunks, so it may look without the lock. */
#define PREFETCH_ROWS 8

static void prefetch_row(const struct head *head, const struct head_rows *rows, size_t i) {
    if (i >= rows->count || rows->results[i] != APPEND_STORED) return;
    const struct series *series = series_of(&head->table, rows->refs[i]);
    if (series && series->bytes) __builtin_prefetch(series->bytes + series->chunk.bit_count / 8, 1);
}

static void append_rows(struct head *head, const struct head_rows *rows, uint64_t sequence,
                        struct tally *tally) {
    struct series_page *page = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        struct series_ref ref = rows->refs[i];
        struct series *series = NULL;
        prefetch_row(head, rows, i + PREFETCH_ROWS);
        if (rows->results[i] == APPEND_STORED) {
            series = series_of(&head->table, ref);
            if (!series) rows->results[i] = APPEND_NO_SERIES;
        }
        if (series) {
            struct series_page *own = series_page(&head->table, ref.slot);
            if (own != page) {
                if (page) mutex_unlock(&page->lock);
                mutex_lock(&own->lock);
                page = own;
            }
            int64_t time = rows->times_ms ? rows->times_ms[i] : rows->time_ms;
            rows->results[i] = (uint8_t)append_row(head, series, ref.slot, sequence, time,
                                                   double_bits(rows->values[i]), tally);
        }
        count_result(tally, rows->results[i]);
    }
    if (page) mutex_unlock(&page->lock);
}

static void add(atomic_uint_least64_t *total, uint64_t amount) {
    if (amount) atomic_fetch_add_explicit(total, amount, memory_order_relaxed);
}

static void add_tally(struct head *head, const struct tally *tally) {
    add(&head->samples, tally->stored);
    add(&head->open_chunks, tally->opened);
    add(&head->full_chunks, tally->filled);
    add(&head->out_of_order, tally->out_of_order);
    add(&head->out_of_bounds, tally->out_of_bounds);
    add(&head->duplicates, tally->duplicates);
    /* only this thread changes them */
    if (tally->min_time < atomic_load(&head->min_time)) atomic_store(&head->min_time, tally->min_time);
    if (tally->max_time > atomic_load(&head->max_time)) atomic_store(&head->max_time, tally->max_time);
}

void head_append(struct head *head, const struct head_rows *rows) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct tally tally = {.min_time = INT64_MAX, .max_time = INT64_MIN};
    uint64_t sequence = commits_begin(&head->commits);
    append_rows(head, rows, sequence, &tally);
    commits_publish(&head->commits, sequence);
    chunk_store_flush(&head->chunks);
    add_tally(head, &tally);
}
