#pragma once
/*
 * queue.h - inside of lib/notify: alerts on their way to one Alertmanager.
 *
 *     [ batch under way | waiting ... ]      each a message: JSON of one alert, shared by all queues
 */
#include "lib/base/buf.h"

#include <stdatomic.h>

struct message {
    atomic_uint references;
    size_t len;
    char json[];
};

struct message *message_create(struct span json);
struct message *message_ref(struct message *message);
void message_unref(struct message *message);

struct queue {
    struct message **ring;
    size_t capacity, first, count;
    size_t under_way; /* of them, from the first: not dropped */
};

void queue_init(struct queue *queue, size_t capacity);
void queue_release(struct queue *queue);
/* takes a reference; true: the oldest that waited had to go */
bool queue_push(struct queue *queue, struct message *message);
/* up to max messages from the first as a JSON array; they are under way then */
size_t queue_write(struct queue *queue, size_t max, struct buf *out);
/* those under way have arrived, or are given up */
void queue_pop(struct queue *queue);
