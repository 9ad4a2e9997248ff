#include "promql/rules/group.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "promql/eval/engine.h"
#include "promql/rules/crew.h"
#include "promql/rules/metrics.h"

#include <stdio.h>

#define RECORD_MAX_BYTES ((size_t)256 << 20)

struct rule_group *rule_group_create(struct rule_env *env, struct rule_set *set,
                                     const struct rule_set_group *config) {
    struct rule_group *group = mem_zalloc(sizeof *group);
    group->env = env;
    group->set = rule_set_ref(set);
    group->config = config;
    group->rules = mem_array(config->rule_count ? config->rule_count : 1, sizeof *group->rules);
    for (size_t i = 0; i < config->rule_count; i++) {
        group->rules[i].rule = &config->rules[i];
        group->rules[i].last_eval_ms = INT64_MIN;
    }
    group->last_eval_ms = INT64_MIN;
    if (env->metrics) group->metrics = rule_group_metrics(env->metrics, config);
    mutex_init(&group->lock);
    output_batch_init(&group->batch);
    atomic_init(&group->references, 1);
    return group;
}

struct rule_group *rule_group_ref(struct rule_group *group) {
    atomic_fetch_add(&group->references, 1);
    return group;
}

void rule_group_unref(struct rule_group *group) {
    if (!group || atomic_fetch_sub(&group->references, 1) > 1) return;
    for (size_t i = 0; i < group->config->rule_count; i++) {
        outputs_release(&group->rules[i].outputs);
        alerts_release(&group->rules[i].alerts);
    }
    mem_free(group->rules);
    mem_free(group->metrics);
    output_batch_release(&group->batch);
    mutex_release(&group->lock);
    rule_set_unref(group->set);
    mem_free(group);
}

void rule_group_take_over(struct rule_group *group, struct rule_group *old) {
    mutex_lock(&old->lock);
    for (size_t i = 0; i < group->config->rule_count; i++) {
        struct rule_state *state = &group->rules[i];
        for (size_t k = 0; k < old->config->rule_count; k++) {
            struct rule_state *from = &old->rules[k];
            if (!from->rule || !span_equal(from->rule->key, state->rule->key)) continue;
            const struct rule *rule = state->rule;
            *state = *from;
            state->rule = rule;
            *from = (struct rule_state){.rule = NULL};
            break;
        }
    }
    group->last_eval_ms = old->last_eval_ms;
    mutex_unlock(&old->lock);
}

/* ---- recording rules ---- */

static int record_one(struct rule_group *group, struct rule_state *state, struct labels metric, double value,
                      const struct histogram *histogram, struct arena *arena, struct err *err) {
    const struct rule *rule = state->rule;
    struct label_builder builder;
    struct labels labels;
    label_builder_init(&builder, arena, metric);
    label_builder_set(&builder, SPAN(LABEL_NAME), span_from(rule->name));
    for (size_t i = 0; i < rule->label_count; i++)
        label_builder_set(&builder, rule->labels[i].name, rule->labels[i].text);
    int rc = label_builder_finish(&builder, &labels, err);
    if (!rc) rc = outputs_add(&state->outputs, group->env->appender, labels, value, histogram, err);
    return rc == ERR_EXISTS
               ? err_set(err, ERR_EXECUTION,
                         "vector contains metrics with the same labelset after applying rule labels")
               : rc;
}

static int record(struct rule_group *group, struct rule_state *state, const struct query_result *result,
                  int64_t query_ms, struct arena *arena, struct err *err) {
    int rc = 0;
    outputs_begin(&state->outputs);
    if (result->type == VALUE_SCALAR)
        rc = record_one(group, state, (struct labels){0}, result->scalar, NULL, arena, err);
    else if (result->type != VALUE_VECTOR)
        rc = err_set(err, ERR_EXECUTION, "rule result is not a vector or scalar");
    for (size_t i = 0; result->type == VALUE_VECTOR && i < result->row_count && !rc; i++) {
        const struct result_row *row = &result->rows[i];
        rc = record_one(group, state, row->labels, row->values[0],
                        row->histograms ? row->histograms[0] : NULL, arena, err);
    }
    if (!rc && group->config->limit && state->outputs.added > group->config->limit)
        rc = err_set(err, ERR_EXECUTION, "exceeded limit of %llu with %zu series",
                     (unsigned long long)group->config->limit, state->outputs.added);
    if (rc) return rc;
    mutex_lock(&group->lock);
    rc = outputs_end(&state->outputs, &group->batch, query_ms, err);
    mutex_unlock(&group->lock);
    return rc;
}

