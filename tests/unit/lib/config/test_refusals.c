#include "lib/config/config.h"

#include "tests/check_main.h"

#include <stdlib.h>

/* Every refusal, with its place, the path of its key, and what may have been meant. */

static struct config_errors errors;

#define JOB "scrape_configs:\n- job_name: a\n"

struct refusal {
    const char *text;
    uint32_t line, column;
    const char *path, *message, *suggestion;
};

static void expect(const struct refusal *r) {
    struct config *config = NULL;
    int rc = config_load_text(span_from(r->text), "p.yml", &config, &errors);
    ck_assert_msg(rc == ERR_INVALID, "loads: %s", r->text);
    ck_assert_ptr_null(config);
    const struct config_error *e = &errors.items[0];
    ck_assert_msg(strstr(e->message, r->message), "\"%s\" for\n%s", e->message, r->text);
    ck_assert_msg(e->line == r->line && e->column == r->column, "%u:%u %s for\n%s", e->line, e->column,
                  e->message, r->text);
    ck_assert_msg(strcmp(e->path, r->path) == 0, "path \"%s\" for\n%s", e->path, r->text);
    ck_assert_msg(strcmp(e->suggestion, r->suggestion) == 0, "suggestion \"%s\" for\n%s", e->suggestion,
                  r->text);
    ck_assert_str_eq(e->file, "p.yml");
}

#define EXPECT_ALL(table)                                                                                    \
    for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++) expect(&(table)[i])

START_TEST(an_unknown_field_is_refused_with_the_name_that_was_meant) {
    static const struct refusal table[] = {
        {"globl:\n  x: 1\n", 1, 1, "globl", "unknown field \"globl\"", "global"},
        {"global:\n  scrape_intervall: 1s\n", 2, 3, "global.scrape_intervall", "unknown field",
         "scrape_interval"},
        {JOB "- job_name: b\n  scrape_intervall: 1s\n", 4, 3, "scrape_configs[1].scrape_intervall",
         "unknown field", "scrape_interval"},
        {JOB "  static_config: []\n", 3, 3, "scrape_configs[0].static_config", "unknown field",
         "static_configs"},
        {JOB "  static_configs:\n  - tragets: []\n", 4, 5, "scrape_configs[0].static_configs[0].tragets",
         "unknown field", "targets"},
        {JOB "  basic_auth:\n    pasword: x\n", 4, 5, "scrape_configs[0].basic_auth.pasword", "unknown field",
         "password"},
        {JOB "  kubernets_sd_configs: []\n", 3, 3, "scrape_configs[0].kubernets_sd_configs", "unknown field",
         "kubernetes_sd_configs"},
        {"remote_write:\n- url: http://a/\n  queue_config:\n    capasity: 1\n", 4, 5,
         "remote_write[0].queue_config.capasity", "unknown field", "capacity"},
        {"zzz: 1\n", 1, 1, "zzz", "unknown field \"zzz\"", ""},
    };
    EXPECT_ALL(table);
}
END_TEST

