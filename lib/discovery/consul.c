#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/codec/json_read.h"
#include "lib/codec/url.h"
#include "lib/discovery/consul_reader.h"
#include "lib/discovery/fetch.h"
#include "lib/discovery/provider.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/timer.h"

#include <stdlib.h>

/*
 * consul_sd_configs: blocking queries. Each answer carries an index; the next query with it is answered when
 * something has changed, or when WAIT_MS are over.
 *
 *     /v1/agent/self -> name of the datacenter, when none is given
 *     watch of the catalog /v1/catalog/services  --+-- watch of /v1/health/service/web -> group "web"
 *     (not when all services are named)            +-- watch of /v1/health/service/db  -> group "db"
 *
 * A watch asks again at once, but no more often than every refresh_interval. The provider first speaks when
 * every service of the first catalog has answered.
 */

#define WAIT_MS 120000
#define TIMEOUT_MS (WAIT_MS + 15000)
#define BODY_MAX_BYTES ((size_t)64 << 20)
#define TREE_MAX_BYTES ((size_t)512 << 20)
#define URL_MAX_BYTES ((size_t)256 << 10)
#define SERVICES_MAX 100000

struct consul;

struct watch {
    struct consul *consul;
    char *service; /* NULL: the catalog; before that the agent */
    struct fetch fetch;
    struct loop_timer *timer;
    uint64_t index; /* of the last answer; 0: none yet */
    int64_t begin_ns;
    bool has_answered, is_wanted;
};

struct consul {
    struct provider *provider;
    char *datacenter; /* NULL: not known yet */
    struct watch *catalog;
    VEC(struct watch *) services;
    bool has_services; /* the catalog has answered, or all services are named */
    struct counter *failures;
    struct summary *catalog_duration, *service_duration;
};

static void ask(void *context);

static struct watch *watch_create(struct consul *consul, struct span service) {
    struct watch *watch = mem_zalloc(sizeof *watch);
    watch->consul = consul;
    watch->service = service.ptr ? mem_strndup(service.ptr, service.len) : NULL;
    watch->fetch.client = consul->provider->shared->client;
    watch->timer = loop_timer_create(consul->provider->shared->loop, ask, watch);
    loop_timer_set(watch->timer, 0);
    return watch;
}

static void watch_destroy(struct watch *watch) {
    if (!watch) return;
    fetch_stop(&watch->fetch);
    loop_timer_destroy(watch->timer);
    mem_free(watch->service);
    mem_free(watch);
}

/* ---- asking ---- */

static bool is_agent(const struct watch *watch) {
    return !watch->service && !watch->consul->datacenter;
}

static void put_base(struct buf *url, const struct consul_sd_config *config) {
    bool has_scheme = strstr(config->server, "://") != NULL;
    buf_printf(url, "%s%s%s", has_scheme ? "" : config->scheme, has_scheme ? "" : "://", config->server);
    if (config->path_prefix) {
        if (config->path_prefix[0] != '/') buf_putc(url, '/');
        buf_puts(url, config->path_prefix);
        while (url->len && url->data[url->len - 1] == '/') url->len--;
    }
}

static void put_query(struct buf *url, const struct watch *watch) {
    const struct consul_sd_config *config = watch->consul->provider->config;
    struct buf text;
    buf_init(&text, URL_MAX_BYTES);
    url_put_query(url, "dc", span_from(config->datacenter));
    url_put_query(url, "ns", span_from(config->namespace));
    url_put_query(url, "partition", span_from(config->partition));
    if (config->allow_stale) buf_puts(url, memchr(url->data, '?', url->len) ? "&stale=" : "?stale=");
    url_put_query(url, "filter", span_from(watch->service ? config->health_filter : config->filter));
    for (size_t i = 0; i < config->node_meta.count; i++) {
        buf_reset(&text);
        buf_printf(&text, "%s:%s", config->node_meta.items[i].name, config->node_meta.items[i].value);
        url_put_query(url, "node-meta", buf_view(&text));
    }
    for (size_t i = 0; watch->service && i < config->tags.count; i++)
        url_put_query(url, "tag", span_from(config->tags.items[i]));
    buf_reset(&text);
    buf_printf(&text, "%llu", (unsigned long long)watch->index);
    if (watch->index) url_put_query(url, "index", buf_view(&text));
    url_put_query(url, "wait", SPAN("120000ms"));
    buf_release(&text);
}