static int record_rule_eval(struct rule_group *group, struct rule_state *state, int64_t time_ms,
                            struct err *err) {
    int64_t query_ms = time_ms - group->config->query_offset_ms;
    struct query query = {.text = state->rule->expr_text,
                          .expr = state->rule->expr,
                          .start_ms = query_ms,
                          .end_ms = query_ms,
                          .cancel = &group->env->cancel};
    struct query_result *result;
    enum query_failure failure;
    struct arena arena;
    int rc = engine_run(group->env->engine, group->env->queryable, &query, &result, &failure, err);
    if (rc) return rc;
    arena_init(&arena, RECORD_MAX_BYTES, NULL);
    rc = record(group, state, result, query_ms, &arena, err);
    arena_release(&arena);
    query_result_destroy(result);
    return rc;
}

/* ---- the group ---- */

static void flush(struct rule_group *group) {
    size_t refused;
    struct err err = {0};
    int rc = output_batch_flush(&group->batch, group->env->appender, &refused, &err);
    if (rc) LOG(LOG_WARN, "results of rules were not stored", "group", group->config->name, "err", err.text);
    if (refused)
        LOG(LOG_WARN, "the store refused results of rules", "group", group->config->name, "file",
            group->config->file, "count", log_text("%zu", refused));
}

static void note(struct rule_group *group, struct rule_state *state, int64_t time_ms, int64_t begin_ns,
                 int rc, const struct err *err) {
    double seconds = (double)(clock_monotonic_ns() - begin_ns) * 1e-9;
    mutex_lock(&group->lock);
    state->health = rc ? HEALTH_ERR : HEALTH_OK;
    snprintf(state->last_error, sizeof state->last_error, "%s", rc ? err->text : "");
    state->eval_seconds = seconds;
    state->last_eval_ms = time_ms;
    mutex_unlock(&group->lock);
    if (group->metrics) rule_metrics_evaluated(group->env->metrics, group->metrics, seconds, rc != 0);
    if (rc && rc != ERR_CANCELED)
        LOG(LOG_WARN, "evaluating rule failed", "file", group->config->file, "group", group->config->name,
            "name", state->rule->name, "err", err->text);
}

struct round { /* rules that read nothing of each other */
    struct rule_group *group;
    size_t first;
    int64_t time_ms;
};

static void eval_rule(void *context, size_t i) {
    const struct round *round = context;
    struct rule_group *group = round->group;
    struct rule_state *state = &group->rules[round->first + i];
    struct err err = {0};
    int64_t begin_ns = clock_monotonic_ns();
    if (atomic_load(&group->env->cancel)) return;
    int rc = state->rule->is_alert ? alert_rule_eval(group, state, round->time_ms, &err)
                                   : record_rule_eval(group, state, round->time_ms, &err);
    note(group, state, round->time_ms, begin_ns, rc, &err);
    if (!rc && state->rule->is_alert) alert_rule_send(group, state, round->time_ms);
}

void rule_group_eval(struct rule_group *group, int64_t time_ms) {
    int64_t begin_ns = clock_monotonic_ns();
    size_t written = 0, end, count = group->config->rule_count; /* rules before `written` can be read */
    for (size_t i = 0; i < count && !atomic_load(&group->env->cancel); i = end) {
        struct round round = {group, i, time_ms};
        if (group->rules[i].rule->reads_until > written) {
            flush(group);
            written = i;
        }
        for (end = i + 1; end < count && group->rules[end].rule->reads_until <= written; end++) {
        }
        crew_run(group->env->crew, end - i, eval_rule, &round);
    }
    flush(group);
    mutex_lock(&group->lock);
    group->last_eval_ms = time_ms;
    group->eval_seconds = (double)(clock_monotonic_ns() - begin_ns) * 1e-9;
    mutex_unlock(&group->lock);
}

void rule_group_end(struct rule_group *group, int64_t time_ms) {
    for (size_t i = 0; i < group->config->rule_count; i++) {
        struct outputs *outputs = &group->rules[i].outputs;
        outputs_begin(outputs);
        (void)outputs_end(outputs, &group->batch, time_ms, NULL); /* markers only: nothing to fail */
    }
    flush(group);
}