START_TEST(a_wrong_type_is_refused) {
    static const struct refusal table[] = {
        {"- a\n", 1, 1, "", "a map is expected, not a list", ""},
        {"text\n", 1, 1, "", "a map is expected, not a text", ""},
        {"global: 5\n", 1, 9, "global", "a map is expected, not a number", ""},
        {"global:\n  scrape_interval: [1s]\n", 2, 20, "global.scrape_interval", "a duration like 15s", ""},
        {"global:\n  scrape_interval: 15\n", 2, 20, "global.scrape_interval",
         "not a valid duration string: \"15\"", ""},
        {"global:\n  sample_limit: -1\n", 2, 17, "global.sample_limit", "an integer of 0 or more is expected",
         ""},
        {"global:\n  sample_limit: '5'\n", 2, 17, "global.sample_limit", "an integer of 0 or more", ""},
        {"global:\n  sample_limit: 1.5\n", 2, 17, "global.sample_limit", "an integer of 0 or more", ""},
        {"global:\n  body_size_limit: 10\n", 2, 20, "global.body_size_limit", "not a valid size: \"10\"", ""},
        {"global:\n  body_size_limit: 10XB\n", 2, 20, "global.body_size_limit", "not a valid size", ""},
        {"global:\n  external_labels: [a]\n", 2, 20, "global.external_labels", "a map of labels is expected",
         ""},
        {"global:\n  external_labels: {'': a}\n", 2, 21, "global.external_labels.",
         "\"\" is not a valid label name", ""},
        {JOB "  honor_labels: 1\n", 3, 17, "scrape_configs[0].honor_labels",
         "true or false is expected, not a number", ""},
        {JOB "  honor_labels: 'true'\n", 3, 17, "scrape_configs[0].honor_labels", "true or false is expected",
         ""},
        {JOB "  params: {a: b}\n", 3, 15, "scrape_configs[0].params.a", "a list is expected, not a text", ""},
        {JOB "  static_configs: {targets: []}\n", 3, 19, "scrape_configs[0].static_configs",
         "a list is expected, not a map", ""},
        {JOB "  static_configs: [targets]\n", 3, 20, "scrape_configs[0].static_configs[0]",
         "a map is expected, not a text", ""},
        {JOB "  static_configs:\n  - targets: a:1\n", 4, 14, "scrape_configs[0].static_configs[0].targets",
         "a list is expected", ""},
        {JOB "  ec2_sd_configs: {}\n", 3, 19, "scrape_configs[0].ec2_sd_configs",
         "a list of maps is expected", ""},
        {JOB "  ec2_sd_configs: [a]\n", 3, 20, "scrape_configs[0].ec2_sd_configs[0]", "a map is expected",
         ""},
        {"scrape_configs: [~]\n", 1, 18, "scrape_configs[0]", "empty or null section", ""},
        {"storage: {tsdb: {retention: {percentage: 101}}}\n", 1, 30, "storage.tsdb.retention.percentage",
         "a percentage is from 0 to 100", ""},
        {"storage: {tsdb: {stale_series_compaction_threshold: x}}\n", 1, 53,
         "storage.tsdb.stale_series_compaction_threshold", "a number is expected", ""},
    };
    EXPECT_ALL(table);
}
END_TEST

START_TEST(an_unknown_choice_is_refused_with_the_one_that_was_meant) {
    static const struct refusal table[] = {
        {JOB "  scheme: htps\n", 3, 11, "scrape_configs[0].scheme", "unknown value \"htps\"", "https"},
        {JOB "  scrape_protocols: [PrometheusText0.0.5]\n", 3, 22, "scrape_configs[0].scrape_protocols[0]",
         "unknown value", "PrometheusText0.0.4"},
        {JOB "  scrape_protocols: []\n", 3, 3, "scrape_configs[0].scrape_protocols",
         "scrape_protocols cannot be empty", ""},
        {JOB "  scrape_protocols: [PrometheusProto, PrometheusProto]\n", 3, 3,
         "scrape_configs[0].scrape_protocols", "duplicated protocol", ""},
        {JOB "  relabel_configs:\n  - action: repalce\n", 4, 13,
         "scrape_configs[0].relabel_configs[0].action", "unknown relabel action \"repalce\"", "replace"},
        {JOB "  tls_config: {min_version: TLS14}\n", 3, 29, "scrape_configs[0].tls_config.min_version",
         "unknown value", "TLS10"},
        {"alerting: {alertmanagers: [{api_version: v1}]}\n", 1, 42, "alerting.alertmanagers[0].api_version",
         "unknown value \"v1\"", "v2"},
        {"global: {metric_name_validation_scheme: UTF8}\n", 1, 41, "global.metric_name_validation_scheme",
         "unknown value", ""},
        {"global: {metric_name_validation_scheme: legacy, metric_name_escaping_scheme: allow-utf-8}\n", 1, 49,
         "global.metric_name_escaping_scheme", "validation scheme is not set to UTF8", ""},
    };
    EXPECT_ALL(table);
}
END_TEST

