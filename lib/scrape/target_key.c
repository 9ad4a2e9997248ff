#include "lib/scrape/target_key.h"

#include "lib/codec/yaml.h"
#include "lib/relabel/relabel.h"

static void put_text(struct buf *key, const char *text) {
    buf_printf(key, "%zu:%s|", text ? strlen(text) : 0, text ? text : "");
}

static void put_strings(struct buf *key, const struct strings *strings) {
    buf_printf(key, "%zu|", strings->count);
    for (size_t i = 0; i < strings->count; i++) put_text(key, strings->items[i]);
}

static void put_tls(struct buf *key, const struct tls_config *tls) {
    buf_printf(key, "%d|", tls != NULL);
    if (!tls) return;
    const char *const texts[] = {tls->ca,          tls->ca_file,     tls->cert,
                                 tls->cert_file,   tls->key.text,    tls->key_file,
                                 tls->server_name, tls->min_version, tls->max_version};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put_text(key, texts[i]);
    buf_printf(key, "%d|", tls->insecure_skip_verify);
}

static void put_connect_headers(struct buf *key, const struct params *headers) {
    for (size_t i = 0; i < headers->count; i++) {
        put_text(key, headers->items[i].name);
        put_strings(key, &headers->items[i].values);
    }
}

static void put_node(struct buf *key, const struct ynode *node) {
    if (node->kind == YNODE_SCALAR) buf_printf(key, "%zu:%.*s|", node->text.len, SPAN_ARG(node->text));
    for (uint32_t i = 0; node->kind == YNODE_LIST && i < node->count; i++) put_node(key, node->items[i]);
    for (uint32_t i = 0; node->kind == YNODE_MAP && i < node->count; i++) {
        put_node(key, node->entries[i].key);
        put_node(key, node->entries[i].value);
    }
}

static void put_oauth2(struct buf *key, const struct oauth2_config *oauth2) {
    const char *const texts[] = {oauth2->client_id,
                                 oauth2->client_secret.text,
                                 oauth2->client_secret_file,
                                 oauth2->client_certificate_key.text,
                                 oauth2->client_certificate_key_file,
                                 oauth2->client_certificate_key_id,
                                 oauth2->grant_type,
                                 oauth2->signature_algorithm,
                                 oauth2->iss,
                                 oauth2->audience,
                                 oauth2->token_url,
                                 oauth2->proxy_url,
                                 oauth2->no_proxy};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put_text(key, texts[i]);
    put_strings(key, &oauth2->scopes);
    for (size_t i = 0; i < oauth2->endpoint_params.count; i++) {
        put_text(key, oauth2->endpoint_params.items[i].name);
        put_text(key, oauth2->endpoint_params.items[i].value);
    }
    if (oauth2->claims.node) put_node(key, oauth2->claims.node);
    put_tls(key, oauth2->tls_config);
    put_connect_headers(key, &oauth2->proxy_connect_header);
    buf_printf(key, "%d|", oauth2->proxy_from_environment);
}

static void put_client_key(struct buf *key, const struct http_client_config *http) {
    const struct basic_auth_config *basic = http->basic_auth;
    const struct authorization_config *auth = http->authorization;
    if (basic)
        put_text(key, basic->username), put_text(key, basic->username_file),
            put_text(key, basic->password.text), put_text(key, basic->password_file);
    if (auth)
        put_text(key, auth->type), put_text(key, auth->credentials.text),
            put_text(key, auth->credentials_file);
    if (http->oauth2) put_oauth2(key, http->oauth2);
    put_tls(key, http->tls_config);
    put_text(key, http->proxy_url), put_text(key, http->no_proxy);
    put_connect_headers(key, &http->proxy_connect_header);
    buf_printf(key, "%d%d%d|", http->follow_redirects, http->enable_http2, http->proxy_from_environment);
    for (size_t i = 0; i < http->http_headers.count; i++) {
        put_text(key, http->http_headers.items[i].name);
        put_strings(key, &http->http_headers.items[i].values);
        put_strings(key, &http->http_headers.items[i].secrets);
        put_strings(key, &http->http_headers.items[i].files);
    }
}

static void put_rules(struct buf *key, const struct relabel_configs *rules) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct relabel_config *rule = &rules->items[i];
        put_text(key, rule->action), put_text(key, rule->regex), put_text(key, rule->separator);
        put_text(key, rule->target_label), put_text(key, rule->replacement);
        buf_printf(key, "%llu|%zu|", (unsigned long long)rule->modulus, rule->source_labels.count);
        for (size_t k = 0; k < rule->source_labels.count; k++) put_text(key, rule->source_labels.items[k]);
    }
}

void target_write_series_key(const struct target *target, struct buf *key) {
    const struct scrape_config *job = target->job;
    put_text(key, job->job_name);
    put_text(key, target->url);
    put_text(key, target->unix_socket);
    labels_write(target->labels, key);
    buf_printf(key, "|%lld|%d%d%d%d%d%d%d%d|%llu|%llu|%llu|", (long long)target->interval_ms,
               job->honor_labels, job->honor_timestamps, job->track_timestamps_staleness,
               job->extra_scrape_metrics, target->is_legacy, target->scrape_native_histograms,
               target->convert_classic_histograms_to_nhcb, target->always_scrape_classic_histograms,
               (unsigned long long)job->label_limit, (unsigned long long)job->label_name_length_limit,
               (unsigned long long)job->label_value_length_limit);
    put_rules(key, &job->metric_relabel_configs);
    buf_printf(key, "%llu|%.17g|", (unsigned long long)job->native_histogram_bucket_limit,
               job->native_histogram_min_bucket_factor);
    put_text(key, job->metric_name_escaping_scheme);
}

void target_write_settings(const struct target *target, struct buf *key) {
    const struct scrape_config *job = target->job;
    buf_printf(key, "%lld|%d|%llu|%llu|", (long long)target->timeout_ms, job->enable_compression,
               (unsigned long long)job->body_size_limit_bytes, (unsigned long long)job->sample_limit);
    put_text(key, job->fallback_scrape_protocol);
    put_text(key, job->scrape_failure_log_file);
    for (size_t i = 0; i < job->scrape_protocols.count; i++) put_text(key, job->scrape_protocols.items[i]);
    put_client_key(key, &job->http);
}
