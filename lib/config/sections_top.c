#include "lib/config/table.h"

#include <stdlib.h>

/*
 * global, scrape_configs, storage. Where sections meet is in sections_file.c.
 */

#define DEFAULT_INTERVAL_MS 60000
#define DEFAULT_TIMEOUT_MS 10000
#define CONSERVATIVE_PROTOCOLS 4

static const char *const protocols[] = {"PrometheusProto",
                                        "OpenMetricsText0.0.1",
                                        "OpenMetricsText1.0.0",
                                        "OpenMetricsText2.0.0",
                                        "PrometheusText0.0.4",
                                        "PrometheusText1.0.0",
                                        NULL};
/* What is asked for when the file names nothing; protobuf first only for native histograms. OpenMetrics 2.0
 * is asked for only by name, as Prometheus never does. */
static const char *all_protocols[] = {"PrometheusProto", "OpenMetricsText1.0.0", "OpenMetricsText0.0.1",
                                      "PrometheusText1.0.0", "PrometheusText0.0.4"};
static const char *const validations[] = {"utf8", "legacy", NULL};
static const char *const escapings[] = {"allow-utf-8", "underscores", "dots", "values", NULL};
static const char *const schemes[] = {"http", "https", NULL};
static const char *const policies[] = {"fail", "drop", NULL};
static const char *const float_encodings[] = {"xor", "xor2", NULL};

/* what global and a scrape_config have in common */
#define SHARED_LIMITS(more)                                                                                  \
    FIELD(S, "body_size_limit", SIZE, body_size_limit_bytes, .flags = (more)),                               \
        FIELD(S, "sample_limit", UINT, sample_limit, .flags = (more)),                                       \
        FIELD(S, "label_limit", UINT, label_limit, .flags = (more)),                                         \
        FIELD(S, "label_name_length_limit", UINT, label_name_length_limit, .flags = (more)),                 \
        FIELD(S, "label_value_length_limit", UINT, label_value_length_limit, .flags = (more)),               \
        FIELD(S, "target_limit", UINT, target_limit, .flags = (more)),                                       \
        FIELD(S, "keep_dropped_targets", UINT, keep_dropped_targets, .flags = (more)),                       \
        FIELD(S, "metric_name_validation_scheme", CHOICE, metric_name_validation_scheme,                     \
              .choices = validations, .flags = (more)),                                                      \
        FIELD(S, "metric_name_escaping_scheme", CHOICE, metric_name_escaping_scheme, .choices = escapings,   \
              .flags = (more))
#define SHARED_HISTOGRAMS(more)                                                                              \
    FIELD(S, "scrape_native_histograms", BOOL, scrape_native_histograms, .flags = (more)),                   \
        FIELD(S, "always_scrape_classic_histograms", BOOL, always_scrape_classic_histograms,                 \
              .flags = ALWAYS | (more)),                                                                     \
        FIELD(S, "convert_classic_histograms_to_nhcb", BOOL, convert_classic_histograms_to_nhcb,             \
              .flags = ALWAYS | (more)),                                                                     \
        FIELD(S, "extra_scrape_metrics", BOOL, extra_scrape_metrics, .flags = (more))

static void expand_external_labels(struct loader *l, struct global_config *global, const struct ynode *node) {
    struct label_builder builder;
    struct buf text;
    if (environment_is_expanded_everywhere()) return; /* once is enough */
    buf_init(&text, 1 << 20);
    label_builder_init(&builder, l->arena, global->external_labels);
    for (uint32_t i = 0; i < global->external_labels.count; i++) {
        struct label label = global->external_labels.items[i];
        if (span_find_byte(label.value, '$', 0) == label.value.len) continue;
        buf_reset(&text);
        environment_expand(label.value, &text);
        const char *value = loader_copy(l, buf_view(&text));
        if (text.failed || !value || !span_is_utf8(span_from(value)))
            loader_error_at(l, node, "external_labels",
                            "the expanded value of \"%.*s\" is not a label's value", SPAN_ARG(label.name));
        else
            label_builder_set(&builder, label.name, span_from(value));
    }
    (void)label_builder_finish(&builder, &global->external_labels, NULL); /* no larger than before */
    buf_release(&text);
}

static void check_protocols(struct loader *l, const struct strings *list, const struct ynode *node) {
    const struct yentry *entry = ynode_entry(node, SPAN("scrape_protocols"));
    if (entry && entry->value->kind == YNODE_LIST && !list->count)
        loader_error_at(l, node, "scrape_protocols", "scrape_protocols cannot be empty");
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(list->items[i], list->items[j]) == 0) {
                loader_error_at(l, node, "scrape_protocols",
                                "duplicated protocol in scrape_protocols, got \"%s\"", list->items[i]);
                return;
            }
}

static struct config_defaults defaults;

