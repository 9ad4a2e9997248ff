/*
 * read.c - a series' samples become columns.
 *
 *     under the page's lock: what hides the end, how many full chunks, the open chunk's bytes copied
 *     outside: full chunks read and decoded, 64 references at a time; then the copy
 *
 * While we read, full chunks are added behind those there were, and may be forgotten in front of those the
 * reader sees: each step finds its place again by time.
 */
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/head/inside.h"

#include <string.h>

#define REFS_STEP 64u

/* what is wanted of a series */
struct read {
    struct head *head;
    struct mutex *lock;
    struct series *series;
    int64_t mint, maxt; /* as asked, then cut by what the reader may see */
    struct columns *columns;
};

struct open_copy {
    bool has_late;
    struct chunk_state state;
    uint64_t number;
    int64_t full_until; /* last time of the last full chunk; INT64_MIN: there is none */
    size_t len;
    uint8_t *histograms; /* the bytes of an open chunk of histograms, or NULL */
    uint8_t bytes[CHUNK_MAX_BYTES];
};

/* what times go up by from row to row; 0: by this and that */
static int64_t step_of(const int64_t *times, size_t count) {
    int64_t step = count > 1 ? times[1] - times[0] : 0, other = 0;
    for (size_t i = 1; i < count; i++) other |= (times[i] - times[i - 1]) ^ step;
    return other ? 0 : step;
}

/* a chunk of samples up to maxt */
struct piece {
    uint8_t encoding;
    const uint8_t *bytes;
    size_t len, count;
    int64_t maxt;
};

/* of times first, first + step ..., which of `count` are the first not before `time` */
static size_t even_place(int64_t first, uint64_t step, size_t count, int64_t time) {
    if (time <= first) return 0;
    uint64_t place = step ? ((uint64_t)time - (uint64_t)first - 1) / step + 1 : count;
    return place < count ? (size_t)place : count;
}

/* where times are one step apart, no value is a staleness marker, and nobody looks at another */
static int add_even(const struct read *r, const struct piece *piece, struct err *err) {
    struct columns *columns = r->columns;
    int64_t first = chunk_first_time(piece->bytes, piece->len);
    uint64_t covered = (uint64_t)piece->maxt - (uint64_t)first, steps = piece->count - 1,
             step = steps ? covered / steps : 0;
    if (!piece->count || piece->maxt < first || step * steps != covered)
        return err_set(err, ERR_CORRUPT, "times of a chunk are not as it says");
    size_t from = even_place(first, step, piece->count, r->mint),
           to = r->maxt < piece->maxt ? even_place(first, step, piece->count, r->maxt + 1) : piece->count;
    if (to <= from) return 0;
    int rc = columns_reserve(columns, to - from, err);
    if (rc) return rc;
    int64_t *times = columns->times_ms + columns->count;
    for (size_t i = from; i < to; i++) *times++ = (int64_t)((uint64_t)first + i * step);
    memset(columns->values + columns->count, 0, (to - from) * sizeof *columns->values);
    columns->count += to - from;
    columns_note_step(columns, columns->count - (to - from), to - from > 1 ? (int64_t)step : 0);
    return 0;
}

/* decodes behind the rows that are there, then drops what is outside of [mint, maxt] */
static int add_chunk(const struct read *r, const struct piece *piece, struct err *err) {
    struct columns *columns = r->columns;
    size_t count = piece->count;
    if (piece->encoding == CHUNK_HISTOGRAM)
        return histogram_chunk_decode(piece->bytes, piece->len, count, r->mint, r->maxt, columns, err);
    if (columns->only_markers && piece->encoding & CHUNK_EVEN) return add_even(r, piece, err);
    int rc = columns_reserve(columns, count, err);
    if (rc) return rc;
    int64_t *times = columns->times_ms + columns->count;
    double *values = columns->values + columns->count;
    rc = chunk_decode(piece->encoding, piece->bytes, piece->len, count, times, values, err);
    if (rc) return rc;
    size_t from = 0, to = count;
    while (from < count && times[from] < r->mint) from++;
    while (to > from && times[to - 1] > r->maxt) to--;
    if (from) {
        memmove(times, times + from, (to - from) * sizeof *times);
        memmove(values, values + from, (to - from) * sizeof *values);
    }
    columns->count += to - from;
    columns_note_step(columns, columns->count - (to - from), step_of(times, to - from));
    return 0;
}

/* the next references from a time on, of chunks that were full when we looked */
static uint32_t next_full(const struct read *r, int64_t from, int64_t until,
                          struct chunk_ref refs[REFS_STEP]) {
    uint32_t count = 0;
    mutex_lock(r->lock);
    const struct series *series = r->series;
    for (uint32_t i = series_first_full(series, from); i < series->full_count && count < REFS_STEP; i++) {
        if (series->full[i].maxt > until || chunk_ref_mint(series->full[i]) > r->maxt) break;
        refs[count++] = series->full[i];
    }
    mutex_unlock(r->lock);
    return count;
}

static int read_full(const struct read *r, const struct open_copy *copy, struct err *err) {
    struct chunk_ref refs[REFS_STEP];
    struct chunk_copy chunk = {0};
    int64_t from = r->mint;
    int rc = 0;
    for (uint32_t step;
         !rc && from <= copy->full_until && (step = next_full(r, from, copy->full_until, refs));) {
        for (uint32_t i = 0; !rc && i < step; i++) {
            rc = chunk_store_read(&r->head->chunks, refs[i], copy->number, &chunk, err);
            struct piece piece = {chunk.encoding, chunk.bytes, chunk.len, chunk.count, refs[i].maxt};
            if (!rc) rc = add_chunk(r, &piece, err);
        }
        from = refs[step - 1].maxt + 1;
    }
    chunk_copy_release(&chunk);
    return rc;
}

