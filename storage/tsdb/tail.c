/*
 * tail.c - the tails of a database under one lock: rows put behind each by the applier, and their positions.
 */
#include "storage/tsdb/tail.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "storage/tsdb/inside.h"

#include <string.h>

struct mark {
    uint64_t place;
    int64_t min_time;
};

struct tail {
    struct tail *next;
    struct tsdb *tsdb;
    struct tail_position *position;
    size_t max_rows;
    void (*wake)(void *context);
    void *context;
    struct tail_rows *first, *last; /* that wait */
    size_t waiting;                 /* samples in them */
    VEC(struct mark) marks;         /* of rows not done yet, ascending */
    uint64_t places;
    bool is_behind;
    int64_t missed_from, reading_from; /* INT64_MAX: nothing */
};

void tail_rows_destroy(struct tail_rows *rows) {
    if (!rows) return;
    arena_release(&rows->arena);
    mem_free(rows->refs);
    mem_free(rows);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- rows, from the applier ---- */

static size_t stored_rows(const struct append_batch *batch) {
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) count += batch->results[i] == APPEND_STORED;
    return count;
}

static int64_t min_time_of(const struct append_batch *batch) {
    int64_t min = INT64_MAX;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->results[i] == APPEND_STORED)
            min = earlier(min, batch->times_ms ? batch->times_ms[i] : batch->time_ms);
    return min;
}

/* false: no room */
static bool copy_exemplars(struct tail_rows *rows, const struct append_batch *batch) {
    struct batch_exemplar *copies = arena_array(&rows->arena, batch->exemplar_count, sizeof *copies);
    for (size_t i = 0; copies && i < batch->exemplar_count; i++) {
        copies[i] = batch->exemplars[i];
        if (labels_copy(batch->exemplars[i].series, &rows->arena, &copies[i].series, NULL) ||
            labels_copy(batch->exemplars[i].exemplar.labels, &rows->arena, &copies[i].exemplar.labels, NULL))
            return false;
    }
    rows->exemplars = copies;
    rows->exemplar_count = copies ? batch->exemplar_count : 0;
    return copies != NULL;
}

/* one block for the columns; NULL: histograms take more than a batch may */
static struct tail_rows *copy_rows(const struct append_batch *batch, size_t count) {
    struct tail_rows *rows = mem_zalloc(sizeof *rows);
    size_t row_bytes = sizeof *rows->refs + sizeof *rows->values + sizeof *rows->times_ms +
                       (batch->histograms ? sizeof *rows->histograms : 0);
    rows->refs = mem_alloc(count * row_bytes);
    rows->values = (double *)(rows->refs + count);
    rows->times_ms = (int64_t *)(rows->values + count);
    if (batch->histograms) rows->histograms = (const struct histogram **)(rows->times_ms + count);
    arena_init(&rows->arena, batch->arena.max_bytes, NULL);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->results[i] != APPEND_STORED) continue;
        size_t at = rows->count++;
        rows->refs[at] = batch->refs[i];
        rows->values[at] = batch->values[i];
        rows->times_ms[at] = batch->times_ms ? batch->times_ms[i] : batch->time_ms;
        if (!rows->histograms) continue;
        rows->histograms[at] = NULL;
        if (!batch->histograms[i]) continue;
        rows->histograms[at] = histogram_copy(batch->histograms[i], &rows->arena);
        if (rows->histograms[at]) continue;
        tail_rows_destroy(rows);
        return NULL;
    }
    if (batch->exemplar_count && !copy_exemplars(rows, batch)) {
        tail_rows_destroy(rows);
        return NULL;
    }
    return rows;
}

/* all that waits is missed; the lock is held */
static void fall_behind(struct tail *tail, int64_t time_ms) {
    tail->is_behind = true;
    tail->missed_from = earlier(tail->missed_from, time_ms);
    for (struct tail_rows *rows = tail->first, *next; rows; rows = next) {
        next = rows->next;
        tail->missed_from = earlier(tail->missed_from, rows->min_time);
        tail->marks.count--; /* theirs are the last */
        tail_rows_destroy(rows);
    }
    tail->first = tail->last = NULL;
    tail->waiting = 0;
}

