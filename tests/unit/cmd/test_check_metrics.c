#include "cmd/check_metrics.h"
#include "tests/check_main.h"

/* families out of a text, and what is said of each */

static char *findings(const char *text) {
    struct metric_families families;
    struct err err = {0};
    struct buf out;
    metric_families_init(&families);
    buf_init(&out, 1 << 16);
    if (metric_families_read(&families, span_from(text), &err))
        buf_printf(&out, "error: %s", err.text);
    else
        for (size_t i = 0; i < families.items.count; i++)
            if (families.items.items[i].series) metric_lint(&families.items.items[i], &out);
    metric_families_release(&families);
    char *copy = mem_strndup(out.data ? out.data : "", out.len);
    buf_release(&out);
    return copy;
}

#define HELP(name, type) "# HELP " name " x\n# TYPE " name " " type "\n"

static const struct {
    const char *text, *found;
} cases[] = {
    {HELP("a_total", "counter") "a_total{x=\"1\"} 1\na_total{x=\"2\"} 1\n", ""},
    {HELP("h_seconds", "histogram") "h_seconds_bucket{le=\"+Inf\"} 1\nh_seconds_sum 1\nh_seconds_count 1\n",
     ""},
    {HELP("s_bytes", "summary") "s_bytes{quantile=\"1\"} 1\ns_bytes_sum 1\ns_bytes_count 1\n", ""},
    {"a 1\n", "no help text\n"},
    {HELP("a", "counter") "a 1\n", "counter metrics should have \"_total\" suffix\n"},
    {HELP("a_total", "gauge") "a_total 1\n", "non-counter metrics should not have \"_total\" suffix\n"},
    {HELP("a_sum", "gauge") "a_sum 1\n",
     "non-histogram and non-summary metrics should not have \"_sum\" suffix\n"},
    {HELP("s_bucket", "summary") "s_bucket 1\n",
     "non-histogram metrics should not have \"_bucket\" suffix\n"},
    {HELP("a", "gauge") "a{le=\"1\"} 1\na{le=\"2\"} 1\n",
     "non-histogram metrics should not have \"le\" label\n"},
    {HELP("a_kilobytes", "gauge") "a_kilobytes 1\n", "use base unit \"bytes\" instead of \"kilobytes\"\n"},
    {HELP("a_hours_x", "gauge") "a_hours_x 1\n", "use base unit \"seconds\" instead of \"hours\"\n"},
    {HELP("seconds_ms", "gauge") "seconds_ms 1\n", "metric names should not contain abbreviated units\n"},
    {HELP("a_gauge_x", "gauge") "a_gauge_x 1\n", "metric name should not include type 'gauge'\n"},
    {HELP("a:b", "gauge") "a:b 1\n", "metric names should not contain ':'\n"},
    {HELP("aB", "gauge") "aB{cD=\"1\"} 1\n",
     "metric names should be written in 'snake_case' not 'camelCase'\n"
     "label names should be written in 'snake_case' not 'camelCase'\n"},
    {HELP("a", "gauge") "a 1\na 1\n", "metric not unique\n"},
    {"a{\n", "error: line 1: unclosed labels: \"a{\""},
    {"# TYPE a gauge\n# TYPE a gauge\n", "error: line 2: second TYPE line for metric name \"a\""},
};

START_TEST(each_rule_finds_its_own) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = findings(cases[i].text);
        ck_assert_str_eq(found, cases[i].found);
        mem_free(found);
    }
}
END_TEST

CHECK_MAIN("check_metrics", each_rule_finds_its_own)
