/*
 * intake_verdict.c - what the store did with each row, and what the sender is told.
 *
 * Rows whose reference was stale (the slot of their series was given to another since the cache saw it) are
 * put into a batch of their own and resolved again; no other row is appended twice.
 */
#include "lib/base/assert.h"
#include "storage/remote/intake_inside.h"
#include "storage/remote/intake_labels.h"

/* ---- a request ---- */
int intake_note(struct intake_request *request, const struct err *trouble) {
    if (!request->trouble.code) request->trouble = *trouble;
    return 0;
}

#define ATTEMPTS_MAX 3

/* Prometheus' words, which senders log; NULL: nothing to say */
static const char *const texts[] = {
    [APPEND_STORED] = NULL,
    [APPEND_REPEATED] = NULL,
    [APPEND_DUPLICATE] = "duplicate sample for timestamp",
    [APPEND_OUT_OF_ORDER] = "out of order sample",
    [APPEND_OUT_OF_BOUNDS] = "out of bounds",
    [APPEND_NO_SERIES] = NULL, /* see is_stale */
    [APPEND_TOO_OLD] = "too old sample",
};

/* a row without a reference belongs to a series that was refused, which is noted already */
static bool is_stale(const struct append_batch *batch, size_t row) {
    return batch->results[row] == APPEND_NO_SERIES && batch->refs[row].generation != 0;
}

static size_t judge_rows(struct intake_request *request) {
    const struct append_batch *batch = request->batch;
    size_t stale = 0;
    for (size_t row = 0; row < batch->count; row++) {
        uint8_t result = batch->results[row];
        if (result == APPEND_STORED) continue;
        stale += is_stale(batch, row);
        if (result >= sizeof texts / sizeof *texts || !texts[result]) continue;
        struct err trouble;
        err_set(&trouble, ERR_INVALID, "%s", texts[result]);
        intake_note(request, &trouble);
    }
    return stale;
}

/* ---- stale references ---- */

static int move_row(struct intake_request *request, const struct append_batch *old, size_t row,
                    struct err *err) {
    const struct histogram *histogram = old->histograms ? old->histograms[row] : NULL;
    int64_t time_ms = old->times_ms ? old->times_ms[row] : old->time_ms;
    if (histogram)
        return append_batch_add_histogram(request->batch, (struct series_ref){0, 0}, histogram, time_ms, err);
    append_batch_add(request->batch, (struct series_ref){0, 0}, old->values[row], time_ms);
    return 0;
}

/* Its labels become a miss; they were read once, so they are sound. The list of series shrinks in place:
 * `kept` never overtakes. */
static int keep_series(struct intake_request *request, size_t kept, struct intake_series series,
                       struct err *err) {
    struct intake_miss miss = {.series = (uint32_t)kept};
    int rc = intake_labels_read(span_of(series.raw, series.raw_len), &request->arena, &miss.labels, err);
    if (rc) return rc;
    if (!buf_append(&request->misses, &miss, sizeof miss)) return intake_judge_limit(request, err);
    series.first_row = (uint32_t)request->batch->count;
    *intake_series_at(request, kept) = series;
    return 0;
}

static int move_stale(struct intake_request *request, const struct append_batch *old, size_t count,
                      struct err *err) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct intake_series series = *intake_series_at(request, i);
        size_t end = i + 1 < count ? intake_series_at(request, i + 1)->first_row : old->count;
        bool is_kept = false;
        for (size_t row = series.first_row; row < end; row++) {
            if (!is_stale(old, row)) continue;
            int rc = is_kept ? 0 : keep_series(request, kept, series, err);
            if (!rc) rc = move_row(request, old, row, err);
            if (rc) return rc;
            is_kept = true;
        }
        kept += is_kept;
    }
    request->series.len = kept * sizeof(struct intake_series);
    return 0;
}

/* the batch becomes one of the stale rows alone */
static int begin_again(struct intake_request *request, size_t stale, struct err *err) {
    struct append_batch *old = request->batch;
    size_t count = intake_series_count(request);
    struct append_batch *batch = intake_make_batch(request, stale);
    if (!batch) return intake_judge_limit(request, err);
    request->batch = batch;
    int rc = move_stale(request, old, count, err);
    append_batch_destroy(old);
    return rc;
}

/* ---- the verdict ---- */

static int tell(const struct intake_request *request, struct err *err) {
    if (request->failure.code) return err_set(err, request->failure.code, "%s", request->failure.text);
    if (request->is_exhausted) return err_set(err, ERR_EXHAUSTED, "%s", request->trouble.text);
    /* whatever its code was, the sender can do nothing about it */
    return request->trouble.code ? err_set(err, ERR_INVALID, "%s", request->trouble.text) : 0;
}

int intake_finish(struct intake_request *request, struct err *err) {
    if (!request->is_out) return tell(request, err);
    request->is_out = false;
    int rc = request->batch->rc;
    if (rc == ERR_NO_SPACE) return err_set(err, rc, "the disk is full: nothing of the request was stored");
    if (rc) return err_set(err, rc, "the log cannot be written: nothing of the request was stored");
    size_t stale = judge_rows(request);
    if (!stale) return tell(request, err);
    if (request->attempts == ATTEMPTS_MAX)
        return err_set(err, ERR_BUSY, "series are being removed as fast as they are written");
    rc = begin_again(request, stale, err);
    return rc ? rc : 1;
}
