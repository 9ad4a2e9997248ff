#include "lib/sys/loop.h"

#include "lib/base/assert.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"

#include <uv.h>

#define LOOP_MAGIC 0x6c6f6f70u
#define LOOP_MAX_SIGNALS 8

struct posted {
    void (*run)(void *argument);
    void *argument;
};

struct posted_list {
    VEC(struct posted) work;
};

struct signal_watch {
    uv_signal_t handle;
    void (*handler)(void *context);
    void *context;
};

struct loop {
    uint32_t magic;
    uv_loop_t uv;
    uv_async_t wake;
    struct mutex lock; /* guards posted and stopping */
    struct posted_list posted;
    bool stopping;
    struct signal_watch signals[LOOP_MAX_SIGNALS];
    size_t signal_count;
};

static void on_wake(uv_async_t *wake) {
    struct loop *loop = wake->data;
    mutex_lock(&loop->lock);
    struct posted_list taken = loop->posted;
    loop->posted = (struct posted_list){0};
    bool stopping = loop->stopping;
    mutex_unlock(&loop->lock);
    for (size_t i = 0; i < taken.work.count; i++) taken.work.items[i].run(taken.work.items[i].argument);
    vec_release(&taken.work);
    if (stopping) uv_stop(&loop->uv);
}

int loop_create(struct loop **result, struct err *err) {
    struct loop *loop = mem_zalloc(sizeof *loop);
    int rc = uv_loop_init(&loop->uv);
    if (rc) {
        mem_free(loop);
        return err_set(err, ERR_IO, "event loop: %s", uv_strerror(rc));
    }
    rc = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (rc) {
        uv_loop_close(&loop->uv);
        mem_free(loop);
        return err_set(err, ERR_IO, "event loop: %s", uv_strerror(rc));
    }
    loop->magic = LOOP_MAGIC;
    loop->wake.data = loop;
    mutex_init(&loop->lock);
    *result = loop;
    return 0;
}

void loop_destroy(struct loop *loop) {
    if (!loop) return;
    CHECK_OBJ(loop, LOOP_MAGIC);
    for (size_t i = 0; i < loop->signal_count; i++) uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* lets the closes finish */
    ASSERT(uv_loop_close(&loop->uv) == 0);
    mutex_release(&loop->lock);
    vec_release(&loop->posted.work);
    loop->magic = 0;
    mem_free(loop);
}

struct uv_loop_s *loop_uv(struct loop *loop) {
    return &loop->uv;
}

void loop_run(struct loop *loop) {
    CHECK_OBJ(loop, LOOP_MAGIC);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop) {
    CHECK_OBJ(loop, LOOP_MAGIC);
    mutex_lock(&loop->lock);
    loop->stopping = true;
    mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, void (*run)(void *argument), void *argument) {
    CHECK_OBJ(loop, LOOP_MAGIC);
    mutex_lock(&loop->lock);
    *vec_push(&loop->posted.work) = (struct posted){run, argument};
    mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

static void on_signal(uv_signal_t *handle, int signal_number) {
    struct signal_watch *watch = handle->data;
    (void)signal_number;
    watch->handler(watch->context);
}

int loop_on_signal(struct loop *loop, int signal_number, void (*handler)(void *context), void *context,
                   struct err *err) {
    ASSERT(loop->signal_count < LOOP_MAX_SIGNALS);
    struct signal_watch *watch = &loop->signals[loop->signal_count];
    int rc = uv_signal_init(&loop->uv, &watch->handle);
    if (rc) return err_set(err, ERR_IO, "signal %d: %s", signal_number, uv_strerror(rc));
    loop->signal_count++;
    watch->handle.data = watch;
    watch->handler = handler;
    watch->context = context;
    rc = uv_signal_start(&watch->handle, on_signal, signal_number);
    return rc ? err_set(err, ERR_IO, "signal %d: %s", signal_number, uv_strerror(rc)) : 0;
}
