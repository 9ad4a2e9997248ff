/*
 * metadata.c - what is known of families of metrics goes to a receiver of version 1.0 now and then, all of it
 * anew, a message at a time.
 */
#include "storage/exemplar/metadata.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"
#include "lib/sys/clock.h"
#include "storage/remote/note_fields.h"
#include "storage/remote/read_message.h"
#include "storage/send/inside.h"

#include <string.h>

#define LIST_MAX_BYTES ((size_t)256 << 20)
#define BODY_MAX_BYTES ((size_t)32 << 20)

/* field number of prometheus.WriteRequest */
enum { REQUEST_METADATA = 3 };

struct metadata_sender {
    struct queue *queue;
    struct loop_timer *timer; /* until the next message, or the next attempt */
    struct http_request *request;
    struct send_pause pause;
    struct arena arena; /* of the list; empty between two rounds */
    struct metric_metadata *items;
    size_t count, next, end; /* under way: next .. end - 1 */
    struct buf plain, packed;
};

static uint64_t type_of(struct span type) {
    for (size_t i = 0; i < METADATA_TYPES; i++)
        if (span_is(type, metadata_types[i])) return i;
    return 0;
}

static void write_item(const struct metric_metadata *item, struct buf *out) {
    size_t message = read_message_begin(out, REQUEST_METADATA);
    protobuf_put_varint(out, METADATA_TYPE, type_of(item->type));
    protobuf_put_bytes(out, METADATA_FAMILY, item->family);
    protobuf_put_bytes(out, METADATA_HELP, item->help);
    protobuf_put_bytes(out, METADATA_UNIT, item->unit);
    read_message_end(out, message);
}

static void end_round(struct metadata_sender *sender) {
    arena_release(&sender->arena);
    sender->items = NULL;
    sender->count = sender->next = sender->end = 0;
    loop_timer_set(sender->timer, sender->queue->remote->metadata_config.send_interval_ms);
}

static void send_next(struct metadata_sender *sender) {
    size_t most = (size_t)sender->queue->remote->metadata_config.max_samples_per_send;
    if (sender->next == sender->count) {
        end_round(sender);
        return;
    }
    sender->end = sender->count - sender->next < most ? sender->count : sender->next + most;
    buf_reset(&sender->plain);
    buf_reset(&sender->packed);
    for (size_t i = sender->next; i < sender->end; i++) write_item(&sender->items[i], &sender->plain);
    if (sender->plain.failed || snappy_write(buf_view(&sender->plain), &sender->packed, NULL)) {
        counter_add(sender->queue->metrics.metadata_failed, (double)(sender->count - sender->next));
        end_round(sender);
        return;
    }
    send_pause_reset(&sender->pause);
    http_request_set_body(sender->request, buf_view(&sender->packed));
    http_request_start(sender->request);
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct metadata_sender *sender = context;
    struct queue *queue = sender->queue;
    long status = response->rc ? 0 : response->status;
    const char *after = http_request_header(request, "Retry-After");
    enum send_verdict verdict = send_judge(status, queue->remote->queue_config.retry_on_http_429);
    double count = (double)(sender->end - sender->next);
    if (verdict == SEND_AGAIN) {
        counter_add(queue->metrics.metadata_retried, count);
        loop_timer_set(sender->timer,
                       send_pause_next(&sender->pause, span_from(after ? after : ""), clock_wall_ms()));
        return;
    }
    counter_add(queue->metrics.metadata, count);
    if (verdict == SEND_NEVER) counter_add(queue->metrics.metadata_failed, count);
    sender->next = sender->end;
    send_next(sender);
}

static void on_timer(void *context) {
    struct metadata_sender *sender = context;
    struct err err;
    if (sender->items) { /* once more */
        http_request_start(sender->request);
        return;
    }
    struct metadata *known = tsdb_metadata(sender->queue->sender->options.tsdb);
    if (metadata_list(known, &sender->arena, &sender->items, &sender->count, &err))
        LOG(LOG_ERROR, "metadata cannot be sent", "err", err.text);
    send_next(sender);
}

int metadata_sender_create(struct queue *queue, struct metadata_sender **made, struct err *err) {
    struct http_request_options options;
    struct arena arena;
    const struct queue_config *config = &queue->remote->queue_config;
    *made = NULL;
    if (!queue->remote->metadata_config.send || send_is_v2(queue->remote)) return 0;
    struct metadata_sender *sender = mem_zalloc(sizeof *sender);
    sender->queue = queue;
    sender->pause = (struct send_pause){config->min_backoff_ms, config->max_backoff_ms, 0};
    sender->timer = loop_timer_create(queue->loop, on_timer, sender);
    arena_init(&sender->arena, LIST_MAX_BYTES, NULL);
    buf_init(&sender->plain, BODY_MAX_BYTES);
    buf_init(&sender->packed, BODY_MAX_BYTES);
    arena_init(&arena, 1 << 20, NULL);
    int rc = queue_http_options(queue, &arena, &options, err);
    if (!rc) rc = http_request_create(queue->client, &options, on_answer, sender, &sender->request, err);
    arena_release(&arena);
    loop_timer_set(sender->timer, queue->remote->metadata_config.send_interval_ms);
    *made = sender;
    return rc;
}

void metadata_sender_destroy(struct metadata_sender *sender) {
    if (!sender) return;
    if (sender->request) http_request_destroy(sender->request);
    loop_timer_destroy(sender->timer);
    arena_release(&sender->arena);
    buf_release(&sender->plain);
    buf_release(&sender->packed);
    mem_free(sender);
}
