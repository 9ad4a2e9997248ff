#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "web/http/server_inside.h"

#include <stdio.h>

/* Counters are made when a route first answers with a status, histograms when it first answers: both sets are
 * closed. */
#define STATUS_COUNT 600

struct route_metrics {
    const char *handler;
    struct counter *requests[STATUS_COUNT];
    struct histogram *duration, *size;
};

struct http_metrics {
    struct registry *registry;
    struct counter *opened, *closed, *refused, *busy;
    struct gauge *open, *waiting;
    size_t count;
    struct route_metrics routes[];
};

static struct counter *requests(struct http_metrics *metrics, struct route_metrics *route, int status) {
    struct counter **place = &route->requests[status];
    if (!*place) {
        char code[16];
        snprintf(code, sizeof code, "%d", status);
        const char *labels[] = {"code", code, "handler", route->handler, NULL};
        *place = registry_counter(metrics->registry, "prometheus_http_requests_total",
                                  "HTTP requests by handler and status.", labels);
    }
    return *place;
}

/* the two histograms of a route that answers for the first time */
static void add_histograms(struct http_metrics *metrics, struct route_metrics *route) {
    static const double seconds[] = {.1, .2, .4, 1, 3, 8, 20, 60, 120};
    static const double bytes[] = {100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const char *labels[] = {"handler", route->handler, NULL};
    route->duration = registry_histogram(metrics->registry, "prometheus_http_request_duration_seconds",
                                         "Time from a request to the end of its answer.", labels, seconds,
                                         sizeof seconds / sizeof *seconds);
    route->size =
        registry_histogram(metrics->registry, "prometheus_http_response_size_bytes",
                           "Size of answers as they were sent.", labels, bytes, sizeof bytes / sizeof *bytes);
}

static void name_connections(struct http_metrics *metrics, struct registry *registry) {
    const char *labels[] = {"listener_name", "http", NULL};
    metrics->opened =
        registry_counter(registry, "net_conntrack_listener_conn_accepted_total",
                         "Total number of connections opened to the listener of a given name.", labels);
    metrics->closed = registry_counter(
        registry, "net_conntrack_listener_conn_closed_total",
        "Total number of connections closed that were made to the listener of a given name.", labels);
    metrics->refused =
        registry_counter(registry, "ferula_web_connections_refused_total",
                         "Connections that were closed at once, because there was no place.", NULL);
    metrics->open = registry_gauge(registry, "ferula_web_connections", "Connections of clients.", NULL);
    metrics->waiting = registry_gauge(registry, "ferula_web_requests_waiting",
                                      "Requests that wait for a thread to answer them.", NULL);
    metrics->busy =
        registry_counter(registry, "ferula_web_requests_busy_total",
                         "Requests that were answered with 503, because too many waited for a thread.", NULL);
}

void http_metrics_opened(struct http_metrics *metrics) {
    if (!metrics) return;
    counter_inc(metrics->opened);
    gauge_add(metrics->open, 1);
}

void http_metrics_refused(struct http_metrics *metrics) {
    if (metrics) counter_inc(metrics->refused);
}

void http_metrics_closed(struct http_metrics *metrics) {
    if (!metrics) return;
    counter_inc(metrics->closed);
    gauge_add(metrics->open, -1);
}

void http_metrics_waiting(struct http_metrics *metrics, int change) {
    if (metrics) gauge_add(metrics->waiting, change);
}

void http_metrics_busy(struct http_metrics *metrics) {
    if (metrics) counter_inc(metrics->busy);
}

struct http_metrics *http_metrics_create(struct registry *registry, const struct router *router) {
    if (!registry) return NULL;
    struct http_metrics *metrics = mem_zalloc(sizeof *metrics + router->count * sizeof *metrics->routes);
    metrics->registry = registry;
    metrics->count = router->count;
    name_connections(metrics, registry);
    for (size_t i = 0; i < router->count; i++) {
        metrics->routes[i].handler = router->routes[i].pattern;
        (void)requests(metrics, &metrics->routes[i], 200); /* shown as 0 from the start */
    }
    return metrics;
}

void http_metrics_destroy(struct http_metrics *metrics) {
    mem_free(metrics);
}

void http_metrics_count(struct http_metrics *metrics, const struct exchange *exchange) {
    if (!metrics || !exchange->route) return;
    struct route_metrics *route = &metrics->routes[exchange->route_index];
    counter_inc(requests(metrics, route, exchange->status));
    if (!route->duration) add_histograms(metrics, route);
    histogram_observe(route->duration, (double)(clock_monotonic_ns() - exchange->begin_ns) * 1e-9);
    histogram_observe(route->size, (double)exchange->sent_bytes);
}
