#include "lib/config/config.h"

#include "tests/check_main.h"

#include <stdio.h>
#include <stdlib.h>

/* What a good file becomes: defaults, inheritance, paths, secrets; and what is printed of it. */

static struct config_errors errors;

static struct config *load(const char *text) {
    struct config *config = NULL;
    int rc = config_load_text(span_from(text), "conf/p.yml", &config, &errors);
    ck_assert_msg(rc == 0, "%u:%u %s: %s", errors.items[0].line, errors.items[0].column, errors.items[0].path,
                  errors.items[0].message);
    return config;
}

static char *printed(const struct config *config) {
    struct buf out;
    buf_init(&out, 1 << 20);
    config_write_yaml(config, &out);
    char *text = strdup(buf_text(&out));
    buf_release(&out);
    return text;
}

static bool is_unsupported(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->unsupported.count; i++)
        if (strcmp(config->unsupported.items[i], name) == 0) return true;
    return false;
}

START_TEST(an_empty_file_is_all_defaults) {
    static const char *const texts[] = {"", "# nothing\n", "~", "{}", "global:\nscrape_configs:\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config *config = load(texts[i]);
        ck_assert_int_eq(config->global.scrape_interval_ms, 60000);
        ck_assert_int_eq(config->global.scrape_timeout_ms, 10000);
        ck_assert_int_eq(config->global.evaluation_interval_ms, 60000);
        ck_assert_uint_eq(config->scrape_configs.count, 0);
        ck_assert_uint_eq(config->global.scrape_protocols.count, 4);
        ck_assert_uint_eq(config->unsupported.count, 0);
        config_unref(config);
    }
}
END_TEST

START_TEST(a_job_has_the_defaults_and_what_global_says) {
    struct config *config =
        load("global: {scrape_interval: 7s, sample_limit: 5, body_size_limit: 1MB, label_limit: 3}\n"
             "scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_interval: 1m\n"
             "  sample_limit: 9\n  scrape_timeout: 30s\n");
    const struct scrape_config *a = &config->scrape_configs.items[0], *b = &config->scrape_configs.items[1];
    ck_assert_str_eq(a->job_name, "a");
    ck_assert_int_eq(a->scrape_interval_ms, 7000);
    ck_assert_int_eq(a->scrape_timeout_ms, 7000); /* min(10s, interval) */
    ck_assert_uint_eq(a->sample_limit, 5);
    ck_assert_uint_eq(a->label_limit, 3);
    ck_assert_uint_eq(a->body_size_limit_bytes, 1 << 20);
    ck_assert_str_eq(a->metrics_path, "/metrics");
    ck_assert_str_eq(a->scheme, "http");
    ck_assert(!a->honor_labels && a->honor_timestamps && !a->track_timestamps_staleness &&
              a->enable_compression);
    ck_assert(a->http.follow_redirects && a->http.enable_http2);
    ck_assert_ptr_null(a->fallback_scrape_protocol);
    ck_assert_str_eq(a->scrape_protocols.items[0], "OpenMetricsText1.0.0");
    ck_assert_str_eq(a->metric_name_escaping_scheme, "allow-utf-8");
    ck_assert_int_eq(b->scrape_interval_ms, 60000);
    ck_assert_int_eq(b->scrape_timeout_ms, 30000);
    ck_assert_uint_eq(b->sample_limit, 9);
    config_unref(config);
}
END_TEST

START_TEST(a_bool_of_a_job_wins_over_global_also_when_false) {
    struct config *config =
        load("global: {scrape_native_histograms: true, metric_name_validation_scheme: legacy}\n"
             "scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_native_histograms: no\n");
    ck_assert(config->scrape_configs.items[0].scrape_native_histograms);
    ck_assert(!config->scrape_configs.items[1].scrape_native_histograms);
    ck_assert_str_eq(config->scrape_configs.items[0].scrape_protocols.items[0], "PrometheusProto");
    ck_assert_str_eq(config->scrape_configs.items[1].scrape_protocols.items[0], "OpenMetricsText1.0.0");
    ck_assert_str_eq(config->scrape_configs.items[1].metric_name_escaping_scheme, "underscores");
    config_unref(config);
}
END_TEST

