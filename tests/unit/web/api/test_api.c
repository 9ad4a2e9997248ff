#include "web/api/api.h"

#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"

#include <math.h>

#define MANY 20000

/* ---- data: minutes 0 to 10 ---- */

static void fill(void) {
    static const double odd[] = {1e21, 1e-7, INFINITY, -INFINITY, 0.1, -0.0};
    for (int64_t minute = 0; minute <= 10; minute++) {
        append((struct label[]){{SPAN(LABEL_NAME), SPAN("up")},
                                {SPAN("instance"), SPAN("a")},
                                {SPAN("job"), SPAN("x")}},
               3, minute * 60000, 1);
        append((struct label[]){{SPAN(LABEL_NAME), SPAN("up")},
                                {SPAN("instance"), SPAN("b")},
                                {SPAN("job"), SPAN("y")}},
               3, minute * 60000, 0);
    }
    append((struct label[]){{SPAN(LABEL_NAME), SPAN("text")}, {SPAN("a.b"), SPAN("<\"\\\n\xff>")}}, 2, 600000,
           1.5);
    for (int i = 0; i < 6; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        append((struct label[]){{SPAN(LABEL_NAME), SPAN("odd")}, {SPAN("i"), span_from(id)}}, 2, 600000,
               odd[i]);
    }
    append((struct label[]){{SPAN(LABEL_NAME), SPAN("odd")}, {SPAN("i"), SPAN("nan")}}, 2, 600000,
           value_nan());
    for (int i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof id, "%06d", i);
        append((struct label[]){{SPAN(LABEL_NAME), SPAN("many")}, {SPAN("id"), span_from(id)}}, 2, 600000, i);
    }
}

static void set_up_filled(void) {
    set_up();
    fill();
}

/* ---- exact answers ---- */

#define OK(data) "{\"status\":\"success\",\"data\":" data "}"
#define OK_CUT(data)                                                                                         \
    "{\"status\":\"success\",\"data\":" data ",\"warnings\":[\"results truncated due to limit\"]}"
#define BAD(text) "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"" text "\"}"
#define UP_A "{\"__name__\":\"up\",\"instance\":\"a\",\"job\":\"x\"}"
#define UP_B "{\"__name__\":\"up\",\"instance\":\"b\",\"job\":\"y\"}"
#define MATCH "invalid parameter \\\"match[]\\\": "
#define STEP "invalid parameter \\\"step\\\": "

