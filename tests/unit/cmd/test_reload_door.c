#include "cmd/reload_door.h"

#include "lib/base/log.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/ferula-door-XXXXXX";
static struct reload reload;
static struct reload_door door;
static struct mutex lock;
static struct condition changed;
static int64_t applied_ms;

static void ignore(const char *line, void *context) {
    (void)line;
    (void)context;
}

static void *run_loop(void *context) {
    loop_run(context);
    return NULL;
}

static int apply(void *context, struct config *config, struct err *err) {
    (void)context;
    (void)err;
    mutex_lock(&lock);
    applied_ms = config->global.scrape_interval_ms;
    condition_broadcast(&changed);
    mutex_unlock(&lock);
    return 0;
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(other_threads_ask_and_the_watch_notices) {
    struct registry *registry = registry_create();
    struct loop *loop;
    struct thread thread;
    struct err err = {0};
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    log_capture(ignore, NULL);
    mutex_init(&lock);
    condition_init(&changed);
    ck_assert_int_eq(loop_create(&loop, &err), 0);
    reload_init(&reload, path, registry);
    reload.apply = apply;
    reload_door_init(&door, &reload, loop);
    thread_start(&thread, "loop", run_loop, loop);

    write_file("global: {scrape_interval: 3s}\n");
    ck_assert_int_eq(reload_door_ask(&door, &err), 0);
    ck_assert_int_eq(applied_ms, 3000);
    write_file("nonsense: 1\n");
    ck_assert_int_eq(reload_door_ask(&door, &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "nonsense"));

    reload_door_watch(&door, 10);
    write_file("global: {scrape_interval: 5s}\n");
    mutex_lock(&lock);
    while (applied_ms != 5000) ck_assert(condition_wait_ms(&changed, &lock, 20000));
    mutex_unlock(&lock);

    reload_door_close(&door);
    ck_assert_int_eq(reload_door_ask(&door, &err), ERR_CANCELED);
    ck_assert_str_eq(err.text, "the server is stopping");
    loop_stop(loop);
    thread_join(&thread);
    loop_destroy(loop);
    reload_door_release(&door);
    reload_release(&reload);
    registry_destroy(registry);
    condition_release(&changed);
    mutex_release(&lock);
    unlink(path);
    log_capture(NULL, NULL);
}
END_TEST

CHECK_MAIN("reload_door", other_threads_ask_and_the_watch_notices)
