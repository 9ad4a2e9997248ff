#include "lib/base/log.h"
#include "lib/model/sample.h"
#include "promql/rules/group.h"

/*
 * The `for` state of alerts after a restart: ALERTS_FOR_STATE tells since when an alert was active, its
 * newest sample when we went down. An alert that was firing fires again at its next evaluation; a pending one
 * goes on waiting as if the time of the outage had not been, but at least the grace period.
 */

struct restoring {
    struct rule_group *group;
    int64_t now_ms;
    struct series_set *set;
    struct arena arena;
    struct columns columns;
};

static int64_t restored_time(const struct restoring *r, int64_t for_ms, int64_t down_ms, int64_t active_ms) {
    int64_t remaining_ms = for_ms - (down_ms - active_ms), grace_ms = r->group->env->grace_period_ms;
    if (remaining_ms <= 0) return active_ms;
    if (remaining_ms < grace_ms) return r->now_ms + grace_ms - for_ms;
    return active_ms + (r->now_ms - down_ms);
}

/* series i says how it is with one of the rule's alerts */
static int restore_one(struct restoring *r, struct rule_state *state, size_t i, struct err *err) {
    struct labels labels;
    struct label_builder builder;
    int rc = series_set_labels(r->set, i, &r->arena, &labels, err);
    if (rc) return rc;
    label_builder_init(&builder, &r->arena, labels);
    label_builder_set(&builder, SPAN(LABEL_NAME), SPAN(""));
    rc = label_builder_finish(&builder, &labels, err);
    if (rc) return rc;
    struct hash128 identity = labels_identity(labels);
    struct alert *alert = alerts_find(&state->alerts, &identity);
    if (!alert || alert->state != ALERT_PENDING) return 0;
    columns_reset(&r->columns);
    rc = series_set_read_newest(r->set, i, r->now_ms - r->group->env->outage_tolerance_ms, r->now_ms,
                                &r->columns, err);
    if (rc || !r->columns.count) return rc;
    double since = r->columns.values[r->columns.count - 1];
    if (value_is_stale(since) || !(since > -9e12 && since < 9e12)) return 0; /* it was not active */
    int64_t down_ms = r->columns.times_ms[r->columns.count - 1];
    alert->active_ms =
        restored_time(r, state->rule->config->for_ms, down_ms / 1000 * 1000, (int64_t)since * 1000);
    return 0;
}

static int restore_rule(struct restoring *r, struct rule_state *state, struct err *err) {
    struct queryable *queryable = r->group->env->queryable;
    struct matcher matchers[2];
    int64_t from_ms = r->now_ms - r->group->env->outage_tolerance_ms;
    int rc = matcher_init(&matchers[0], MATCH_EQUAL, SPAN(LABEL_NAME), SPAN("ALERTS_FOR_STATE"), err);
    if (!rc)
        rc = matcher_init(&matchers[1], MATCH_EQUAL, SPAN("alertname"), span_from(state->rule->name), err);
    if (!rc) rc = queryable_select(queryable, matchers, 2, from_ms, r->now_ms, NULL, &r->set, err);
    if (rc) return rc;
    for (size_t i = 0; i < r->set->count && !rc; i++) rc = restore_one(r, state, i, err);
    series_set_close(r->set);
    return rc;
}

void rule_group_restore(struct rule_group *group, int64_t time_ms) {
    struct restoring r = {.group = group, .now_ms = time_ms};
    arena_init(&r.arena, (size_t)256 << 20, NULL);
    columns_init(&r.columns, NULL);
    mutex_lock(&group->lock);
    for (size_t i = 0; i < group->config->rule_count; i++) {
        struct rule_state *state = &group->rules[i];
        struct err err = {0};
        if (!state->rule->is_alert || state->alerts.is_restored) continue;
        state->alerts.is_restored = true;
        if (state->rule->config->for_ms < group->env->grace_period_ms || !state->alerts.items.count) continue;
        if (restore_rule(&r, state, &err))
            LOG(LOG_ERROR, "failed to restore the 'for' state", "group", group->config->name, "alert",
                state->rule->name, "err", err.text);
    }
    mutex_unlock(&group->lock);
    columns_release(&r.columns);
    arena_release(&r.arena);
}