START_TEST(integers_are_written_as_yaml_allows) {
    struct config *config = load("global: {sample_limit: 1_000, label_limit: 0x10, target_limit: 1e3, "
                                 "keep_dropped_targets: 010, label_name_length_limit: 0b101, "
                                 "label_value_length_limit: 0o17}\n");
    const struct global_config *global = &config->global;
    ck_assert_uint_eq(global->sample_limit, 1000);
    ck_assert_uint_eq(global->label_limit, 16);
    ck_assert_uint_eq(global->target_limit, 1000);
    ck_assert_uint_eq(global->keep_dropped_targets, 8);
    ck_assert_uint_eq(global->label_name_length_limit, 5);
    ck_assert_uint_eq(global->label_value_length_limit, 15);
    config_unref(config);
}
END_TEST

START_TEST(targets_labels_and_params_are_read) {
    struct config *config =
        load("scrape_configs:\n- job_name: node\n  honor_labels: yes\n"
             "  params:\n    collect[]: [cpu, meminfo]\n    x: ['1']\n"
             "  static_configs:\n  - targets: [a:1, \"b:2\"]\n    labels: {z: 1, env: prod}\n");
    const struct scrape_config *s = &config->scrape_configs.items[0];
    ck_assert(s->honor_labels);
    ck_assert_uint_eq(s->params.count, 2);
    ck_assert_str_eq(s->params.items[0].name, "collect[]");
    ck_assert_str_eq(s->params.items[0].values.items[1], "meminfo");
    const struct static_config *group = &s->discovery.static_configs.items[0];
    ck_assert_str_eq(group->targets.items[1], "b:2");
    ck_assert_uint_eq(group->labels.count, 2);
    ck_assert(span_is(group->labels.items[0].name, "env"));
    ck_assert(span_is(labels_get(group->labels, SPAN("z")), "1"));
    config_unref(config);
}
END_TEST

START_TEST(the_environment_stands_in_every_value_when_asked_for) {
    setenv("FERULA_TEST", "9100", 1);
    config_expand_environment(true);
    struct config *config =
        load("global: {external_labels: {a: '$FERULA_TEST', b: '$$$$FERULA_TEST'}}\n"
             "scrape_configs:\n- job_name: x\n  sample_limit: ${FERULA_TEST}\n"
             "  params: {p: &p ['$$FERULA_TEST', '$1', '${1}', '${FERULA_TEST', '$', 'a$', '${FERULA_NONE}']"
             ", q: *p}\n  static_configs: [{targets: ['a:$FERULA_TEST']}]\n");
    config_expand_environment(false);
    const struct scrape_config *job = &config->scrape_configs.items[0];
    static const char *const values[] = {"$FERULA_TEST", "$1", "${1}", "${FERULA_TEST", "$", "a$", ""};
    ck_assert_uint_eq(job->sample_limit, 9100);
    ck_assert_str_eq(job->discovery.static_configs.items[0].targets.items[0], "a:9100");
    ck_assert(span_is(labels_get(config->global.external_labels, SPAN("a")), "9100"));
    ck_assert(span_is(labels_get(config->global.external_labels, SPAN("b")), "$$FERULA_TEST"));
    for (size_t p = 0; p < 2; p++) /* the alias is expanded once */
        for (size_t i = 0; i < 7; i++) ck_assert_str_eq(job->params.items[p].values.items[i], values[i]);
    config_unref(config);
    config = load("scrape_configs:\n- {job_name: '$FERULA_TEST'}\n");
    ck_assert_str_eq(config->scrape_configs.items[0].job_name, "$FERULA_TEST");
    config_unref(config);
}
END_TEST

START_TEST(external_labels_take_variables_of_the_environment) {
    setenv("FERULA_TEST", "here", 1);
    unsetenv("FERULA_NONE");
    struct config *config =
        load("global:\n  external_labels: {a: '$FERULA_TEST', b: 'x${FERULA_TEST}y', c: '$$5', "
             "d: '$FERULA_NONE', e: 'a$', f: '${FERULA'}\n");
    struct labels labels = config->global.external_labels;
    ck_assert(span_is(labels_get(labels, SPAN("a")), "here"));
    ck_assert(span_is(labels_get(labels, SPAN("b")), "xherey"));
    ck_assert(span_is(labels_get(labels, SPAN("c")), "$5"));
    ck_assert(!labels_has(labels, SPAN("d")));
    ck_assert(span_is(labels_get(labels, SPAN("e")), "a$"));
    ck_assert(span_is(labels_get(labels, SPAN("f")), "FERULA"));
    config_unref(config);
}
END_TEST