static void put_url(struct buf *url, const struct watch *watch) {
    put_base(url, watch->consul->provider->config);
    if (is_agent(watch)) {
        buf_puts(url, "/v1/agent/self");
        return;
    }
    buf_puts(url, watch->service ? "/v1/health/service/" : "/v1/catalog/services");
    if (watch->service) url_write_escaped(span_from(watch->service), url);
    put_query(url, watch);
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context);

static void fail(struct watch *watch, const struct err *err) {
    struct consul *consul = watch->consul;
    provider_count(consul->failures);
    provider_failed(consul->provider, err);
    loop_timer_set(watch->timer, consul->provider->shared->options->retry_ms);
}

static void ask(void *context) {
    struct watch *watch = context;
    struct consul *consul = watch->consul;
    const struct consul_sd_config *config = consul->provider->config;
    struct buf url, token;
    struct err err = {0};
    buf_init(&url, URL_MAX_BYTES);
    buf_init(&token, URL_MAX_BYTES);
    put_url(&url, watch);
    if (config->token.text) buf_printf(&token, "X-Consul-Token: %s", config->token.text);
    const char *const headers[] = {token.len ? buf_text(&token) : NULL, NULL};
    struct http_request_options options = {.url = buf_text(&url),
                                           .headers = headers,
                                           .user_agent = consul->provider->shared->options->user_agent,
                                           .timeout_ms = TIMEOUT_MS,
                                           .max_body_bytes = BODY_MAX_BYTES,
                                           .accept_gzip = true,
                                           .wants_headers = true,
                                           .username = config->username,
                                           .password = config->password.text};
    watch->begin_ns = clock_monotonic_ns();
    int rc = fetch_start(&watch->fetch, &config->http, &options, on_answer, watch, &err);
    if (token.data) explicit_bzero(token.data, token.len);
    buf_release(&token);
    buf_release(&url);
    if (rc) fail(watch, &err);
}

/* ---- answers ---- */

static void speak_if_complete(struct consul *consul) {
    if (!consul->has_services) return;
    for (size_t i = 0; i < consul->services.count && !consul->provider->has_spoken; i++)
        if (!consul->services.items[i]->has_answered) return;
    provider_spoke(consul->provider);
}

static struct watch *find_service(const struct consul *consul, struct span name) {
    for (size_t i = 0; i < consul->services.count; i++)
        if (span_is(name, consul->services.items[i]->service)) return consul->services.items[i];
    return NULL;
}

static void name_services(struct consul *consul) {
    const struct consul_sd_config *config = consul->provider->config;
    consul->has_services = true;
    for (size_t i = 0; i < config->services.count; i++)
        if (!find_service(consul, span_from(config->services.items[i])))
            *vec_push(&consul->services) = watch_create(consul, span_from(config->services.items[i]));
}

/* the catalog is needed to find the services, or which of them have the tags */
static bool needs_catalog(const struct consul_sd_config *config) {
    return config->services.count == 0 || config->tags.count != 0;
}

static int take_agent(struct watch *watch, const struct ynode *root, struct err *err) {
    struct consul *consul = watch->consul;
    struct span name = ynode_text_at(root, "Config.Datacenter");
    if (!name.len) return err_set(err, ERR_INVALID, "the agent does not name its datacenter");
    consul->datacenter = mem_strndup(name.ptr, name.len);
    if (!needs_catalog(consul->provider->config)) name_services(consul);
    return 0;
}

static int take_catalog(struct watch *watch, const struct ynode *root, struct err *err) {
    struct consul *consul = watch->consul;
    size_t kept = 0;
    if (ynode_is_null(root) || root->kind != YNODE_MAP || root->count > SERVICES_MAX)
        return err_set(err, ERR_INVALID, "a map of services is expected, not %s", ynode_describe(root));
    for (size_t i = 0; i < consul->services.count; i++) consul->services.items[i]->is_wanted = false;
    for (uint32_t i = 0; i < root->count; i++) {
        struct span name = root->entries[i].key->text;
        if (!consul_wants_service(consul->provider->config, name, root->entries[i].value)) continue;
        struct watch *service = find_service(consul, name);
        if (!service) *vec_push(&consul->services) = service = watch_create(consul, name);
        service->is_wanted = true;
    }
    for (size_t i = 0; i < consul->services.count; i++) {
        struct watch *service = consul->services.items[i];
        if (service->is_wanted) {
            consul->services.items[kept++] = service;
            continue;
        }
        provider_remove(consul->provider, span_from(service->service));
        watch_destroy(service);
    }
    consul->services.count = kept;
    consul->has_services = true;
    return 0;
}