START_TEST(jobs_and_intervals_must_agree) {
    static const struct refusal table[] = {
        {"scrape_configs:\n- metrics_path: /x\n", 2, 3, "scrape_configs[0]", "job_name is empty", ""},
        {"scrape_configs:\n- job_name: ''\n", 2, 3, "scrape_configs[0].job_name", "job_name is empty", ""},
        {JOB "- job_name: b\n- job_name: a\n", 4, 3, "scrape_configs[2].job_name",
         "found multiple scrape configs with job name \"a\"", ""},
        {"a: 1\na: 2\n", 2, 1, "", "duplicate key \"a\"", ""},
        {JOB "  scrape_interval: 5s\n  scrape_timeout: 6s\n", 4, 3, "scrape_configs[0].scrape_timeout",
         "scrape timeout greater than scrape interval for scrape config with job name \"a\"", ""},
        {"global: {scrape_interval: 5s}\n" JOB "  scrape_timeout: 6s\n", 4, 3,
         "scrape_configs[0].scrape_timeout",
         "scrape timeout greater than scrape interval for scrape config with job name \"a\"", ""},
        {"global:\n  scrape_interval: 5s\n  scrape_timeout: 6s\n", 3, 3, "global.scrape_timeout",
         "global scrape timeout greater than scrape interval", ""},
        {JOB "  static_configs:\n  - targets: ['b:1', 'c:1/metrics']\n", 4, 22,
         "scrape_configs[0].static_configs[0].targets[1]", "\"c:1/metrics\" is not a valid hostname", ""},
        {"remote_write: [{url: 'http://a/', name: x}, {url: 'http://a/', name: x}]\n", 1, 64,
         "remote_write[1].name", "found multiple remote write configs with job name \"x\"", ""},
        {"remote_read: [{name: x}]\n", 1, 15, "remote_read[0]", "url for remote_read is empty", ""},
        {"remote_write: [{url: 'http://a/', headers: {host: x}}]\n", 1, 35, "remote_write[0].headers",
         "host is a reserved header", ""},
        {"global:\n  sample_limit: 0x\n", 2, 17, "global.sample_limit", "not a number", ""},
        {"rule_files: ['a*/b.yml']\n", 1, 14, "rule_files[0]", "invalid rule file path \"a*/b.yml\"", ""},
    };
    EXPECT_ALL(table);
}
END_TEST

START_TEST(at_most_one_kind_of_authentication_is_taken) {
    static const struct refusal table[] = {
        {JOB "  basic_auth: {}\n  authorization: {}\n", 4, 3, "scrape_configs[0].authorization",
         "at most one of basic_auth, oauth2 & authorization must be configured", ""},
        {JOB "  basic_auth: {}\n  bearer_token: x\n", 4, 3, "scrape_configs[0].bearer_token",
         "at most one of basic_auth, oauth2, bearer_token & bearer_token_file", ""},
        {JOB "  authorization: {}\n  bearer_token: x\n", 4, 3, "scrape_configs[0].bearer_token",
         "authorization is not compatible with bearer_token", ""},
        {JOB "  bearer_token: x\n  bearer_token_file: y\n", 4, 3, "scrape_configs[0].bearer_token_file",
         "at most one of bearer_token & bearer_token_file", ""},
        {JOB "  basic_auth: {password: x, password_file: y}\n", 3, 29,
         "scrape_configs[0].basic_auth.password_file", "at most one of basic_auth password & password_file",
         ""},
        {JOB "  authorization: {type: Basic}\n", 3, 19, "scrape_configs[0].authorization.type",
         "authorization type cannot be set to \"basic\", use \"basic_auth\" instead", ""},
        {JOB "  oauth2: {client_id: x}\n", 3, 11, "scrape_configs[0].oauth2",
         "oauth2 token_url must be configured", ""},
        {JOB "  tls_config: {cert_file: x}\n", 3, 16, "scrape_configs[0].tls_config.cert_file",
         "exactly one of key or key_file must be configured", ""},
        {JOB "  tls_config: {min_version: TLS13, max_version: TLS12}\n", 3, 36,
         "scrape_configs[0].tls_config.max_version", "must be greater than or equal", ""},
        {JOB "  http_headers: {Host: {values: [x]}}\n", 3, 24, "scrape_configs[0].http_headers.Host",
         "setting header \"Host\" is not allowed", ""},
        {JOB "  no_proxy: x\n", 3, 3, "scrape_configs[0].no_proxy", "proxy_url must also be configured", ""},
        {"remote_write: [{url: 'http://a/', sigv4: {}, azuread: {}}]\n", 1, 16, "remote_write[0]",
         "at most one of basic_auth, authorization, oauth2, sigv4", ""},
    };
    EXPECT_ALL(table);
}
END_TEST

