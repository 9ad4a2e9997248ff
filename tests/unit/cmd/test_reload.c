#include "cmd/reload.h"

#include "lib/base/log.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/ferula-reload-XXXXXX";
static struct buf logged;
static bool is_apply_failing;
static int64_t applied_interval_ms;

static void sink(const char *line, void *context) {
    (void)context;
    buf_puts(&logged, line);
}

static int apply(void *context, struct config *config, struct err *err) {
    (void)context;
    if (is_apply_failing) return err_set(err, ERR_IO, "no room");
    applied_interval_ms = config->global.scrape_interval_ms;
    return 0;
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static bool metrics_have(struct registry *registry, const char *line) {
    struct buf out;
    buf_init(&out, 1 << 16);
    registry_write(registry, &out);
    bool has = strstr(buf_text(&out), line) != NULL;
    buf_release(&out);
    return has;
}

START_TEST(a_bad_file_keeps_the_old_configuration_and_says_where_it_is_bad) {
    static struct reload reload;
    struct registry *registry = registry_create();
    struct err err = {0};
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    buf_init(&logged, 1 << 16);
    log_capture(sink, NULL);
    reload_init(&reload, path, registry);
    reload.apply = apply;
    ck_assert_ptr_null(reload_current(&reload));

    write_file("global: {scrape_interval: 3s}\ntracing: {endpoint: a}\n");
    ck_assert_int_eq(reload_now(&reload, &err), 0);
    ck_assert_int_eq(applied_interval_ms, 3000);
    ck_assert(metrics_have(registry, "prometheus_config_last_reload_successful 1\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&logged), "tracing"));
    ck_assert(!reload_is_due(&reload));

    write_file("global: {scrape_interval: 3s}\nscrape_config: []\n");
    ck_assert(reload_is_due(&reload));
    ck_assert_int_eq(reload_now(&reload, &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, ":2:1: scrape_config: unknown field"));
    ck_assert_ptr_nonnull(strstr(buf_text(&logged), ":2:1: scrape_config: unknown field"));
    ck_assert(metrics_have(registry, "prometheus_config_last_reload_successful 0\n"));
    ck_assert(!reload.is_last_good && reload.last_success_ms > 0);
    ck_assert(!reload_is_due(&reload)); /* tried already */

    write_file("global: {scrape_interval: 9s}\n");
    is_apply_failing = true;
    ck_assert_int_eq(reload_now(&reload, &err), ERR_IO);
    ck_assert_str_eq(err.text, "no room");
    struct config *config = reload_current(&reload);
    ck_assert_int_eq(config->global.scrape_interval_ms, 3000);
    config_unref(config);

    is_apply_failing = false;
    ck_assert_int_eq(reload_now(&reload, &err), 0);
    ck_assert_int_eq(applied_interval_ms, 9000);
    ck_assert(reload.is_last_good);

    unlink(path);
    ck_assert_int_lt(reload_now(&reload, &err), 0);
    ck_assert(!reload_is_due(&reload));
    reload_release(&reload);
    registry_destroy(registry);
    log_capture(NULL, NULL);
    buf_release(&logged);
}
END_TEST

CHECK_MAIN("reload", a_bad_file_keeps_the_old_configuration_and_says_where_it_is_bad)