static int take_service(struct watch *watch, const struct ynode *root, struct err *err) {
    struct consul *consul = watch->consul;
    const struct consul_sd_config *config = consul->provider->config;
    struct target_group *group;
    int rc =
        consul_read_service(root, watch->service, consul->datacenter, config->tag_separator, &group, err);
    if (!rc) provider_put(consul->provider, group);
    return rc;
}

static int take(struct watch *watch, struct span body, struct err *err) {
    struct arena arena;
    struct ymark where;
    const struct ynode *root;
    arena_init(&arena, TREE_MAX_BYTES, NULL);
    int rc = json_read(body, &arena, &root, &where, err);
    if (!rc)
        rc = is_agent(watch)   ? take_agent(watch, root, err)
             : !watch->service ? take_catalog(watch, root, err)
                               : take_service(watch, root, err);
    arena_release(&arena);
    return rc;
}

static void observe(const struct watch *watch) {
    struct summary *duration =
        watch->service ? watch->consul->service_duration : watch->consul->catalog_duration;
    if (duration && !is_agent(watch))
        summary_observe(duration, (double)(clock_monotonic_ns() - watch->begin_ns) * 1e-9);
}

/* an index that goes back is one of another server: begin anew */
static void set_index(struct watch *watch, const char *header) {
    uint64_t index = header ? strtoull(header, NULL, 10) : 0;
    watch->index = index < watch->index ? 0 : index;
}

static void plan(struct watch *watch) {
    const struct consul_sd_config *config = watch->consul->provider->config;
    bool is_over = !watch->service && watch->consul->datacenter && !needs_catalog(config);
    int64_t taken_ms = (clock_monotonic_ns() - watch->begin_ns) / 1000000;
    int64_t left_ms = config->refresh_interval_ms - taken_ms;
    if (!is_over) loop_timer_set(watch->timer, left_ms > 0 ? left_ms : 0);
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct watch *watch = context;
    struct consul *consul = watch->consul;
    struct err err = {0};
    observe(watch);
    int rc = fetch_judge(response, &err);
    if (rc) {
        fail(watch, &err);
        return;
    }
    if (is_agent(watch)) { /* then the catalog, by the same watch, at once */
        rc = take(watch, response->body, &err);
        if (!rc) watch->begin_ns = 0;
    } else {
        uint64_t before = watch->index;
        set_index(watch, http_request_header(request, "X-Consul-Index"));
        bool is_same = watch->has_answered && watch->index && watch->index == before;
        if (!is_same) rc = take(watch, response->body, &err);
        if (!rc) watch->has_answered = true;
        if (!rc && !is_same) speak_if_complete(consul);
    }
    if (rc)
        fail(watch, &err);
    else
        plan(watch);
}

/* ---- a provider ---- */

static void create_metrics(struct consul *consul) {
    struct registry *registry = consul->provider->shared->registry;
    consul->failures = provider_counter(consul->provider, 0);
    if (!registry) return;
    const char *name = "prometheus_sd_consul_rpc_duration_seconds", *help = "Time that Consul calls took.";
    consul->catalog_duration = registry_summary(
        registry, name, help, (const char *[]){"endpoint", "catalog", "call", "services", NULL});
    consul->service_duration = registry_summary(
        registry, name, help, (const char *[]){"endpoint", "catalog", "call", "service", NULL});
}

static void *start(struct provider *provider) {
    const struct consul_sd_config *config = provider->config;
    struct consul *consul = mem_zalloc(sizeof *consul);
    consul->provider = provider;
    create_metrics(consul);
    if (config->datacenter) consul->datacenter = mem_strdup(config->datacenter);
    if (consul->datacenter && !needs_catalog(config))
        name_services(consul);
    else
        consul->catalog = watch_create(consul, span_of(NULL, 0));
    return consul;
}

static void stop(void *state) {
    struct consul *consul = state;
    watch_destroy(consul->catalog);
    for (size_t i = 0; i < consul->services.count; i++) watch_destroy(consul->services.items[i]);
    vec_release(&consul->services);
    mem_free(consul->datacenter);
    mem_free(consul);
}

const struct provider_kind consul_kind = {
    .name = "consul",
    .start = start,
    .stop = stop,
    .counters = {{"prometheus_sd_consul_rpc_failures_total", "Consul calls that failed."}}};
