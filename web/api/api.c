#include "web/api/api.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "lib/model/limited.h"
#include "storage/remote/intake.h"
#include "web/api/inside.h"
#include "web/http/guard.h"

#define API_MAGIC 0x61706921u
#define FORM (METHOD_GET | METHOD_POST)
#define API (ROUTE_CORS | ROUTE_GATED)

static const struct route routes[] = {
    {"/api/v1/query", FORM, ROUTE_HEAVY, API | ROUTE_LIMITED, api_query, ACCESS_READ,
     "Value of an expression at one time", "query time timeout limit lookback_delta stats"},
    {"/api/v1/query_range", FORM, ROUTE_HEAVY, API | ROUTE_LIMITED, api_query_range, ACCESS_READ,
     "Values of an expression over a range of time",
     "query start end step timeout limit lookback_delta stats"},
    {"/api/v1/query_exemplars", FORM, ROUTE_HEAVY, API | ROUTE_LIMITED, api_query_exemplars, ACCESS_READ,
     "Exemplars of the series in an expression", "query start end"},
    {"/api/v1/format_query", FORM, ROUTE_LIGHT, API | ROUTE_LIMITED, api_format_query, ACCESS_READ,
     "An expression, laid out", "query"},
    {"/api/v1/parse_query", FORM, ROUTE_LIGHT, API | ROUTE_LIMITED, api_parse_query, ACCESS_READ,
     "The tree of an expression", "query"},
    {"/api/v1/series", FORM, ROUTE_HEAVY, API | ROUTE_LIMITED, api_series, ACCESS_READ, "Series that match",
     "match[] start end limit"},
    {"/api/v1/labels", FORM, ROUTE_HEAVY, API | ROUTE_LIMITED, api_labels, ACCESS_READ, "Names of labels",
     "match[] start end limit"},
    {"/api/v1/label/:name/values", METHOD_GET, ROUTE_HEAVY, API | ROUTE_LIMITED, api_label_values,
     ACCESS_READ, "Values of a label", "match[] start end limit"},
    {"/api/v1/targets", METHOD_GET, ROUTE_LIGHT, API, api_targets, ACCESS_READ,
     "Targets of scraping and how they are", "state scrapePool"},
    {"/api/v1/targets/metadata", METHOD_GET, ROUTE_LIGHT, API, api_target_metadata, ACCESS_READ,
     "What targets say of their metrics", "match_target metric limit"},
    {"/api/v1/targets/relabel_steps", METHOD_GET, ROUTE_LIGHT, API, api_relabel_steps, ACCESS_READ,
     "What each rule of relabelling makes of labels", "scrapePool labels"},
    {"/api/v1/metadata", METHOD_GET, ROUTE_LIGHT, API, api_metadata, ACCESS_READ,
     "Types, helps and units of metrics", "limit limit_per_metric metric"},
    {"/api/v1/scrape_pools", METHOD_GET, ROUTE_LIGHT, API, api_scrape_pools, ACCESS_READ,
     "Names of the scrape pools", NULL},
    {"/api/v1/rules", METHOD_GET, ROUTE_LIGHT, API, api_rules, ACCESS_READ, "Rules and their state", "type"},
    {"/api/v1/alerts", METHOD_GET, ROUTE_LIGHT, API, api_alerts, ACCESS_READ, "Active alerts", NULL},
    {"/api/v1/alertmanagers", METHOD_GET, ROUTE_LIGHT, API, api_alertmanagers, ACCESS_READ,
     "Alertmanagers that are told", NULL},
    {"/api/v1/status/buildinfo", METHOD_GET, ROUTE_LIGHT, API | ROUTE_LIMITED, api_build_info, ACCESS_READ,
     "Version of the server", NULL},
    {"/api/v1/status/runtimeinfo", METHOD_GET, ROUTE_LIGHT, API, api_runtime_info, ACCESS_READ,
     "The running server", NULL},
    {"/api/v1/status/config", METHOD_GET, ROUTE_LIGHT, API, api_config, ACCESS_READ,
     "The configuration in force, secrets hidden", NULL},
    {"/api/v1/status/flags", METHOD_GET, ROUTE_LIGHT, API, api_flags, ACCESS_READ,
     "Values of the command line's flags", NULL},
    {"/api/v1/status/tsdb", METHOD_GET, ROUTE_HEAVY, API, api_tsdb, ACCESS_READ,
     "What takes the most room among the series", "limit"},
    {"/api/v1/status/active_queries", METHOD_GET, ROUTE_LIGHT, API, api_active_queries, ACCESS_READ,
     "Queries that are running", NULL},
    {"/api/v1/status/active_queries/cancel", METHOD_POST, ROUTE_LIGHT, API, api_cancel_query, ACCESS_ADMIN,
     "Stops a query", "id"},
    {"/api/v1/status/top_queries", METHOD_GET, ROUTE_LIGHT, API, api_top_queries, ACCESS_READ,
     "Queries that cost the most", "limit"},
    {"/api/v1/write", METHOD_POST, ROUTE_INTAKE, API | ROUTE_LARGE, api_write, ACCESS_WRITE,
     "Takes samples by remote write", NULL},
    {"/api/v1/admin/tsdb/delete_series", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, API, api_delete_series,
     ACCESS_ADMIN, "Deletes samples of series", "match[] start end"},
    {"/api/v1/admin/tsdb/clean_tombstones", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, API, api_clean_tombstones,
     ACCESS_ADMIN, "Takes deleted samples off the disk", NULL},
    {"/api/v1/admin/tsdb/snapshot", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, API, api_snapshot, ACCESS_ADMIN,
     "Makes a copy of the database", "skip_head"},
    {"/-/healthy", METHOD_GET | METHOD_HEAD, ROUTE_AT_ONCE, ROUTE_LIMITED, api_healthy, ACCESS_ANY,
     "Whether the process answers", NULL},
    {"/-/ready", METHOD_GET | METHOD_HEAD, ROUTE_AT_ONCE, ROUTE_LIMITED, api_ready, ACCESS_ANY,
     "Whether the database is open", NULL},
    {"/-/reload", METHOD_POST | METHOD_PUT, ROUTE_HEAVY, 0, api_reload, ACCESS_ADMIN,
     "Reads the configuration again", NULL},
    {"/-/quit", METHOD_POST | METHOD_PUT, ROUTE_LIGHT, 0, api_quit, ACCESS_ADMIN, "Ends the server", NULL},
    {"/metrics", METHOD_GET, ROUTE_LIGHT, 0, api_metrics, ACCESS_READ, "The server's own metrics", NULL},
    {"/version", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_version, ACCESS_READ, "Version of the server",
     NULL},
    {"/", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/graph", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/query", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/targets", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/service-discovery", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/rules", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/alerts", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/alertmanager-discovery", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page",
     NULL},
    {"/config", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/flags", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/status", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/tsdb-status", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/queries", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "The page", NULL},
    {"/assets/:name", METHOD_GET, ROUTE_AT_ONCE, ROUTE_LIMITED, api_page, ACCESS_READ, "Files of the page",
     NULL},
};

struct api *api_of(void *context) {
    struct api *api = context;
    CHECK_OBJ(api, API_MAGIC);
    return api;
}

struct queryable *api_readable(struct api *api, struct exchange *exchange) {
    const struct access *access = exchange_access(exchange);
    struct arena *arena = exchange_arena(exchange);
    if (!access || !access->matcher_count) return api->queryable;
    struct limited *limited = arena_alloc(arena, sizeof *limited);
    if (!limited) {
        answer_error(exchange, ANSWER_EXECUTION, "no memory for the request");
        return NULL;
    }
    limited_init(limited, api->queryable, access->matchers, access->matcher_count, arena);
    return &limited->base;
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

void api_set_rules(struct api *api, struct rules_manager *rules, struct notifier *notifier) {
    CHECK_OBJ(api, API_MAGIC);
    ASSERT(atomic_load(&api->state) == API_STARTING);
    api->rules = rules;
    api->notifier = notifier;
}

void api_set_stopping(struct api *api) {
    CHECK_OBJ(api, API_MAGIC);
    atomic_store_explicit(&api->state, API_STOPPING, memory_order_release);
}
