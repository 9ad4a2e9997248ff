#pragma once
/*
 * read_message.h - inside of storage/remote: the answers of remote read as protocol buffers.
 *
 *     samples   ReadResponse { results: [ QueryResult { timeseries: [ labels, samples, histograms ] } ] }
 *     chunks    frame* : | varint length | CRC-32C, u32 BE | ChunkedReadResponse { one series, query index }
 * |
 *
 * Lengths of labels and samples are known before; larger messages inside are written behind a length of 5
 * bytes that is filled in when they end, which every reader takes; so nothing is written twice. All of them
 * set out->failed when out refuses.
 */
#include "lib/base/buf.h"
#include "lib/model/queryable.h"

/* begins a message inside; the answer is for its end */
size_t read_message_begin(struct buf *out, uint32_t number);
void read_message_end(struct buf *out, size_t at);

/* what a TimeSeries is made of: labels as field `number`; samples as field 2, histograms as field
 * `histograms` */
void read_message_labels(struct labels labels, uint32_t number, struct buf *out);
void read_message_rows(const struct columns *columns, uint32_t histograms, struct buf *out);
/* a prometheus.TimeSeries as field `number` */
void read_message_series(struct labels labels, const struct columns *columns, uint32_t number,
                         struct buf *out);

/* what frames are made in; both empty between them */
struct read_framer {
    struct buf message, chunk;
    size_t max_bytes; /* of a frame, about: a chunk more is possible */
};

/* Rows of one series from *row on, at least a chunk of them; *row moves behind the last. */
void read_message_frame(struct read_framer *framer, size_t query, struct labels labels,
                        const struct columns *columns, size_t *row, struct buf *out);
