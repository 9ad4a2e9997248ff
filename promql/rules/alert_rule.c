#include "lib/base/mem.h"
#include "lib/codec/url.h"
#include "lib/template/template.h"
#include "promql/eval/engine.h"
#include "promql/rules/group.h"

/*
 * One evaluation of an alerting rule: results become alerts, alerts change state, states become series.
 */

#define RESOLVED_RETENTION_MS (15 * 60 * 1000)
#define EVAL_MAX_BYTES ((size_t)256 << 20)

struct evaluation {
    struct rule_group *group;
    struct rule_state *state;
    int64_t time_ms, query_ms;
    struct arena arena;
};

/* ---- templates ---- */

static int ask(void *context, struct span text, struct arena *arena, struct template_sample **samples,
               size_t *count, struct err *err) {
    struct evaluation *e = context;
    struct rule_env *env = e->group->env;
    struct query query = {
        .text = text, .start_ms = e->query_ms, .end_ms = e->query_ms, .cancel = &env->cancel};
    struct query_result *result;
    enum query_failure failure;
    int rc = engine_run(env->engine, env->queryable, &query, &result, &failure, err);
    if (rc) return rc;
    size_t rows = result->type == VALUE_VECTOR ? result->row_count : 1;
    *samples = arena_array(arena, rows + 1, sizeof **samples);
    if (!*samples) rc = arena_limit(arena, "template", err);
    if (!rc && result->type != VALUE_VECTOR && result->type != VALUE_SCALAR)
        rc = err_set(err, ERR_EXECUTION, "query result is not a vector or scalar");
    for (size_t i = 0; i < rows && !rc; i++) {
        struct template_sample *sample = &(*samples)[i];
        if (result->type == VALUE_SCALAR) {
            sample->value = result->scalar;
        } else {
            sample->value = result->rows[i].values[0];
            rc = labels_copy(result->rows[i].labels, arena, &sample->labels, err);
        }
    }
    *count = rows;
    query_result_destroy(result);
    return rc;
}

/* a text expanded, in the arena; what is wrong with a template becomes its text */
static int expand(struct evaluation *e, const struct rule_text *text, const struct template_env *env,
                  struct span *expanded, struct err *err) {
    *expanded = text->text;
    if (!text->template) return 0;
    struct buf out;
    buf_init(&out, 2 * TEMPLATE_MAX_OUTPUT);
    bool failed = template_execute(text->template, env, &out) != 0;
    char *copy = failed ? arena_printf(&e->arena, "<error expanding template: %s>", buf_text(&out))
                        : arena_strndup(&e->arena, out.data ? out.data : "", out.len);
    *expanded = copy ? span_from(copy) : SPAN("");
    if (copy && !failed) expanded->len = out.len;
    buf_release(&out);
    return copy ? 0 : arena_limit(&e->arena, "alert", err);
}

static int make_labels(struct evaluation *e, struct labels metric, const struct template_env *env,
                       struct labels *labels, struct err *err) {
    const struct rule *rule = e->state->rule;
    struct label_builder builder;
    label_builder_init(&builder, &e->arena, metric);
    label_builder_set(&builder, SPAN(LABEL_NAME), SPAN(""));
    for (size_t i = 0; i < rule->label_count; i++) {
        struct span value;
        int rc = expand(e, &rule->labels[i], env, &value, err);
        if (rc) return rc;
        label_builder_set(&builder, rule->labels[i].name, value);
    }
    label_builder_set(&builder, SPAN("alertname"), span_from(rule->name));
    return label_builder_finish(&builder, labels, err);
}

static int make_annotations(struct evaluation *e, const struct template_env *env, struct labels *annotations,
                            struct err *err) {
    const struct rule *rule = e->state->rule;
    struct label_builder builder;
    label_builder_init(&builder, &e->arena, (struct labels){0});
    for (size_t i = 0; i < rule->annotation_count; i++) {
        struct span value;
        int rc = expand(e, &rule->annotations[i], env, &value, err);
        if (rc) return rc;
        label_builder_set(&builder, rule->annotations[i].name, value);
    }
    return label_builder_finish(&builder, annotations, err);
}

/* ---- results to alerts ---- */

struct candidate {
    struct hash128 identity;
    struct labels labels, annotations;
    double value;
};

static int make_candidate(struct evaluation *e, struct labels metric, double value,
                          struct candidate *candidate, struct err *err) {
    const struct rule_set *set = e->group->set;
    struct template_env env = {.labels = metric,
                               .external_labels = set->external_labels,
                               .external_url = span_from(set->external_url),
                               .value = {.labels = metric, .value = value},
                               .time_ms = e->time_ms,
                               .query = ask,
                               .context = e};
    candidate->value = value;
    int rc = make_labels(e, metric, &env, &candidate->labels, err);
    if (!rc) rc = make_annotations(e, &env, &candidate->annotations, err);
    candidate->identity = labels_identity(candidate->labels);
    return rc;
}

