/*
 * intake_verdict.c - what the store did with each row, and what the sender is told.
 */
#include "lib/base/assert.h"
#include "storage/remote/intake_inside.h"

/* ---- a request ---- */
int intake_note(struct intake_request *request, const struct err *trouble) {
    if (!request->trouble.code) request->trouble = *trouble;
    return 0;
}

/* Prometheus' words, which senders log; NULL: nothing to say */
static const char *const texts[] = {
    [APPEND_STORED] = NULL,
    [APPEND_REPEATED] = NULL,
    [APPEND_DUPLICATE] = "duplicate sample for timestamp",
    [APPEND_OUT_OF_ORDER] = "out of order sample",
    [APPEND_OUT_OF_BOUNDS] = "out of bounds",
    [APPEND_NO_SERIES] = NULL, /* see judge_rows */
    [APPEND_TOO_OLD] = "too old sample",
};

static void judge_rows(struct intake_request *request) {
    const struct append_batch *batch = request->batch;
    request->written.exemplars = batch->exemplar_count;
    for (size_t row = 0; row < batch->count; row++) {
        uint8_t result = batch->results[row];
        bool is_histogram = batch->histograms && batch->histograms[row];
        if (result == APPEND_STORED || result == APPEND_REPEATED)
            ++*(is_histogram ? &request->written.histograms : &request->written.samples);
        if (result == APPEND_STORED) continue;
        /* of a series that was refused, which is noted; of any other a row is never lost without a word */
        if (result == APPEND_NO_SERIES && !request->is_exhausted)
            err_set(&request->failure, ERR_BUSY, "a series left the store meanwhile, send again");
        if (result >= sizeof texts / sizeof *texts || !texts[result]) continue;
        struct err trouble;
        err_set(&trouble, ERR_INVALID, "%s", texts[result]);
        intake_note(request, &trouble);
    }
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
    judge_rows(request);
    return tell(request, err);
}

struct intake_written intake_written(const struct intake_request *request) {
    return request->written;
}