START_TEST(relative_paths_start_at_the_folder_of_the_file) {
    struct config *config =
        load("rule_files: [rules/*.yml, /abs.yml, ./x.yml]\nscrape_configs:\n- job_name: a\n"
             "  authorization: {credentials_file: token}\n");
    ck_assert_str_eq(config->rule_files.items[0], "conf/rules/*.yml");
    ck_assert_str_eq(config->rule_files.items[1], "/abs.yml");
    ck_assert_str_eq(config->rule_files.items[2], "conf/x.yml");
    ck_assert_str_eq(config->scrape_configs.items[0].http.authorization->credentials_file, "conf/token");
    ck_assert_str_eq(config->scrape_configs.items[0].http.authorization->type, "Bearer");
    config_unref(config);
}
END_TEST

START_TEST(the_old_bearer_token_is_an_authorization) {
    struct config *config = load("scrape_configs:\n- job_name: a\n  bearer_token: s3\n- job_name: b\n"
                                 "  bearer_token_file: t\n");
    const struct http_client_config *a = &config->scrape_configs.items[0].http;
    ck_assert_str_eq(a->authorization->credentials.text, "s3");
    ck_assert_ptr_null(a->bearer_token.text);
    ck_assert_str_eq(config->scrape_configs.items[1].http.authorization->credentials_file, "conf/t");
    config_unref(config);
}
END_TEST

START_TEST(what_does_nothing_yet_is_named_once) {
    struct config *config =
        load("alerting: {alertmanagers: [{relabel_configs: [{action: labeldrop, regex: x}]}]}\n"
             "rule_files: [a.yml]\nscrape_configs:\n- job_name: a\n  file_sd_configs: [{files: [a.yml]}]\n"
             "tracing: {endpoint: a}\n");
    ck_assert(is_unsupported(config, "tracing"));
    ck_assert_uint_eq(config->unsupported.count, 1);
    config_unref(config);
    config = load("global: {target_limit: 1, metric_name_validation_scheme: legacy}\nscrape_configs:\n"
                  "- {job_name: a, relabel_configs: [], series_limit: 5, series_limit_policy: drop}\n");
    ck_assert_uint_eq(config->unsupported.count, 0);
    ck_assert_uint_eq(config->scrape_configs.items[0].target_limit, 1);
    ck_assert_uint_eq(config->scrape_configs.items[0].series_limit, 5);
    ck_assert_str_eq(config->scrape_configs.items[0].series_limit_policy, "drop");
    config_unref(config);
    config = load("alerting:\nrule_files:\n# - a.yml\n");
    ck_assert_uint_eq(config->unsupported.count, 0);
    config_unref(config);
}
END_TEST

#define EVERYTHING                                                                                           \
    "global:\n  scrape_interval: 90s\n  external_labels: {a: 'yes', b: '1.5', c: 'x: y', d: \"l1\\nl2\"}\n"  \
    "  keep_dropped_targets: 100\n  body_size_limit: 1536KB\nruntime: {gogc: 40}\n"                          \
    "scrape_config_files: [jobs/*.yml]\nrule_files: [r.yml]\n"                                               \
    "alerting:\n  alert_relabel_configs: [{action: drop, source_labels: [x], regex: 'a|b'}]\n"               \
    "  alertmanagers:\n  - {timeout: 1s, path_prefix: /p, basic_auth: {username: u, password: topsecret}}\n" \
    "scrape_configs:\n- job_name: a\n  params: {m: [a, '{x=\"y\"}']}\n  scrape_interval: 1h30m\n"            \
    "  honor_timestamps: false\n  native_histogram_min_bucket_factor: 1.1\n"                                 \
    "  http_headers: {X-A: {values: [v], secrets: [topsecret]}}\n  proxy_url: "                              \
    "http://u:topsecret@proxy:3128\n"                                                                        \
    "  oauth2: {client_id: i, client_secret: topsecret, token_url: 'http://t/', scopes: [s]}\n"              \
    "  tls_config: {ca_file: ca.pem, cert: c, key: topsecret}\n"                                             \
    "  consul_sd_configs: [{token: topsecret, node_meta: {a: b}}]\n"                                         \
    "  kubernetes_sd_configs: [{role: pod, namespaces: {names: [x]}, selectors: [{role: pod, label: "        \
    "'a=b'}]}]\n"                                                                                            \
    "  docker_sd_configs: [{host: 'unix:///var/run/docker.sock', filters: [{name: n, values: [v]}]}]\n"      \
    "  dns_sd_configs: [{names: [x], type: A, port: 9}]\n  http_sd_configs: [{url: 'http://h/', "            \
    "authorization: {credentials: topsecret}}]\n"                                                            \
    "  relabel_configs: [{source_labels: [a, b], separator: '', target_label: t, replacement: ''}]\n"        \
    "remote_write: [{url: 'https://u:topsecret@r/w', name: n, headers: {a: b}, sigv4: {secret_key: "         \
    "topsecret}, "                                                                                           \
    "queue_config: {capacity: 5}}]\nremote_read: [{url: 'http://r/', required_matchers: {a: b}}]\n"          \
    "storage: {tsdb: {out_of_order_time_window: 30m, retention: {time: 15d, size: 10GB}}}\n"                 \
    "tracing: {endpoint: 'e:1', sampling_fraction: 0.5}\n"                                                   \
    "otlp: {promote_resource_attributes: [a], translation_strategy: NoTranslation}\n"

