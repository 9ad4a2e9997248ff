#include "promql/rules/metrics.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "promql/rules/rule_set.h"

struct rule_metrics {
    struct registry *registry;
    struct summary *evaluation, *group;
};

struct rule_metrics *rule_metrics_create(struct registry *registry) {
    struct rule_metrics *metrics = mem_zalloc(sizeof *metrics);
    metrics->registry = registry;
    metrics->evaluation = registry_summary(registry, "prometheus_rule_evaluation_duration_seconds",
                                           "The duration for a rule to execute.", NULL);
    metrics->group = registry_summary(registry, "prometheus_rule_group_duration_seconds",
                                      "The duration of rule group evaluations.", NULL);
    return metrics;
}

void rule_metrics_destroy(struct rule_metrics *metrics) {
    mem_free(metrics);
}

static void group_name(const struct rule_set_group *config, struct buf *name) {
    buf_init(name, 1 << 16);
    buf_printf(name, "%s;%s", config->file, config->name);
}

void rule_metrics_forget(struct rule_metrics *metrics, const struct rule_set_group *config) {
    struct buf name;
    group_name(config, &name);
    registry_remove(metrics->registry, (const char *[]){"rule_group", buf_text(&name), NULL});
    buf_release(&name);
}

struct rule_group_metrics *rule_group_metrics(struct rule_metrics *metrics,
                                              const struct rule_set_group *config) {
    struct rule_group_metrics *m = mem_zalloc(sizeof *m);
    struct buf name;
    group_name(config, &name);
    const char *labels[] = {"rule_group", buf_text(&name), NULL};
    struct registry *r = metrics->registry;
    m->evaluations = registry_counter(r, "prometheus_rule_evaluations_total",
                                      "The total number of rule evaluations.", labels);
    m->failures = registry_counter(r, "prometheus_rule_evaluation_failures_total",
                                   "The total number of rule evaluation failures.", labels);
    m->iterations = registry_counter(
        r, "prometheus_rule_group_iterations_total",
        "The total number of scheduled rule group evaluations, whether executed or missed.", labels);
    m->missed = registry_counter(
        r, "prometheus_rule_group_iterations_missed_total",
        "The total number of rule group evaluations missed due to slow rule group evaluation.", labels);
    m->last_duration = registry_gauge(r, "prometheus_rule_group_last_duration_seconds",
                                      "The duration of the last rule group evaluation.", labels);
    m->last_evaluation =
        registry_gauge(r, "prometheus_rule_group_last_evaluation_timestamp_seconds",
                       "The timestamp of the last rule group evaluation in seconds.", labels);
    m->last_samples =
        registry_gauge(r, "prometheus_rule_group_last_evaluation_samples",
                       "The number of samples returned during the last rule group evaluation.", labels);
    m->last_rule_sum = registry_gauge(
        r, "prometheus_rule_group_last_rule_duration_sum_seconds",
        "The time it took to evaluate each rule of the group the last time, summed up.", labels);
    m->last_restore = registry_gauge(r, "prometheus_rule_group_last_restore_duration_seconds",
                                     "The time it took to restore the alerts of the group.", labels);
    m->rules = registry_gauge(r, "prometheus_rule_group_rules", "The number of rules.", labels);
    m->interval =
        registry_gauge(r, "prometheus_rule_group_interval_seconds", "The interval of a rule group.", labels);
    gauge_set(m->rules, (double)config->rule_count);
    gauge_set(m->interval, (double)config->interval_ms / 1000);
    buf_release(&name);
    return m;
}

void rule_metrics_evaluated(struct rule_metrics *metrics, struct rule_group_metrics *group, double seconds,
                            bool failed) {
    summary_observe(metrics->evaluation, seconds);
    counter_inc(group->evaluations);
    if (failed) counter_inc(group->failures);
}

void rule_metrics_iterated(struct rule_metrics *metrics, struct rule_group_metrics *group,
                           const struct rule_iteration *iteration) {
    summary_observe(metrics->group, iteration->seconds);
    counter_add(group->iterations, 1 + (double)iteration->missed);
    counter_add(group->missed, (double)iteration->missed);
    gauge_set(group->last_duration, iteration->seconds);
    gauge_set(group->last_evaluation, iteration->time_seconds);
    gauge_set(group->last_samples, (double)iteration->samples);
    gauge_set(group->last_rule_sum, iteration->rule_seconds);
}

void rule_metrics_restored(struct rule_group_metrics *group, double seconds) {
    gauge_set(group->last_restore, seconds);
}
