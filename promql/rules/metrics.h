#pragma once
/*
 * metrics.h - inside of promql/rules: what is counted, under upstream's names.
 */
#include <stdbool.h>
#include <stddef.h>

struct registry;
struct rule_set_group;
struct rule_metrics;

/* of one group: children labelled rule_group="file;name" */
struct rule_group_metrics {
    struct counter *evaluations, *failures, *iterations, *missed;
    struct gauge *last_duration, *last_evaluation, *rules, *interval;
};

struct rule_metrics *rule_metrics_create(struct registry *registry);
void rule_metrics_destroy(struct rule_metrics *metrics);
/* mem_free it */
struct rule_group_metrics *rule_group_metrics(struct rule_metrics *metrics,
                                              const struct rule_set_group *config);
void rule_metrics_evaluated(struct rule_metrics *metrics, struct rule_group_metrics *group, double seconds,
                            bool failed);
void rule_metrics_iterated(struct rule_metrics *metrics, struct rule_group_metrics *group, double seconds,
                           double time_seconds, double missed);
