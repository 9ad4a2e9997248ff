#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"

#include <math.h>

/* What the server says of itself. */

static void fill(void) {
    set_up();
    for (int i = 0; i < 3; i++) {
        char id[2] = {(char)('0' + i), 0};
        append((struct label[]){{SPAN(LABEL_NAME), SPAN("asked")},
                                {SPAN("job"), SPAN("<b>")},
                                {SPAN("n"), span_from(id)}},
               3, 1000, 1);
    }
    append((struct label[]){{SPAN(LABEL_NAME), SPAN("forgotten")}, {SPAN("job"), SPAN("y")}}, 2, 1000, 1);
}

static void expect(const char *target, const char *text) {
    const char *answer = get(target);
    ck_assert_msg(status() == 200 && strstr(answer, text), "%s: %s", target, answer);
}

START_TEST(metrics_that_no_query_names_are_told) {
    start(false, true);
    expect("/api/v1/status/tsdb",
           "\"seriesCountByJob\":[{\"name\":\"\\u003cb\\u003e\",\"value\":3},{\"name\":\"y\",\"value\":1}]");
    expect("/api/v1/status/tsdb", "\"neverQueriedMetricNames\":[{\"name\":\"asked\",\"value\":3},{\"name\":"
                                  "\"forgotten\",\"value\":1}]}");
    (void)get("/api/v1/query?query=sum(asked)");
    ck_assert_int_eq(status(), 200);
    expect("/api/v1/status/tsdb", "\"neverQueriedMetricNames\":[{\"name\":\"forgotten\",\"value\":1}]}");
    expect("/api/v1/status/tsdb?label=n&limit=2",
           "\"seriesCountByLabelValue\":[{\"name\":\"0\",\"value\":1},{\"name\":\"1\",\"value\":1}]}}");
    expect("/api/v1/status/tsdb?label=none", "\"seriesCountByLabelValue\":[]}}");
    stop();
}
END_TEST

START_TEST(a_database_in_memory_has_no_blocks_and_no_log) {
    start(false, true);
    expect("/api/v1/status/tsdb/blocks", "{\"status\":\"success\",\"data\":{\"blocks\":[]}}");
    expect("/api/v1/status/walreplay", "\"data\":{\"min\":0,\"max\":0,\"current\":0}}");
    stop();
    start(false, false);
    expect("/api/v1/status/walreplay", "\"data\":{\"min\":0,\"max\":0,\"current\":0}}");
    (void)get("/api/v1/status/tsdb/blocks");
    ck_assert_int_eq(status(), 503);
    stop();
}
END_TEST

START_TEST(features_are_told_by_category) {
    start(true, true);
    expect("/api/v1/features", "\"lifecycle\":true,");
    expect("/api/v1/features", "\"admin\":false,");
    expect("/api/v1/features", "\"promql\":{\"anchored\":false,\"at_modifier\":true,");
    expect("/api/v1/features", "\"data\":{\"promql_functions\":{\"abs\":true,\"absent\":true,");
    expect("/api/v1/features", "\"info\":false,");
    stop();
    engine_destroy(t.engine);
    t.engine = engine_create(&(struct engine_options){.parse = {.experimental_functions = true}}, t.registry);
    start(false, true);
    expect("/api/v1/features", "\"info\":true,");
    stop();
}
END_TEST

START_TEST(own_metrics_are_told_as_json) {
    start(false, true);
    counter_add(registry_counter(t.registry, "odd_total", "A <b> help", (const char *[]){"a", "<i>\"", NULL}),
                2);
    gauge_set(registry_gauge(t.registry, "odd_gauge", "G", NULL), INFINITY);
    histogram_observe(registry_histogram(t.registry, "odd_seconds", "H", NULL, (const double[]){0.5, 2}, 2),
                      1);
    summary_observe(registry_summary(t.registry, "odd_summary", "S", NULL), 3);
    expect("/api/v1/status/self_metrics?metric_name_pattern=odd_t.%2a",
           "\"data\":[{\"name\":\"odd_total\",\"help\":\"A \\u003cb\\u003e "
           "help\",\"type\":\"COUNTER\",\"metric\":[{\"label\":["
           "{\"name\":\"a\",\"value\":\"\\u003ci\\u003e\\\"\"}],\"counter\":{\"value\":2}}]}]}");
    expect(
        "/api/v1/status/self_metrics",
        "\"odd_gauge\",\"help\":\"G\",\"type\":\"GAUGE\",\"metric\":[{\"gauge\":{\"value\":\"Infinity\"}}]}");
    expect("/api/v1/status/self_metrics",
           "\"type\":\"HISTOGRAM\",\"metric\":[{\"histogram\":{\"sampleSum\":1,\"sampleCount\":\"1\","
           "\"bucket\":[{\"upperBound\":0.5,"
           "\"cumulativeCount\":\"0\"},{\"upperBound\":2,\"cumulativeCount\":\"1\"},{\"upperBound\":"
           "\"Infinity\",\"cumulativeCount\":\"1\"}]}}]}");
    expect("/api/v1/status/self_metrics",
           "\"odd_summary\",\"help\":\"S\",\"type\":\"SUMMARY\",\"metric\":[{\"summary\":{\"sampleSum\":3,");
    const char *answer = get("/api/v1/status/self_metrics?metric_name_pattern=(");
    ck_assert_int_eq(status(), 400);
    ck_assert_ptr_nonnull(strstr(answer, "invalid parameter \\\"metric_name_pattern\\\": "));
    stop();
}
END_TEST

START_TEST(a_scrape_pool_shows_its_configuration) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    struct config *before = t.config;
    ck_assert_int_eq(
        config_load_text(
            SPAN("scrape_configs: [{job_name: '<a>', basic_auth: {username: u, password: hush}}]\n"), "x.yml",
            &t.config, errors),
        0);
    start(false, true);
    expect("/api/v1/scrape_pools/config?scrapePool=%3Ca%3E",
           "\"data\":{\"yaml\":\"job_name: \\u003ca\\u003e\\n");
    ck_assert_ptr_null(strstr(t.out.data, "hush"));
    ck_assert_ptr_nonnull(strstr(t.out.data, "password: \\u003csecret\\u003e"));
    const char *answer = get("/api/v1/scrape_pools/config?scrapePool=b");
    ck_assert_int_eq(status(), 400);
    ck_assert_ptr_nonnull(strstr(answer, "error retrieving scrape config: scrape pool not found: \\\"b\\\""));
    (void)get("/api/v1/scrape_pools/config");
    ck_assert_int_eq(status(), 400);
    stop();
    config_unref(t.config);
    t.config = before;
    mem_free(errors);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {metrics_that_no_query_names_are_told, features_are_told_by_category,
                                  own_metrics_are_told_as_json, a_scrape_pool_shows_its_configuration,
                                  a_database_in_memory_has_no_blocks_and_no_log};
    TCase *tcase = tcase_create("status");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, fill, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("status", tcase);
}