/* the page is locked */
static void copy_open(const struct read *r, uint32_t slot, struct open_copy *copy) {
    const struct series *series = r->series;
    copy->state = series->chunk;
    copy->histograms = NULL;
    copy->len = 0;
    if (!series->chunk.count) return;
    if (!series_has_histograms(series)) {
        copy->len = chunk_bytes(&series->chunk);
        memcpy(copy->bytes, series_bytes(&r->head->table, slot), copy->len);
        return;
    }
    const struct buf *bytes = &series->histograms->bytes;
    copy->len = bytes->len;
    copy->histograms = mem_alloc(bytes->len);
    memcpy(copy->histograms, bytes->data, bytes->len);
}

/* false: nothing of the chunks is wanted or seen */
static bool look(struct read *r, uint32_t slot, uint64_t reader, struct open_copy *copy) {
    mutex_lock(r->lock);
    const struct series *series = r->series;
    batch_mark mark = series->mark;
    int64_t batch_time = series->batch_time, hidden_from;
    copy->has_late = series->has_late;
    copy_open(r, slot, copy);
    copy->number = series->number;
    copy->full_until = series->full_count ? series->full[series->full_count - 1].maxt : INT64_MIN;
    mutex_unlock(r->lock);
    if (copy->state.count == 0) return false;
    if (commits_hidden(&r->head->commits, reader, slot, mark, batch_time, &hidden_from)) {
        if (hidden_from == INT64_MIN) return false;
        if (hidden_from - 1 < r->maxt) r->maxt = hidden_from - 1;
    }
    return r->mint <= r->maxt;
}

int read_series(struct head *head, uint32_t slot, const struct head_moment *moment, bool with_late,
                int64_t mint, int64_t maxt, struct columns *columns, struct err *err) {
    int64_t from = mint > moment->chunks_from ? mint : moment->chunks_from;
    struct read r = {head,   series_lock(&head->table, slot), series_at(&head->table, slot), from, maxt,
                     columns};
    struct open_copy copy;
    size_t before = columns->count;
    int rc = 0;
    if (look(&r, slot, moment->sequence, &copy)) {
        rc = read_full(&r, &copy, err);
        const struct chunk_state *state = &copy.state;
        struct piece piece = {copy.histograms ? state->encoding : chunk_encoding(state),
                              copy.histograms ? copy.histograms : copy.bytes, copy.len, state->count,
                              state->last_time};
        if (!rc && state->last_time >= r.mint) rc = add_chunk(&r, &piece, err);
    }
    mem_free(copy.histograms);
    if (!rc && with_late && copy.has_late)
        rc = late_read(&head->late, slot, moment->sequence, mint, maxt, before, columns, err);
    if (rc) columns->count = before;
    return rc;
}

bool newest_of_series(struct head *head, uint32_t slot, const struct head_moment *moment, int64_t mint,
                      int64_t maxt, bool *is_there, int64_t *time_ms, double *value) {
    struct mutex *lock = series_lock(&head->table, slot);
    const struct series *series = series_at(&head->table, slot);
    int64_t hidden_from;
    mutex_lock(lock);
    bool is_float = series->chunk.count && !series_has_histograms(series);
    batch_mark mark = series->mark;
    int64_t batch_time = series->batch_time, last_time = series->chunk.last_time;
    uint64_t bits = series->chunk.last_bits;
    mutex_unlock(lock);
    if (!is_float || last_time > maxt || last_time < moment->chunks_from ||
        commits_hidden(&head->commits, moment->sequence, slot, mark, batch_time, &hidden_from))
        return false;
    *is_there = last_time >= mint;
    *time_ms = last_time;
    *value = bits_double(bits);
    return true;
}

/* *lock: the page's that was locked by the call before */
static bool overlaps(struct head *head, uint32_t slot, int64_t chunks_from, int64_t mint, int64_t maxt,
                     struct mutex **lock) {
    struct mutex *own = series_lock(&head->table, slot);
    if (own != *lock) {
        if (*lock) mutex_unlock(*lock);
        mutex_lock(own);
        *lock = own;
    }
    const struct series *series = series_at(&head->table, slot);
    int64_t from = mint > chunks_from ? mint : chunks_from;
    return series_overlaps(&head->table, slot, from, maxt) ||
           (series->has_late && late_overlaps(&head->late, slot, mint, maxt));
}

void slots_keep_overlapping(struct head *head, struct slots *slots, int64_t chunks_from, int64_t mint,
                            int64_t maxt) {
    struct mutex *lock = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < slots->count; i++) {
        uint32_t slot = slots->items[i];
        if (overlaps(head, slot, chunks_from, mint, maxt, &lock)) slots->items[kept++] = slot;
    }
    if (lock) mutex_unlock(lock);
    slots->count = kept;
}

bool any_overlaps(struct head *head, const struct posting *posting, int64_t mint, int64_t maxt) {
    int64_t chunks_from = atomic_load(&head->mint);
    struct mutex *lock = NULL;
    struct posting_walk walk = {.posting = posting};
    uint32_t slot;
    bool found = false;
    while (!found && posting_next(&walk, &slot)) found = overlaps(head, slot, chunks_from, mint, maxt, &lock);
    if (lock) mutex_unlock(lock);
    return found;
}
