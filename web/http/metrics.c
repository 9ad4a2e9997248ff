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

struct http_metrics *http_metrics_create(struct registry *registry, const struct router *router) {
    if (!registry) return NULL;
    struct http_metrics *metrics = mem_zalloc(sizeof *metrics + router->count * sizeof *metrics->routes);
    metrics->registry = registry;
    metrics->count = router->count;
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
