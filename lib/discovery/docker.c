#include "lib/codec/json.h"
#include "lib/codec/json_read.h"
#include "lib/discovery/docker_reader.h"
#include "lib/discovery/fetch.h"
#include "lib/discovery/refresh.h"
#include "lib/sys/timer.h"

/*
 * docker_sd_configs: the containers and the networks of a daemon, over its unix socket, TCP or HTTP.
 *
 *     GET /containers/json?filters=... -> kept -> GET /networks -> both into one group
 */

#define BODY_MAX_BYTES ((size_t)64 << 20)
#define TREE_MAX_BYTES ((size_t)256 << 20)
#define URL_MAX_BYTES ((size_t)256 << 10)

struct docker {
    struct provider *provider;
    struct refresh refresh;
    struct fetch fetch;
    struct loop_timer *next;        /* the second question cannot be asked in the answer to the first */
    struct arena arena;             /* of this refresh */
    const struct ynode *containers; /* NULL: not asked yet */
};

/* unix:///path -> the socket; tcp:// is http:// */
static const char *put_base(struct buf *url, const char *host) {
    const char *behind = strstr(host, "://") + 3;
    if (strncmp(host, "unix://", 7) == 0) {
        buf_puts(url, "http://localhost");
        return behind;
    }
    if (strncmp(host, "tcp://", 6) == 0)
        buf_printf(url, "http://%s", behind);
    else
        buf_puts(url, host);
    while (url->len && url->data[url->len - 1] == '/') url->len--;
    return NULL;
}

static void put_values(struct json_writer *json, const struct docker_sd_config *config, const char *name) {
    json_key(json, name);
    json_object(json);
    for (size_t i = 0; i < config->filters.count; i++) {
        const struct docker_filter_config *filter = &config->filters.items[i];
        for (size_t k = 0; strcmp(filter->name, name) == 0 && k < filter->values.count; k++) {
            json_key(json, filter->values.items[k]);
            json_bool(json, true);
        }
    }
    json_end_object(json);
}

/* {"status": {"running": true}}; a name that is given twice has the values of both */
static void put_filters(struct buf *url, const struct docker_sd_config *config) {
    struct json_writer json;
    struct buf text;
    if (!config->filters.count) return;
    buf_init(&text, URL_MAX_BYTES);
    json_init(&json, &text);
    json_object(&json);
    for (size_t i = 0; i < config->filters.count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = strcmp(config->filters.items[k].name, config->filters.items[i].name) != 0;
        if (is_first) put_values(&json, config, config->filters.items[i].name);
    }
    json_end_object(&json);
    url_put_query(url, "filters", buf_view(&text));
    buf_release(&text);
}

static void finish(struct docker *docker, const struct err *err) {
    docker->containers = NULL;
    arena_release(&docker->arena);
    refresh_done(&docker->refresh, err);
}

static int take(struct docker *docker, const struct http_response *response, struct err *err) {
    struct ymark where;
    const struct ynode *root;
    struct target_group *group;
    int rc = fetch_judge(response, err);
    if (!rc) rc = json_read(response->body, &docker->arena, &root, &where, err);
    if (rc) return err_wrap(err, rc, docker->containers ? "listing networks" : "listing containers");
    if (!docker->containers) {
        docker->containers = root;
        return 0;
    }
    rc = docker_read(docker->containers, root, docker->provider->config, &group, err);
    if (!rc) provider_put(docker->provider, group);
    return rc;
}

static void on_answer(struct http_request *request, const struct http_response *response, void *context) {
    struct docker *docker = context;
    bool is_second = docker->containers != NULL;
    struct err err = {0};
    (void)request;
    if (take(docker, response, &err))
        finish(docker, &err);
    else if (is_second)
        finish(docker, NULL);
    else
        loop_timer_set(docker->next, 0);
}

static void ask(void *state) {
    struct docker *docker = state;
    const struct docker_sd_config *config = docker->provider->config;
    struct buf url;
    struct err err = {0};
    buf_init(&url, URL_MAX_BYTES);
    const char *socket = put_base(&url, config->host);
    buf_puts(&url, docker->containers ? "/networks" : "/containers/json");
    if (!docker->containers) put_filters(&url, config);
    struct http_request_options options = {.url = buf_text(&url),
                                           .unix_socket = socket,
                                           .user_agent = docker->provider->shared->options->user_agent,
                                           .timeout_ms = config->refresh_interval_ms,
                                           .max_body_bytes = BODY_MAX_BYTES};
    int rc = fetch_start(&docker->fetch, &config->http, &options, on_answer, docker, &err);
    buf_release(&url);
    if (rc) finish(docker, &err);
}

static void *start(struct provider *provider) {
    const struct docker_sd_config *config = provider->config;
    struct docker *docker = mem_zalloc(sizeof *docker);
    docker->provider = provider;
    docker->fetch.client = provider->shared->client;
    arena_init(&docker->arena, TREE_MAX_BYTES, NULL);
    docker->next = loop_timer_create(provider->shared->loop, ask, docker);
    refresh_start(&docker->refresh, provider, config->refresh_interval_ms, ask, docker);
    return docker;
}

static void stop(void *state) {
    struct docker *docker = state;
    fetch_stop(&docker->fetch);
    loop_timer_destroy(docker->next);
    refresh_stop(&docker->refresh);
    arena_release(&docker->arena);
    mem_free(docker);
}

const struct provider_kind docker_kind = {.name = "docker", .start = start, .stop = stop};
