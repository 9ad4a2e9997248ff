#include "lib/config/table.h"

/*
 * Relabelling, and the sections about what leaves the server.
 */

#define RELABELS(type, key, member) FIELD(type, key, SECTIONS, member, .section = &relabel_section)

static const char *const actions[] = {"replace",   "keep",      "drop",      "keepequal",
                                      "dropequal", "hashmod",   "labelmap",  "labeldrop",
                                      "labelkeep", "lowercase", "uppercase", NULL};

/* with the default scheme any text may name a label, also one with $1 in it */
static bool is_name(const char *text) {
    return *text && span_is_utf8(span_from(text));
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
}

/* behind a run of letters and digits */
static const char *skip_word(const char *text) {
    while (is_word(*text)) text++;
    return text;
}

/* a legacy label name in which $1 and ${1} stand for some letters */
static bool is_legacy_template(const char *text) {
    const char *p = text;
    if (!is_letter(*p) && *p != '$') return false;
    while (*p) {
        bool has_brace = p[0] == '$' && p[1] == '{';
        const char *end = skip_word(p + (*p == '$') + has_brace);
        if (*p == '$' && end == p + 1 + has_brace) return false;
        if (has_brace && *end++ != '}') return false;
        if (end == p) return false;
        p = end;
    }
    return true;
}

static bool needs_target(const char *action) {
    static const char *const list[] = {"replace",   "hashmod",   "keepequal",
                                       "dropequal", "lowercase", "uppercase"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(action, list[i]) == 0) return true;
    return false;
}

static bool is_one(const char *action, const char *a, const char *b) {
    return strcmp(action, a) == 0 || strcmp(action, b) == 0;
}