static bool candidate_equal(uint32_t i, const void *key, const void *context) {
    const struct candidate *candidates = context;
    const struct hash128 *identity = key;
    return candidates[i].identity.low == identity->low && candidates[i].identity.high == identity->high;
}

static int make_candidates(struct evaluation *e, const struct query_result *result,
                           struct candidate **candidates, size_t *count, struct err *err) {
    bool is_scalar = result->type == VALUE_SCALAR;
    *count = is_scalar ? 1 : result->row_count;
    if (!is_scalar && result->type != VALUE_VECTOR)
        return err_set(err, ERR_EXECUTION, "rule result is not a vector or scalar");
    *candidates = arena_array(&e->arena, *count + 1, sizeof **candidates);
    if (!*candidates) return arena_limit(&e->arena, "alerts", err);
    struct map seen = {0};
    int rc = 0;
    for (size_t i = 0; i < *count && !rc; i++) {
        struct candidate *candidate = &(*candidates)[i];
        struct labels metric = is_scalar ? (struct labels){0} : result->rows[i].labels;
        double value = is_scalar ? result->scalar : result->rows[i].values[0];
        rc = make_candidate(e, metric, value, candidate, err);
        if (!rc && map_find(&seen, candidate->identity.low, &candidate->identity, candidate_equal,
                            *candidates) != MAP_NONE)
            rc = err_set(err, ERR_EXECUTION,
                         "vector contains metrics with the same labelset after applying alert labels");
        if (!rc) map_insert(&seen, candidate->identity.low, (uint32_t)i);
    }
    map_release(&seen);
    return rc;
}

static void accept_candidate(struct evaluation *e, const struct candidate *candidate) {
    struct alert *alert = alerts_find(&e->state->alerts, &candidate->identity);
    if (!alert) {
        alert = mem_zalloc(sizeof *alert);
        alert->identity = candidate->identity;
        alert->labels = labels_own(candidate->labels);
        alerts_add(&e->state->alerts, alert);
    }
    mem_free((void *)alert->annotations.items);
    alert->annotations = labels_own(candidate->annotations);
    alert->value = candidate->value;
    alert->is_yielded = true;
    if (alert->state != ALERT_INACTIVE) return;
    alert->state = ALERT_PENDING;
    alert->active_ms = e->time_ms;
    alert->fired_ms = alert->resolved_ms = alert->keep_firing_since_ms = alert->last_sent_ms =
        alert->valid_until_ms = ALERT_NEVER;
}

/* an alert that the expression does not yield any more; false: it is over */
static bool goes_on(struct evaluation *e, struct alert *alert, bool *is_removed) {
    int64_t keep_ms = e->state->rule->config->keep_firing_for_ms;
    bool keeps = false;
    if (alert->state == ALERT_FIRING && keep_ms > 0) {
        if (alert->keep_firing_since_ms == ALERT_NEVER) alert->keep_firing_since_ms = e->time_ms;
        keeps = e->time_ms - alert->keep_firing_since_ms < keep_ms;
    }
    *is_removed = alert->state == ALERT_PENDING || (alert->resolved_ms != ALERT_NEVER &&
                                                    e->time_ms - alert->resolved_ms > RESOLVED_RETENTION_MS);
    if (alert->state != ALERT_INACTIVE && !keeps) {
        alert->state = ALERT_INACTIVE;
        alert->resolved_ms = e->time_ms;
    }
    return keeps;
}

/* ---- alerts to series ---- */

static int write_series(struct evaluation *e, const struct alert *alert, const char *name, const char *state,
                        double value, struct err *err) {
    struct label_builder builder;
    struct labels labels;
    label_builder_init(&builder, &e->arena, alert->labels);
    label_builder_set(&builder, SPAN(LABEL_NAME), span_from(name));
    if (state) label_builder_set(&builder, SPAN("alertstate"), span_from(state));
    int rc = label_builder_finish(&builder, &labels, err);
    return rc ? rc : outputs_add(&e->state->outputs, e->group->env->appender, labels, value, NULL, err);
}

static int64_t floor_seconds(int64_t ms) {
    return (ms - ((ms % 1000) + 1000) % 1000) / 1000;
}

