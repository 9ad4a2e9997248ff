#include "lib/config/config.h"
#include "lib/model/duration.h"
#include "lib/scrape/scrape.h"
#include "web/api/inside.h"

#include <strings.h>

#define DURATION_TEXT_MAX ((size_t)64)
#define JOB_TEXT_MAX ((size_t)32 << 20)

static void write_field(struct json_writer *json, const char *name, struct span text) {
    json_key(json, name);
    json_string(json, text);
}

static void write_duration(struct json_writer *json, const char *name, int64_t ms) {
    struct buf text;
    buf_init(&text, DURATION_TEXT_MAX);
    duration_write(ms, &text);
    write_field(json, name, buf_view(&text));
    buf_release(&text);
}

static struct span health_text(enum target_health health) {
    return health == TARGET_UP ? SPAN("up") : health == TARGET_DOWN ? SPAN("down") : SPAN("unknown");
}

static void write_target(struct json_writer *json, const struct target_info *target) {
    json_object(json);
    json_key(json, "discoveredLabels");
    answer_write_labels(json, &target->discovered_labels);
    json_key(json, "labels");
    answer_write_labels(json, &target->labels);
    write_field(json, "scrapePool", target->scrape_pool);
    write_field(json, "scrapeUrl", target->scrape_url);
    write_field(json, "globalUrl", target->global_url);
    write_field(json, "lastError", target->last_error);
    json_key(json, "lastScrape");
    answer_write_time(json, target->last_scrape_ms);
    json_key(json, "lastScrapeDuration");
    json_double(json, target->last_duration_seconds);
    write_field(json, "health", health_text(target->health));
    write_duration(json, "scrapeInterval", target->interval_ms);
    write_duration(json, "scrapeTimeout", target->timeout_ms);
    json_end_object(json);
}

static bool is_state(struct span state, const char *name) {
    return state.len == strlen(name) && strncasecmp(state.ptr, name, state.len) == 0;
}

static void write_active(struct json_writer *json, const struct target_info *targets, size_t count,
                         struct span pool) {
    json_array(json);
    for (size_t i = 0; i < count; i++)
        if (!pool.len || span_equal(pool, targets[i].scrape_pool)) write_target(json, &targets[i]);
    json_end_array(json);
}

static void write_dropped(struct json_writer *json, const struct dropped_info *dropped, size_t count,
                          struct span pool) {
    json_array(json);
    for (size_t i = 0; i < count; i++) {
        if (pool.len && !span_equal(pool, dropped[i].scrape_pool)) continue;
        json_object(json);
        json_key(json, "discoveredLabels");
        answer_write_labels(json, &dropped[i].discovered_labels);
        write_field(json, "scrapePool", dropped[i].scrape_pool);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_dropped_counts(struct json_writer *json, const struct pool_info *pools, size_t count) {
    json_object(json);
    for (size_t i = 0; i < count; i++) {
        json_key_span(json, pools[i].name);
        json_int(json, (int64_t)pools[i].dropped);
    }
    json_end_object(json);
}

struct listing {
    struct target_info *targets;
    struct dropped_info *dropped;
    struct pool_info *pools;
    size_t target_count, dropped_count, pool_count;
};

/* what of it was asked for by `state` */
static int collect(struct api *api, struct arena *arena, struct span state, struct listing *list,
                   struct err *err) {
    bool is_any = !state.len || is_state(state, "any");
    int rc = 0;
    if (!api->scrape) return 0;
    if (is_any || is_state(state, "active"))
        rc = scrape_manager_targets(api->scrape, arena, &list->targets, &list->target_count, err);
    if (rc || (!is_any && !is_state(state, "dropped"))) return rc;
    rc = scrape_manager_dropped(api->scrape, arena, &list->dropped, &list->dropped_count, err);
    return rc ? rc : scrape_manager_pools(api->scrape, arena, &list->pools, &list->pool_count, err);
}

void api_targets(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    const struct web_request *request = exchange_request(exchange);
    struct span state = web_request_param(request, "state"), pool = web_request_param(request, "scrapePool");
    struct listing list = {0};
    struct err err = {0};
    int rc = collect(api, exchange_arena(exchange), state, &list, &err);
    if (rc) {
        answer_failure(exchange, rc, err.text);
        return;
    }
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "activeTargets");
    write_active(&answer.json, list.targets, list.target_count, pool);
    json_key(&answer.json, "droppedTargets");
    write_dropped(&answer.json, list.dropped, list.dropped_count, pool);
    json_key(&answer.json, "droppedTargetCounts");
    write_dropped_counts(&answer.json, list.pools, list.pool_count);
    json_end_object(&answer.json);
    answer_end(&answer);
}

void api_scrape_pools(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct pool_info *pools = NULL;
    size_t count = 0;
    struct err err = {0};
    int rc =
        api->scrape ? scrape_manager_pools(api->scrape, exchange_arena(exchange), &pools, &count, &err) : 0;
    if (rc) {
        answer_failure(exchange, rc, err.text);
        return;
    }
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "scrapePools");
    json_array(&answer.json);
    for (size_t i = 0; i < count; i++) json_string(&answer.json, pools[i].name);
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    answer_end(&answer);
}

const struct scrape_config *api_find_job(struct exchange *exchange, struct api *api, struct span name,
                                         struct config **config) {
    const struct api_context *own = &api->context;
    *config = own->current_config ? own->current_config(own->context) : NULL;
    for (size_t i = 0; *config && i < (*config)->scrape_configs.count; i++)
        if (span_is(name, (*config)->scrape_configs.items[i].job_name))
            return &(*config)->scrape_configs.items[i];
    config_unref(*config);
    answer_error(exchange, ANSWER_BAD_DATA, "error retrieving scrape config: scrape pool not found: \"%.*s\"",
                 SPAN_ARG(name));
    return NULL;
}

void api_scrape_pool_config(struct exchange *exchange, void *context) {
    struct span name = web_request_param(exchange_request(exchange), "scrapePool");
    struct config *config;
    struct answer answer;
    struct buf yaml;
    if (!name.len) {
        answer_error(exchange, ANSWER_BAD_DATA, "no scrapePool parameter provided");
        return;
    }
    const struct scrape_config *job = api_find_job(exchange, api_of(context), name, &config);
    if (!job) return;
    buf_init(&yaml, JOB_TEXT_MAX);
    config_write_job_yaml(job, &yaml);
    config_unref(config);
    if (yaml.failed) {
        answer_error(exchange, ANSWER_INTERNAL, "the configuration is too large to be shown");
    } else {
        answer_begin(&answer, exchange);
        json_object(&answer.json);
        write_field(&answer.json, "yaml", buf_view(&yaml));
        json_end_object(&answer.json);
        answer_end(&answer);
    }
    buf_release(&yaml);
}
