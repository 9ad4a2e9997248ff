#include "promql/eval/engine.h"
#include "promql/parse/function.h"
#include "web/api/inside.h"

#include <stdlib.h>

/*
 * What this server can do, for clients that would rather ask than guess from a version:
 *
 *     {"promql":{"at_modifier":true,"fill":false,...},"promql_functions":{"rate":true,...},...}
 *
 * Names and categories are Prometheus'; false stands for what is known but switched off.
 */

enum when {
    ALWAYS,
    NEVER,
    ADMIN,
    AGENT,
    LIFECYCLE,
    WRITE,
    STEP_STATS,
    EXTENDED,
    FILL,
    EXPERIMENTAL,
    NAME_REMOVAL,
    STARTS
};

static const struct feature {
    const char *category, *name;
    enum when when;
} features[] = {
    {"api", "admin", ADMIN},
    {"api", "exclude_alerts", ALWAYS},
    {"api", "label_values_match", ALWAYS},
    {"api", "lifecycle", LIFECYCLE},
    {"api", "openapi_3.1", ALWAYS},
    {"api", "openapi_3.2", ALWAYS},
    {"api", "otlp_write_receiver", NEVER},
    {"api", "query_stats", ALWAYS},
    {"api", "query_warnings", ALWAYS},
    {"api", "remote_write_receiver", WRITE},
    {"api", "search", ALWAYS},
    {"api", "search_fuzz_alg_jarowinkler", ALWAYS},
    {"api", "search_fuzz_alg_subsequence", ALWAYS},
    {"api", "time_range_labels", ALWAYS},
    {"api", "time_range_series", ALWAYS},
    {"prometheus", "agent_mode", AGENT},
    {"prometheus", "auto_reload_config", ALWAYS},
    {"promql", "anchored", EXTENDED},
    {"promql", "at_modifier", ALWAYS},
    {"promql", "bool", ALWAYS},
    {"promql", "by", ALWAYS},
    {"promql", "delayed_name_removal", NAME_REMOVAL},
    {"promql", "duration_expr", ALWAYS},
    {"promql", "fill", FILL},
    {"promql", "fill_left", FILL},
    {"promql", "fill_right", FILL},
    {"promql", "group_left", ALWAYS},
    {"promql", "group_right", ALWAYS},
    {"promql", "ignoring", ALWAYS},
    {"promql", "negative_offset", ALWAYS},
    {"promql", "offset", ALWAYS},
    {"promql", "on", ALWAYS},
    {"promql", "per_query_lookback_delta", ALWAYS},
    {"promql", "per_step_stats", STEP_STATS},
    {"promql", "smoothed", EXTENDED},
    {"promql", "subqueries", ALWAYS},
    {"promql", "use_start_timestamps", STARTS},
    {"promql", "without", ALWAYS},
    {"promql_operators", "!=", ALWAYS},
    {"promql_operators", "!~", ALWAYS},
    {"promql_operators", "%", ALWAYS},
    {"promql_operators", "*", ALWAYS},
    {"promql_operators", "+", ALWAYS},
    {"promql_operators", "-", ALWAYS},
    {"promql_operators", "/", ALWAYS},
    {"promql_operators", "<", ALWAYS},
    {"promql_operators", "<=", ALWAYS},
    {"promql_operators", "==", ALWAYS},
    {"promql_operators", "=~", ALWAYS},
    {"promql_operators", ">", ALWAYS},
    {"promql_operators", ">=", ALWAYS},
    {"promql_operators", "^", ALWAYS},
    {"promql_operators", "and", ALWAYS},
    {"promql_operators", "atan2", ALWAYS},
    {"promql_operators", "avg", ALWAYS},
    {"promql_operators", "bottomk", ALWAYS},
    {"promql_operators", "count", ALWAYS},
    {"promql_operators", "count_values", ALWAYS},
    {"promql_operators", "group", ALWAYS},
    {"promql_operators", "limit_ratio", EXPERIMENTAL},
    {"promql_operators", "limitk", EXPERIMENTAL},
    {"promql_operators", "max", ALWAYS},
    {"promql_operators", "min", ALWAYS},
    {"promql_operators", "or", ALWAYS},
    {"promql_operators", "quantile", ALWAYS},
    {"promql_operators", "stddev", ALWAYS},
    {"promql_operators", "stdvar", ALWAYS},
    {"promql_operators", "sum", ALWAYS},
    {"promql_operators", "topk", ALWAYS},
    {"promql_operators", "unless", ALWAYS},
    {"rules", "keep_firing_for", ALWAYS},
    {"rules", "query_offset", ALWAYS},
    {"scrape", "native_histograms", ALWAYS},
    {"service_discovery_providers", "consul", ALWAYS},
    {"service_discovery_providers", "dns", ALWAYS},
    {"service_discovery_providers", "docker", ALWAYS},
    {"service_discovery_providers", "file", ALWAYS},
    {"service_discovery_providers", "http", ALWAYS},
    {"service_discovery_providers", "kubernetes", ALWAYS},
    {"service_discovery_providers", "static", ALWAYS},
    {"tsdb", "delayed_compaction", NEVER},
    {"tsdb", "exemplar_storage", ALWAYS},
    {"tsdb", "isolation", ALWAYS},
    {"tsdb", "native_histograms", ALWAYS},
};

#define FEATURE_COUNT (sizeof features / sizeof *features)

static bool is_on(const struct api_context *own, const struct engine_options *engine, enum when when) {
    switch (when) {
    case ALWAYS: return true;
    case NEVER: return false;
    case ADMIN: return own->has_admin;
    case AGENT: return own->is_agent;
    case LIFECYCLE: return own->has_lifecycle;
    case WRITE: return own->intake != NULL;
    case STEP_STATS: return own->has_step_stats;
    case EXTENDED: return engine->parse.extended_range_selectors;
    case FILL: return engine->parse.binop_fill_modifiers;
    case EXPERIMENTAL: return engine->parse.experimental_functions;
    case NAME_REMOVAL: return engine->delayed_name_removal;
    case STARTS: return engine->use_start_timestamps;
    }
    return false;
}

static void write_feature(struct json_writer *json, const char *name, bool is_enabled) {
    json_key(json, name);
    json_bool(json, is_enabled);
}

static int compare_functions(const void *a, const void *b) {
    return strcmp((*(const struct function *const *)a)->name, (*(const struct function *const *)b)->name);
}

static void write_functions(struct json_writer *json, bool has_experimental) {
    const struct function *sorted[FN_COUNT];
    for (int i = 0; i < FN_COUNT; i++) sorted[i] = function_at((enum function_id)i);
    qsort(sorted, FN_COUNT, sizeof *sorted, compare_functions);
    json_key(json, "promql_functions");
    json_object(json);
    for (int i = 0; i < FN_COUNT; i++)
        write_feature(json, sorted[i]->name, sorted[i]->state == FUNCTION_STABLE || has_experimental);
    json_end_object(json);
}

void api_features(struct exchange *exchange, void *context) {
    const struct api_context *own = &api_of(context)->context;
    const struct engine_options *engine = engine_options_of(own->engine);
    const char *category = NULL;
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    write_functions(&answer.json, engine->parse.experimental_functions);
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        bool begins = !category || strcmp(category, features[i].category) != 0;
        if (begins && category) json_end_object(&answer.json);
        if (begins) {
            category = features[i].category;
            json_key(&answer.json, category);
            json_object(&answer.json);
        }
        write_feature(&answer.json, features[i].name, is_on(own, engine, features[i].when));
    }
    json_end_object(&answer.json);
    json_end_object(&answer.json);
    answer_end(&answer);
}