static void put_rows(struct tail *tail, const struct append_batch *batch, size_t count, int64_t min_time) {
    bool is_full = tail->waiting && tail->waiting + count > tail->max_rows;
    struct tail_rows *rows = tail->is_behind || is_full ? NULL : copy_rows(batch, count);
    if (!rows) {
        fall_behind(tail, min_time);
        return;
    }
    rows->place = ++tail->places;
    rows->min_time = min_time;
    rows->commit = head_published(tail->tsdb->head);
    *vec_push(&tail->marks) = (struct mark){rows->place, min_time};
    if (tail->last)
        tail->last->next = rows;
    else
        tail->first = rows;
    tail->last = rows;
    tail->waiting += count;
}

void tails_note(struct tsdb *tsdb, const struct append_batch *batch, uint64_t sequence) {
    struct tails *tails = &tsdb->tails;
    mutex_lock(&tails->lock);
    size_t count = tails->positions.count ? stored_rows(batch) : 0;
    int64_t min_time = count ? min_time_of(batch) : INT64_MAX;
    for (struct tail *tail = tails->first; count && tail; tail = tail->next) {
        bool was_idle = !tail->first && !tail->is_behind;
        put_rows(tail, batch, count, min_time);
        if (was_idle) tail->wake(tail->context);
    }
    /* what nobody reads now, but somebody may again */
    for (size_t i = 0; count && i < tails->positions.count; i++) {
        struct tail_position *position = tails->positions.items[i];
        if (!position->tail) position->time_ms = earlier(position->time_ms, min_time);
    }
    tails->sequence = sequence;
    mutex_unlock(&tails->lock);
}

/* ---- the reader's ---- */

struct tail_rows *tail_take(struct tail *tail) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    struct tail_rows *rows = tail->first;
    if (rows) {
        tail->first = rows->next;
        if (!tail->first) tail->last = NULL;
        tail->waiting -= rows->count;
        rows->next = NULL;
    }
    mutex_unlock(&tails->lock);
    return rows;
}

void tail_done(struct tail *tail, uint64_t place) {
    struct tails *tails = &tail->tsdb->tails;
    size_t done = 0;
    mutex_lock(&tails->lock);
    while (done < tail->marks.count && tail->marks.items[done].place <= place) done++;
    if (done) {
        tail->marks.count -= done;
        memmove(tail->marks.items, tail->marks.items + done, tail->marks.count * sizeof *tail->marks.items);
    }
    mutex_unlock(&tails->lock);
}

size_t tail_label_count(const struct tail *tail, struct series_ref ref) {
    return head_label_count(tail->tsdb->head, ref.slot);
}

struct labels tail_labels(const struct tail *tail, struct series_ref ref, struct label *items) {
    return head_labels(tail->tsdb->head, ref.slot, items);
}

size_t tail_waiting(struct tail *tail) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    size_t waiting = tail->waiting;
    mutex_unlock(&tails->lock);
    return waiting;
}

bool tail_is_behind(struct tail *tail) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    bool is_behind = tail->is_behind;
    mutex_unlock(&tails->lock);
    return is_behind;
}

void tail_miss(struct tail *tail, int64_t time_ms) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    fall_behind(tail, time_ms);
    mutex_unlock(&tails->lock);
}

int64_t tail_begin(struct tail *tail) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    int64_t from = tail->missed_from;
    tail->is_behind = false;
    tail->missed_from = INT64_MAX;
    tail->reading_from = earlier(tail->reading_from, from);
    mutex_unlock(&tails->lock);
    return from;
}

void tail_read(struct tail *tail, int64_t time_ms) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    tail->reading_from = time_ms;
    mutex_unlock(&tails->lock);
}

/* ---- positions ---- */

static int64_t earliest_of(const struct tail *tail) {
    int64_t earliest = earlier(tail->missed_from, tail->reading_from);
    for (size_t i = 0; i < tail->marks.count; i++)
        earliest = earlier(earliest, tail->marks.items[i].min_time);
    return earliest;
}

static struct tail_position *find_position(struct tails *tails, const char *name) {
    for (size_t i = 0; i < tails->positions.count; i++)
        if (strcmp(tails->positions.items[i]->name, name) == 0) return tails->positions.items[i];
    return NULL;
}

