#include "storage/block/histogram_page.h"

#include "storage/chunk/histogram_code.h"

void histogram_page_write(struct buf *out, const struct histogram *const *histograms, size_t count) {
    struct buf body;
    const struct histogram *before = NULL;
    buf_init(&body, out->max_bytes);
    for (size_t i = 0; i < count; i++) {
        histogram_code_put(&body, histograms[i], before);
        if (!value_is_stale(histograms[i]->sum)) before = histograms[i];
    }
    buf_varint(out, body.len);
    buf_span(out, buf_view(&body));
    out->failed |= body.failed;
    buf_release(&body);
}

static int bad(struct err *err) {
    return err_set(err, ERR_CORRUPT, "a page of histograms makes no sense");
}

int histogram_page_skip(struct cursor *cursor, struct err *err) {
    uint64_t len = cursor_varint(cursor);
    if (cursor->failed || len > cursor_left(cursor) || (len && !cursor_bytes(cursor, (size_t)len)))
        return bad(err);
    return 0;
}

int histogram_page_read(struct cursor *cursor, const int64_t *times_ms, size_t count, int64_t mint,
                        int64_t maxt, struct columns *columns, struct err *err) {
    uint64_t len = cursor_varint(cursor);
    const uint8_t *bytes =
        cursor->failed || len > cursor_left(cursor) ? NULL : cursor_bytes(cursor, (size_t)len);
    if (!bytes) return bad(err);
    struct cursor body = cursor_of(bytes, (size_t)len);
    struct histogram_decoder *decoder = histogram_decoder_create();
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        struct histogram sample;
        if (!histogram_code_get(decoder, &body, &sample))
            rc = bad(err);
        else if (times_ms[i] >= mint && times_ms[i] <= maxt)
            rc = columns_add_histogram(columns, times_ms[i], &sample, err);
    }
    if (!rc && cursor_left(&body)) rc = bad(err);
    histogram_decoder_destroy(decoder);
    return rc;
}
