#include "lib/notify/queue.h"
#include "tests/check_main.h"

static bool push(struct queue *queue, const char *text) {
    struct message *message = message_create(span_from(text));
    bool dropped = queue_push(queue, message);
    message_unref(message);
    return dropped;
}

static void check_next(struct queue *queue, size_t max, const char *expected) {
    struct buf out;
    buf_init(&out, 1000);
    queue_write(queue, max, &out);
    ck_assert_str_eq(buf_text(&out), expected);
    buf_release(&out);
}

START_TEST(batches_leave_in_order_and_stay_until_they_have_arrived) {
    struct queue queue;
    queue_init(&queue, 5);
    for (const char *t = "1\0002\0003\0"; *t; t += 2) ck_assert(!push(&queue, t));
    check_next(&queue, 2, "[1,2]");
    check_next(&queue, 2, "[1,2]"); /* tried again */
    queue_pop(&queue);
    check_next(&queue, 2, "[3]");
    queue_pop(&queue);
    ck_assert_uint_eq(queue.count, 0);
    queue_release(&queue);
}
END_TEST

START_TEST(a_full_queue_drops_the_oldest_that_waits) {
    struct queue queue;
    queue_init(&queue, 3);
    push(&queue, "1");
    push(&queue, "2");
    push(&queue, "3");
    check_next(&queue, 1, "[1]");
    ck_assert(push(&queue, "4")); /* 2 goes, 1 is under way */
    check_next(&queue, 3, "[1,3,4]");
    ck_assert(push(&queue, "5")); /* nothing waits: the new one goes */
    check_next(&queue, 3, "[1,3,4]");
    queue_pop(&queue);
    ck_assert(!push(&queue, "6"));
    check_next(&queue, 3, "[6]");
    queue_release(&queue);
}
END_TEST

CHECK_MAIN("queue", batches_leave_in_order_and_stay_until_they_have_arrived,
           a_full_queue_drops_the_oldest_that_waits)