static struct tail_position *add_position(struct tails *tails, const char *name, int64_t time_ms) {
    struct tail_position *position = mem_zalloc(sizeof *position);
    position->name = mem_strdup(name);
    position->time_ms = time_ms;
    *vec_push(&tails->positions) = position;
    return position;
}

struct tail *tail_open(struct tsdb *tsdb, const char *name, size_t max_rows, void (*wake)(void *context),
                       void *context) {
    struct tails *tails = &tsdb->tails;
    struct tail *tail = mem_zalloc(sizeof *tail);
    *tail = (struct tail){.tsdb = tsdb,
                          .max_rows = max_rows,
                          .wake = wake,
                          .context = context,
                          .missed_from = INT64_MAX,
                          .reading_from = INT64_MAX};
    mutex_lock(&tails->lock);
    tail->position = find_position(tails, name);
    if (!tail->position) tail->position = add_position(tails, name, INT64_MAX);
    ASSERT(!tail->position->tail);
    tail->position->tail = tail;
    if (tail->position->time_ms != INT64_MAX) fall_behind(tail, tail->position->time_ms);
    tail->next = tails->first;
    tails->first = tail;
    mutex_unlock(&tails->lock);
    return tail;
}

void tail_close(struct tail *tail) {
    struct tails *tails = &tail->tsdb->tails;
    mutex_lock(&tails->lock);
    tail->position->time_ms = earliest_of(tail);
    tail->position->tail = NULL;
    struct tail **link = &tails->first;
    while (*link != tail) link = &(*link)->next;
    *link = tail->next;
    fall_behind(tail, INT64_MAX);
    mutex_unlock(&tails->lock);
    vec_release(&tail->marks);
    mem_free(tail);
}

static void position_destroy(struct tail_position *position) {
    mem_free(position->name);
    mem_free(position);
}

void tail_keep(struct tsdb *tsdb, const char *const *names, size_t count) {
    struct tails *tails = &tsdb->tails;
    size_t kept = 0;
    mutex_lock(&tails->lock);
    for (size_t i = 0; i < tails->positions.count; i++) {
        struct tail_position *position = tails->positions.items[i];
        bool is_kept = position->tail != NULL;
        for (size_t k = 0; !is_kept && k < count; k++) is_kept = strcmp(names[k], position->name) == 0;
        if (is_kept)
            tails->positions.items[kept++] = position;
        else
            position_destroy(position);
    }
    tails->positions.count = kept;
    mutex_unlock(&tails->lock);
}

/* ---- on disk: two places, written in turn, so that a torn one leaves the other ---- */

#define FILE_MAGIC 0x54414c46u /* "FLAT", as the u32 here */
#define FILE_VERSION 1u
#define PLACE_BYTES ((size_t)64 << 10)
#define PLACE_HEADER ((size_t)32)

/* magic, version | turn | sequence | length of the rest, CRC-32C of all but itself | name, 0, time */
static size_t write_place(struct tails *tails, uint8_t *place) {
    size_t at = PLACE_HEADER;
    for (size_t i = 0; i < tails->positions.count; i++) {
        const struct tail_position *position = tails->positions.items[i];
        size_t len = strlen(position->name) + 1;
        if (at + len + 8 > PLACE_BYTES) break;
        memcpy(place + at, position->name, len);
        store_u64(place + at + len,
                  (uint64_t)(position->tail ? earliest_of(position->tail) : position->time_ms));
        at += len + 8;
    }
    store_u32(place, FILE_MAGIC);
    store_u32(place + 4, FILE_VERSION);
    store_u64(place + 8, ++tails->turn);
    store_u64(place + 16, tails->sequence);
    store_u32(place + 24, (uint32_t)(at - PLACE_HEADER));
    store_u32(place + 28, crc32c(crc32c(0, place, 28), place + PLACE_HEADER, at - PLACE_HEADER));
    return at;
}

/* one of a later version is not to be written over */
static bool is_of_others(const uint8_t *place, size_t len) {
    return len >= PLACE_HEADER && load_u32(place) == FILE_MAGIC && load_u32(place + 4) != FILE_VERSION;
}