static const struct {
    int status;
    const char *target, *body;
} exact[] = {
    /* instant queries */
    {200, "/query?query=up&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":" UP_A ",\"value\":[600,\"1\"]},{\"metric\":" UP_B
        ",\"value\":[600,\"0\"]}]}")},
    {200, "/query?query=up&time=600.5&limit=1",
     OK_CUT("{\"resultType\":\"vector\",\"result\":[{\"metric\":" UP_A ",\"value\":[600.5,\"1\"]}]}")},
    {200, "/query?query=up&time=600&limit=2",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":" UP_A ",\"value\":[600,\"1\"]},{\"metric\":" UP_B
        ",\"value\":[600,\"0\"]}]}")},
    {200, "/query?query=nothing&time=600", OK("{\"resultType\":\"vector\",\"result\":[]}")},
    {200, "/query?query=1e21&time=1.25",
     OK("{\"resultType\":\"scalar\",\"result\":[1.25,\"1000000000000000000000\"]}")},
    {200, "/query?query=%22a%22&time=0", OK("{\"resultType\":\"string\",\"result\":[0,\"a\"]}")},
    {200, "/query?query=up{job=%22x%22}[2m]&time=600",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":" UP_A
        ",\"values\":[[540,\"1\"],[600,\"1\"]]}]}")},
    {200, "/query?query=up{job=%22x%22}&time=1970-01-01T00:11:00%2B00:01&lookback_delta=1s",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":" UP_A ",\"value\":[600,\"1\"]}]}")},
    {200, "/query?query=up{job=%22x%22}&time=602&lookback_delta=1s",
     OK("{\"resultType\":\"vector\",\"result\":[]}")},
    {200, "/query?query=text&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"text\",\"a.b\":"
        "\"\\u003c\\\"\\\\\\n\\ufffd\\u003e\"},"
        "\"value\":[600,\"1.5\"]}]}")},
    {200, "/query?query=odd{i=%220%22}&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"i\":\"0\"},\"value\":["
        "600,\"1e+21\"]}]}")},
    {200, "/query?query=odd{i=%221%22}&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"i\":\"1\"},\"value\":["
        "600,\"1e-07\"]}]}")},
    {200, "/query?query=odd{i=%222%22}&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"i\":\"2\"},\"value\":["
        "600,\"+Inf\"]}]}")},
    {200, "/query?query=odd{i=%223%22}&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"i\":\"3\"},\"value\":["
        "600,\"-Inf\"]}]}")},
    {200, "/query?query=odd{i=%225%22}&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"i\":\"5\"},\"value\":["
        "600,\"-0\"]}]}")},
    {200, "/query?query=odd{i=%22nan%22}&time=600",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"odd\",\"i\":\"nan\"},\"value\":["
        "600,\"NaN\"]}]}")},
    {400, "/query?query=sum(&time=1",
     BAD("invalid parameter \\\"query\\\": 1:5: parse error: unclosed left parenthesis")},
    {400, "/query?query=up&time=x",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': cannot parse \\\"x\\\" to a valid "
         "timestamp")},
    {400, "/query?query=up&timeout=x",
     BAD("invalid parameter \\\"timeout\\\": cannot parse \\\"x\\\" to a valid duration")},
    {400, "/query?query=up&lookback_delta=x",
     BAD("error parsing lookback delta duration: cannot parse \\\"x\\\" to a valid duration")},
    {400, "/query?query=up&limit=x",
     BAD("invalid parameter \\\"limit\\\": strconv.Atoi: parsing \\\"x\\\": invalid syntax")},
    {400, "/query?query=up&limit=-1", BAD("invalid parameter \\\"limit\\\": limit must be non-negative")},
    /* range queries */
    {200, "/query_range?query=up{job=%22x%22}&start=480&end=600&step=1m",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":" UP_A
        ",\"values\":[[480,\"1\"],[540,\"1\"],[600,\"1\"]]}]}")},
    {200, "/query_range?query=1&start=0&end=1&step=0.5",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[0,\"1\"],[0.5,\"1\"],[1,\"1\"]]}]"
        "}")},
    {200, "/query_range?query=up&start=600&end=600&step=15&limit=1",
     OK_CUT("{\"resultType\":\"matrix\",\"result\":[{\"metric\":" UP_A ",\"values\":[[600,\"1\"]]}]}")},
    {400, "/query_range?query=up&start=x&end=1&step=1",
     BAD("invalid parameter \\\"start\\\": cannot parse \\\"x\\\" to a valid timestamp")},
    {400, "/query_range?query=up&start=1&step=1",
     BAD("invalid parameter \\\"end\\\": cannot parse \\\"\\\" to a valid timestamp")},
    {400, "/query_range?query=up&start=2&end=1&step=1",
     BAD("invalid parameter \\\"end\\\": end timestamp must not be before start time")},
    {400, "/query_range?query=up&start=1&end=2&step=x",
     BAD(STEP "cannot parse \\\"x\\\" to a valid duration")},
    {400, "/query_range?query=up&start=1&end=2&step=0",
     BAD(STEP "zero or negative query resolution step widths are not accepted. Try a positive integer")},
    {400, "/query_range?query=up&start=1&end=2&step=-1",
     BAD(STEP "zero or negative query resolution step widths are not accepted. Try a positive integer")},
    {400, "/query_range?query=up&start=0&end=11001&step=1",
     BAD("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution "
         "(?step=XX)")},
    {400, "/query_range?query=up[5m]&start=0&end=1&step=1",
     BAD("invalid parameter \\\"query\\\": invalid expression type \\\"range vector\\\" for range query, "
         "must be Scalar or "
         "instant Vector")},
    {200, "/query_exemplars?query=up", OK("[]")},
    {400, "/query_exemplars?query=up(", NULL},
    /* series, names, values */
    {200, "/series?match[]=up", OK("[" UP_A "," UP_B "]")},
    {200, "/series?match[]=up{job=%22y%22}&match[]={instance=%22b%22}&match[]=up{job=%22x%22}",
     OK("[" UP_A "," UP_B "]")},
    {200, "/series?match[]=up&limit=1", OK_CUT("[" UP_A "]")},
    {200, "/series?match[]=up&start=700", OK("[]")},
    {400, "/series", BAD("no match[] parameter provided")},
    {400, "/series?match[]=up&start=x",
     BAD("invalid parameter \\\"start\\\": invalid time value for 'start': cannot parse \\\"x\\\" to a valid "
         "timestamp")},
    {400, "/series?match[]={}",
     BAD("invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
    {400, "/series?match[]=", BAD(MATCH "1:1: parse error: unexpected end of input")},
    {400, "/series?match[]=up[5m]", BAD(MATCH "1:3: parse error: unexpected \\\"[\\\"")},
    {400, "/series?match[]=sum(up)", BAD(MATCH "1:4: parse error: unexpected \\\"(\\\"")},
    {400, "/series?match[]=up%20offset%205m", BAD(MATCH "1:4: parse error: unexpected \\u003coffset\\u003e")},
    {400, "/series?match[]=up{a=%22}%22}%0A%20%2B1", BAD(MATCH "2:2: parse error: unexpected \\\"+\\\"")},
    {400, "/series?match[]=up&match[]={", NULL},
    {400, "/series?match[]=%zz", NULL},
    {200, "/labels", OK("[\"__name__\",\"a.b\",\"i\",\"id\",\"instance\",\"job\"]")},
    {200, "/labels?match[]=up&match[]=odd", OK("[\"__name__\",\"i\",\"instance\",\"job\"]")},
    {200, "/labels?limit=2", OK_CUT("[\"__name__\",\"a.b\"]")},
    {400, "/labels?match[]={", NULL},
    {400, "/labels?end=x", NULL},
    {200, "/label/job/values", OK("[\"x\",\"y\"]")},
    {200, "/label/job/values?match[]=up{instance=%22a%22}&match[]=up{instance=%22b%22}", OK("[\"x\",\"y\"]")},
    {200, "/label/job/values?match[]=up{instance=%22a%22}", OK("[\"x\"]")},
    {200, "/label/none/values", OK("[]")},
    {200, "/label/U__a_2e_b/values", OK("[\"\\u003c\\\"\\\\\\n\\ufffd\\u003e\"]")},
    {200, "/label/a.b/values?limit=1", OK("[\"\\u003c\\\"\\\\\\n\\ufffd\\u003e\"]")},
    {400, "/label/%ff/values", BAD("invalid label name: \\\"\\\\xff\\\"")},
    /* what targets say: nothing, without a scrape manager */
    {200, "/targets", OK("{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}")},
    {200, "/scrape_pools", OK("{\"scrapePools\":[]}")},
    {200, "/metadata", OK("{}")},
    {400, "/metadata?limit=x", BAD("limit must be a number")},
    {400, "/metadata?limit_per_metric=x", BAD("limit_per_metric must be a number")},
    {200, "/targets/metadata?match_target={job=%22x%22}", OK("[]")},
    {400, "/targets/metadata?match_target={", NULL},
    {400, "/targets/metadata?limit=x", BAD("limit must be a number")},
    {200, "/rules", OK("{\"groups\":[]}")},
    {400, "/rules?type=x", BAD("invalid parameter \\\"type\\\": not supported value \\\"x\\\"")},
    {200, "/alerts", OK("{\"alerts\":[]}")},
    {200, "/alertmanagers", OK("{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}")},
    /* status */
    {200, "/status/buildinfo",
     OK("{\"version\":\"1.2.3\",\"revision\":\"r\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\","
        "\"goVersion\":\"\"}")},
    {200, "/status/flags", OK("{\"a.first\":\"one\",\"z.last\":\"two\"}")},
    {400, "/status/tsdb?limit=0", BAD("limit must be a positive number")},
    {400, "/status/tsdb?limit=10001", BAD("limit must not exceed 10000")},
    {400, "/status/tsdb?limit=x", BAD("limit must be a number")},
};

START_TEST(answers_are_exact) {
    start(false, true);
    char target[512];
    snprintf(target, sizeof target, "/api/v1%s", exact[_i].target);
    const char *answer = get(target);
    ck_assert_msg(status() == exact[_i].status, "%s: %s", target, answer);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: application/json\r\n"));
    if (exact[_i].body)
        ck_assert_msg(span_is(body_of(&t.out), exact[_i].body), "%s\n got %.*s\nwant %s", target,
                      SPAN_ARG(body_of(&t.out)), exact[_i].body);
    else
        ck_assert_ptr_nonnull(strstr(answer, "\"errorType\":\"bad_data\""));
    stop();
}
END_TEST

START_TEST(forms_count_like_queries) {
    start(false, true);
    const char *answer = post("/api/v1/query?time=1", "query=up%7Bjob%3D%22x%22%7D&time=600");
    ck_assert_ptr_nonnull(strstr(answer, "\"value\":[600,\"1\"]"));
    answer = post("/api/v1/query_range", "query=1&start=0&end=1&step=1");
    ck_assert_ptr_nonnull(strstr(answer, "[[0,\"1\"],[1,\"1\"]]"));
    ck_assert_ptr_nonnull(
        strstr(post("/api/v1/series?match[]=up", "match[]=odd&limit=1"), "\"__name__\":\"odd\""));
    ck_assert_ptr_nonnull(strstr(post("/api/v1/labels", "match[]=up"), "\"job\"]"));
    (void)post("/api/v1/targets", "");
    ck_assert_int_eq(status(), 405);
    stop();
}
END_TEST

START_TEST(other_failures_have_their_type) {
    start(false, true);
    const char *answer = get("/api/v1/query?time=600&query=up%20%2B%20on(x)%20up");
    ck_assert_msg(status() == 422, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "\"errorType\":\"execution\""));
    answer = get("/api/v1/query_range?query=sum(many)%20by%20(id)&start=0&end=600&step=0.1&timeout=0.001");
    ck_assert_msg(status() == 503, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "\"errorType\":\"timeout\""));
    const char *missing[] = {"/api/v1/read/x", "/federate/x",   "/api/v1",  "/api/v1/query/",
                             "/api/v2/query",  "/debug/pprof/", "/assets/x"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        answer = get(missing[i]);
        ck_assert_msg(status() == 404, "%s: %s", missing[i], answer);
    }
    stop();
}
END_TEST