START_TEST(secrets_are_never_printed) {
    struct config *config = load(EVERYTHING);
    char *text = printed(config);
    ck_assert_msg(!strstr(text, "topsecret"), "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "  - basic_auth:\n      username: u\n      password: <secret>\n"));
    ck_assert_ptr_nonnull(strstr(text, "proxy_url: http://u:xxxxx@proxy:3128\n"));
    ck_assert_ptr_nonnull(strstr(text, "    secret_key: <secret>\n"));
    free(text);
    config_unref(config);
}
END_TEST

START_TEST(what_is_printed_reads_back_as_the_same) {
    struct config *config = load(EVERYTHING);
    char *first = printed(config), *second;
    config_unref(config);
    struct config *again = NULL;
    ck_assert_msg(config_load_text(span_from(first), "p.yml", &again, &errors) == 0, "%u %s in\n%s",
                  errors.items[0].line, errors.items[0].message, first);
    second = printed(again);
    ck_assert_str_eq(first, second);
    config_unref(again);
    free(first);
    free(second);
}
END_TEST

START_TEST(it_is_printed_as_prometheus_does) {
    struct config *config = load("global: {scrape_interval: 15s, external_labels: {monitor: m}}\n"
                                 "scrape_configs:\n- job_name: prometheus\n  static_configs:\n"
                                 "  - targets: ['localhost:9090']\n");
    char *text = printed(config);
    const char *wanted = "global:\n"
                         "  scrape_interval: 15s\n"
                         "  scrape_timeout: 10s\n"
                         "  scrape_protocols:\n"
                         "  - OpenMetricsText1.0.0\n"
                         "  - OpenMetricsText0.0.1\n"
                         "  - PrometheusText1.0.0\n"
                         "  - PrometheusText0.0.4\n"
                         "  evaluation_interval: 1m\n"
                         "  external_labels:\n"
                         "    monitor: m\n";
    ck_assert_msg(strncmp(text, wanted, strlen(wanted)) == 0, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "scrape_configs:\n"
                                       "- job_name: prometheus\n"
                                       "  honor_timestamps: true\n"
                                       "  track_timestamps_staleness: false\n"
                                       "  scrape_interval: 15s\n"));
    ck_assert_ptr_nonnull(strstr(text, "  static_configs:\n"
                                       "  - targets:\n"
                                       "    - localhost:9090\n"));
    free(text);
    config_unref(config);
}
END_TEST

START_TEST(texts_that_look_like_something_else_are_quoted) {
    struct config *config = load(EVERYTHING);
    char *text = printed(config);
    ck_assert_ptr_nonnull(
        strstr(text, "    a: \"yes\"\n    b: \"1.5\"\n    c: 'x: y'\n    d: \"l1\\nl2\"\n"));
    ck_assert_ptr_nonnull(strstr(text, "body_size_limit: 1536KiB\n"));
    ck_assert_ptr_nonnull(strstr(text, "scrape_interval: 1h30m\n"));
    free(text);
    config_unref(config);
}
END_TEST