START_TEST(urls_and_expressions_are_checked) {
    static const struct refusal table[] = {
        {"remote_write: [{url: 'a'}]\n", 1, 22, "remote_write[0].url", "URL scheme must be 'http' or 'https'",
         ""},
        {"remote_write: [{url: 'http://'}]\n", 1, 22, "remote_write[0].url", "host is missing in URL", ""},
        {"remote_write: [{url: 'http://a:b/'}]\n", 1, 22, "remote_write[0].url", "invalid port", ""},
        {"remote_write: [{url: 'http://a b/'}]\n", 1, 22, "remote_write[0].url", "invalid character", ""},
        {JOB "  proxy_url: ftp://a\n", 3, 14, "scrape_configs[0].proxy_url", "unknown URL scheme", ""},
        {JOB "  relabel_configs: [{regex: 'a(', action: labeldrop}]\n", 3, 29,
         "scrape_configs[0].relabel_configs[0].regex", "missing closing )", ""},
        {JOB "  file_sd_configs: [{files: []}]\n", 3, 22, "scrape_configs[0].file_sd_configs[0].files",
         "must contain at least one path name", ""},
        {JOB "  file_sd_configs: [{files: [a.txt]}]\n", 3, 22, "scrape_configs[0].file_sd_configs[0].files",
         "path name \"a.txt\" is not valid for file discovery", ""},
        {JOB "  dns_sd_configs: [{names: [a], type: A}]\n", 3, 20, "scrape_configs[0].dns_sd_configs[0]",
         "a port is required in DNS-SD configs for all record types except SRV", ""},
        {JOB "  http_sd_configs: [{}]\n", 3, 21, "scrape_configs[0].http_sd_configs[0]", "URL is missing",
         ""},
        {JOB "  docker_sd_configs: [{}]\n", 3, 23, "scrape_configs[0].docker_sd_configs[0]", "host missing",
         ""},
        {JOB "  kubernetes_sd_configs: [{}]\n", 3, 27, "scrape_configs[0].kubernetes_sd_configs[0]",
         "role missing", ""},
        {"tracing: {}\n", 1, 10, "tracing", "tracing endpoint must be set", ""},
    };
    EXPECT_ALL(table);
}
END_TEST

#define LEGACY "  metric_name_validation_scheme: legacy\n"

START_TEST(relabel_rules_are_checked_by_action) {
    static const struct refusal table[] = {
        {JOB "  relabel_configs: [{}]\n", 3, 21, "scrape_configs[0].relabel_configs[0]",
         "relabel configuration for replace action requires 'target_label' value", ""},
        {JOB "  relabel_configs: [{action: HASHMOD, target_label: x}]\n", 3, 21,
         "scrape_configs[0].relabel_configs[0]",
         "relabel configuration for hashmod requires non-zero modulus", ""},
        {JOB "  relabel_configs: [{target_label: ''}]\n", 3, 22,
         "scrape_configs[0].relabel_configs[0].target_label",
         "relabel configuration for replace action requires 'target_label' value", ""},
        {JOB LEGACY "  relabel_configs: [{target_label: x}, {target_label: '${x'}]\n", 4, 41,
         "scrape_configs[0].relabel_configs[1].target_label",
         "\"${x\" is invalid 'target_label' for replace action", ""},
        {JOB LEGACY "  relabel_configs: [{target_label: a.b}]\n", 4, 22,
         "scrape_configs[0].relabel_configs[0].target_label",
         "\"a.b\" is invalid 'target_label' for replace action", ""},
        {JOB LEGACY "  metric_relabel_configs: [{action: lowercase, target_label: 'a$1'}]\n", 4, 48,
         "scrape_configs[0].metric_relabel_configs[0].target_label",
         "\"a$1\" is invalid 'target_label' for lowercase action", ""},
        {JOB LEGACY "  metric_relabel_configs: [{action: labelmap, replacement: '$1-x'}]\n", 4, 47,
         "scrape_configs[0].metric_relabel_configs[0].replacement",
         "\"$1-x\" is invalid 'replacement' for labelmap action", ""},
        {"global: {metric_name_validation_scheme: legacy}\n"
         "remote_write: [{url: 'http://a/', write_relabel_configs: [{target_label: 'a b'}]}]\n",
         2, 60, "remote_write[0].write_relabel_configs[0].target_label",
         "\"a b\" is invalid 'target_label' for replace action", ""},
        {JOB "  relabel_configs: [{action: uppercase, target_label: x, replacement: y}]\n", 3, 58,
         "scrape_configs[0].relabel_configs[0].replacement",
         "'replacement' can not be set for uppercase action", ""},
        {JOB "  relabel_configs: [{action: dropequal, target_label: x, replacement: y}]\n", 3, 58,
         "scrape_configs[0].relabel_configs[0].replacement",
         "'replacement' can not be set for dropequal action", ""},
        {JOB "  relabel_configs: [{action: dropequal, target_label: x, separator: ','}]\n", 3, 21,
         "scrape_configs[0].relabel_configs[0]",
         "dropequal action requires only 'source_labels' and `target_label`, and no other fields", ""},
        {JOB "  relabel_configs: [{action: labeldrop, regex: x, modulus: 2}]\n", 3, 21,
         "scrape_configs[0].relabel_configs[0]",
         "labeldrop action requires only 'regex', and no other fields", ""},
        {JOB "  series_limit_policy: dorp\n", 3, 24, "scrape_configs[0].series_limit_policy",
         "unknown value \"dorp\"", "drop"},
        {JOB "  relabel_configs: [{action: keepequal, target_label: x, regex: y}]\n", 3, 21,
         "scrape_configs[0].relabel_configs[0]",
         "keepequal action requires only 'source_labels' and `target_label`, and no other fields", ""},
        {JOB "  relabel_configs: [{action: labelkeep, source_labels: [x]}]\n", 3, 21,
         "scrape_configs[0].relabel_configs[0]",
         "labelkeep action requires only 'regex', and no other fields", ""},
        {JOB "  metric_relabel_configs: [{action: labelmap, replacement: ''}]\n", 3, 47,
         "scrape_configs[0].metric_relabel_configs[0].replacement",
         "\"\" is invalid 'replacement' for labelmap action", ""},
        {"remote_write: [{url: 'http://a/', write_relabel_configs: [{action: lowercase}]}]\n", 1, 59,
         "remote_write[0].write_relabel_configs[0]", "for lowercase action requires 'target_label' value",
         ""},
    };
    EXPECT_ALL(table);
}
END_TEST

