#pragma once
/*
 * group.h - one group of rules at work: its rules in order at one timestamp.
 *
 *     rule_group_eval(ts):  rule 1 -> engine -> samples --+   rows of all rules wait in one batch until a
 *                           rule 2 -> engine -> samples --+   rule may read them, or the group is done
 *                           rule 3 reads rule 1: the batch is written first
 *
 * With a crew, rules that read nothing of each other (1 and 2) are evaluated at the same time.
 *
 * Series that a rule does not yield any more get a staleness marker. Alerts are states in memory beside the
 * series that tell of them (alert.h).
 *
 * Threads: one evaluates at a time, with the help of the crew; `lock` guards what others look at (alerts,
 * health, times) and the batch.
 */
#include "lib/base/vec.h"
#include "lib/model/alert.h"
#include "lib/model/appender.h"
#include "lib/model/queryable.h"
#include "lib/sys/thread.h"
#include "promql/rules/alert.h"
#include "promql/rules/output.h"
#include "promql/rules/rule_set.h"

#include <stdatomic.h>

struct crew;
struct engine;
struct rule_metrics;
struct rule_group_metrics;

struct rule_env { /* outlives the groups */
    struct engine *engine;
    struct queryable *queryable;
    struct appender *appender;
    int64_t resend_delay_ms, outage_tolerance_ms, grace_period_ms;
    /* alerts to send; may be NULL */
    void (*notify)(void *context, const struct alert_notice *notices, size_t count);
    void *context;
    struct rule_metrics *metrics; /* may be NULL */
    struct crew *crew;            /* may be NULL: rules one after the other */
    atomic_bool cancel;           /* stops queries */
};

enum rule_health { HEALTH_UNKNOWN, HEALTH_OK, HEALTH_ERR };

struct rule_state {
    const struct rule *rule;
    struct outputs outputs;
    struct alerts alerts;
    enum rule_health health;
    char last_error[512];
    int64_t last_eval_ms; /* INT64_MIN: never */
    double eval_seconds;
};

struct rule_group {
    struct rule_env *env;
    struct rule_set *set; /* a reference */
    const struct rule_set_group *config;
    struct rule_state *rules; /* one for each of the config */
    struct output_batch batch;
    struct rule_group_metrics *metrics; /* NULL: nobody counts */
    struct mutex lock;
    int64_t last_eval_ms; /* nominal; INT64_MIN: never */
    double eval_seconds;
    atomic_uint references;
};

struct rule_group *rule_group_create(struct rule_env *env, struct rule_set *set,
                                     const struct rule_set_group *config);
struct rule_group *rule_group_ref(struct rule_group *group);
void rule_group_unref(struct rule_group *group);
/* alerts and series of the rules that are the same move from `old`, which is not evaluated any more */
void rule_group_take_over(struct rule_group *group, struct rule_group *old);
/* the rules, at this time; all alerts are written if the group's state was restored */
void rule_group_eval(struct rule_group *group, int64_t time_ms);
/* staleness markers for everything the group still has written */
void rule_group_end(struct rule_group *group, int64_t time_ms);

/* alert_rule.c: one alerting rule; rows go to the batch. 0, or the error of the rule */
int alert_rule_eval(struct rule_group *group, struct rule_state *state, int64_t time_ms, struct err *err);
/* what has to be sent now is handed to env->notify */
void alert_rule_send(struct rule_group *group, struct rule_state *state, int64_t time_ms);
/* restore.c: `for` states of before a restart, from ALERTS_FOR_STATE; afterwards alerts are written */
void rule_group_restore(struct rule_group *group, int64_t time_ms);