static struct hash128 hash_of(const char *sd) {
    char text[400];
    snprintf(text, sizeof text, "scrape_configs: [{job_name: a, %s}]", sd);
    struct config *config = load(text);
    const struct discovery_config *discovery = &config->scrape_configs.items[0].discovery;
    struct hash128 hash = discovery->static_configs.count
                              ? discovery_config_hash(DISCOVERY_STATIC, discovery)
                              : discovery_config_hash(DISCOVERY_CONSUL, discovery->consul_sd_configs.items);
    config_unref(config);
    return hash;
}

static bool have_equal_hashes(const char *a, const char *b) {
    struct hash128 left = hash_of(a), right = hash_of(b);
    return left.low == right.low && left.high == right.high;
}

START_TEST(discovery_configurations_compare_with_their_secrets) {
    const char *plain = "consul_sd_configs: [{server: 'h:1', token: a}]";
    ck_assert(have_equal_hashes(plain, "consul_sd_configs: [{token: a, server: 'h:1', scheme: http}]"));
    ck_assert(!have_equal_hashes(plain, "consul_sd_configs: [{server: 'h:1', token: b}]"));
    ck_assert(!have_equal_hashes(plain, "consul_sd_configs: [{server: 'h:1', token: a, tags: [t]}]"));
    ck_assert(!have_equal_hashes("consul_sd_configs: [{http_headers: {A: {secrets: [a]}}}]",
                                 "consul_sd_configs: [{http_headers: {A: {secrets: [b]}}}]"));
    ck_assert(!have_equal_hashes("consul_sd_configs: [{proxy_url: 'http://u:a@p/'}]",
                                 "consul_sd_configs: [{proxy_url: 'http://u:b@p/'}]"));
    ck_assert(!have_equal_hashes("static_configs: [{targets: [a]}, {targets: [b]}]",
                                 "static_configs: [{targets: [a, b]}]"));
}
END_TEST

static void count_kind(enum discovery_kind kind, const void *config, void *context) {
    size_t *counts = context;
    ck_assert_ptr_nonnull(config);
    counts[kind]++;
}

START_TEST(every_discovery_configuration_is_visited) {
    size_t counts[DISCOVERY_KIND_COUNT] = {0};
    struct config *config =
        load("scrape_configs: [{job_name: a, static_configs: [{targets: [a]}, {targets: [b]}],\n"
             "  file_sd_configs: [{files: [a.yml]}, {files: [b.yml]}], dns_sd_configs: [{names: [a]}]}]\n");
    discovery_config_each(&config->scrape_configs.items[0].discovery, count_kind, counts);
    ck_assert_uint_eq(counts[DISCOVERY_STATIC], 1); /* all static configs together */
    ck_assert_uint_eq(counts[DISCOVERY_FILE], 2);
    ck_assert_uint_eq(counts[DISCOVERY_DNS], 1);
    ck_assert_uint_eq(counts[DISCOVERY_HTTP] + counts[DISCOVERY_DOCKER], 0);
    config_unref(config);
}
END_TEST

START_TEST(every_kind_of_discovery_is_a_known_name) {
    static const char *const kinds[] = {
        "aws",       "azure",    "consul",   "digitalocean", "dns",     "docker", "dockerswarm", "ec2",
        "eureka",    "file",     "gce",      "hetzner",      "http",    "ionos",  "kubernetes",  "kuma",
        "lightsail", "linode",   "marathon", "nerve",        "nomad",   "oci",    "openstack",   "outscale",
        "ovhcloud",  "puppetdb", "scaleway", "serverset",    "stackit", "triton", "uyuni",       "vultr"};
    ck_assert_uint_eq(sizeof kinds / sizeof *kinds, 32);
    for (size_t i = 0; i < 32; i++) {
        char text[200];
        snprintf(text, sizeof text, "scrape_configs: [{job_name: a, %s_sd_configs: []}]", kinds[i]);
        config_unref(load(text));
    }
}
END_TEST