START_TEST(stats_are_given_when_asked) {
    start(false, true);
    const char *answer = get("/api/v1/query?query=up&time=600&stats=true");
    ck_assert_ptr_nonnull(strstr(answer, "\"stats\":{\"timings\":{\"evalTotalTime\":"));
    ck_assert_ptr_nonnull(strstr(answer, "\"samples\":{\"totalQueryableSamples\":"));
    ck_assert_ptr_null(strstr(answer, "\"warnings\""));
    answer = get("/api/v1/query?query=up&time=600&stats=sum");
    ck_assert_ptr_nonnull(strstr(answer, "\"stats\":{\"timings\":"));
    ck_assert_ptr_nonnull(strstr(answer, "\"warnings\":[\"stats: other values than "));
    stop();
}
END_TEST

/* large answers arrive whole, in chunks */
START_TEST(large_answers_are_streamed) {
    start(false, true);
    const char *targets[] = {"/api/v1/query?query=many&time=600", "/api/v1/series?match[]=many",
                             "/api/v1/label/id/values",
                             "/api/v1/query_range?query=many&start=540&end=600&step=1"};
    for (int i = 0; i < 4; i++) {
        struct buf body;
        buf_init(&body, (size_t)64 << 20);
        const char *answer = get(targets[i]);
        ck_assert_int_eq(status(), 200);
        ck_assert_ptr_nonnull(strstr(answer, "Transfer-Encoding: chunked\r\n"));
        unchunk(body_of(&t.out), &body);
        const char *at = buf_text(&body);
        for (int id = 0; id < MANY; id++) {
            char wanted[16];
            snprintf(wanted, sizeof wanted, "\"%06d\"", id);
            at = strstr(at, wanted);
            if (!at) ck_abort_msg("%s: %s is missing", targets[i], wanted);
        }
        ck_assert(span_ends_with(buf_view(&body), i == 1 || i == 2 ? SPAN("]}") : SPAN("]}}")));
        buf_release(&body);
    }
    stop();
}
END_TEST