static bool read_place(struct tails *tails, const uint8_t *place, size_t len) {
    if (len < PLACE_HEADER || load_u32(place) != FILE_MAGIC || load_u32(place + 4) != FILE_VERSION)
        return false;
    size_t rest = load_u32(place + 24), end = PLACE_HEADER + rest;
    if (rest > len - PLACE_HEADER || load_u64(place + 8) <= tails->turn ||
        load_u32(place + 28) != crc32c(crc32c(0, place, 28), place + PLACE_HEADER, rest))
        return false;
    tails->turn = load_u64(place + 8);
    tails->sequence = load_u64(place + 16);
    for (size_t i = 0; i < tails->positions.count; i++) position_destroy(tails->positions.items[i]);
    tails->positions.count = 0;
    for (size_t at = PLACE_HEADER, name; at < end; at += name + 9) {
        name = strnlen((const char *)place + at, end - at);
        if (end - at < name + 9) return false;
        add_position(tails, (const char *)place + at, (int64_t)load_u64(place + at + name + 1));
    }
    return true;
}

int tails_init(struct tsdb *tsdb, struct err *err) {
    struct tails *tails = &tsdb->tails;
    char path[TSDB_PATH_MAX];
    mutex_init(&tails->lock);
    mutex_init(&tails->saving);
    tails->is_ready = true;
    if (!tsdb->path) return 0;
    int rc = tsdb_path(tsdb, "remote_write", path, err);
    if (!rc) rc = file_open(tsdb->fs, path, FILE_WRITE, &tails->file, err);
    if (rc) return rc;
    uint8_t *places = mem_zalloc(2 * PLACE_BYTES);
    size_t got = 0;
    rc = file_read_some(&tails->file, places, 2 * PLACE_BYTES, 0, &got, err);
    if (!rc && (is_of_others(places, got) ||
                (got > PLACE_BYTES && is_of_others(places + PLACE_BYTES, got - PLACE_BYTES))))
        rc = err_set(err, ERR_UNSUPPORTED, "\"%s\" was written by a newer version", path);
    if (!rc && got) {
        bool first = read_place(tails, places, got < PLACE_BYTES ? got : PLACE_BYTES);
        bool second = got > PLACE_BYTES && read_place(tails, places + PLACE_BYTES, got - PLACE_BYTES);
        if (!first && !second)
            LOG(LOG_ERROR, "the positions of remote write are damaged: it goes on from now", "path", path);
    }
    mem_free(places);
    return rc;
}

void tails_release(struct tsdb *tsdb) {
    struct tails *tails = &tsdb->tails;
    struct err err;
    if (!tails->is_ready) return;
    ASSERT(!tails->first);
    if (tsdb->is_open && tails_save(tsdb, true, &err))
        LOG(LOG_ERROR, "the positions of remote write are not saved", "err", err.text);
    for (size_t i = 0; i < tails->positions.count; i++) position_destroy(tails->positions.items[i]);
    vec_release(&tails->positions);
    if (file_is_open(&tails->file)) file_close(&tails->file);
    mutex_release(&tails->saving);
    mutex_release(&tails->lock);
}

/* what was logged behind the positions is not done */
void tails_replayed(struct tsdb *tsdb, uint64_t last_sequence, int64_t earliest) {
    struct tails *tails = &tsdb->tails;
    for (size_t i = 0; i < tails->positions.count; i++)
        tails->positions.items[i]->time_ms = earlier(tails->positions.items[i]->time_ms, earliest);
    tails->sequence = last_sequence;
}

uint64_t tails_after(const struct tsdb *tsdb) {
    return tsdb->tails.positions.count ? tsdb->tails.sequence : UINT64_MAX;
}

int tails_save(struct tsdb *tsdb, bool is_sync, struct err *err) {
    struct tails *tails = &tsdb->tails;
    if (!tsdb->path) return 0;
    uint8_t *place = mem_alloc(PLACE_BYTES);
    mutex_lock(&tails->saving);
    mutex_lock(&tails->lock);
    bool is_needed = tails->positions.count || tails->turn;
    size_t len = write_place(tails, place);
    uint64_t turn = tails->turn;
    mutex_unlock(&tails->lock);
    int rc = is_needed ? file_write(&tails->file, place, len, turn % 2 * PLACE_BYTES, err) : 0;
    if (!rc && is_needed && is_sync) rc = file_sync(&tails->file, err);
    mutex_unlock(&tails->saving);
    mem_free(place);
    return rc;
}
