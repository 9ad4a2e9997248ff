#include "web/api/api.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "lib/model/limited.h"
#include "lib/sys/clock.h"
#include "storage/remote/intake.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"
#include "web/api/turns.h"
#include "web/http/guard.h"

#define API_MAGIC 0x61706921u
struct api *api_of(void *context) {
    struct api *api = context;
    CHECK_OBJ(api, API_MAGIC);
    return api;
}

static struct queryable *within_access(struct queryable *queryable, struct exchange *exchange) {
    const struct access *access = exchange_access(exchange);
    struct arena *arena = exchange_arena(exchange);
    if (!access || !access->matcher_count) return queryable;
    struct limited *limited = arena_alloc(arena, sizeof *limited);
    if (!limited) {
        answer_error(exchange, ANSWER_EXECUTION, "no memory for the request");
        return NULL;
    }
    limited_init(limited, queryable, access->matchers, access->matcher_count, arena);
    return &limited->base;
}

struct queryable *api_readable(struct api *api, struct exchange *exchange) {
    return within_access(api->queryable, exchange);
}

struct queryable *api_readable_here(struct api *api, struct exchange *exchange) {
    return within_access(api->tsdb ? tsdb_queryable(api->tsdb) : api->queryable, exchange);
}

/* what needs the parts of api_set_ready waits for them */
static bool is_ready(struct exchange *exchange, void *context) {
    int state = atomic_load_explicit(&api_of(context)->state, memory_order_acquire);
    if (state == API_READY) return true;
    reply_header(exchange, "X-Prometheus-Stopping", state == API_STOPPING ? "true" : "false");
    reply_text(exchange, 503, "text/plain; charset=utf-8", SPAN("Service Unavailable"));
    return false;
}

static bool is_there(struct exchange *exchange, const struct route *route, void *context) {
    if (!is_ready(exchange, context)) return false;
    if (!api_of(context)->context.is_agent || !(route->flags & ROUTE_NO_AGENT)) return true;
    answer_error(exchange, ANSWER_EXECUTION, "unavailable with Prometheus Agent");
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
    api->federation_errors = registry_counter(api->context.registry, "prometheus_web_federation_errors_total",
                                              "Answers to /federate that failed.", NULL);
    api->federation_warnings =
        registry_counter(api->context.registry, "prometheus_web_federation_warnings_total",
                         "Warnings of the store while answering /federate.", NULL);
    api->reading = registry_gauge(api->context.registry, "prometheus_remote_read_handler_queries",
                                  "Remote reads being answered or waiting for their turn.", NULL);
    api->subscribed = registry_gauge(api->context.registry, "prometheus_api_notification_active_subscribers",
                                     "Clients that follow live notifications.", NULL);
    api->notified = registry_counter(api->context.registry, "prometheus_api_notification_updates_sent_total",
                                     "Live notifications sent.", NULL);
    api->exposing = registry_gauge(api->context.registry, "promhttp_metric_handler_requests_in_flight",
                                   "Scrapes of this server's own metrics under way.", NULL);
}

struct api *api_create(const struct api_context *context) {
    struct api *api = mem_zalloc(sizeof *api);
    api->magic = API_MAGIC;
    api->context = *context;
    api->router =
        (struct router){.routes = api_routes, .count = api_route_count, .gate = is_there, .context = api};
    if (context->intake) {
        api->router.large_body_max = INTAKE_PACKED_MAX;
        api->router.large_memory = intake_memory(context->intake);
    }
    api->reads = turns_create(context->reads_max);
    add_metrics(api);
    return api;
}

void api_destroy(struct api *api) {
    if (!api) return;
    CHECK_OBJ(api, API_MAGIC);
    turns_destroy(api->reads);
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
    atomic_store(&api->stopping_ms, clock_wall_ms());
    atomic_store_explicit(&api->state, API_STOPPING, memory_order_release);
}