START_TEST(status_pages_say_what_is) {
    start(false, true);
    ck_assert_ptr_nonnull(strstr(get("/api/v1/status/config"), "scrape_interval: 7s\\n"));
    const char *answer = get("/api/v1/status/runtimeinfo");
    ck_assert_ptr_nonnull(strstr(answer, "\"startTime\":\"1970-01-01T00:00:01Z\""));
    ck_assert_ptr_nonnull(
        strstr(answer, "\"reloadConfigSuccess\":true,\"lastConfigTime\":\"1970-01-01T00:00:01.5Z\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"storageRetention\":\"15d\""));
    answer = get("/api/v1/status/tsdb?limit=1");
    ck_assert_ptr_nonnull(strstr(answer, "\"numSeries\":20010,"));
    ck_assert_ptr_nonnull(strstr(answer, "\"minTime\":0,\"maxTime\":600000}"));
    ck_assert_ptr_nonnull(
        strstr(answer, "\"seriesCountByMetricName\":[{\"name\":\"many\",\"value\":20000}]"));
    ck_assert_ptr_nonnull(
        strstr(answer, "\"labelValueCountByLabelName\":[{\"name\":\"id\",\"value\":20000}]"));
    ck_assert_ptr_nonnull(strstr(get("/version"), "{\"version\":\"1.2.3\""));
    stop();
}
END_TEST

