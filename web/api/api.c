#include "web/api/api.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "storage/remote/intake.h"
#include "web/api/inside.h"

#define API_MAGIC 0x61706921u
#define FORM (METHOD_GET | METHOD_POST)
#define API (ROUTE_CORS | ROUTE_GATED)

static const struct route routes[] = {
    {"/api/v1/query", FORM, ROUTE_HEAVY, API, api_query},
    {"/api/v1/query_range", FORM, ROUTE_HEAVY, API, api_query_range},
    {"/api/v1/query_exemplars", FORM, ROUTE_HEAVY, API, api_query_exemplars},
    {"/api/v1/format_query", FORM, ROUTE_LIGHT, API, api_format_query},
    {"/api/v1/parse_query", FORM, ROUTE_LIGHT, API, api_parse_query},
    {"/api/v1/series", FORM, ROUTE_HEAVY, API, api_series},
    {"/api/v1/labels", FORM, ROUTE_HEAVY, API, api_labels},
    {"/api/v1/label/:name/values", METHOD_GET, ROUTE_HEAVY, API, api_label_values},
    {"/api/v1/targets", METHOD_GET, ROUTE_LIGHT, API, api_targets},
    {"/api/v1/targets/metadata", METHOD_GET, ROUTE_LIGHT, API, api_target_metadata},
    {"/api/v1/targets/relabel_steps", METHOD_GET, ROUTE_LIGHT, API, api_relabel_steps},
    {"/api/v1/metadata", METHOD_GET, ROUTE_LIGHT, API, api_metadata},
    {"/api/v1/scrape_pools", METHOD_GET, ROUTE_LIGHT, API, api_scrape_pools},
    {"/api/v1/rules", METHOD_GET, ROUTE_LIGHT, API, api_rules},
    {"/api/v1/alerts", METHOD_GET, ROUTE_LIGHT, API, api_alerts},
    {"/api/v1/alertmanagers", METHOD_GET, ROUTE_LIGHT, API, api_alertmanagers},
    {"/api/v1/status/buildinfo", METHOD_GET, ROUTE_LIGHT, API, api_build_info},
    {"/api/v1/status/runtimeinfo", METHOD_GET, ROUTE_LIGHT, API, api_runtime_info},
    {"/api/v1/status/config", METHOD_GET, ROUTE_LIGHT, API, api_config},
    {"/api/v1/status/flags", METHOD_GET, ROUTE_LIGHT, API, api_flags},
    {"/api/v1/status/tsdb", METHOD_GET, ROUTE_HEAVY, API, api_tsdb},
    {"/api/v1/status/active_queries", METHOD_GET, ROUTE_LIGHT, API, api_active_queries},
    {"/api/v1/status/active_queries/cancel", METHOD_POST, ROUTE_LIGHT, API, api_cancel_query},
    {"/api/v1/status/top_queries", METHOD_GET, ROUTE_LIGHT, API, api_top_queries},
    {"/api/v1/write", METHOD_POST, ROUTE_INTAKE, API | ROUTE_LARGE, api_write},
    {"/api/v1/admin/tsdb/delete_series", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, API, api_delete_series},
    {"/api/v1/admin/tsdb/clean_tombstones", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, API, api_clean_tombstones},
    {"/api/v1/admin/tsdb/snapshot", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, API, api_snapshot},
    {"/-/healthy", METHOD_GET | METHOD_HEAD, ROUTE_AT_ONCE, 0, api_healthy},
    {"/-/ready", METHOD_GET | METHOD_HEAD, ROUTE_AT_ONCE, 0, api_ready},
    {"/-/reload", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, 0, api_reload},
    {"/-/quit", METHOD_POST | METHOD_PUT, ROUTE_LIGHT, 0, api_quit},
    {"/metrics", METHOD_GET, ROUTE_LIGHT, 0, api_metrics},
    {"/version", METHOD_GET, ROUTE_AT_ONCE, 0, api_version},
    {"/", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/query", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/graph", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/targets", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/service-discovery", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/rules", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/alerts", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/alertmanager-discovery", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/config", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/flags", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/status", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/tsdb-status", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/queries", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
    {"/assets/:name", METHOD_GET, ROUTE_AT_ONCE, 0, api_page},
};

struct api *api_of(void *context) {
    struct api *api = context;
    CHECK_OBJ(api, API_MAGIC);
    return api;
}

/* what needs the parts of api_set_ready waits for them */
static bool is_ready(struct exchange *exchange, void *context) {
    int state = atomic_load_explicit(&api_of(context)->state, memory_order_acquire);
    if (state == API_READY) return true;
    reply_header(exchange, "X-Prometheus-Stopping", state == API_STOPPING ? "true" : "false");
    reply_text(exchange, 503, "text/plain; charset=utf-8", SPAN("Service Unavailable"));
    return false;
}

void api_ready(struct exchange *exchange, void *context) {
    if (is_ready(exchange, context))
        reply_text(exchange, 200, "text/plain; charset=utf-8", SPAN("Ferula is Ready.\n"));
}

static void add_metrics(struct api *api) {
    static const char *const codes[] = {"200", "500"};
    if (!api->context.registry) return;
    for (size_t i = 0; i < 2; i++)
        api->exposed[i] = registry_counter(api->context.registry, "promhttp_metric_handler_requests_total",
                                           "Scrapes of this server's own metrics by status.",
                                           (const char *[]){"code", codes[i], NULL});
    api->exposing = registry_gauge(api->context.registry, "promhttp_metric_handler_requests_in_flight",
                                   "Scrapes of this server's own metrics under way.", NULL);
}

struct api *api_create(const struct api_context *context) {
    struct api *api = mem_zalloc(sizeof *api);
    api->magic = API_MAGIC;
    api->context = *context;
    api->router = (struct router){
        .routes = routes, .count = sizeof routes / sizeof *routes, .gate = is_ready, .context = api};
    if (context->intake) {
        api->router.large_body_max = INTAKE_PACKED_MAX;
        api->router.large_memory = intake_memory(context->intake);
    }
    add_metrics(api);
    return api;
}

void api_destroy(struct api *api) {
    if (!api) return;
    CHECK_OBJ(api, API_MAGIC);
    api->magic = 0;
    mem_free(api);
}

const struct router *api_router(const struct api *api) {
    return &api->router;
}

void api_set_ready(struct api *api, struct queryable *queryable, struct tsdb *tsdb,
                   struct scrape_manager *scrape) {
    CHECK_OBJ(api, API_MAGIC);
    ASSERT(atomic_load(&api->state) == API_STARTING);
    api->queryable = queryable;
    api->tsdb = tsdb;
    api->scrape = scrape;
    atomic_store_explicit(&api->state, API_READY, memory_order_release);
}

void api_set_stopping(struct api *api) {
    CHECK_OBJ(api, API_MAGIC);
    atomic_store_explicit(&api->state, API_STOPPING, memory_order_release);
}
