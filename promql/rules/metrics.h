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
    struct gauge *last_duration, *last_evaluation, *last_samples, *last_rule_sum, *last_restore, *rules,
        *interval;
};

struct rule_metrics *rule_metrics_create(struct registry *registry);
void rule_metrics_destroy(struct rule_metrics *metrics);
/* mem_free it */
struct rule_group_metrics *rule_group_metrics(struct rule_metrics *metrics,
                                              const struct rule_set_group *config);
void rule_metrics_evaluated(struct rule_metrics *metrics, struct rule_group_metrics *group, double seconds,
                            bool failed);
struct rule_iteration {
    double time_seconds;          /* nominal */
    double seconds, rule_seconds; /* that it took; of all its rules, some of which may be at the same time */
    size_t samples, missed;       /* results; iterations that could not be */
};
void rule_metrics_iterated(struct rule_metrics *metrics, struct rule_group_metrics *group,
                           const struct rule_iteration *iteration);
void rule_metrics_restored(struct rule_group_metrics *group, double seconds);
/* the group is no more; what rule_group_metrics gave for it must not be used */
void rule_metrics_forget(struct rule_metrics *metrics, const struct rule_set_group *config);
