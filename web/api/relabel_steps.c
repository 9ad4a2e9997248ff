#include "lib/codec/yaml.h"
#include "lib/config/config.h"
#include "lib/relabel/relabel.h"
#include "web/api/inside.h"

/*
 * What each target relabelling rule of a job makes of a label set: the steps behind a target.
 */

/* {"a":"b",...}: JSON is YAML */
static int read_labels(struct span text, struct arena *arena, struct labels *labels, struct err *err) {
    const struct ynode *root = NULL;
    struct ymark where;
    struct label_builder builder;
    int rc = ynode_parse(text, arena, &root, &where, err);
    if (!rc && (!root || root->kind != YNODE_MAP)) rc = err_set(err, ERR_INVALID, "an object is expected");
    label_builder_init(&builder, arena, (struct labels){0});
    for (uint32_t i = 0; !rc && i < root->count; i++) {
        const struct ynode *value = root->entries[i].value;
        if (value->kind == YNODE_SCALAR && !value->is_plain)
            label_builder_set(&builder, root->entries[i].key->text, value->text);
        else
            rc = err_set(err, ERR_INVALID, "the value of a label is a string");
    }
    return rc ? rc : label_builder_finish(&builder, labels, err);
}

static void write_text(struct json_writer *json, const char *name, const char *text) {
    if (!text || !*text) return;
    json_key(json, name);
    json_cstring(json, text);
}

static void write_rule(struct json_writer *json, const struct relabel_config *rule) {
    json_object(json);
    if (rule->source_labels.count) {
        json_key(json, "source_labels");
        json_array(json);
        for (size_t i = 0; i < rule->source_labels.count; i++)
            json_cstring(json, rule->source_labels.items[i]);
        json_end_array(json);
    }
    write_text(json, "separator", rule->separator);
    write_text(json, "regex", rule->regex);
    if (rule->modulus) {
        json_key(json, "modulus");
        json_int(json, (int64_t)rule->modulus);
    }
    write_text(json, "target_label", rule->target_label);
    write_text(json, "replacement", rule->replacement);
    write_text(json, "action", rule->action);
    json_end_object(json);
}

static void answer_steps(struct exchange *exchange, const struct relabel_step *steps, size_t count) {
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "steps");
    json_array(&answer.json);
    for (size_t i = 0; i < count; i++) {
        json_object(&answer.json);
        json_key(&answer.json, "rule");
        write_rule(&answer.json, steps[i].rule);
        json_key(&answer.json, "output");
        answer_write_labels(&answer.json, &steps[i].labels);
        json_key(&answer.json, "keep");
        json_bool(&answer.json, steps[i].kept);
        json_end_object(&answer.json);
    }
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    answer_end(&answer);
}

static void answer_job(struct exchange *exchange, struct config *config, const struct scrape_config *job,
                       struct labels labels) {
    const struct relabel_rules *rules;
    struct relabel_step *steps;
    struct err err = {0};
    size_t count;
    int rc =
        relabel_rules_of(config, &job->relabel_configs, job->metric_name_validation_scheme, &rules, &err);
    if (!rc) rc = relabel_trace(rules, labels, exchange_arena(exchange), &steps, &count, &err);
    if (rc)
        answer_failure(exchange, rc, err.text);
    else
        answer_steps(exchange, steps, count);
}

void api_relabel_steps(struct exchange *exchange, void *context) {
    const struct web_request *request = exchange_request(exchange);
    struct span pool = web_request_param(request, "scrapePool"), text = web_request_param(request, "labels");
    struct config *config;
    struct labels labels;
    struct err err = {0};
    if (!pool.len || !text.len) {
        answer_error(exchange, ANSWER_BAD_DATA, "no %s parameter provided",
                     pool.len ? "labels" : "scrapePool");
        return;
    }
    if (read_labels(text, exchange_arena(exchange), &labels, &err)) {
        answer_error(exchange, ANSWER_BAD_DATA, "error parsing labels: %s", err.text);
        return;
    }
    const struct scrape_config *job = api_find_job(exchange, api_of(context), pool, &config);
    if (!job) return;
    answer_job(exchange, config, job, labels);
    config_unref(config);
}
