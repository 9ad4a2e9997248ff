#pragma once
/*
 * send_message.h - inside of storage/send: a request of remote write as we send it, a snappy block.
 *
 *     1.0   prometheus.WriteRequest { timeseries: [ labels, samples, exemplars, histograms ] }
 *     2.0   io.prometheus.write.v2.Request { symbols: [ "", "__name__" ... ], timeseries: [ symbols of
 * labels, ... ] }
 *
 *     send_message_add(m, labels of A, rows of A, &row)   as many rows as there is room for
 *     send_message_add(m, labels of B, ...)
 *     send_message_pack(m, 0, m->starts.count, &body)
 *
 * Rows of a series are in the order of time, so a receiver takes it as it is. Memory is kept from one
 * message to the next (but the table of 2.0's symbols): nothing is allocated for a sample.
 */
#include "lib/base/buf.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/exemplar.h"
#include "lib/model/queryable.h"

/* unpacked; a message that has become so large takes no more rows */
#define SEND_MESSAGE_BYTES ((size_t)8 << 20)

struct send_symbol {
    size_t at, len; /* in plain */
};

struct send_message {
    struct buf plain, packed;
    size_t samples, max_samples; /* histograms count, too */
    bool is_v2;
    VEC(size_t) starts;              /* of the series, in plain */
    VEC(struct send_symbol) symbols; /* 2.0: [0] is "" */
    VEC(uint32_t) refs;              /* of the series that is added */
    struct map by_text;
};

/* max_samples: of a message, at least 1 */
void send_message_init(struct send_message *message, size_t max_samples, bool is_v2, struct budget *budget);
void send_message_release(struct send_message *message);
/* empty, memory kept */
void send_message_reset(struct send_message *message);
bool send_message_is_full(const struct send_message *message);
/* exemplars of a series whose rows are added; all zero: none */
struct send_exemplars {
    const struct exemplar *const *items;
    size_t count;
};

/* Rows of one series from *row on; *row moves behind the last that found room. The exemplars go with the
 * first of them. ERR_LIMIT: not even one row finds memory; the message is as before. */
int send_message_add(struct send_message *message, struct labels labels, const struct columns *columns,
                     struct send_exemplars exemplars, size_t *row, struct err *err);
/* What goes over the wire of the series from .. to - 1 (2.0: of all), valid until the message is changed.
 * ERR_LIMIT: memory is refused. */
int send_message_pack(struct send_message *message, size_t from, size_t to, struct span *body,
                      struct err *err);
