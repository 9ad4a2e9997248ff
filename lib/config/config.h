#pragma once
/*
 * config.h - the configuration file as plain structs.
 *
 *     file -> YAML tree with marks (lib/codec/yaml.h) -> tables (table.h, sections_*.c) -> struct config
 *
 * A configuration never changes after loading: defaults are filled in, the globals are inherited into each
 * scrape_config, relative paths are resolved against the file's folder, secrets are read as they stand. It is
 * shared by reference count (any thread) and lives in one arena, so that dropping it is one step. A reload
 * makes a new one.
 *
 * Loading is strict and all or nothing: a file with one error gives no configuration. Up to
 * CONFIG_MAX_ERRORS errors are collected, so that a user sees them together; the first one decides.
 */
#include "lib/base/buf.h"
#include "lib/config/outputs.h"

#define CONFIG_MAX_ERRORS 20
#define CONFIG_MAX_FILE_BYTES (10u << 20)

struct global_config {
    uint64_t set;
    int64_t scrape_interval_ms, scrape_timeout_ms, evaluation_interval_ms, rule_query_offset_ms;
    struct strings scrape_protocols;
    struct labels external_labels; /* $X and ${X} expanded */
    const char *query_log_file, *scrape_failure_log_file;
    uint64_t body_size_limit_bytes, sample_limit, label_limit;
    uint64_t label_name_length_limit, label_value_length_limit, target_limit, keep_dropped_targets;
    const char *metric_name_validation_scheme; /* utf8 or legacy */
    const char *metric_name_escaping_scheme;   /* allow-utf-8 underscores dots values */
    bool scrape_native_histograms, convert_classic_histograms_to_nhcb, always_scrape_classic_histograms;
    bool extra_scrape_metrics;
};

/* A job. A limit of 0 is none. Every field is effective: nothing has to be looked up in global. */
struct scrape_config {
    uint64_t set;
    const char *job_name;
    int64_t scrape_interval_ms, scrape_timeout_ms; /* timeout <= interval */
    struct strings scrape_protocols;               /* in order of preference, never empty */
    const char *fallback_scrape_protocol;          /* NULL: none */
    bool scrape_native_histograms, convert_classic_histograms_to_nhcb, always_scrape_classic_histograms;
    bool extra_scrape_metrics;
    const char *metrics_path; /* may hold a query of its own */
    const char *scheme;       /* http or https */
    struct params params;
    bool honor_labels, honor_timestamps, track_timestamps_staleness, enable_compression;
    uint64_t body_size_limit_bytes, sample_limit, label_limit;
    uint64_t label_name_length_limit, label_value_length_limit, target_limit, keep_dropped_targets;
    uint64_t native_histogram_bucket_limit;
    double native_histogram_min_bucket_factor;
    const char *metric_name_validation_scheme, *metric_name_escaping_scheme;
    const char *scrape_failure_log_file; /* NULL: none */
    struct http_client_config http;
    struct discovery_config discovery; /* discovery.static_configs are the targets of this slice */
    struct relabel_configs relabel_configs;
    struct relabel_configs metric_relabel_configs;
    uint64_t series_limit;           /* of what all targets of the job tell at a time */
    const char *series_limit_policy; /* fail or drop; NULL: fail */
};

struct retention_config {
    uint64_t set;
    int64_t time_ms; /* 0: not by time */
    uint64_t size_bytes;
    double percentage;
};

struct chunk_encoding_config {
    uint64_t set;
    const char *floats;
};

struct tsdb_config {
    uint64_t set;
    int64_t out_of_order_time_window_ms;
    struct retention_config *retention; /* NULL: the flags decide */
    double stale_series_compaction_threshold;
    struct chunk_encoding_config *chunk_encoding;
};

struct exemplars_config {
    uint64_t set;
    int64_t max_exemplars;
};

struct storage_config {
    uint64_t set;
    struct tsdb_config tsdb;
    struct exemplars_config exemplars;
};

struct runtime_config {
    uint64_t set;
    int64_t gogc; /* accepted, without meaning here */
};

struct config {
    uint64_t set;
    struct global_config global;
    struct runtime_config runtime;
    struct strings rule_files, scrape_config_files; /* globs, resolved */
    LIST(struct scrape_config) scrape_configs;      /* those of scrape_config_files too */
    struct alerting_config alerting;
    LIST(struct remote_write_config) remote_write;
    LIST(struct remote_read_config) remote_read;
    struct storage_config storage;
    struct tracing_config *tracing;
    struct otlp_config otlp;
    /* what was configured but does nothing yet: "alerting", "rule_files", "remote_write", ... each once */
    struct strings unsupported;
};

struct config_error {
    char file[256];
    uint32_t line, column; /* from 1; 0 when the error is about the file as a whole */
    char path[160];        /* of the key: scrape_configs[2].scrape_intervall; may be empty */
    char message[320];     /* what is wrong */
    char suggestion[80];   /* the known name that is nearest, or empty */
};

struct config_errors {
    struct config_error items[CONFIG_MAX_ERRORS];
    size_t count;
    size_t more; /* found, but not kept */
};

/* Reads, checks and fills in. 0 and a configuration with one reference, or negative and at least one error.
 * `errors` is large (about 17 KiB): one per caller, not one per frame. Any thread. */
int config_load_file(const char *path, struct config **config, struct config_errors *errors);
/* The same from memory, reading no other file; relative paths are resolved against the folder of file_name,
 * which also names the file in errors. */
int config_load_text(struct span text, const char *file_name, struct config **config,
                     struct config_errors *errors);
/* Whether $X and ${X} stand for the environment in every value, not only in external_labels: $$ is a dollar,
 * and a dollar that no name follows ($1, ${1}, at the end) stays one. Set once at start, before the first
 * loading. */
void config_expand_environment(bool everywhere);
/* What features make of fields that a file leaves out. */
struct config_defaults {
    bool asks_for_protobuf; /* first, also without native histograms: it tells when counters began */
    bool extra_scrape_metrics;
};
/* Set once at start, before the first loading. */
void config_set_defaults(const struct config_defaults *defaults);
struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is fine */
/* Hands over what was made from a configuration and is needed as long as it: destroyed with it. Any thread.
 */
void config_keep(struct config *config, void *object, void (*destroy)(void *object));

/* "prometheus.yml:12:5: scrape_configs[2].scrape_intervall: unknown field, did you mean "scrape_interval"?"
 */
void config_error_write(const struct config_error *error, struct buf *out);

/* The effective configuration as YAML, defaults filled in, secrets as <secret>: /api/v1/status/config. */
void config_write_yaml(const struct config *config, struct buf *out);
/* of one receiver; with_secrets: to see whether it is as before, not to be shown */
void config_write_remote_write(const struct remote_write_config *remote, bool with_secrets, struct buf *out);
/* the same of one job: /api/v1/scrape_pools/config */
void config_write_job_yaml(const struct scrape_config *job, struct buf *out);