static void lower_action(struct loader *l, struct relabel_config *rule, const struct ynode *node) {
    char *lower = loader_alloc(l, strlen(rule->action) + 1, 1);
    if (!lower) return;
    for (size_t i = 0; rule->action[i]; i++) {
        char c = rule->action[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    rule->action = lower;
    size_t count = 0;
    for (; actions[count]; count++)
        if (strcmp(lower, actions[count]) == 0) return;
    const struct yentry *entry = ynode_entry(node, SPAN("action"));
    size_t before = loader_enter(l, SPAN("action"));
    loader_error_unknown(l, entry ? entry->value->mark : node->mark, "unknown relabel action",
                         span_from(lower), actions, count);
    loader_leave(l, before);
}

static const char *text_or_empty(const char *text) {
    return text ? text : "";
}

static bool differs(const char *text, const char *preset) {
    return strcmp(text_or_empty(text), preset) != 0;
}

static void check_target(struct loader *l, const struct relabel_config *rule, const struct ynode *node) {
    const char *target = text_or_empty(rule->target_label);
    if (!needs_target(rule->action)) return;
    if (!*target)
        loader_error_at(l, node, "target_label",
                        "relabel configuration for %s action requires 'target_label' value", rule->action);
    else if (!is_name(target))
        loader_error_at(l, node, "target_label", "\"%s\" is invalid 'target_label' for %s action", target,
                        rule->action);
}

/* what goes with the action, and what does not */
static void check_extras(struct loader *l, const struct relabel_config *rule, const struct ynode *node) {
    const char *action = rule->action;
    bool is_equal = is_one(action, "keepequal", "dropequal"),
         has_replacement = differs(rule->replacement, "$1");
    bool has_more = rule->modulus || differs(rule->separator, ";") || has_replacement;
    if (has_replacement && (is_equal || is_one(action, "lowercase", "uppercase")))
        loader_error_at(l, node, "replacement", "'replacement' can not be set for %s action", action);
    else if (is_equal && (has_more || section_has(&relabel_section, rule, "regex")))
        loader_error(l, node->mark,
                     "%s action requires only 'source_labels' and `target_label`, and no other fields",
                     action);
    if (is_one(action, "labeldrop", "labelkeep") &&
        (has_more || differs(rule->target_label, "") || section_has(&relabel_section, rule, "source_labels")))
        loader_error(l, node->mark, "%s action requires only 'regex', and no other fields", action);
}

static void relabel_check(struct loader *l, void *object, const struct ynode *node) {
    struct relabel_config *rule = object;
    lower_action(l, rule, node);
    if (strcmp(rule->action, "hashmod") == 0 && rule->modulus == 0)
        loader_error_at(l, node, "modulus", "relabel configuration for hashmod requires non-zero modulus");
    check_target(l, rule, node);
    if (strcmp(rule->action, "labelmap") == 0 && !is_name(text_or_empty(rule->replacement)))
        loader_error_at(l, node, "replacement", "\"%s\" is invalid 'replacement' for labelmap action",
                        text_or_empty(rule->replacement));
    check_extras(l, rule, node);
}

static void check_legacy_rule(struct loader *l, const struct relabel_config *rule, const struct ynode *node) {
    bool is_map = strcmp(rule->action, "labelmap") == 0, is_replace = strcmp(rule->action, "replace") == 0;
    const char *text = text_or_empty(is_map ? rule->replacement : rule->target_label);
    if (!is_map && !needs_target(rule->action)) return;
    bool may_expand = is_map || (is_replace && strchr(text, '$'));
    if (may_expand ? is_legacy_template(text) : label_name_is_legacy(span_from(text))) return;
    const char *key = is_map ? "replacement" : "target_label";
    loader_error_at(l, node, key, "\"%s\" is invalid '%s' for %s action", text, key, rule->action);
}

void relabel_check_legacy(struct loader *l, const struct relabel_configs *rules, const char *key,
                          const struct ynode *map) {
    const struct yentry *entry = ynode_entry(map, span_from(key));
    size_t outer = loader_enter(l, span_from(key));
    for (size_t i = 0; entry && i < rules->count; i++) {
        size_t before = loader_enter_index(l, i);
        check_legacy_rule(l, &rules->items[i], entry->value->items[i]);
        loader_leave(l, before);
    }
    loader_leave(l, outer);
}

#define S struct relabel_config
static const struct field relabel_fields[] = {
    FIELD(S, "source_labels", STRINGS, source_labels),
    FIELD(S, "separator", TEXT, separator, .preset = ";"),
    FIELD(S, "regex", REGEX, regex, .preset = "(.*)"),
    FIELD(S, "modulus", UINT, modulus),
    FIELD(S, "target_label", TEXT, target_label),
    FIELD(S, "replacement", TEXT, replacement, .preset = "$1"),
    FIELD(S, "action", TEXT, action, .preset = "replace"),
};
const struct section relabel_section = SECTION(S, relabel_fields, relabel_check);
#undef S

static const char *const schemes[] = {"http", "https", NULL};
static const char *const alertmanager_versions[] = {"v2", NULL};

static void alertmanager_check(struct loader *l, void *object, const struct ynode *node) {
    const struct alertmanager_config *am = object;
    if (am->sigv4.node && (am->http.basic_auth || am->http.authorization || am->http.oauth2))
        loader_error_at(l, node, "sigv4",
                        "at most one of basic_auth, authorization, oauth2 & sigv4 must be configured");
    for (size_t i = 0; !am->relabel_configs.count && i < am->discovery.static_configs.count; i++) {
        const struct strings *targets = &am->discovery.static_configs.items[i].targets;
        for (size_t j = 0; j < targets->count; j++)
            if (strchr(targets->items[j], '/'))
                loader_error_at(l, node, "static_configs", "\"%s\" is not a valid hostname",
                                targets->items[j]);
    }
}

#define S struct alertmanager_config
static const struct field alertmanager_fields[] = {
    INLINE(S, http, .section = &http_client_section),
    FIELD(S, "sigv4", VERBATIM_MAP, sigv4),
    FIELD(S, "scheme", CHOICE, scheme, .choices = schemes, .preset = "http"),
    FIELD(S, "path_prefix", TEXT, path_prefix),
    FIELD(S, "timeout", DURATION, timeout_ms, .preset = "10s"),
    FIELD(S, "api_version", CHOICE, api_version, .choices = alertmanager_versions, .preset = "v2"),
    INLINE(S, discovery, .section = &discovery_section),
    RELABELS(S, "relabel_configs", relabel_configs),
    RELABELS(S, "alert_relabel_configs", alert_relabel_configs),
};
static const struct section alertmanager_section = SECTION(S, alertmanager_fields, alertmanager_check);
#undef S

#define S struct alerting_config
static const struct field alerting_fields[] = {
    RELABELS(S, "alert_relabel_configs", alert_relabel_configs),
    FIELD(S, "alertmanagers", SECTIONS, alertmanagers, .section = &alertmanager_section),
};
const struct section alerting_section = SECTION(S, alerting_fields, NULL);
#undef S

#define S struct queue_config
static const struct field queue_fields[] = {
    FIELD(S, "capacity", INT, capacity, .preset = "10000"),
    FIELD(S, "max_shards", INT, max_shards, .preset = "50"),
    FIELD(S, "min_shards", INT, min_shards, .preset = "1"),
    FIELD(S, "max_samples_per_send", INT, max_samples_per_send, .preset = "2000"),
    FIELD(S, "batch_send_deadline", DURATION, batch_send_deadline_ms, .preset = "5s"),
    FIELD(S, "min_backoff", DURATION, min_backoff_ms, .preset = "30ms"),
    FIELD(S, "max_backoff", DURATION, max_backoff_ms, .preset = "5s"),
    FIELD(S, "retry_on_http_429", BOOL, retry_on_http_429),
    FIELD(S, "sample_age_limit", DURATION, sample_age_limit_ms),
};
#undef S

static void queue_check(struct loader *l, void *object, const struct ynode *node) {
    const struct queue_config *queue = object;
    if (queue->capacity <= 0) loader_error_at(l, node, "capacity", "must be above 0");
    if (queue->max_samples_per_send <= 0) loader_error_at(l, node, "max_samples_per_send", "must be above 0");
    if (queue->min_shards <= 0) loader_error_at(l, node, "min_shards", "must be above 0");
    if (queue->max_shards < queue->min_shards)
        loader_error_at(l, node, "max_shards", "must not be below min_shards");
}
static const struct section queue_section = SECTION(struct queue_config, queue_fields, queue_check);

#define S struct metadata_config
static const struct field metadata_fields[] = {
    FIELD(S, "send", BOOL, send, .preset = "true"),
    FIELD(S, "send_interval", DURATION, send_interval_ms, .preset = "1m"),
    FIELD(S, "max_samples_per_send", INT, max_samples_per_send, .preset = "2000"),
};
static const struct section metadata_section = SECTION(S, metadata_fields, NULL);
#undef S

static const char *const write_messages[] = {"prometheus.WriteRequest", "io.prometheus.write.v2.Request",
                                             NULL};

#define S struct remote_write_config
static const struct field remote_write_fields[] = {
    FIELD(S, "url", URL, url),
    FIELD(S, "remote_timeout", DURATION, remote_timeout_ms, .preset = "30s"),
    FIELD(S, "headers", PAIRS, headers),
    RELABELS(S, "write_relabel_configs", write_relabel_configs),
    FIELD(S, "name", TEXT, name),
    FIELD(S, "send_exemplars", BOOL, send_exemplars),
    FIELD(S, "send_native_histograms", BOOL, send_native_histograms),
    FIELD(S, "round_robin_dns", BOOL, round_robin_dns),
    FIELD(S, "protobuf_message", CHOICE, protobuf_message, .choices = write_messages,
          .preset = "prometheus.WriteRequest"),
    INLINE(S, http, .section = &http_client_section),
    FIELD(S, "queue_config", SECTION, queue_config, .section = &queue_section),
    FIELD(S, "metadata_config", SECTION, metadata_config, .section = &metadata_section),
    FIELD(S, "sigv4", VERBATIM_MAP, sigv4, .flags = UNSUPPORTED),
    FIELD(S, "azuread", VERBATIM_MAP, azuread, .flags = UNSUPPORTED),
    FIELD(S, "google_iam", VERBATIM_MAP, google_iam, .flags = UNSUPPORTED),
};
#undef S

static void check_headers(struct loader *l, const struct pairs *headers, const struct ynode *node) {
    for (size_t i = 0; i < headers->count; i++)
        if (header_is_reserved(headers->items[i].name))
            loader_error_at(l, node, "headers", "%s is a reserved header. It must not be changed",
                            headers->items[i].name);
}

static void remote_write_check(struct loader *l, void *object, const struct ynode *node) {
    struct remote_write_config *remote = object;
    const struct http_client_config *http = &remote->http;
    if (!remote->url) loader_error_at(l, node, "url", "url for remote_write is empty");
    check_headers(l, &remote->headers, node);
    int auths = (http->basic_auth || http->authorization || http->oauth2) + (remote->sigv4.node != NULL) +
                (remote->azuread.node != NULL) + (remote->google_iam.node != NULL);
    if (auths > 1)
        loader_error(l, node->mark,
                     "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam "
                     "must be configured");
    if (!section_has(&http_client_section, http, "enable_http2")) remote->http.enable_http2 = false;
}
const struct section remote_write_section =
    SECTION(struct remote_write_config, remote_write_fields, remote_write_check);

static void remote_read_check(struct loader *l, void *object, const struct ynode *node) {
    const struct remote_read_config *remote = object;
    if (!remote->url) loader_error_at(l, node, "url", "url for remote_read is empty");
    check_headers(l, &remote->headers, node);
}

#define S struct remote_read_config
static const struct field remote_read_fields[] = {
    FIELD(S, "url", URL, url),
    FIELD(S, "remote_timeout", DURATION, remote_timeout_ms, .preset = "1m"),
    FIELD(S, "chunked_read_limit", UINT, chunked_read_limit_bytes, .preset = "50000000"),
    FIELD(S, "headers", PAIRS, headers),
    FIELD(S, "read_recent", BOOL, read_recent, .flags = ALWAYS),
    FIELD(S, "name", TEXT, name),
    INLINE(S, http, .section = &http_client_section),
    FIELD(S, "required_matchers", PAIRS, required_matchers),
    FIELD(S, "filter_external_labels", BOOL, filter_external_labels, .preset = "true"),
};
const struct section remote_read_section = SECTION(S, remote_read_fields, remote_read_check);
#undef S

static const char *const tracing_clients[] = {"grpc", "http", NULL};
static const char *const tracing_compressions[] = {"gzip", NULL};

static void tracing_check(struct loader *l, void *object, const struct ynode *node) {
    const struct tracing_config *tracing = object;
    if (!tracing->endpoint) loader_error_at(l, node, "endpoint", "tracing endpoint must be set");
    if (tracing->sampling_fraction < 0 || tracing->sampling_fraction > 1)
        loader_error_at(l, node, "sampling_fraction", "a fraction is from 0 to 1");
}

#define S struct tracing_config
static const struct field tracing_fields[] = {
    FIELD(S, "client_type", CHOICE, client_type, .choices = tracing_clients, .preset = "grpc"),
    FIELD(S, "endpoint", TEXT, endpoint),
    FIELD(S, "sampling_fraction", DOUBLE, sampling_fraction),
    FIELD(S, "insecure", BOOL, insecure),
    FIELD(S, "tls_config", OPTIONAL, tls_config, .section = &tls_section),
    FIELD(S, "headers", PAIRS, headers),
    FIELD(S, "compression", CHOICE, compression, .choices = tracing_compressions),
    FIELD(S, "timeout", DURATION, timeout_ms, .preset = "10s"),
};
const struct section tracing_section = SECTION(S, tracing_fields, tracing_check);
#undef S

static const char *const translations[] = {"UnderscoreEscapingWithSuffixes", "NoUTF8EscapingWithSuffixes",
                                           "UnderscoreEscapingWithoutSuffixes", "NoTranslation", NULL};

static void otlp_check(struct loader *l, void *object, const struct ynode *node) {
    const struct otlp_config *otlp = object;
    if (otlp->promote_all_resource_attributes && otlp->promote_resource_attributes.count)
        loader_error_at(
            l, node, "promote_resource_attributes",
            "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured "
            "simultaneously");
    if (!otlp->promote_all_resource_attributes && otlp->ignore_resource_attributes.count)
        loader_error_at(
            l, node, "ignore_resource_attributes",
            "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' "
            "is true");
}

#define S struct otlp_config
static const struct field otlp_fields[] = {
    FIELD(S, "promote_all_resource_attributes", BOOL, promote_all_resource_attributes),
    FIELD(S, "promote_resource_attributes", STRINGS, promote_resource_attributes),
    FIELD(S, "ignore_resource_attributes", STRINGS, ignore_resource_attributes),
    FIELD(S, "translation_strategy", CHOICE, translation_strategy, .choices = translations,
          .preset = "UnderscoreEscapingWithSuffixes"),
    FIELD(S, "keep_identifying_resource_attributes", BOOL, keep_identifying_resource_attributes),
    FIELD(S, "convert_histograms_to_nhcb", BOOL, convert_histograms_to_nhcb),
    FIELD(S, "promote_scope_metadata", BOOL, promote_scope_metadata),
    FIELD(S, "label_name_underscore_sanitization", BOOL, label_name_underscore_sanitization,
          .preset = "true"),
    FIELD(S, "label_name_preserve_multiple_underscores", BOOL, label_name_preserve_multiple_underscores,
          .preset = "true"),
};
const struct section otlp_section = SECTION(S, otlp_fields, otlp_check);
#undef S
