#pragma once
/*
 * outputs.h - the sections about what leaves the server: alerting, remote write and read, tracing; and
 * relabelling, which all of them share with scraping.
 */
#include "lib/config/discovery.h"

struct relabel_config {
    uint64_t set;
    struct strings source_labels;
    const char *separator, *regex; /* regex as written, not anchored; compiles */
    uint64_t modulus;
    const char *target_label, *replacement;
    const char *action; /* lower case: replace keep drop keepequal dropequal hashmod labelmap ... */
};

/* Rules in order. Their compiled form (lib/relabel) is made when it is first asked for: the only thing in a
 * configuration that comes later. */
struct relabel_rules;
struct relabel_configs {
    struct relabel_config *items;
    size_t count;
    _Atomic(struct relabel_rules *) compiled;
};

struct alertmanager_config {
    uint64_t set;
    const char *scheme, *path_prefix, *api_version;
    int64_t timeout_ms;
    struct http_client_config http;
    struct verbatim sigv4;
    struct discovery_config discovery;
    struct relabel_configs relabel_configs;
    struct relabel_configs alert_relabel_configs;
};

struct alerting_config {
    uint64_t set;
    struct relabel_configs alert_relabel_configs;
    LIST(struct alertmanager_config) alertmanagers;
};

struct queue_config {
    uint64_t set;
    int64_t capacity, max_shards, min_shards, max_samples_per_send;
    int64_t batch_send_deadline_ms, min_backoff_ms, max_backoff_ms, sample_age_limit_ms;
    bool retry_on_http_429;
};

struct metadata_config {
    uint64_t set;
    bool send;
    int64_t send_interval_ms, max_samples_per_send;
};

struct remote_write_config {
    uint64_t set;
    const char *url, *name, *protobuf_message;
    int64_t remote_timeout_ms;
    struct pairs headers;
    struct relabel_configs write_relabel_configs;
    bool send_exemplars, send_native_histograms, round_robin_dns;
    struct http_client_config http;
    struct queue_config queue_config;
    struct metadata_config metadata_config;
    struct verbatim sigv4, azuread, google_iam;
};

struct remote_read_config {
    uint64_t set;
    const char *url, *name;
    int64_t remote_timeout_ms;
    uint64_t chunked_read_limit_bytes;
    struct pairs headers;
    struct pairs required_matchers;
    bool read_recent, filter_external_labels;
    struct http_client_config http;
};

struct tracing_config {
    uint64_t set;
    const char *client_type, *endpoint, *compression;
    double sampling_fraction;
    bool insecure;
    struct pairs headers;
    int64_t timeout_ms;
    struct tls_config *tls_config;
};

struct otlp_config {
    uint64_t set;
    struct strings promote_resource_attributes, ignore_resource_attributes;
    bool promote_all_resource_attributes;
    const char *translation_strategy;
    bool keep_identifying_resource_attributes, convert_histograms_to_nhcb, promote_scope_metadata;
    bool label_name_underscore_sanitization, label_name_preserve_multiple_underscores;
};
