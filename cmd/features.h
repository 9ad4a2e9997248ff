#pragma once
/*
 * features.h - --enable-feature: which names there are, and which do something here.
 */
#include "cmd/flags.h"

struct features {
    bool experimental_functions;   /* promql-experimental-functions */
    bool delayed_name_removal;     /* promql-delayed-name-removal */
    bool extended_range_selectors; /* promql-extended-range-selectors */
    bool binop_fill_modifiers;     /* promql-binop-fill-modifiers */
    bool use_start_timestamps;     /* use-start-timestamps */
    bool per_step_stats;           /* promql-per-step-stats */
    bool concurrent_rules;         /* concurrent-rule-eval */
    bool start_zeros;              /* created-timestamp-zero-ingestion */
    bool type_and_unit_labels;     /* type-and-unit-labels */
    bool extra_scrape_metrics;     /* extra-scrape-metrics */
};

/* Unknown names and those that do nothing yet are logged as warnings, never refused. */
void features_read(struct features *features, const struct flag_texts *lists);