START_TEST(what_needs_the_database_waits_for_it) {
    start(false, false);
    const char *answer = get("/api/v1/query?query=1");
    ck_assert_int_eq(status(), 503);
    ck_assert_ptr_nonnull(strstr(answer, "X-Prometheus-Stopping: false\r\n"));
    ck_assert(span_is(body_of(&t.out), "Service Unavailable"));
    (void)get("/-/ready");
    ck_assert_int_eq(status(), 503);
    ck_assert_ptr_nonnull(strstr(get("/-/healthy"), "Ferula is Healthy.\n"));
    (void)get("/metrics");
    ck_assert_int_eq(status(), 200);
    api_set_ready(t.api, tsdb_queryable(t.tsdb), t.tsdb, NULL);
    ck_assert_ptr_nonnull(strstr(get("/-/ready"), "Ferula is Ready.\n"));
    (void)get("/api/v1/query?query=1");
    ck_assert_int_eq(status(), 200);
    api_set_stopping(t.api);
    ck_assert_ptr_nonnull(strstr(get("/api/v1/labels"), "X-Prometheus-Stopping: true\r\n"));
    stop();
}
END_TEST

START_TEST(lifecycle_must_be_enabled) {
    start(false, true);
    (void)post("/-/reload", "");
    ck_assert_int_eq(status(), 403);
    ck_assert(span_is(body_of(&t.out), "Lifecycle API is not enabled."));
    (void)post("/-/quit", "");
    ck_assert_int_eq(status(), 403);
    (void)get("/-/quit");
    ck_assert_int_eq(status(), 405);
    ck_assert(!atomic_load(&t.has_quit));
    stop();
    start(true, true);
    (void)post("/-/reload", "");
    ck_assert_int_eq(status(), 200);
    t.reload_rc = ERR_INVALID;
    ck_assert_ptr_nonnull(strstr(post("/-/reload", ""), "failed to reload config: it is bad\n"));
    ck_assert_int_eq(status(), 500);
    t.reload_rc = 0;
    (void)post("/-/quit", "");
    ck_assert_int_eq(status(), 200);
    ck_assert(atomic_load(&t.has_quit));
    stop();
}
END_TEST

