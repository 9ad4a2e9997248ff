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
    uint64_t stored, opened, filled, late;
    uint64_t out_of_order, duplicates, out_of_bounds, too_old, no_series;
    int64_t min_time, max_time;
};

static void close_histograms(struct head *head, struct series *series) {
    struct histogram_chunk *histograms = series->histograms;
    const struct chunk_state *chunk = &series->chunk;
    struct chunk_info info = {
        .number = series->number,
        .mint = histogram_chunk_first_time(histograms),
        .maxt = chunk->last_time,
        .encoding = chunk->encoding,
        .count = chunk->count,
        .len = (uint32_t)histograms->bytes.len,
    };
    series_push_full(series, chunk_store_add(&head->chunks, &info, (uint8_t *)histograms->bytes.data));
    histogram_chunk_destroy(histograms);
    series->histograms = NULL;
    chunk_begin(&series->chunk);
}

static void close_floats(struct head *head, struct series *series, uint32_t slot) {
    const struct chunk_state *chunk = &series->chunk;
    const uint8_t *bytes = series_bytes(&head->table, slot);
    struct chunk_info info = {
        .number = series->number,
        .mint = chunk_first_time(bytes, chunk_bytes(chunk)),
        .maxt = chunk->last_time,
        .encoding = chunk_encoding(chunk),
        .count = chunk->count,
        .len = (uint32_t)chunk_bytes(chunk),
    };
    series_push_full(series, chunk_store_add(&head->chunks, &info, bytes));
    run_free(&head->table, slot);
    chunk_begin(&series->chunk);
}

static void chunk_close(struct head *head, struct series *series, uint32_t slot, struct tally *tally) {
    if (series_has_histograms(series))
        close_histograms(head, series);
    else
        close_floats(head, series, slot);
    tally->filled++;
}

/* The first chunk of a series ends early, at another count from one run of slots to the next: else the chunks
 * of all series that a start or a new target created at once would be full, and written, at the same time for
 * ever. Those of a run stay together: their chunks are neighbours in the file (windows.h). */
static bool ends_early(const struct series *series, uint32_t slot) {
    return series->full_count == 0 &&
           series->chunk.count >= 24 + (slot / RUN_SERIES * 2654435761u >> 16) % 96;
}

static void put_float(struct head *head, struct series *series, uint32_t slot, int64_t time, uint64_t bits,
                      struct tally *tally) {
    if (ends_early(series, slot) || series_has_histograms(series)) chunk_close(head, series, slot, tally);
    for (;;) {
        size_t needed;
        tally->opened += series->chunk.count == 0 && series->room == 0 && series->full_count == 0;
        enum chunk_result result =
            chunk_append(&series->chunk, series_bytes(&head->table, slot), series->room, time, bits, &needed);
        if (result == CHUNK_STORED) return;
        if (result == CHUNK_GROW) {
            run_grow(&head->table, slot, needed);
        } else {
            chunk_close(head, series, slot, tally);
        }
    }
}

static void put_histogram(struct head *head, struct series *series, uint32_t slot, int64_t time,
                          const struct histogram *histogram, struct tally *tally) {
    bool has_floats = series->chunk.count && !series_has_histograms(series);
    if (has_floats || ends_early(series, slot)) chunk_close(head, series, slot, tally);
    tally->opened += series->chunk.count == 0 && series->full_count == 0;
    for (;;) {
        if (!series->chunk.count) series->histograms = histogram_chunk_create();
        if (histogram_chunk_append(&series->chunk, series->histograms, time, histogram) == CHUNK_STORED)
            return;
        chunk_close(head, series, slot, tally);
    }
}

/* a row of a batch */
struct arrival {
    struct series *series;
    uint32_t slot;
    uint64_t sequence;
    int64_t time, late_from;
    double value;
    const struct histogram *histogram; /* NULL: a float */
};

/* the marker that ends a series of histograms is a histogram, whatever it came as */
static void put(struct head *head, const struct arrival *row, struct tally *tally) {
    struct series *series = row->series;
    struct histogram stale;
    const struct histogram *histogram = row->histogram;
    if (!histogram && series_has_histograms(series) && value_is_stale(row->value)) {
        stale = histogram_stale();
        histogram = &stale;
    }
    if (histogram)
        put_histogram(head, series, row->slot, row->time, histogram, tally);
    else
        put_float(head, series, row->slot, row->time, double_bits(row->value), tally);
}

/* as the newest sample; a staleness marker is one whatever the series holds */
static bool is_same(const struct arrival *row) {
    const struct series *series = row->series;
    if (double_bits(row->value) != series->chunk.last_bits) return false;
    if (value_is_stale(row->value)) return true;
    if (!row->histogram) return !series_has_histograms(series);
    return series_has_histograms(series) &&
           histogram_chunk_is_last(&series->chunk, series->histograms, row->histogram);
}

static enum append_result judge(const struct arrival *row) {
    const struct chunk_state *chunk = &row->series->chunk;
    if (chunk->count == 0 || row->time > chunk->last_time) return APPEND_STORED;
    if (row->time < chunk->last_time)
        return row->late_from == LATE_NEVER ? APPEND_OUT_OF_ORDER : APPEND_TOO_OLD;
    return is_same(row) ? APPEND_REPEATED : APPEND_DUPLICATE;
}

