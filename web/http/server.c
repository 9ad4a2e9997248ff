#include "web/http/server.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/regex.h"
#include "lib/sys/clock.h"
#include "web/http/server_inside.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define SERVER_MAGIC 0x68747470u
#define CONNECTIONS_MAX ((size_t)4096)
#define DESCRIPTORS_KEPT ((size_t)256) /* for scraping and storage */
#define MEMORY_MAX ((size_t)1 << 30)
#define TICK_MAX_MS 1000

static size_t most_connections(void) {
    struct rlimit limit;
    size_t files = CONNECTIONS_MAX + DESCRIPTORS_KEPT;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < files) files = (size_t)limit.rlim_cur;
    return files > DESCRIPTORS_KEPT + 16 ? files - DESCRIPTORS_KEPT : 16;
}

static void fill_defaults(struct http_server_options *options) {
    size_t most = most_connections();
    if (!options->max_connections || options->max_connections > most) options->max_connections = most;
    if (!options->idle_timeout_ms) options->idle_timeout_ms = 60000;
    if (!options->header_timeout_ms) options->header_timeout_ms = 10000;
    if (!options->body_timeout_ms) options->body_timeout_ms = 30000;
    if (!options->read_timeout_ms) options->read_timeout_ms = 300000;
    if (!options->route_prefix) options->route_prefix = "";
    if (!options->stall_timeout_ms) options->stall_timeout_ms = 30000;
    if (!options->stop_grace_ms) options->stop_grace_ms = 5000;
    if (!options->workers) options->workers = 4 * thread_processors();
    if (!options->max_waiting) options->max_waiting = 64;
    if (!options->patience_ms) options->patience_ms = 1000;
}

/* often enough for the shortest deadline */
static uint64_t tick_ms(const struct http_server_options *options) {
    int64_t times[] = {options->idle_timeout_ms, options->header_timeout_ms, options->body_timeout_ms,
                       options->stall_timeout_ms, options->stop_grace_ms};
    int64_t shortest = TICK_MAX_MS * 4;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i] < shortest) shortest = times[i];
    return shortest < 40 ? 10 : (uint64_t)shortest / 4;
}

static int open_listeners(struct http_server *server, struct err *err) {
    const struct http_server_options *options = &server->options;
    if (options->address_count == 0 || options->address_count > LISTENERS_MAX)
        return err_set(err, ERR_INVALID, "1 to %d listen addresses are possible", LISTENERS_MAX);
    for (size_t i = 0; i < options->address_count; i++) {
        int rc = listener_open(&server->listeners[i], server, options->addresses[i], err);
        if (rc) return rc;
        server->listener_count++;
    }
    return 0;
}

static int open_cors(struct http_server *server, struct err *err) {
    const char *pattern = server->options.cors_origin;
    if (!pattern || strcmp(pattern, ".*") == 0) return 0;
    int rc = regex_create(&server->cors_origin, span_from(pattern), err);
    return rc ? err_wrap(err, rc, "web.cors.origin") : 0;
}

int http_server_create(const struct http_server_options *options, const struct router *router,
                       struct registry *registry, struct http_server **result, struct err *err) {
    struct http_server *server = mem_zalloc(sizeof *server);
    server->magic = SERVER_MAGIC;
    server->options = *options;
    server->router = router;
    fill_defaults(&server->options);
    budget_init(&server->memory, "memory of all requests", MEMORY_MAX, options->memory);
    int rc = loop_create(&server->loop, err);
    if (!rc) {
        uv_timer_init(loop_uv(server->loop), &server->tick);
        server->tick.data = server;
        server->open_handles++;
        rc = open_cors(server, err);
    }
    if (!rc) rc = open_listeners(server, err);
    if (rc) {
        http_server_destroy(server);
        return rc;
    }
    server->metrics = http_metrics_create(registry, router);
    server->read_buffer = mem_alloc(READ_BUFFER_BYTES);
    *result = server;
    return 0;
}