START_TEST(own_metrics_are_exposed_and_counted) {
    start(false, true);
    (void)get("/metrics");
    const char *answer = get("/metrics");
    ck_assert_ptr_nonnull(
        strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8; escaping="));
    ck_assert_ptr_nonnull(strstr(answer, "\npromhttp_metric_handler_requests_total{code=\"200\"} "));
    ck_assert_ptr_nonnull(strstr(answer, "\npromhttp_metric_handler_requests_in_flight 1\n"));
    ck_assert_ptr_nonnull(
        strstr(answer, "prometheus_http_requests_total{code=\"200\",handler=\"/metrics\"} "));
    stop();
}
END_TEST

static const char *ask_for(const char *path, const char *header) {
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n%s" CLOSE, path, header);
    (void)ask(t.server, request, &t.out);
    return buf_text(&t.out);
}

START_TEST(the_page_is_served_with_guards) {
    start(false, true);
    const char *pages[] = {"/",
                           "/graph?g0.expr=up",
                           "/query",
                           "/targets",
                           "/service-discovery",
                           "/rules",
                           "/alerts",
                           "/alertmanager-discovery",
                           "/config",
                           "/flags",
                           "/status",
                           "/tsdb-status",
                           "/queries"};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        const char *answer = get(pages[i]);
        ck_assert_int_eq(status(), 200);
        ck_assert_ptr_nonnull(strstr(
            answer, "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';"));
        ck_assert_ptr_nonnull(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
        ck_assert_ptr_nonnull(strstr(answer, "Cache-Control: no-cache\r\n"));
        ck_assert_ptr_nonnull(strstr(answer, "<script src=\"assets/app-"));
    }
    char tag[64] = "", header[128];
    sscanf(strstr(buf_text(&t.out), "ETag: "), "ETag: %63[^\r]", tag);
    snprintf(header, sizeof header, "If-None-Match: %s\r\n", tag);
    (void)ask_for("/targets", header);
    ck_assert_int_eq(status(), 304);
    ck_assert_uint_eq(body_of(&t.out).len, 0);
    stop();
}
END_TEST

START_TEST(hashed_files_are_kept_for_ever_and_unpacked_for_who_takes_no_gzip) {
    start(false, true);
    char path[64] = "", *end;
    const char *found = strstr(get("/"), "assets/app-");
    snprintf(path, sizeof path, "/%.40s", found);
    end = strchr(path, '"');
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    const char *answer = ask_for(path, "Accept-Encoding: deflate, gzip\r\n");
    ck_assert_int_eq(status(), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Encoding: gzip\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Vary: Accept-Encoding\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Cache-Control: public, max-age=31536000, immutable\r\n"));
    size_t packed = body_of(&t.out).len;
    ck_assert_uint_lt(packed, 250000);
    answer = ask_for(path, "Accept-Encoding: deflate, gzip;q=0\r\n");
    ck_assert_int_eq(status(), 200);
    answer = ask_for(path, "");
    ck_assert_ptr_null(strstr(answer, "Content-Encoding"));
    ck_assert_uint_gt(body_of(&t.out).len, 2 * packed);
    stop();
}
END_TEST

START_TEST(expressions_are_formatted_and_taken_apart) {
    start(false, true);
    const char *answer = get("/api/v1/format_query?query=sum(x)by(a)");
    ck_assert_ptr_nonnull(strstr(answer, "{\"status\":\"success\",\"data\":\"sum by (a) (x)\"}"));
    answer = post("/api/v1/parse_query", "query=-x%7Ba%3D%22b%22%7D%5B5m%3A1m%5D");
    ck_assert_int_eq(status(), 400);
    answer = post("/api/v1/parse_query", "query=x%7Ba%3D%22b%22%7D%5B5m%5D");
    ck_assert_ptr_nonnull(
        strstr(answer, "\"data\":{\"type\":\"matrixSelector\",\"name\":\"x\",\"matchers\":["));
    ck_assert_ptr_nonnull(strstr(answer, "{\"name\":\"a\",\"value\":\"b\",\"type\":\"=\"}"));
    ck_assert_ptr_nonnull(strstr(answer, "\"range\":300000,\"start\":0,\"end\":12}"));
    answer = get("/api/v1/parse_query?query=a*on(x)group_left(y)rate(b[1m])");
    ck_assert_ptr_nonnull(strstr(answer,
                                 "\"matching\":{\"card\":\"many-to-one\",\"labels\":[\"x\"],\"on\":true,"
                                 "\"include\":[\"y\"],"));
    ck_assert_ptr_nonnull(strstr(answer,
                                 "\"func\":{\"name\":\"rate\",\"argTypes\":[\"matrix\"],\"variadic\":0,"
                                 "\"returnType\":\"vector\"},\"args\":[{\"type\":\"matrixSelector\""));
    answer = get("/api/v1/parse_query?query=sum(");
    ck_assert_int_eq(status(), 400);
    ck_assert_ptr_nonnull(strstr(answer, "invalid parameter \\\"query\\\": 1:5: parse error: "));
    stop();
}
END_TEST

START_TEST(a_tree_that_is_too_high_for_json_is_refused) {
    start(false, true);
    struct buf path;
    buf_init(&path, 4096);
    buf_puts(&path, "/api/v1/parse_query?query=");
    for (int i = 0; i < 27; i++) buf_puts(&path, "abs(");
    buf_puts(&path, "x");
    for (int i = 0; i < 27; i++) buf_puts(&path, ")");
    (void)get(buf_text(&path));
    ck_assert_int_eq(status(), 200);
    buf_reset(&path);
    buf_puts(&path, "/api/v1/parse_query?query=1");
    for (int i = 0; i < 100; i++) buf_puts(&path, "-1");
    (void)get(buf_text(&path));
    ck_assert_int_eq(status(), 422);
    buf_release(&path);
    stop();
}
END_TEST

int main(void) {
    const TTest *const tests[] = {forms_count_like_queries,
                                  other_failures_have_their_type,
                                  stats_are_given_when_asked,
                                  large_answers_are_streamed,
                                  status_pages_say_what_is,
                                  what_needs_the_database_waits_for_it,
                                  lifecycle_must_be_enabled,
                                  own_metrics_are_exposed_and_counted,
                                  the_page_is_served_with_guards,
                                  hashed_files_are_kept_for_ever_and_unpacked_for_who_takes_no_gzip,
                                  expressions_are_formatted_and_taken_apart,
                                  a_tree_that_is_too_high_for_json_is_refused};
    TCase *tcase = tcase_create("api");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, set_up_filled, tear_down);
    tcase_add_loop_test(tcase, answers_are_exact, 0, (int)(sizeof exact / sizeof *exact));
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("api", tcase);
}
