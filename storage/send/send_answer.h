#pragma once
/*
 * send_answer.h - inside of storage/send: what a receiver's answer means for the message it was for.
 *
 *     2xx                                         sent
 *     5xx, 429 if told so, or no answer at all    again: after Retry-After, else after a pause that doubles
 *     all others                                  never: the message is dropped and counted
 *
 * As Prometheus: the pause begins anew with each message, and doubles from what was waited last, up to its
 * maximum; what Retry-After asks for is waited whole.
 */
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum send_verdict { SEND_DONE, SEND_AGAIN, SEND_NEVER };

/* status: 0 when there was no answer */
enum send_verdict send_judge(long status, bool retry_on_429);

struct send_pause {
    int64_t min_ms, max_ms; /* of queue_config */
    int64_t next_ms;        /* 0: the message was not tried yet */
};

/* for the next message */
void send_pause_reset(struct send_pause *pause);
/* How long to wait before the message is sent again. retry_after: the header's value, empty when there is
 * none; now_ms: the wall clock. */
int64_t send_pause_next(struct send_pause *pause, struct span retry_after, int64_t now_ms);
/* Milliseconds that seconds or a date ("Sun, 06 Nov 1994 08:49:37 GMT") ask for; not above 0: nothing that
 * can be waited for. */
int64_t send_retry_after_ms(struct span text, int64_t now_ms);
