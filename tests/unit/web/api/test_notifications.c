#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"

#define LIVE "GET /api/v1/notifications/live HTTP/1.1\r\n" HOST "\r\n"
#define STARTING "Ferula is starting and replaying the write-ahead log (WAL)."
#define STOPPING "Ferula is shutting down and gracefully stopping all operations."
#define RELOAD "Configuration reload has failed."
#define NOTE(text, date, active) "{\"text\":\"" text "\",\"date\":\"" date "\",\"active\":" active "}"

START_TEST(what_holds_now_is_listed) {
    start(false, false);
    const char *answer = get("/api/v1/notifications");
    ck_assert_ptr_nonnull(strstr(answer, "\"data\":[" NOTE(STARTING, "1970-01-01T00:00:01Z", "true") "]}"));
    api_set_ready(t.api, tsdb_queryable(t.tsdb), t.tsdb, NULL);
    ck_assert_ptr_nonnull(strstr(get("/api/v1/notifications"), "\"data\":[]}"));
    t.reload_has_failed = true;
    ck_assert_ptr_nonnull(strstr(get("/api/v1/notifications"),
                                 "\"data\":[" NOTE(RELOAD, "1970-01-01T00:00:02.5Z", "true") "]}"));
    t.reload_has_failed = false;
    stop();
}
END_TEST

START_TEST(changes_are_sent_as_they_come) {
    start(false, false);
    int fd = connect_to(t.server);
    buf_reset(&t.out);
    say(fd, LIVE);
    hear_until(fd, &t.out, "\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(t.out.data, "Content-Type: text/event-stream\r\n"));
    hear_until(fd, &t.out, "data: " NOTE(STARTING, "1970-01-01T00:00:01Z", "true") "\n\n");
    api_set_ready(t.api, tsdb_queryable(t.tsdb), t.tsdb, NULL);
    hear_until(fd, &t.out, "data: " NOTE(STARTING, "1970-01-01T00:00:01Z", "false") "\n\n");
    t.reload_has_failed = true;
    hear_until(fd, &t.out, "data: " NOTE(RELOAD, "1970-01-01T00:00:02.5Z", "true") "\n\n");
    t.reload_has_failed = false;
    hear_until(fd, &t.out, "data: " NOTE(RELOAD, "1970-01-01T00:00:02.5Z", "false") "\n\n");
    api_set_stopping(t.api);
    stop();
    hear_all(fd, &t.out); /* and the stream ends as it should */
    ck_assert_ptr_nonnull(strstr(buf_text(&t.out), "data: {\"text\":\"" STOPPING "\""));
    ck_assert_str_eq(t.out.data + t.out.len - 5, "0\r\n\r\n");
    close(fd);
}
END_TEST

START_TEST(only_so_many_may_follow) {
    int fds[2];
    start(false, true);
    for (int i = 0; i < 2; i++) {
        fds[i] = connect_to(t.server);
        buf_reset(&t.out);
        say(fds[i], LIVE);
        hear_until(fds[i], &t.out, "\r\n\r\n");
        ck_assert_int_eq(status(), 200);
    }
    (void)ask(t.server, "GET /api/v1/notifications/live HTTP/1.1\r\n" CLOSE, &t.out);
    ck_assert_int_eq(status(), 204);
    ck_assert_ptr_nonnull(strstr(get("/metrics"), "prometheus_api_notification_active_subscribers 2\n"));
    close(fds[0]);
    do (void)get("/metrics");
    while (!strstr(t.out.data, "prometheus_api_notification_active_subscribers 1\n"));
    fds[0] = connect_to(t.server);
    buf_reset(&t.out);
    say(fds[0], LIVE);
    hear_until(fds[0], &t.out, "\r\n\r\n");
    ck_assert_int_eq(status(), 200);
    for (int i = 0; i < 2; i++) close(fds[i]);
    stop();
}
END_TEST

int main(void) {
    const TTest *const tests[] = {what_holds_now_is_listed, changes_are_sent_as_they_come,
                                  only_so_many_may_follow};
    TCase *tcase = tcase_create("notifications");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("notifications", tcase);
}
