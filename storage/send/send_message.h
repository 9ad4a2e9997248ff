#pragma once
/*
 * send_message.h - inside of storage/send: a prometheus.WriteRequest as we send it, remote write 1.0.
 *
 *     WriteRequest { timeseries: [ labels, samples, histograms ] }, a snappy block
 *
 *     send_message_add(m, labels of A, rows of A, &row)   as many rows as there is room for
 *     send_message_add(m, labels of B, ...)
 *     send_message_pack(m, &body)
 *
 * A series stands once in a message, its rows in the order of time, so a receiver takes it as it is. Both
 * bufs keep their memory from one message to the next: nothing is allocated for a sample.
 */
#include "lib/base/buf.h"
#include "lib/model/queryable.h"

/* unpacked; a message that has become so large takes no more rows */
#define SEND_MESSAGE_BYTES ((size_t)8 << 20)

struct send_message {
    struct buf plain, packed;
    size_t samples, max_samples;
};

/* max_samples: of a message, at least 1; histograms count as samples */
void send_message_init(struct send_message *message, size_t max_samples, struct budget *budget);
void send_message_release(struct send_message *message);
/* empty, memory kept */
void send_message_reset(struct send_message *message);
bool send_message_is_full(const struct send_message *message);
/* Rows of one series from *row on; *row moves behind the last that found room. ERR_LIMIT: not even one row
 * finds memory; the message is as before. */
int send_message_add(struct send_message *message, struct labels labels, const struct columns *columns,
                     size_t *row, struct err *err);
/* What goes over the wire, valid until the message is changed. ERR_LIMIT: memory is refused. */
int send_message_pack(struct send_message *message, struct span *body, struct err *err);