static int update_alerts(struct evaluation *e, size_t *active, struct err *err) {
    struct alerts *alerts = &e->state->alerts;
    int64_t for_ms = e->state->rule->config->for_ms;
    for (size_t i = alerts->items.count; i-- > 0;) {
        struct alert *alert = alerts->items.items[i];
        bool is_removed = false;
        if (alert->is_yielded)
            alert->keep_firing_since_ms = ALERT_NEVER;
        else if (!goes_on(e, alert, &is_removed)) {
            if (is_removed) alerts_remove(alerts, i);
            continue;
        }
        alert->is_yielded = false;
        ++*active;
        if (alert->state == ALERT_PENDING && e->time_ms - alert->active_ms >= for_ms) {
            alert->state = ALERT_FIRING;
            alert->fired_ms = e->time_ms;
        }
        if (!alerts->is_restored) continue;
        int rc = write_series(e, alert, "ALERTS", alert_state_name(alert->state), 1, err);
        if (!rc)
            rc = write_series(e, alert, "ALERTS_FOR_STATE", NULL, (double)floor_seconds(alert->active_ms),
                              err);
        if (rc) return rc;
    }
    return 0;
}

static int apply(struct evaluation *e, const struct candidate *candidates, size_t count, struct err *err) {
    struct rule_group *group = e->group;
    size_t active = 0;
    mutex_lock(&group->lock);
    outputs_begin(&e->state->outputs);
    for (size_t i = 0; i < count; i++) accept_candidate(e, &candidates[i]);
    int rc = update_alerts(e, &active, err);
    if (!rc && group->config->limit && active > group->config->limit) {
        struct alerts *alerts = &e->state->alerts;
        for (size_t i = alerts->items.count; i-- > 0;) alerts_remove(alerts, i);
        outputs_begin(&e->state->outputs);
        rc = err_set(err, ERR_EXECUTION, "exceeded limit of %llu with %zu alerts",
                     (unsigned long long)group->config->limit, active);
    }
    if (!rc) rc = outputs_end(&e->state->outputs, &group->batch, e->query_ms, err);
    mutex_unlock(&group->lock);
    return rc;
}

int alert_rule_eval(struct rule_group *group, struct rule_state *state, int64_t time_ms, struct err *err) {
    struct evaluation e = {.group = group,
                           .state = state,
                           .time_ms = time_ms,
                           .query_ms = time_ms - group->config->query_offset_ms};
    struct query query = {.text = state->rule->expr_text,
                          .expr = state->rule->expr,
                          .start_ms = e.query_ms,
                          .end_ms = e.query_ms,
                          .cancel = &group->env->cancel};
    struct query_result *result;
    struct candidate *candidates = NULL;
    enum query_failure failure;
    size_t count;
    int rc = engine_run(group->env->engine, group->env->queryable, &query, &result, &failure, err);
    if (rc) return rc;
    arena_init(&e.arena, EVAL_MAX_BYTES, NULL);
    rc = make_candidates(&e, result, &candidates, &count, err);
    if (!rc) rc = apply(&e, candidates, count, err);
    arena_release(&e.arena);
    query_result_destroy(result);
    return rc;
}

/* ---- sending ---- */

static bool needs_sending(const struct alert *alert, int64_t time_ms, int64_t resend_ms) {
    if (alert->state == ALERT_PENDING) return false;
    if (alert->resolved_ms > alert->last_sent_ms) return true; /* not told yet */
    return alert->last_sent_ms == ALERT_NEVER || alert->last_sent_ms + resend_ms < time_ms;
}

static void generator_url(const struct rule_group *group, const struct rule *rule, struct buf *out) {
    buf_printf(out, "%s/graph?g0.expr=", group->set->external_url);
    url_write_query(rule->expr_text, out);
    buf_puts(out, "&g0.tab=1");
}

void alert_rule_send(struct rule_group *group, struct rule_state *state, int64_t time_ms) {
    const struct rule_env *env = group->env;
    int64_t resend_ms = env->resend_delay_ms, interval_ms = group->config->interval_ms;
    int64_t delta_ms = interval_ms > resend_ms ? interval_ms : resend_ms;
    VEC(struct alert_notice) notices = {0};
    struct buf url;
    if (!env->notify || !state->alerts.items.count) return;
    buf_init(&url, 4 << 20);
    generator_url(group, state->rule, &url);
    for (size_t i = 0; i < state->alerts.items.count; i++) {
        struct alert *alert = state->alerts.items.items[i];
        if (!needs_sending(alert, time_ms, resend_ms)) continue;
        mutex_lock(&group->lock);
        alert->last_sent_ms = time_ms;
        alert->valid_until_ms = time_ms + 4 * delta_ms;
        mutex_unlock(&group->lock);
        *vec_push(&notices) = (struct alert_notice){
            alert->labels, alert->annotations, alert->fired_ms,
            alert->resolved_ms != ALERT_NEVER ? alert->resolved_ms : alert->valid_until_ms, buf_view(&url)};
    }
    if (notices.count) env->notify(env->context, notices.items, notices.count);
    vec_release(&notices);
    buf_release(&url);
}
