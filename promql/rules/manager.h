#pragma once
/*
 * manager.h - evaluates all groups when they are due.
 *
 *     rule_set --apply--> groups (those with an equal key go on) --due--> runner threads: rule_group_eval
 *
 * A group is due at times of the wall clock that are its own: hash of file and name, modulo its interval.
 * What could not be evaluated in time is counted as missed. At a start, alerts get their state of before
 * after the second evaluation of their group.
 *
 * Threads: apply, stop and destroy belong to one; groups may be asked for by any.
 */
#include "promql/rules/group.h"

struct registry;
struct rules_manager;

struct rules_manager_options {
    struct engine *engine;
    struct queryable *queryable;
    struct appender *appender;
    int64_t resend_delay_ms, outage_tolerance_ms, grace_period_ms;
    int threads;           /* groups evaluated at one time; 0: 2 */
    bool is_concurrent;    /* as many threads more help with groups whose rules are independent */
    const char *keep_path; /* file of firing alerts; NULL: none */
    void (*notify)(void *context, const struct alert_notice *notices, size_t count); /* any runner */
    void *context;
};

/* runs, without groups */
struct rules_manager *rules_manager_create(const struct rules_manager_options *options,
                                           struct registry *registry);
/* takes its own reference; waits for groups that change while they are evaluated */
void rules_manager_apply(struct rules_manager *manager, struct rule_set *set);
/* nothing is evaluated any more; groups may still be asked for */
void rules_manager_stop(struct rules_manager *manager);
void rules_manager_destroy(struct rules_manager *manager); /* NULL is fine */

/* references to all groups, by file and name; rule_groups_release */
struct rule_groups {
    struct rule_group **items;
    size_t count;
};
void rules_manager_groups(struct rules_manager *manager, struct rule_groups *groups);
void rule_groups_release(struct rule_groups *groups);
/* of a group, at or after now: when it is due */
int64_t rule_group_due(const struct rule_set_group *config, int64_t now_ms);
