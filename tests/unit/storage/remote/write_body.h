#pragma once
/* write_body.h - write requests for tests: series by their labels as text, "name=value name=value". */
#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"

#include <string.h>

struct write_body {
    struct buf request, series, part, deep, packed;
};

static inline void write_body_init(struct write_body *body) {
    struct buf *bufs[] = {&body->request, &body->series, &body->part, &body->deep, &body->packed};
    for (size_t i = 0; i < 5; i++) buf_init(bufs[i], (size_t)256 << 20);
}

static inline void write_body_release(struct write_body *body) {
    struct buf *bufs[] = {&body->request, &body->series, &body->part, &body->deep, &body->packed};
    for (size_t i = 0; i < 5; i++) buf_release(bufs[i]);
}

static inline void write_part(struct write_body *body, struct buf *to, uint32_t number) {
    protobuf_put_bytes(to, number, buf_view(&body->part));
    buf_reset(&body->part);
}

static inline void write_label(struct write_body *body, struct span name, struct span value) {
    protobuf_put_bytes(&body->part, 1, name);
    protobuf_put_bytes(&body->part, 2, value);
    write_part(body, &body->series, 1);
}

static inline void write_labels(struct write_body *body, const char *text) {
    while (*text) {
        size_t len = strcspn(text, " "), equals = strcspn(text, "=");
        write_label(body, span_of(text, equals), span_of(text + equals + 1, len - equals - 1));
        text += len + (text[len] == ' ');
    }
}

static inline void write_sample(struct write_body *body, double value, int64_t time_ms) {
    protobuf_put_double(&body->part, 1, value);
    protobuf_put_varint(&body->part, 2, (uint64_t)time_ms);
    write_part(body, &body->series, 2);
}

static inline void write_series_end(struct write_body *body) {
    protobuf_put_bytes(&body->request, 1, buf_view(&body->series));
    buf_reset(&body->series);
}

/* a series with one sample */
static inline void write_series(struct write_body *body, const char *labels, double value, int64_t time_ms) {
    write_labels(body, labels);
    write_sample(body, value, time_ms);
    write_series_end(body);
}

/* the block; the request is empty again */
static inline struct span write_body_packed(struct write_body *body) {
    buf_reset(&body->packed);
    (void)snappy_write(buf_view(&body->request), &body->packed, NULL);
    buf_reset(&body->request);
    return buf_view(&body->packed);
}
