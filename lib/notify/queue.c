#include "lib/notify/queue.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

struct message *message_create(struct span json) {
    struct message *message = mem_alloc(sizeof *message + json.len);
    atomic_init(&message->references, 1);
    message->len = json.len;
    if (json.len) memcpy(message->json, json.ptr, json.len);
    return message;
}

struct message *message_ref(struct message *message) {
    atomic_fetch_add(&message->references, 1);
    return message;
}

void message_unref(struct message *message) {
    if (atomic_fetch_sub(&message->references, 1) == 1) mem_free(message);
}

void queue_init(struct queue *queue, size_t capacity) {
    ASSERT(capacity > 0);
    *queue = (struct queue){.capacity = capacity};
    queue->ring = mem_array(capacity, sizeof *queue->ring);
}

static struct message **at(struct queue *queue, size_t i) {
    return &queue->ring[(queue->first + i) % queue->capacity];
}

void queue_release(struct queue *queue) {
    for (size_t i = 0; i < queue->count; i++) message_unref(*at(queue, i));
    mem_free(queue->ring);
    *queue = (struct queue){0};
}

bool queue_push(struct queue *queue, struct message *message) {
    bool is_full = queue->count == queue->capacity;
    if (is_full && queue->under_way == queue->count) return true; /* nothing waits: the new one goes */
    if (is_full) {
        message_unref(*at(queue, queue->under_way));
        for (size_t i = queue->under_way; i + 1 < queue->count; i++) *at(queue, i) = *at(queue, i + 1);
        queue->count--;
    }
    *at(queue, queue->count) = message_ref(message);
    queue->count++;
    return is_full;
}

size_t queue_write(struct queue *queue, size_t max, struct buf *out) {
    size_t count = queue->count < max ? queue->count : max;
    buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) buf_putc(out, ',');
        buf_append(out, (*at(queue, i))->json, (*at(queue, i))->len);
    }
    buf_putc(out, ']');
    queue->under_way = count;
    return count;
}

void queue_pop(struct queue *queue) {
    for (size_t i = 0; i < queue->under_way; i++) message_unref(*at(queue, i));
    queue->first = (queue->first + queue->under_way) % queue->capacity;
    queue->count -= queue->under_way;
    queue->under_way = 0;
}