void config_set_defaults(const struct config_defaults *wanted) {
    defaults = *wanted;
}

void default_protocols(struct strings *list, bool with_histograms) {
    if (list->count) return;
    size_t skip = with_histograms || defaults.asks_for_protobuf ? 0 : 1;
    *list = (struct strings){all_protocols + skip, CONSERVATIVE_PROTOCOLS + 1 - skip};
}

/* the escaping that goes with a validation, and whether the two agree */
void check_names(struct loader *l, const char **validation, const char **escaping, const struct ynode *node) {
    if (!*validation) *validation = "utf8";
    bool is_legacy = strcmp(*validation, "legacy") == 0;
    if (!*escaping) *escaping = is_legacy ? "underscores" : "allow-utf-8";
    if (is_legacy && strcmp(*escaping, "allow-utf-8") == 0)
        loader_error_at(l, node, "metric_name_escaping_scheme",
                        "utf8 metric names requested but validation scheme is not set to UTF8");
}

#define S struct global_config
static const struct field global_fields[] = {
    FIELD(S, "scrape_interval", DURATION, scrape_interval_ms, .flags = ALWAYS),
    FIELD(S, "scrape_timeout", DURATION, scrape_timeout_ms, .flags = ALWAYS),
    FIELD(S, "scrape_protocols", STRINGS, scrape_protocols, .choices = protocols),
    FIELD(S, "evaluation_interval", DURATION, evaluation_interval_ms, .flags = ALWAYS),
    FIELD(S, "rule_query_offset", DURATION, rule_query_offset_ms),
    FIELD(S, "query_log_file", PATH, query_log_file),
    FIELD(S, "scrape_failure_log_file", PATH, scrape_failure_log_file),
    FIELD(S, "external_labels", LABELS, external_labels),
    SHARED_LIMITS(0),
    SHARED_HISTOGRAMS(0),
};
#undef S

void global_check(struct loader *l, void *object, const struct ynode *node) {
    struct global_config *global = object;
    expand_external_labels(l, global, node);
    if (!global->scrape_interval_ms) global->scrape_interval_ms = DEFAULT_INTERVAL_MS;
    if (!global->evaluation_interval_ms) global->evaluation_interval_ms = DEFAULT_INTERVAL_MS;
    if (!global->scrape_timeout_ms)
        global->scrape_timeout_ms =
            global->scrape_interval_ms < DEFAULT_TIMEOUT_MS ? global->scrape_interval_ms : DEFAULT_TIMEOUT_MS;
    if (global->scrape_timeout_ms > global->scrape_interval_ms)
        loader_error_at(l, node, "scrape_timeout", "global scrape timeout greater than scrape interval");
    if (defaults.extra_scrape_metrics && !section_has(&global_section, global, "extra_scrape_metrics"))
        global->extra_scrape_metrics = true;
    check_protocols(l, &global->scrape_protocols, node);
    default_protocols(&global->scrape_protocols, global->scrape_native_histograms);
    check_names(l, &global->metric_name_validation_scheme, &global->metric_name_escaping_scheme, node);
}
const struct section global_section = SECTION(struct global_config, global_fields, global_check);

#define S struct scrape_config
static const struct field scrape_fields[] = {
    FIELD(S, "job_name", TEXT, job_name),
    FIELD(S, "honor_labels", BOOL, honor_labels),
    FIELD(S, "honor_timestamps", BOOL, honor_timestamps, .preset = "true"),
    FIELD(S, "track_timestamps_staleness", BOOL, track_timestamps_staleness, .flags = ALWAYS),
    FIELD(S, "params", PARAMS, params),
    FIELD(S, "scrape_interval", DURATION, scrape_interval_ms, .flags = INHERIT),
    FIELD(S, "scrape_timeout", DURATION, scrape_timeout_ms),
    FIELD(S, "scrape_protocols", STRINGS, scrape_protocols, .choices = protocols),
    FIELD(S, "fallback_scrape_protocol", CHOICE, fallback_scrape_protocol, .choices = protocols),
    SHARED_HISTOGRAMS(INHERIT),
    FIELD(S, "metrics_path", TEXT, metrics_path, .preset = "/metrics"),
    FIELD(S, "scheme", CHOICE, scheme, .choices = schemes, .preset = "http"),
    FIELD(S, "enable_compression", BOOL, enable_compression, .preset = "true"),
    FIELD(S, "scrape_failure_log_file", PATH, scrape_failure_log_file, .flags = INHERIT),
    FIELD(S, "native_histogram_bucket_limit", UINT, native_histogram_bucket_limit),
    FIELD(S, "native_histogram_min_bucket_factor", DOUBLE, native_histogram_min_bucket_factor),
    SHARED_LIMITS(INHERIT),
    INLINE(S, http, .section = &http_client_section),
    INLINE(S, discovery, .section = &discovery_section),
    FIELD(S, "relabel_configs", SECTIONS, relabel_configs, .section = &relabel_section),
    FIELD(S, "metric_relabel_configs", SECTIONS, metric_relabel_configs, .section = &relabel_section),
    FIELD(S, "series_limit", UINT, series_limit),
    FIELD(S, "series_limit_policy", CHOICE, series_limit_policy, .choices = policies),
};
#undef S