START_TEST(several_errors_are_collected_up_to_a_limit) {
    struct config *config;
    const char *two = "global:\n  x: 1\nscrape_configs:\n- job_name: a\n  y: 2\n";
    ck_assert_int_eq(config_load_text(span_from(two), "p.yml", &config, &errors), ERR_INVALID);
    ck_assert_uint_eq(errors.count, 2);
    ck_assert_str_eq(errors.items[1].path, "scrape_configs[0].y");
    struct buf many;
    buf_init(&many, 1 << 16);
    for (int i = 0; i < 30; i++) buf_printf(&many, "unknown%d: 1\n", i);
    ck_assert_int_eq(config_load_text(buf_view(&many), "p.yml", &config, &errors), ERR_INVALID);
    ck_assert_uint_eq(errors.count, CONFIG_MAX_ERRORS);
    ck_assert_uint_eq(errors.more, 10);
    buf_release(&many);
}
END_TEST

START_TEST(an_error_is_one_line_with_file_position_path_and_suggestion) {
    struct config *config;
    struct buf line;
    buf_init(&line, 4096);
    ck_assert_int_lt(
        config_load_text(SPAN("global:\n  scrape_intervall: 5s\n"), "conf/p.yml", &config, &errors), 0);
    config_error_write(&errors.items[0], &line);
    ck_assert_str_eq(buf_text(&line),
                     "conf/p.yml:2:3: global.scrape_intervall: unknown field \"scrape_intervall\" "
                     "(did you mean \"scrape_interval\"?)");
    buf_reset(&line);
    ck_assert_int_lt(config_load_file("/nonexistent/p.yml", &config, &errors), 0);
    config_error_write(&errors.items[0], &line);
    ck_assert_ptr_nonnull(strstr(buf_text(&line), "No such file or directory"));
    buf_release(&line);
}
END_TEST

START_TEST(a_file_that_is_too_large_is_refused) {
    struct config *config;
    struct buf text;
    buf_init(&text, CONFIG_MAX_FILE_BYTES + 1);
    ck_assert(buf_reserve(&text, CONFIG_MAX_FILE_BYTES + 1));
    memset(text.data, '#', CONFIG_MAX_FILE_BYTES + 1);
    text.len = CONFIG_MAX_FILE_BYTES + 1;
    ck_assert_int_eq(config_load_text(buf_view(&text), "p.yml", &config, &errors), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.items[0].message, "larger than"));
    buf_release(&text);
}
END_TEST

CHECK_MAIN("refusals", an_unknown_field_is_refused_with_the_name_that_was_meant, a_wrong_type_is_refused,
           an_unknown_choice_is_refused_with_the_one_that_was_meant, jobs_and_intervals_must_agree,
           at_most_one_kind_of_authentication_is_taken, urls_and_expressions_are_checked,
           relabel_rules_are_checked_by_action, several_errors_are_collected_up_to_a_limit,
           an_error_is_one_line_with_file_position_path_and_suggestion, a_file_that_is_too_large_is_refused)
