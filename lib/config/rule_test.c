#include "lib/config/rule_test.h"

#include "lib/config/table.h"
#include "lib/sys/file.h"

#define S struct test_input
static const struct field input_fields[] = {
    FIELD(S, "series", TEXT, series, .flags = REQUIRED),
    FIELD(S, "values", TEXT, values),
};
static const struct section input_section = SECTION(S, input_fields, NULL);
#undef S

#define S struct test_alert
static const struct field alert_fields[] = {
    FIELD(S, "exp_labels", LABELS, exp_labels),
    FIELD(S, "exp_annotations", LABELS, exp_annotations),
};
static const struct section alert_section = SECTION(S, alert_fields, NULL);
#undef S

#define S struct test_alerts
static const struct field alerts_fields[] = {
    FIELD(S, "eval_time", DURATION, eval_time_ms),
    FIELD(S, "alertname", TEXT, alertname, .flags = REQUIRED),
    FIELD(S, "exp_alerts", SECTIONS, exp_alerts, .section = &alert_section),
};
static const struct section alerts_section = SECTION(S, alerts_fields, NULL);
#undef S

#define S struct test_sample
static const struct field sample_fields[] = {
    FIELD(S, "labels", TEXT, labels),
    FIELD(S, "value", DOUBLE, value),
    FIELD(S, "histogram", TEXT, histogram),
};
static const struct section sample_section = SECTION(S, sample_fields, NULL);
#undef S

#define S struct test_expr
static const struct field expr_fields[] = {
    FIELD(S, "expr", TEXT, expr, .flags = REQUIRED),
    FIELD(S, "eval_time", DURATION, eval_time_ms),
    FIELD(S, "exp_samples", SECTIONS, exp_samples, .section = &sample_section),
};
static const struct section expr_section = SECTION(S, expr_fields, NULL);
#undef S

#define S struct test_group
static const struct field group_fields[] = {
    FIELD(S, "name", TEXT, name),
    FIELD(S, "interval", DURATION, interval_ms),
    FIELD(S, "start_timestamp", TEXT, start_timestamp),
    FIELD(S, "input_series", SECTIONS, input_series, .section = &input_section),
    FIELD(S, "alert_rule_test", SECTIONS, alert_rule_test, .section = &alerts_section),
    FIELD(S, "promql_expr_test", SECTIONS, promql_expr_test, .section = &expr_section),
    FIELD(S, "external_labels", LABELS, external_labels),
    FIELD(S, "external_url", TEXT, external_url),
};
static const struct section group_section = SECTION(S, group_fields, NULL);
#undef S

static void file_check(struct loader *l, void *object, const struct ynode *node) {
    struct test_file *file = object;
    (void)l, (void)node;
    for (size_t i = 0; i < file->tests.count; i++)
        if (!file->tests.items[i].interval_ms)
            file->tests.items[i].interval_ms = file->evaluation_interval_ms;
}

#define S struct test_file
static const struct field file_fields[] = {
    FIELD(S, "rule_files", PATHS, rule_files),
    FIELD(S, "evaluation_interval", DURATION, evaluation_interval_ms, .preset = "1m"),
    FIELD(S, "group_eval_order", STRINGS, group_eval_order),
    FIELD(S, "fuzzy_compare", BOOL, fuzzy_compare),
    FIELD(S, "tests", SECTIONS, tests, .section = &group_section),
};
static const struct section file_section = SECTION(S, file_fields, file_check);
#undef S

int test_file_load(const char *path, struct arena *arena, struct test_file *file,
                   struct config_errors *errors) {
    static const struct ynode nothing = {.kind = YNODE_MAP, .mark = {1, 1}};
    struct strings unsupported = {0};
    struct loader l = {.arena = arena,
                       .errors = errors,
                       .file_name = path,
                       .fs = file_system_real(),
                       .unsupported = &unsupported};
    errors->count = errors->more = 0;
    *file = (struct test_file){0};
    const struct ynode *root = file_tree(&l, path);
    if (errors->count) return ERR_INVALID;
    section_init(&l, &file_section, file);
    section_read(&l, &file_section, file, root ? root : &nothing);
    return errors->count ? ERR_INVALID : 0;
}
