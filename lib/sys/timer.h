#pragma once
/*
 * timer.h - a one-shot timer on a loop, for code that does not want to know libuv.
 *
 * It belongs to the loop's thread. It may be started again in its own `fire`, and destroyed there; a
 * destroyed timer never fires.
 */
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context);
/* NULL is fine; before loop_destroy */
void loop_timer_destroy(struct loop_timer *timer);
/* fires once, delay_ms from now (at the loop's next turn when it is 0); replaces what was set */
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
