#pragma once
/*
 * fixture.h - the whole API over a database in memory, asked through the HTTP server.
 */
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/instrument/instrument.h"
#include "lib/model/sample.h"
#include "lib/push/store.h"
#include "promql/eval/engine.h"
#include "storage/tsdb/tsdb.h"
#include "tests/unit/web/client.h"
#include "web/api/api.h"

#include <stdatomic.h>
#include <stdio.h>

static struct {
    struct registry *registry;
    struct engine *engine;
    struct push_store *push;
    struct tsdb *tsdb;
    struct config *config;
    struct api *api;
    struct http_server *server;
    struct buf out;
    int reload_rc;
    atomic_bool reload_has_failed;
    atomic_bool has_quit;
} t;

static inline void on_done(struct append_batch *batch) {
    ck_assert_int_eq(batch->rc, 0);
    append_batch_destroy(batch);
}

static inline void append(const struct label *items, uint32_t count, int64_t time_ms, double value) {
    struct labels labels = {items, count};
    struct series_ref ref;
    struct err err;
    ck_assert_int_eq(appender_resolve(tsdb_appender(t.tsdb), &labels, 1, &ref, NULL, &err), 0);
    struct append_batch *batch = append_batch_create(1, false, on_done, NULL);
    batch->time_ms = time_ms;
    append_batch_add(batch, ref, value, 0);
    appender_append(tsdb_appender(t.tsdb), batch);
}

/* ---- the rest of the program, as the API sees it ---- */

static inline struct config *current_config(void *context) {
    (void)context;
    return config_ref(t.config);
}

static inline bool reload_state(void *context, int64_t *last_success_ms, int64_t *last_failure_ms) {
    (void)context;
    *last_success_ms = 1500;
    *last_failure_ms = 2500;
    return !t.reload_has_failed;
}

static inline const char *flag_name(size_t i) {
    return i ? "a.first" : "z.last";
}

static inline void flag_value(void *context, size_t i, struct buf *out) {
    (void)context;
    buf_puts(out, i ? "one" : "two");
}

static inline int reload(void *context, struct err *err) {
    (void)context;
    return t.reload_rc ? err_set(err, t.reload_rc, "it is bad") : 0;
}

static inline void quit(void *context) {
    (void)context;
    atomic_store(&t.has_quit, true);
}

static inline void retention(void *context, char out[64]) {
    (void)context;
    (void)snprintf(out, 64, "15d");
}

/* of remote reads: limits, back to none after the test */
static struct {
    uint64_t samples_max;
    size_t max, frame_bytes;
} start_read;

static inline void start(bool has_lifecycle, bool is_ready) {
    static const char *const address = "127.0.0.1:0";
    struct http_server_options options = {.addresses = &address, .address_count = 1};
    struct api_context context = {.engine = t.engine,
                                  .registry = t.registry,
                                  .build = {.version = "1.2.3", .revision = "r"},
                                  .start_time_ms = 1000,
                                  .max_subscribers = 2,
                                  .search_limit_max = 500,
                                  .push = t.push,
                                  .has_lifecycle = has_lifecycle,
                                  .read_samples_max = start_read.samples_max,
                                  .reads_max = start_read.max,
                                  .read_frame_bytes = start_read.frame_bytes,
                                  .retention = retention,
                                  .current_config = current_config,
                                  .reload_state = reload_state,
                                  .flag_count = 2,
                                  .flag_name = flag_name,
                                  .flag_value = flag_value,
                                  .reload = reload,
                                  .quit = quit};
    struct err err;
    t.api = api_create(&context);
    ck_assert_int_eq(http_server_create(&options, api_router(t.api), t.registry, &t.server, &err), 0);
    if (is_ready) api_set_ready(t.api, tsdb_queryable(t.tsdb), t.tsdb, NULL);
    http_server_start(t.server);
}

static inline void stop(void) {
    http_server_stop(t.server);
    http_server_destroy(t.server);
    api_destroy(t.api);
}

static inline void set_up(void) {
    struct tsdb_options options = {.path = NULL};
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    struct err err;
    t.registry = registry_create();
    t.push = push_store_create(&(struct push_options){0});
    t.engine = engine_create(&(struct engine_options){0}, t.registry);
    ck_assert_int_eq(tsdb_open(&options, t.registry, &t.tsdb, &err), 0);
    ck_assert_int_eq(config_load_text(SPAN("global:\n  scrape_interval: 7s\n"), "x.yml", &t.config, errors),
                     0);
    mem_free(errors);
    buf_init(&t.out, (size_t)64 << 20);
}

static inline void tear_down(void) {
    engine_destroy(t.engine);
    push_store_destroy(t.push);
    tsdb_close(t.tsdb);
    config_unref(t.config);
    registry_destroy(t.registry);
    buf_release(&t.out);
}

static inline const char *get(const char *target) {
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" CLOSE, target);
    return ask(t.server, request, &t.out);
}

static inline const char *post(const char *target, const char *form) {
    char request[1024];
    snprintf(
        request, sizeof request,
        "POST %s HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n" CLOSE
        "%s",
        target, strlen(form), form);
    return ask(t.server, request, &t.out);
}

static inline int status(void) {
    return atoi(t.out.data + 9); /* HTTP/1.1 200 */
}
