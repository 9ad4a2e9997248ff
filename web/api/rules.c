#include "web/api/inside.h"

#include "lib/notify/notify.h"
#include "promql/rules/manager.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- one alert, one rule, one group: with the group's lock ---- */

static void write_labels(struct json_writer *json, const char *key, struct labels labels) {
    json_key(json, key);
    answer_write_labels(json, &labels);
}

static void write_texts(struct json_writer *json, const char *key, const struct rule_text *texts,
                        size_t count) {
    json_key(json, key);
    json_object(json);
    for (size_t i = 0; i < count; i++) {
        json_key_span(json, texts[i].name);
        json_string(json, texts[i].text);
    }
    json_end_object(json);
}

/* the shortest digits that read back the same, always with an exponent: 1e+00 */
static void write_value(struct json_writer *json, double value) {
    char text[40];
    if (!isfinite(value)) {
        json_cstring(json, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 0; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    json_cstring(json, text);
}

static void write_time(struct json_writer *json, const char *key, int64_t time_ms) {
    json_key(json, key);
    answer_write_time(json, time_ms);
}

static void write_alert(struct json_writer *json, const struct alert *alert) {
    json_object(json);
    write_labels(json, "labels", alert->labels);
    write_labels(json, "annotations", alert->annotations);
    json_key(json, "state");
    json_cstring(json, alert_state_name(alert->state));
    write_time(json, "activeAt", alert->active_ms);
    if (alert->keep_firing_since_ms != ALERT_NEVER)
        write_time(json, "keepFiringSince", alert->keep_firing_since_ms);
    json_key(json, "value");
    write_value(json, alert->value);
    json_end_object(json);
}

static void write_active_alerts(struct json_writer *json, const struct alerts *alerts) {
    for (size_t i = 0; i < alerts->items.count; i++)
        if (alerts->items.items[i]->resolved_ms == ALERT_NEVER) write_alert(json, alerts->items.items[i]);
}

static void write_alerting(struct json_writer *json, const struct rule_state *state, bool with_alerts) {
    const struct rule *rule = state->rule;
    json_key(json, "state");
    bool is_unknown = state->last_eval_ms == INT64_MIN;
    json_cstring(json, is_unknown ? "unknown" : alert_state_name(alerts_state(&state->alerts)));
    json_key(json, "name");
    json_cstring(json, rule->name);
    json_key(json, "query");
    json_string(json, rule->expr_text);
    json_key(json, "duration");
    json_double(json, (double)rule->config->for_ms / 1000);
    json_key(json, "keepFiringFor");
    json_double(json, (double)rule->config->keep_firing_for_ms / 1000);
    write_texts(json, "labels", rule->labels, rule->label_count);
    write_texts(json, "annotations", rule->annotations, rule->annotation_count);
    json_key(json, "alerts");
    json_array(json);
    if (with_alerts) write_active_alerts(json, &state->alerts);
    json_end_array(json);
}

static void write_recording(struct json_writer *json, const struct rule *rule) {
    json_key(json, "name");
    json_cstring(json, rule->name);
    json_key(json, "query");
    json_string(json, rule->expr_text);
    if (rule->label_count) write_texts(json, "labels", rule->labels, rule->label_count);
}

static void write_rule(struct json_writer *json, const struct rule_state *state, bool with_alerts) {
    static const char *const health[] = {"unknown", "ok", "err"};
    json_object(json);
    if (state->rule->is_alert)
        write_alerting(json, state, with_alerts);
    else
        write_recording(json, state->rule);
    json_key(json, "health");
    json_cstring(json, health[state->health]);
    if (state->last_error[0]) {
        json_key(json, "lastError");
        json_cstring(json, state->last_error);
    }
    json_key(json, "evaluationTime");
    json_double(json, state->eval_seconds);
    write_time(json, "lastEvaluation", state->last_eval_ms);
    json_key(json, "type");
    json_cstring(json, state->rule->is_alert ? "alerting" : "recording");
    json_end_object(json);
}

/* ---- what is asked for ---- */

struct wanted {
    const struct web_request *request;
    bool alerting, recording, with_alerts, has_limit;
    struct matches matches;
    uint64_t limit;
    struct span token;
};

/* none of that name is given, or one is this text */
static bool is_wanted_text(const struct web_request *request, const char *name, const char *name2,
                           const char *text) {
    bool is_given = false;
    for (size_t i = 0; i < request->param_count; i++) {
        const struct web_pair *param = &request->params[i];
        if (!span_is(param->name, name) && !span_is(param->name, name2)) continue;
        if (span_is(param->value, text)) return true;
        is_given = true;
    }
    return !is_given;
}

static bool has_labels(const struct wanted *wanted, const struct rule *rule) {
    for (size_t i = 0; i < wanted->matches.count; i++) {
        const struct match *match = &wanted->matches.items[i];
        bool all = true;
        for (size_t k = 0; k < match->count && all; k++) {
            const struct rule_text *text = rule_label(rule, match->matchers[k].name);
            all = matcher_matches(&match->matchers[k], text ? text->text : SPAN(""));
        }
        if (all) return true;
    }
    return wanted->matches.count == 0;
}

static bool is_wanted(const struct wanted *wanted, const struct rule *rule) {
    return (rule->is_alert ? wanted->alerting : wanted->recording) &&
           is_wanted_text(wanted->request, "rule_name[]", "rule_name", rule->name) &&
           has_labels(wanted, rule);
}

static bool is_wanted_group(const struct wanted *wanted, const struct rule_set_group *group) {
    if (!is_wanted_text(wanted->request, "rule_group[]", "rule_group", group->name) ||
        !is_wanted_text(wanted->request, "file[]", "file", group->file))
        return false;
    for (size_t i = 0; i < group->rule_count; i++)
        if (is_wanted(wanted, &group->rules[i])) return true;
    return false;
}

static bool read_type(struct exchange *exchange, struct wanted *wanted) {
    struct span type = web_request_param(wanted->request, "type");
    wanted->alerting = !type.len || span_is(type, "alert");
    wanted->recording = !type.len || span_is(type, "record");
    if (wanted->alerting || wanted->recording) return true;
    answer_error(exchange, ANSWER_BAD_DATA, "invalid parameter \"type\": not supported value \"%.*s\"",
                 (int)(type.len < 100 ? type.len : 100), type.ptr);
    return false;
}

static bool read_paging(struct exchange *exchange, struct wanted *wanted) {
    struct span limit = web_request_param(wanted->request, "group_limit");
    int64_t number = 0;
    wanted->token = web_request_param(wanted->request, "group_next_token");
    wanted->has_limit = limit.len > 0;
    char text[24] = "";
    if (limit.len < sizeof text) memcpy(text, limit.ptr ? limit.ptr : "", limit.len);
    char *end;
    number = strtoll(text, &end, 10);
    if (!wanted->has_limit && wanted->token.len)
        answer_error(
            exchange, ANSWER_BAD_DATA,
            "invalid parameter \"group_limit\": group_limit needs to be present in order to paginate "
            "over the groups");
    else if (wanted->has_limit && (*end || end == text))
        answer_error(exchange, ANSWER_BAD_DATA,
                     "invalid parameter \"group_limit\": group_limit needs to be a valid number");
    else if (wanted->has_limit && number <= 0)
        answer_error(exchange, ANSWER_BAD_DATA,
                     "invalid parameter \"group_limit\": group_limit needs to be greater than 0");
    else {
        wanted->limit = (uint64_t)number;
        return true;
    }
    return false;
}

static bool read_wanted(struct exchange *exchange, struct wanted *wanted) {
    *wanted = (struct wanted){.request = exchange_request(exchange), .with_alerts = true};
    struct span exclude = web_request_param(wanted->request, "exclude_alerts");
    bool leaves_out = false;
    if (exclude.len && !bool_parse(exclude, &leaves_out)) {
        answer_invalid(exchange, "exclude_alerts", "it must be true or false");
        return false;
    }
    wanted->with_alerts = !leaves_out;
    return read_type(exchange, wanted) && read_paging(exchange, wanted) &&
           param_matches(exchange, true, &wanted->matches);
}

/* ---- answers ---- */

static void write_group(struct json_writer *json, struct rule_group *group, const struct wanted *wanted) {
    const struct rule_set_group *config = group->config;
    mutex_lock(&group->lock);
    json_object(json);
    json_key(json, "name");
    json_cstring(json, config->name);
    json_key(json, "file");
    json_cstring(json, config->file);
    json_key(json, "rules");
    json_array(json);
    for (size_t i = 0; i < config->rule_count; i++)
        if (group->rules[i].rule && is_wanted(wanted, group->rules[i].rule))
            write_rule(json, &group->rules[i], wanted->with_alerts);
    json_end_array(json);
    json_key(json, "interval");
    json_double(json, (double)config->interval_ms / 1000);
    json_key(json, "limit");
    json_int(json, (int64_t)config->limit);
    json_key(json, "evaluationTime");
    json_double(json, group->eval_seconds);
    write_time(json, "lastEvaluation", group->last_eval_ms);
    json_end_object(json);
    mutex_unlock(&group->lock);
}

static void group_token(const struct rule_set_group *config, char token[40]) {
    uint64_t file = hash_bytes(config->file, strlen(config->file));
    uint64_t name = hash_bytes(config->name, strlen(config->name));
    snprintf(token, 40, "%016llx%016llx", (unsigned long long)file, (unsigned long long)name);
}

/* the first group of the page; count when the token names none */
static size_t page_start(const struct rule_groups *groups, struct span token) {
    char text[40];
    for (size_t i = 0; token.len && i < groups->count; i++) {
        group_token(groups->items[i]->config, text);
        if (span_is(token, text)) return i;
    }
    return token.len ? groups->count : 0;
}

static void answer_groups(struct exchange *exchange, const struct rule_groups *groups,
                          const struct wanted *wanted, size_t from) {
    struct answer answer;
    char next[40] = "";
    uint64_t written = 0;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "groups");
    json_array(&answer.json);
    for (size_t i = from; i < groups->count; i++) {
        if (!is_wanted_group(wanted, groups->items[i]->config)) continue;
        if (wanted->has_limit && written == wanted->limit) {
            group_token(groups->items[i]->config, next);
            break;
        }
        write_group(&answer.json, groups->items[i], wanted);
        written++;
    }
    json_end_array(&answer.json);
    if (next[0]) {
        json_key(&answer.json, "groupNextToken");
        json_cstring(&answer.json, next);
    }
    json_end_object(&answer.json);
    answer_end(&answer);
}

static void all_groups(struct api *api, struct rule_groups *groups) {
    *groups = (struct rule_groups){0};
    if (api->rules) rules_manager_groups(api->rules, groups);
}

void api_rules(struct exchange *exchange, void *context) {
    struct rule_groups groups;
    struct wanted wanted;
    if (!read_wanted(exchange, &wanted)) return;
    all_groups(api_of(context), &groups);
    size_t from = page_start(&groups, wanted.token);
    if (wanted.token.len && from == groups.count)
        answer_error(
            exchange, ANSWER_BAD_DATA,
            "invalid parameter \"group_next_token\": invalid group_next_token '%.*s'. were rule groups "
            "changed?",
            (int)(wanted.token.len < 80 ? wanted.token.len : 80), wanted.token.ptr);
    else
        answer_groups(exchange, &groups, &wanted, from);
    rule_groups_release(&groups);
    matches_release(&wanted.matches);
}

void api_alerts(struct exchange *exchange, void *context) {
    struct rule_groups groups;
    struct answer answer;
    all_groups(api_of(context), &groups);
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "alerts");
    json_array(&answer.json);
    for (size_t i = 0; i < groups.count; i++) {
        struct rule_group *group = groups.items[i];
        mutex_lock(&group->lock);
        for (size_t k = 0; k < group->config->rule_count; k++)
            write_active_alerts(&answer.json, &group->rules[k].alerts);
        mutex_unlock(&group->lock);
    }
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    answer_end(&answer);
    rule_groups_release(&groups);
}

static void write_manager(void *context, const char *url) {
    struct json_writer *json = context;
    json_object(json);
    json_key(json, "url");
    json_cstring(json, url);
    json_end_object(json);
}

void api_alertmanagers(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    for (int dropped = 0; dropped < 2; dropped++) {
        json_key(&answer.json, dropped ? "droppedAlertmanagers" : "activeAlertmanagers");
        json_array(&answer.json);
        if (api->notifier) notifier_list(api->notifier, dropped, write_manager, &answer.json);
        json_end_array(&answer.json);
    }
    json_end_object(&answer.json);
    answer_end(&answer);
}
