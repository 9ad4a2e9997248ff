#include "lib/discovery/fetch.h"
#include "lib/discovery/group_reader.h"
#include "lib/discovery/refresh.h"

#include <stdio.h>
#include <strings.h>

/*
 * http_sd_configs: a list of target groups, asked for by GET. The answer is the whole truth: what it does not
 * name any more goes. Any other answer changes nothing.
 */

#define BODY_MAX_BYTES ((size_t)64 << 20)

struct http {
    struct provider *provider;
    struct refresh refresh;
    struct fetch fetch;
    size_t group_count; /* of the last good answer */
    struct counter *failures;
};

/* application/json, with charset=utf-8 or nothing behind it */
static bool is_json(const char *content_type) {
    struct span type = span_trim(span_from(content_type));
    struct span media = SPAN("application/json");
    if (type.len < media.len || strncasecmp(type.ptr, media.ptr, media.len) != 0) return false;
    struct span rest = span_trim(span_of(type.ptr + media.len, type.len - media.len));
    if (!rest.len) return true;
    if (rest.ptr[0] != ';') return false;
    rest = span_trim(span_of(rest.ptr + 1, rest.len - 1));
    return (rest.len == 13 && strncasecmp(rest.ptr, "charset=utf-8", 13) == 0) ||
           (rest.len == 15 && strncasecmp(rest.ptr, "charset=\"utf-8\"", 15) == 0);
}

static int read_answer(struct http *http, const struct http_response *response, struct err *err) {
    const struct http_sd_config *config = http->provider->config;
    struct group_list groups = {0};
    int rc = fetch_judge(response, err);
    if (!rc && !is_json(response->content_type))
        rc = err_set(err, ERR_INVALID, "unsupported content type \"%.100s\"",
                     response->content_type ? response->content_type : "");
    struct group_origin origin = {config->url, "__meta_url", true};
    if (!rc) rc = group_reader_parse(response->body, &origin, &groups, err);
    if (rc) return rc;
    for (size_t i = 0; i < groups.all.count; i++)
        provider_put(http->provider, target_group_ref(groups.all.items[i]));
    for (size_t i = groups.all.count; i < http->group_count; i++) {
        struct buf source;
        buf_init(&source, strlen(config->url) + 32);
        buf_printf(&source, "%s:%zu", config->url, i);
        provider_remove(http->provider, buf_view(&source));
        buf_release(&source);
    }
    http->group_count = groups.all.count;
    group_list_release(&groups);
    return 0;
}

static void finish(struct http *http, int rc, const struct err *err) {
    if (rc) provider_count(http->failures);
    refresh_done(&http->refresh, rc ? err : NULL);
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct http *http = context;
    struct err err = {0};
    (void)request;
    int rc = read_answer(http, response, &err);
    finish(http, rc, &err);
}

static void ask(void *state) {
    struct http *http = state;
    const struct http_sd_config *config = http->provider->config;
    struct err err = {0};
    char interval[80];
    snprintf(interval, sizeof interval, "X-Prometheus-Refresh-Interval-Seconds: %.15g",
             (double)config->refresh_interval_ms / 1000);
    const char *const headers[] = {"Accept: application/json", interval, NULL};
    struct http_request_options options = {.url = config->url,
                                           .headers = headers,
                                           .user_agent = http->provider->shared->options->user_agent,
                                           .timeout_ms = config->refresh_interval_ms,
                                           .max_body_bytes = BODY_MAX_BYTES,
                                           .accept_gzip = true};
    int rc = fetch_start(&http->fetch, &config->http, &options, on_answer, http, &err);
    if (rc) finish(http, rc, &err);
}

static void *start(struct provider *provider) {
    const struct http_sd_config *config = provider->config;
    struct http *http = mem_zalloc(sizeof *http);
    http->provider = provider;
    http->fetch.client = provider->shared->client;
    http->failures = provider_counter(provider, 0);
    refresh_start(&http->refresh, provider, config->refresh_interval_ms, ask, http);
    return http;
}

static void stop(void *state) {
    struct http *http = state;
    fetch_stop(&http->fetch);
    refresh_stop(&http->refresh);
    mem_free(http);
}

const struct provider_kind http_kind = {
    .name = "http",
    .start = start,
    .stop = stop,
    .counters = {{"prometheus_sd_http_failures_total", "HTTP service discovery refreshes that failed."}}};
