/* The push endpoint through the HTTP server; what it says beside the real one is tests/e2e/checks_push.py. */
#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"

static int send_to(const char *method, const char *target, const char *headers, const char *body) {
    char request[1024];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%sContent-Length: %zu\r\n" CLOSE "%s", method,
             target, headers, strlen(body), body);
    (void)ask(t.server, request, &t.out);
    return status();
}

static void check_has(const char *text) {
    ck_assert_msg(strstr(buf_text(&t.out), text), "no %s in %s", text, buf_text(&t.out));
}

START_TEST(what_is_pushed_is_shown_until_it_is_deleted) {
    set_up();
    start(false, true);
    ck_assert_int_eq(send_to("PUT", "/metrics/job/a/l/v", "", "# TYPE x gauge\n# HELP x h\nx 5\n"), 200);
    ck_assert_msg(!strstr(buf_text(&t.out), "Content-Type"), "%s", buf_text(&t.out));
    (void)get("/api/v1/metrics");
    check_has("{\"status\":\"success\",\"data\":[{\"labels\":{\"job\":\"a\",\"l\":\"v\"},\"last_push_"
              "successful\":true,");
    check_has("\"type\":\"GAUGE\",\"help\":\"h\",\"metrics\":[{\"labels\":{\"instance\":\"\",\"job\":\"a\","
              "\"l\":\"v\"},"
              "\"value\":\"5\"}]}}]}");
    ck_assert_int_eq(send_to("DELETE", "/metrics/job@base64/YQ==/l/v", "", ""), 202);
    (void)get("/api/v1/metrics");
    check_has("\"data\":[]}");
    stop();
    tear_down();
}
END_TEST

START_TEST(the_rest_of_the_path_is_the_group) {
    set_up();
    start(false, true);
    ck_assert_int_eq(send_to("PUT", "/metrics/job/", "", ""), 400);
    check_has("\r\n\r\njob name is required\n");
    ck_assert_int_eq(send_to("PUT", "/metrics/job", "", ""), 404);
    ck_assert_int_eq(send_to("PUT", "/metrics/jobs/a", "", ""), 404);
    ck_assert_int_eq(send_to("PUT", "/metrics/job/job@base64/x/y", "", ""), 200);
    (void)get("/api/v1/metrics");
    check_has("\"labels\":{\"job\":\"job@base64\",\"x\":\"y\"}");
    stop();
    tear_down();
}
END_TEST

START_TEST(bad_requests_are_told_why) {
    set_up();
    start(false, true);
    ck_assert_int_eq(send_to("POST", "/metrics/job/a?ttl=soon", "", "x 1\n"), 400);
    check_has("invalid parameter \"ttl\": ");
    ck_assert_int_eq(send_to("POST", "/metrics/job/a?ttl=1h", "", "x 1\n"), 200);
    ck_assert_int_eq(send_to("POST", "/metrics/job/a", "Content-Encoding: gzip\r\n", "x 1\n"), 400);
    ck_assert_int_eq(send_to("POST", "/metrics/job/a", "Content-Encoding: other\r\n", "x 1\n"), 200);
    ck_assert_int_eq(send_to("POST", "/metrics/job/a",
                             "Content-Type: application/vnd.google.protobuf; encoding=\"delimited\"; "
                             "proto=io.prometheus.client.MetricFamily\r\n",
                             "x 1\n"),
                     400);
    ck_assert_int_eq(send_to("PUT", "/api/v1/admin/wipe", "", ""), 404);
    stop();
    tear_down();
}
END_TEST

START_TEST(without_a_store_there_is_no_endpoint) {
    set_up();
    struct push_store *store = t.push;
    t.push = NULL;
    start(false, true);
    ck_assert_int_eq(send_to("PUT", "/metrics/job/a", "", ""), 404);
    check_has("pushing needs to be enabled with --web.enable-push");
    (void)get("/api/v1/metrics");
    ck_assert_int_eq(status(), 404);
    (void)get("/api/v1/status");
    ck_assert_int_eq(status(), 404);
    stop();
    t.push = store;
    tear_down();
}
END_TEST

CHECK_MAIN("push", what_is_pushed_is_shown_until_it_is_deleted, the_rest_of_the_path_is_the_group,
           bad_requests_are_told_why, without_a_store_there_is_no_endpoint)