static void check_group(struct loader *l, const struct strings *targets, const struct ynode *list) {
    for (size_t i = 0; i < targets->count; i++) {
        if (!strchr(targets->items[i], '/')) continue;
        size_t before = loader_enter(l, SPAN("targets"));
        loader_enter_index(l, i);
        loader_error(l, list->items[i]->mark, "\"%s\" is not a valid hostname", targets->items[i]);
        loader_leave(l, before);
    }
}

/* "a/b" is no address; with relabelling the address may become another */
static void check_targets(struct loader *l, const struct scrape_config *scrape, const struct ynode *node) {
    const struct yentry *entry = ynode_entry(node, SPAN("static_configs"));
    for (size_t i = 0; entry && i < scrape->discovery.static_configs.count; i++) {
        const struct yentry *list = ynode_entry(entry->value->items[i], SPAN("targets"));
        size_t before = loader_enter(l, SPAN("static_configs"));
        loader_enter_index(l, i);
        if (list) check_group(l, &scrape->discovery.static_configs.items[i].targets, list->value);
        loader_leave(l, before);
    }
}

static void scrape_check(struct loader *l, void *object, const struct ynode *node) {
    const struct scrape_config *scrape = object;
    if (!scrape->job_name) loader_error_at(l, node, "job_name", "job_name is empty");
    check_protocols(l, &scrape->scrape_protocols, node);
    if (!scrape->relabel_configs.count) check_targets(l, scrape, node);
    if (scrape->native_histogram_min_bucket_factor < 0)
        loader_error_at(l, node, "native_histogram_min_bucket_factor", "a factor is not below 0");
}
const struct section scrape_section = SECTION(struct scrape_config, scrape_fields, scrape_check);

#define S struct runtime_config
static const struct field runtime_fields[] = {FIELD(S, "gogc", INT, gogc, .preset = "75")};
const struct section runtime_section = SECTION(S, runtime_fields, NULL);
#undef S

#define S struct retention_config
static const struct field retention_fields[] = {
    FIELD(S, "time", DURATION, time_ms),
    FIELD(S, "size", SIZE, size_bytes),
    FIELD(S, "percentage", DOUBLE, percentage),
};
static void retention_check(struct loader *l, void *object, const struct ynode *node) {
    const struct retention_config *retention = object;
    if (!(retention->percentage >= 0 && retention->percentage <= 100)) /* nor NaN */
        loader_error_at(l, node, "percentage", "a percentage is from 0 to 100");
}
static const struct section retention_section = SECTION(S, retention_fields, retention_check);
#undef S

#define S struct chunk_encoding_config
static const struct field chunk_encoding_fields[] = {
    FIELD(S, "floats", CHOICE, floats, .choices = float_encodings)};
static const struct section chunk_encoding_section = SECTION(S, chunk_encoding_fields, NULL);
#undef S

#define S struct tsdb_config
static const struct field tsdb_fields[] = {
    FIELD(S, "out_of_order_time_window", DURATION, out_of_order_time_window_ms),
    FIELD(S, "retention", OPTIONAL, retention, .section = &retention_section),
    FIELD(S, "stale_series_compaction_threshold", DOUBLE, stale_series_compaction_threshold,
          .flags = UNSUPPORTED),
    FIELD(S, "chunk_encoding", OPTIONAL, chunk_encoding, .section = &chunk_encoding_section,
          .flags = UNSUPPORTED),
};
static void tsdb_check(struct loader *l, void *object, const struct ynode *node) {
    const struct tsdb_config *tsdb = object;
    double threshold = tsdb->stale_series_compaction_threshold;
    if (threshold < 0 || threshold > 1)
        loader_error_at(l, node, "stale_series_compaction_threshold", "a threshold is from 0 to 1");
}
static const struct section tsdb_section = SECTION(S, tsdb_fields, tsdb_check);
#undef S

#define S struct exemplars_config
static const struct field exemplars_fields[] = {
    FIELD(S, "max_exemplars", INT, max_exemplars, .preset = "100000")};
static const struct section exemplars_section = SECTION(S, exemplars_fields, NULL);
#undef S

#define S struct storage_config
static const struct field storage_fields[] = {
    FIELD(S, "tsdb", SECTION, tsdb, .section = &tsdb_section),
    FIELD(S, "exemplars", SECTION, exemplars, .section = &exemplars_section, .flags = UNSUPPORTED),
};
const struct section storage_section = SECTION(S, storage_fields, NULL);
#undef S