/* ---- running ---- */

static void on_tick_closed(uv_handle_t *handle) {
    struct http_server *server = handle->data;
    server->open_handles--;
    if (server->is_running) loop_stop(server->loop);
}

void server_check_end(struct http_server *server) {
    if (!server->is_stopping || server->connection_count || server->exchange_count) return;
    if (server->open_handles == 1 && !uv_is_closing((uv_handle_t *)&server->tick))
        uv_close((uv_handle_t *)&server->tick, on_tick_closed);
}

static void on_tick(uv_timer_t *timer) {
    struct http_server *server = timer->data;
    server->now_ms = clock_monotonic_ms();
    bool is_patient = !server->is_stopping || server->now_ms < server->stop_ms;
    for (struct connection *c = server->connections, *next; c; c = next) {
        next = c->after; /* closing takes effect later, so next stays valid */
        if (is_patient)
            connection_tick(c);
        else
            connection_close(c);
    }
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].is_paused && !server->is_stopping) listener_start(&server->listeners[i]);
}

static void *run(void *context) {
    struct http_server *server = context;
    for (size_t i = 0; i < server->listener_count; i++) listener_start(&server->listeners[i]);
    uint64_t every = tick_ms(&server->options);
    uv_timer_start(&server->tick, on_tick, every, every);
    loop_run(server->loop);
    return NULL;
}

void http_server_start(struct http_server *server) {
    CHECK_OBJ(server, SERVER_MAGIC);
    ASSERT(!server->is_running);
    const struct http_server_options *options = &server->options;
    signal(SIGPIPE, SIG_IGN); /* a client that leaves is a failed write */
    server->is_running = true;
    server->workers = pool_create("web-worker", options->workers, options->max_waiting,
                                  options->patience_ms > 0 ? options->patience_ms : 0);
    /* one job a connection at most, and those left behind by connections that closed */
    server->writers = pool_create("web-writer", thread_processors(), SIZE_MAX, 0);
    server->intake = pool_create("web-intake", thread_processors(), SIZE_MAX, 0);
    thread_start(&server->thread, "web-loop", run, server);
}

/* ---- the end ---- */

static void close_handles(struct http_server *server) {
    for (size_t i = 0; i < server->listener_count; i++) listener_close(&server->listeners[i]);
}

static void on_stop(void *argument) {
    struct http_server *server = argument;
    server->is_stopping = true;
    server->stop_ms = clock_monotonic_ms() + server->options.stop_grace_ms;
    close_handles(server);
    for (struct connection *c = server->connections; c; c = c->after)
        if (!c->exchange && c->state != CONNECTION_LINGER) connection_close(c);
    on_tick(&server->tick); /* live streams hear of it now */
}

void http_server_stop(struct http_server *server) {
    CHECK_OBJ(server, SERVER_MAGIC);
    if (!server->is_running) return;
    loop_post(server->loop, on_stop, server);
    thread_join(&server->thread);
    pool_destroy(server->workers);
    pool_destroy(server->intake);
    pool_destroy(server->writers);
    server->workers = server->writers = NULL;
    server->is_running = false;
}

void http_server_destroy(struct http_server *server) {
    if (!server) return;
    CHECK_OBJ(server, SERVER_MAGIC);
    ASSERT(!server->is_running);
    if (server->open_handles) { /* never started */
        close_handles(server);
        uv_close((uv_handle_t *)&server->tick, on_tick_closed);
    }
    loop_destroy(server->loop);
    ASSERT(atomic_load(&server->memory.used_bytes) == 0);
    http_metrics_destroy(server->metrics);
    regex_destroy(server->cors_origin);
    mem_free(server->read_buffer);
    server->magic = 0;
    mem_free(server);
}

int http_server_port(const struct http_server *server, size_t i) {
    CHECK_OBJ(server, SERVER_MAGIC);
    return i < server->listener_count ? server->listeners[i].port : 0;
}
