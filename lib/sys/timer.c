#include "lib/sys/timer.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/loop.h"

#include <uv.h>

#define TIMER_MAGIC 0x74696d65u

struct loop_timer {
    uint32_t magic;
    uv_timer_t uv;
    void (*fire)(void *context);
    void *context;
};

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context) {
    struct loop_timer *timer = mem_zalloc(sizeof *timer);
    *timer = (struct loop_timer){.magic = TIMER_MAGIC, .fire = fire, .context = context};
    uv_timer_init(loop_uv(loop), &timer->uv);
    timer->uv.data = timer;
    return timer;
}

static void on_closed(uv_handle_t *handle) {
    mem_free(handle->data);
}

void loop_timer_destroy(struct loop_timer *timer) {
    if (!timer) return;
    CHECK_OBJ(timer, TIMER_MAGIC);
    timer->magic = 0;
    uv_close((uv_handle_t *)&timer->uv, on_closed);
}

static void on_timer(uv_timer_t *uv) {
    struct loop_timer *timer = uv->data;
    timer->fire(timer->context);
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms) {
    CHECK_OBJ(timer, TIMER_MAGIC);
    uv_update_time(timer->uv.loop); /* the delay counts from now, not from the loop's last turn */
    uv_timer_start(&timer->uv, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0);
}

void loop_timer_cancel(struct loop_timer *timer) {
    CHECK_OBJ(timer, TIMER_MAGIC);
    uv_timer_stop(&timer->uv);
}

bool loop_timer_is_set(const struct loop_timer *timer) {
    return uv_is_active((const uv_handle_t *)&timer->uv) != 0;
}
