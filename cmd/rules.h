#pragma once
/*
 * rules.h - inside of cmd: rules, the notifier and the discovery of Alertmanagers, made one.
 *
 *     configuration --rules_read--> rule_set --rules_apply--> rules manager --notices--> notifier
 *               \______________ alerting: discovery --groups--------------------------------^
 */
#include "cmd/features.h"
#include "cmd/flags.h"
#include "lib/base/err.h"
#include "promql/parse/parse.h"

struct appender;
struct config;
struct discovery;
struct engine;
struct notifier;
struct registry;
struct rule_set;
struct rules_manager;
struct queryable;

struct rules {
    const struct flags *flags;
    const struct features *features;
    struct parse_options parse;
    char *external_url;
    struct rules_manager *manager; /* NULL before start */
    struct notifier *notifier;
    struct discovery *discovery;
};

/* flags and features outlive it */
void rules_init(struct rules *rules, const struct flags *flags, const struct features *features,
                const struct parse_options *parse);
/* the rule files of a configuration; what is wrong is logged, the first is in err */
int rules_read(struct rules *rules, const struct config *config, struct rule_set **set, struct err *err);
int rules_start(struct rules *rules, struct engine *engine, struct queryable *queryable,
                struct appender *appender, struct registry *registry, struct err *err);
/* The main thread. Nothing before start. Takes its own reference of the set. */
void rules_apply(struct rules *rules, struct config *config, struct rule_set *set);
/* no more evaluations; then what waits is sent */
void rules_stop(struct rules *rules);
void rules_destroy(struct rules *rules);
