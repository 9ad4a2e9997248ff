#include "cmd/web.h"

#include "cmd/external.h"
#include "cmd/storage.h"
#include "cmd/version.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/sys/clock.h"
#include "storage/remote/intake.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/api.h"
#include "web/gate/gate.h"
#include "web/http/server.h"

struct web {
    struct web_parts parts;
    struct api *api;
    struct http_server *server;
    struct intake *intake; /* NULL: no remote write */
    struct gate *gate;     /* NULL: everybody may come in */
    char *route_prefix;
};

static struct config *current_config(void *context) {
    const struct web *web = context;
    return reload_current(web->parts.reload);
}

static bool reload_state(void *context, int64_t *last_success_ms, int64_t *last_failure_ms) {
    const struct web *web = context;
    return reload_last(web->parts.reload, last_success_ms, last_failure_ms);
}

static void flag_value(void *context, size_t i, struct buf *out) {
    const struct web *web = context;
    flag_value_write(web->parts.flags, i, out);
}

static int ask_reload(void *context, struct err *err) {
    const struct web *web = context;
    return reload_door_ask(web->parts.door, err);
}

static void ask_quit(void *context) {
    const struct web *web = context;
    web->parts.quit(web->parts.context);
}

static void retention(void *context, char out[64]) {
    const struct web *web = context;
    struct config *config = reload_current(web->parts.reload);
    storage_retention_text(web->parts.flags, config, out);
    config_unref(config);
}

/* what is below 1 or beyond all numbers of samples is no limit */
static uint64_t read_samples_max(const struct flags *flags) {
    double limit = flags->storage_remote_read_sample_limit;
    return limit >= 1 && limit < 1e18 ? (uint64_t)limit : 0;
}

static struct api *make_api(struct web *web) {
    const struct version *version = version_of_program();
    if (web->parts.flags->web_enable_remote_write_receiver)
        web->intake = intake_create(web->parts.registry, web->parts.memory);
    struct api_context context = {.engine = web->parts.engine,
                                  .registry = web->parts.registry,
                                  .build = {.version = version->version,
                                            .revision = version->revision,
                                            .branch = version->branch,
                                            .build_user = "",
                                            .build_date = "",
                                            .compiler = version->compiler},
                                  .start_time_ms = clock_wall_ms(),
                                  .has_step_stats = web->parts.has_step_stats,
                                  .has_lifecycle = web->parts.flags->web_enable_lifecycle,
                                  .intake = web->intake,
                                  .push = web->parts.push,
                                  .search_limit_max = web->parts.flags->web_search_max_limit,
                                  .read_samples_max = read_samples_max(web->parts.flags),
                                  .reads_max = web->parts.flags->storage_remote_read_concurrent_limit,
                                  .read_frame_bytes =
                                      web->parts.flags->storage_remote_read_max_bytes_in_frame,
                                  .max_subscribers = web->parts.flags->web_max_notifications_subscribers,
                                  .progress = web->parts.progress,
                                  .data_path = web->parts.flags->storage_tsdb_path,
                                  .page_title = web->parts.flags->web_page_title,
                                  .is_agent = web->parts.flags->agent,
                                  .has_admin = web->parts.flags->web_enable_admin_api,
                                  .retention = retention,
                                  .current_config = current_config,
                                  .reload_state = reload_state,
                                  .flag_count = flag_count(),
                                  .flag_name = flag_name,
                                  .flag_value = flag_value,
                                  .reload = ask_reload,
                                  .quit = ask_quit,
                                  .context = web};
    return api_create(&context);
}

static int make_server(struct web *web, struct err *err) {
    const struct flags *flags = web->parts.flags;
    struct http_server_options options = {.addresses = flags->web_listen_address.items,
                                          .address_count = flags->web_listen_address.count,
                                          .workers = (int)flags->query_max_concurrency,
                                          .cors_origin = flags->web_cors_origin};
    if (flags->is_given[FLAG_web_max_connections]) /* else the server's own, larger one */
        options.max_connections = flags->web_max_connections;
    options.memory = web->parts.memory;
    options.read_timeout_ms = flags->web_read_timeout_ms;
    if (flags->is_given[FLAG_web_read_timeout_ms]) /* else the server's own, shorter limit */
        options.idle_timeout_ms = flags->web_read_timeout_ms;
    options.route_prefix = web->route_prefix;
    if (web->gate) options.guard = gate_guard(web->gate);
    return http_server_create(&options, api_router(web->api), web->parts.registry, &web->server, err);
}

int web_start(const struct web_parts *parts, struct web **result, struct err *err) {
    struct web *web = mem_zalloc(sizeof *web);
    const struct flags *flags = parts->flags;
    web->parts = *parts;
    web->api = make_api(web);
    int rc = external_route_prefix(flags->web_external_url, flags->web_route_prefix, &web->route_prefix, err);
    if (!rc && *flags->web_config_file)
        rc = gate_create(flags->web_config_file, parts->registry, &web->gate, err);
    if (!rc) rc = make_server(web, err);
    if (rc) {
        web_stop(web);
        return rc;
    }
    http_server_start(web->server);
    for (size_t i = 0; i < parts->flags->web_listen_address.count; i++)
        LOG(LOG_INFO, "listening", "address", parts->flags->web_listen_address.items[i], "port",
            log_text("%d", http_server_port(web->server, i)));
    *result = web;
    return 0;
}

void web_ready(struct web *web, struct queryable *queryable, struct tsdb *tsdb, struct scrape_manager *scrape,
               struct rules_manager *rules, struct notifier *notifier) {
    api_set_rules(web->api, rules, notifier);
    api_set_ready(web->api, queryable, tsdb, scrape);
}

void web_stop(struct web *web) {
    if (!web) return;
    if (web->server) {
        api_set_stopping(web->api);
        http_server_stop(web->server);
        http_server_destroy(web->server);
    }
    gate_destroy(web->gate);
    mem_free(web->route_prefix);
    api_destroy(web->api);
    intake_destroy(web->intake);
    mem_free(web);
}
