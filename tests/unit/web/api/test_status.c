#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"

/* What the server says of itself. */

static void fill(void) {
    set_up();
    for (int i = 0; i < 3; i++) {
        char id[2] = {(char)('0' + i), 0};
        append((struct label[]){{SPAN(LABEL_NAME), SPAN("asked")}, {SPAN("job"), SPAN("<b>")}, {SPAN("n"), span_from(id)}},
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
    expect("/api/v1/status/tsdb", "\"seriesCountByJob\":[{\"name\":\"\\u003cb\\u003e\",\"value\":3},{\"name\":\"y\",\"value\":1}]");
    expect("/api/v1/status/tsdb", "\"neverQueriedMetricNames\":[{\"name\":\"asked\",\"value\":3},{\"name\":\"forgotten\",\"value\":1}]}");
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

int main(void) {
    const TTest *const tests[] = {metrics_that_no_query_names_are_told, a_database_in_memory_has_no_blocks_and_no_log};
    Suite *suite = suite_create("status");
    TCase *tcase = tcase_create("status");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, fill, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
