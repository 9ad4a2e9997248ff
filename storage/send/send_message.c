#include "storage/send/send_message.h"

#include "lib/base/assert.h"
#include "lib/codec/snappy.h"
#include "storage/remote/read_message.h"

#define WRITE_REQUEST_SERIES 1

/* as receivers take them at most */
#define MESSAGE_MAX_BYTES ((size_t)32 << 20)

void send_message_init(struct send_message *message, size_t max_samples, struct budget *budget) {
    ASSERT(max_samples > 0);
    *message = (struct send_message){.max_samples = max_samples};
    buf_init_budget(&message->plain, MESSAGE_MAX_BYTES, budget);
    buf_init_budget(&message->packed, MESSAGE_MAX_BYTES, budget);
}

void send_message_release(struct send_message *message) {
    buf_release(&message->plain);
    buf_release(&message->packed);
}

void send_message_reset(struct send_message *message) {
    buf_reset(&message->plain);
    message->samples = 0;
}

bool send_message_is_full(const struct send_message *message) {
    return message->samples == message->max_samples || message->plain.len >= SEND_MESSAGE_BYTES;
}

/* the same memory, other ends */
static struct columns part_of(const struct columns *columns, size_t from, size_t count) {
    struct columns part = *columns;
    part.times_ms += from;
    part.values += from;
    if (part.histograms) part.histograms += from;
    part.count = count;
    return part;
}

static bool add_rows(struct send_message *message, struct labels labels, struct columns part) {
    struct buf *plain = &message->plain;
    size_t before = plain->len;
    read_message_series(labels, &part, WRITE_REQUEST_SERIES, plain);
    if (!plain->failed) return true;
    plain->failed = false;
    plain->len = before;
    return false;
}

int send_message_add(struct send_message *message, struct labels labels, const struct columns *columns,
                     size_t *row, struct err *err) {
    size_t left = columns->count - *row, room = message->max_samples - message->samples;
    size_t count = left < room ? left : room;
    if (!count || send_message_is_full(message)) return 0;
    while (count && !add_rows(message, labels, part_of(columns, *row, count))) count /= 2;
    if (!count) return err_set(err, ERR_LIMIT, "no memory for a message of remote write");
    message->samples += count;
    *row += count;
    return 0;
}

int send_message_pack(struct send_message *message, struct span *body, struct err *err) {
    buf_reset(&message->packed);
    int rc = snappy_write(buf_view(&message->plain), &message->packed, err);
    if (!rc) *body = buf_view(&message->packed);
    return rc;
}