static void mark_batch(struct head *head, struct series *series, uint32_t slot, uint64_t sequence,
                       int64_t time) {
    if (mark_sequence(series->mark) == sequence) return;
    commits_keep(&head->commits, slot, series->mark, series->batch_time);
    series->mark = mark_make(sequence, series->mark);
    series->batch_time = time;
}

static enum append_result append_late(struct head *head, const struct arrival *row, struct tally *tally) {
    row->series->has_late = true;
    enum append_result result =
        late_add(&head->late, row->slot, row->sequence, row->time, row->value, row->histogram);
    tally->late += result == APPEND_STORED;
    return result;
}

static enum append_result append_row(struct head *head, const struct arrival *row, struct tally *tally) {
    enum append_result result = judge(row);
    if (result == APPEND_STORED && row->time < atomic_load_explicit(&head->closed, memory_order_relaxed))
        result = row->late_from == LATE_NEVER ? APPEND_OUT_OF_BOUNDS : APPEND_TOO_OLD;
    if (result == APPEND_TOO_OLD && row->time >= row->late_from) return append_late(head, row, tally);
    if (result != APPEND_STORED) return result;
    mark_batch(head, row->series, row->slot, row->sequence, row->time);
    put(head, row, tally);
    if (row->time < tally->min_time) tally->min_time = row->time;
    if (row->time > tally->max_time) tally->max_time = row->time;
    return APPEND_STORED;
}

static void count_result(struct tally *tally, uint8_t result) {
    switch ((enum append_result)result) {
    case APPEND_STORED: tally->stored++; break;
    case APPEND_DUPLICATE: tally->duplicates++; break;
    case APPEND_OUT_OF_ORDER: tally->out_of_order++; break;
    case APPEND_OUT_OF_BOUNDS: tally->out_of_bounds++; break;
    case APPEND_TOO_OLD: tally->too_old++; break;
    case APPEND_NO_SERIES: tally->no_series++; break;
    case APPEND_REPEATED: break;
    }
}

/* A series and the end of its open chunk are seldom in a cache: ask for the one, and when it is there for the
 * other, while other rows are done. Only this thread moves open chunks, so it may look without the lock. */
#define PREFETCH_ROWS 8
#define PREFETCH_SERIES_ROWS 20

static void prefetch_series(const struct head *head, const struct head_rows *rows, size_t i) {
    uint32_t count = atomic_load_explicit(&head->table.count, memory_order_relaxed);
    if (i >= rows->count || rows->refs[i].slot >= count) return;
    const char *series = (const char *)series_at(&head->table, rows->refs[i].slot);
    __builtin_prefetch(series, 1);
    __builtin_prefetch(series + sizeof(struct series) - 1, 1);
}

static void prefetch_row(const struct head *head, const struct head_rows *rows, size_t i) {
    if (i >= rows->count || rows->results[i] != APPEND_STORED) return;
    const struct series *series = series_of(&head->table, rows->refs[i]);
    if (series && !series_has_histograms(series))
        __builtin_prefetch(series_bytes(&head->table, rows->refs[i].slot) + series->chunk.bit_count / 8, 1);
}

static struct arrival arrival_of(const struct head_rows *rows, size_t i, uint64_t sequence) {
    return (struct arrival){
        .slot = rows->refs[i].slot,
        .sequence = sequence,
        .time = rows->times_ms ? rows->times_ms[i] : rows->time_ms,
        .late_from = rows->late_from,
        .value = rows->values[i],
        .histogram = rows->histograms ? rows->histograms[i] : NULL,
    };
}

static void append_rows(struct head *head, const struct head_rows *rows, uint64_t sequence,
                        struct tally *tally) {
    struct mutex *lock = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        struct arrival row = arrival_of(rows, i, sequence);
        prefetch_series(head, rows, i + PREFETCH_SERIES_ROWS);
        prefetch_row(head, rows, i + PREFETCH_ROWS);
        if (rows->results[i] == APPEND_STORED) {
            row.series = series_of(&head->table, rows->refs[i]);
            if (!row.series) rows->results[i] = APPEND_NO_SERIES;
        }
        if (row.series) {
            struct mutex *own = series_lock(&head->table, row.slot);
            if (own != lock) {
                if (lock) mutex_unlock(lock);
                mutex_lock(own);
                lock = own;
            }
            rows->results[i] = (uint8_t)append_row(head, &row, tally);
        }
        count_result(tally, rows->results[i]);
    }
    if (lock) mutex_unlock(lock);
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
    add(&head->too_old, tally->too_old);
    add(&head->duplicates, tally->duplicates);
    add(&head->no_series, tally->no_series);
    add(&head->late_samples, tally->late);
    /* only this thread changes them */
    if (tally->min_time < atomic_load(&head->min_time)) atomic_store(&head->min_time, tally->min_time);
    if (tally->max_time > atomic_load(&head->max_time)) atomic_store(&head->max_time, tally->max_time);
}

int64_t head_max_time(const struct head *head) {
    return atomic_load_explicit(&head->max_time, memory_order_relaxed);
}

int64_t head_closed(const struct head *head) {
    return atomic_load_explicit(&head->closed, memory_order_relaxed);
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

uint64_t head_published(const struct head *head) {
    return head->commits.published;
}

bool head_flush_chunks(struct head *head) {
    CHECK_OBJ(head, HEAD_MAGIC);
    return chunk_store_flush_all(&head->chunks);
}

int head_sync_chunks(struct head *head, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    return chunk_store_sync(&head->chunks, err);
}