static void write_file(const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(jobs_may_be_spread_over_files) {
    char folder[] = "/tmp/ferula-config-XXXXXX", path[300], wanted[300];
    struct config *config;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_file(folder, "p.yml",
               "global: {scrape_interval: 9s}\nscrape_config_files: ['job-*.yml', none.yml]\n"
               "scrape_configs: [{job_name: a}]\n");
    write_file(folder, "job-2.yml", "scrape_configs: [{job_name: c}]\n");
    write_file(folder, "job-1.yml", "scrape_configs: [{job_name: b, bearer_token_file: t}]\n");
    write_file(folder, "job-3.txt", "not this one");
    snprintf(path, sizeof path, "%s/p.yml", folder);
    ck_assert_int_eq(config_load_file(path, &config, &errors), 0);
    ck_assert_uint_eq(config->scrape_configs.count, 3);
    ck_assert_str_eq(config->scrape_configs.items[1].job_name, "b");
    ck_assert_int_eq(config->scrape_configs.items[2].scrape_interval_ms, 9000);
    snprintf(wanted, sizeof wanted, "%s/t", folder);
    ck_assert_str_eq(config->scrape_configs.items[1].http.authorization->credentials_file, wanted);
    config_unref(config);

    write_file(folder, "job-2.yml", "scrape_configs:\n- job_name: a\n");
    ck_assert_int_lt(config_load_file(path, &config, &errors), 0);
    snprintf(wanted, sizeof wanted, "%s/job-2.yml", folder);
    ck_assert_str_eq(errors.items[0].file, wanted);
    ck_assert_uint_eq(errors.items[0].line, 2);
    ck_assert_ptr_nonnull(
        strstr(errors.items[0].message, "found multiple scrape configs with job name \"a\""));
    write_file(folder, "job-2.yml", "global: {}\n");
    ck_assert_int_lt(config_load_file(path, &config, &errors), 0);
    ck_assert_ptr_nonnull(strstr(errors.items[0].message, "unknown field \"global\""));
    static const char *const names[] = {"p.yml", "job-1.yml", "job-2.yml", "job-3.txt"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        ck_assert_int_eq(remove(path), 0);
    }
    ck_assert_int_eq(remove(folder), 0);
}
END_TEST

START_TEST(a_configuration_lives_as_long_as_its_last_reference) {
    struct config *config = load("global: {scrape_interval: 3s}");
    struct config *second = config_ref(config);
    config_unref(config);
    ck_assert_int_eq(second->global.scrape_interval_ms, 3000);
    config_unref(second);
    config_unref(NULL);
}
END_TEST

START_TEST(features_change_what_a_file_leaves_out) {
    static struct config_errors errors;
    struct config *config;
    static const char text[] = "global: {}\nscrape_configs:\n- job_name: a\n- job_name: b\n"
                               "  extra_scrape_metrics: false\n  scrape_protocols: [PrometheusText0.0.4]\n";
    config_set_defaults(&(struct config_defaults){.asks_for_protobuf = true, .extra_scrape_metrics = true});
    ck_assert_int_eq(config_load_text(span_from(text), "x.yml", &config, &errors), 0);
    config_set_defaults(&(struct config_defaults){0});
    const struct scrape_config *a = &config->scrape_configs.items[0], *b = &config->scrape_configs.items[1];
    ck_assert_str_eq(a->scrape_protocols.items[0], "PrometheusProto");
    ck_assert_str_eq(b->scrape_protocols.items[0], "PrometheusText0.0.4");
    ck_assert(a->extra_scrape_metrics && !b->extra_scrape_metrics);
    config_unref(config);
}
END_TEST

CHECK_MAIN("load", features_change_what_a_file_leaves_out, an_empty_file_is_all_defaults,
           a_job_has_the_defaults_and_what_global_says, a_bool_of_a_job_wins_over_global_also_when_false,
           integers_are_written_as_yaml_allows, targets_labels_and_params_are_read,
           external_labels_take_variables_of_the_environment,
           the_environment_stands_in_every_value_when_asked_for,
           relative_paths_start_at_the_folder_of_the_file, the_old_bearer_token_is_an_authorization,
           what_does_nothing_yet_is_named_once, secrets_are_never_printed,
           what_is_printed_reads_back_as_the_same, it_is_printed_as_prometheus_does,
           texts_that_look_like_something_else_are_quoted, every_kind_of_discovery_is_a_known_name,
           discovery_configurations_compare_with_their_secrets, every_discovery_configuration_is_visited,
           jobs_may_be_spread_over_files, a_configuration_lives_as_long_as_its_last_reference)
