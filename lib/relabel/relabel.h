#pragma once
/*
 * relabel.h - Prometheus' relabelling: rules that rewrite a label set, or drop it.
 *
 *     {__address__="a:80", __meta_zone="z1"}  --rule-->  {..., zone="z1"}  --rule-->  ...  kept, or dropped
 *
 * Serves relabel_configs, metric_relabel_configs, write_relabel_configs and alert_relabel_configs alike.
 * Rules are compiled once per list of a configuration and never change; several threads may run them at once.
 *
 * Text: labels that a rule makes lie in the builder's arena or in the configuration, which must outlive the
 * result. No label made here is longer than RELABEL_TEXT_MAX (ERR_LIMIT).
 */
#include "lib/config/config.h"
#include "lib/model/labels.h"

#include <stdbool.h>
#include <stddef.h>

#define RELABEL_TEXT_MAX ((size_t)1 << 20)

struct relabel_rules;

/* The compiled form of a list that belongs to `config`: made at the first call, the same one from then on,
 * destroyed with the configuration. NULL for an empty list. `scheme` is "utf8" or "legacy": what names rules
 * may make. ERR_LIMIT when an expression is too large. Any thread. */
int relabel_rules_of(struct config *config, const struct relabel_configs *configs, const char *scheme,
                     const struct relabel_rules **rules, struct err *err);

/* Runs the rules (NULL: none) on the builder's labels. *kept false: dropped, and the builder is of no use any
 * more. On failure the builder is, too. */
int relabel_run(const struct relabel_rules *rules, struct label_builder *builder, bool *kept,
                struct err *err);

struct relabel_step {
    const struct relabel_config *rule;
    struct labels labels; /* after it; none when dropped by it or by an earlier one */
    bool kept;
};

/* The same, a step per rule, for those who want to see; in arena. */
int relabel_trace(const struct relabel_rules *rules, struct labels labels, struct arena *arena,
                  struct relabel_step **steps, size_t *count, struct err *err);
