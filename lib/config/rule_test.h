#pragma once
/*
 * rule_test.h - a file of unit tests for rules (promtool's format) as plain structs. Strict, with positions.
 */
#include "lib/config/config.h"

struct test_input {
    uint64_t set;
    const char *series, *values;
};

struct test_alert {
    uint64_t set;
    struct labels exp_labels, exp_annotations;
};

struct test_alerts {
    uint64_t set;
    int64_t eval_time_ms;
    const char *alertname;
    LIST(struct test_alert) exp_alerts;
};

struct test_sample {
    uint64_t set;
    const char *labels; /* as PromQL has them: x{a="b"} */
    double value;
    const char *histogram; /* as promqltest has them; NULL: a float */
};

struct test_expr {
    uint64_t set;
    const char *expr;
    int64_t eval_time_ms;
    LIST(struct test_sample) exp_samples;
};

struct test_group {
    uint64_t set;
    const char *name; /* may be NULL */
    int64_t interval_ms;
    const char *start_timestamp; /* seconds, or RFC 3339; NULL: the epoch */
    LIST(struct test_input) input_series;
    LIST(struct test_alerts) alert_rule_test;
    LIST(struct test_expr) promql_expr_test;
    struct labels external_labels;
    const char *external_url;
};

struct test_file {
    uint64_t set;
    struct strings rule_files; /* globs, resolved */
    struct strings group_eval_order;
    int64_t evaluation_interval_ms;
    bool fuzzy_compare;
    LIST(struct test_group) tests;
};

int test_file_load(const char *path, struct arena *arena, struct test_file *file,
                   struct config_errors *errors);
