#pragma once
/*
 * loop.h - a libuv loop that others can send work to.
 *
 *     any thread -- loop_post(fn, arg) --> [list under a lock] -- uv_async --> fn(arg) on the loop's thread,
 * in order
 *
 * loop_run runs on the thread that owns the loop until loop_stop (any thread). Work posted before loop_stop
 * still runs. Everything else of a loop, and every uv handle on it, belongs to its thread.
 */
#include "lib/base/err.h"

struct uv_loop_s;
struct loop;

int loop_create(struct loop **loop, struct err *err);
/* not while it runs; handles opened on it must be closed */
void loop_destroy(struct loop *loop);
struct uv_loop_s *loop_uv(struct loop *loop);
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
void loop_post(struct loop *loop, void (*run)(void *argument), void *argument);

/* calls handler on the loop's thread for each delivery of the signal; at most 8 signals a loop; the main loop
 * only */
int loop_on_signal(struct loop *loop, int signal_number, void (*handler)(void *context), void *context,
                   struct err *err);
