#include "lib/expose/protobuf.h"
#include "lib/sys/clock.h"
#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"
#include "web/api/exposition.h"

/* What another server gets from /federate. */

#define PROTOBUF "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

static const char *ask_as(const char *target, const char *accept) {
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nAccept: %s\r\n" CLOSE, target, accept);
    return ask(t.server, request, &t.out);
}

static int64_t now_ms;

static void add(const char *name, const char *label, const char *value, int64_t ago_ms, double number) {
    struct label labels[] = {{SPAN(LABEL_NAME), span_from(name)}, {span_from(label), span_from(value)}};
    bool is_ordered = span_compare(labels[0].name, labels[1].name) < 0;
    append(is_ordered ? labels : (struct label[]){labels[1], labels[0]}, 2, now_ms - ago_ms, number);
}

static void add_histogram(void) {
    static const struct histogram_span spans[] = {{-1, 2}};
    static const double counts[] = {2, 3};
    const struct histogram histogram = {.schema = 1,
                                        .zero_threshold = 0.5,
                                        .zero_count = 1,
                                        .count = 6,
                                        .sum = 7.5,
                                        .positive = {spans, counts, 1, 2}};
    const struct label items[] = {{SPAN(LABEL_NAME), SPAN("h")}, {SPAN("instance"), SPAN("i")}};
    struct labels labels = {items, 2};
    struct series_ref ref;
    struct err err;
    ck_assert_int_eq(appender_resolve(tsdb_appender(t.tsdb), &labels, 1, &ref, NULL, &err), 0);
    struct append_batch *batch = append_batch_create(1, false, on_done, NULL);
    batch->time_ms = now_ms - 3000;
    ck_assert_int_eq(append_batch_add_histogram(batch, ref, &histogram, 0, &err), 0);
    appender_append(tsdb_appender(t.tsdb), batch);
}

static void fill(void) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    now_ms = clock_wall_ms();
    set_up();
    config_unref(t.config);
    ck_assert_int_eq(config_load_text(SPAN("global: {external_labels: {zone: eu, a: outer}}\n"), "x.yml",
                                      &t.config, errors),
                     0);
    mem_free(errors);
    add("up", "a", "inner", 60000, 0);
    add("up", "a", "inner", 1000, 1e6);
    add("up", "Upper", "<script>\"\\\n", 2000, 0.5);
    add("gone", "a", "x", 1000, value_stale());
    add("old", "a", "x", 301000, 1);
    add("aaa", "instance", "i", 2000, -1);
    add("my.metric", "l\xc3\xbc", "v", 2000, 3);
    add_histogram();
}

static char expected[4096];

static const char *text_of(const char *format, int64_t a, int64_t b, int64_t c, int64_t d) {
    snprintf(expected, sizeof expected, format, (long long)a, (long long)b, (long long)c, (long long)d);
    return expected;
}

START_TEST(newest_samples_are_told_in_the_text_format) {
    start(false, true);
    const char *answer = ask_as("/federate?match[]=up&match[]={__name__=~\".%2b\"}", "text/plain");
    ck_assert_int_eq(status(), 200);
    ck_assert_ptr_nonnull(
        strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8; escaping=underscores\r\n"));
    ck_assert_str_eq(
        body_of(&t.out).ptr,
        text_of("# TYPE aaa untyped\n"
                "aaa{instance=\"i\",a=\"outer\",zone=\"eu\"} -1 %lld\n"
                "# TYPE my_metric untyped\n"
                "my_metric{l_=\"v\",a=\"outer\",instance=\"\",zone=\"eu\"} 3 %lld\n"
                "# TYPE up untyped\n"
                "up{Upper=\"<script>\\\"\\\\\\n\",a=\"outer\",instance=\"\",zone=\"eu\"} 0.5 %lld\n"
                "up{a=\"inner\",instance=\"\",zone=\"eu\"} 1e+06 %lld\n",
                now_ms - 2000, now_ms - 2000, now_ms - 2000, now_ms - 1000));
    stop();
}
END_TEST

START_TEST(odd_names_are_quoted_for_who_takes_utf8) {
    start(false, true);
    (void)ask_as("/federate?match[]={\"my.metric\"}", "application/openmetrics-text;version=1.0.0;q=0.9,text/"
                                                      "plain;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                                                      "*/*;q=0.1");
    ck_assert_str_eq(
        body_of(&t.out).ptr,
        text_of("# TYPE \"my.metric\" untyped\n"
                "{\"my.metric\",\"l\xc3\xbc\"=\"v\",a=\"outer\",instance=\"\",zone=\"eu\"} 3 %lld\n",
                now_ms - 2000, 0, 0, 0));
    stop();
}
END_TEST

START_TEST(histograms_are_told_in_protobuf) {
    struct expose_families families;
    struct expose_family family;
    struct expose_metric metric;
    struct arena arena;
    struct span text;
    struct err err;
    start(false, true);
    (void)ask_as("/federate?match[]=h&match[]=aaa", "text/plain;q=0.3," PROTOBUF ";q=0.7");
    ck_assert_int_eq(status(), 200);
    arena_init(&arena, 1 << 20, NULL);
    expose_families_init(&families, body_of(&t.out));
    ck_assert_int_eq(expose_family_next(&families, &family, &err), 1);
    ck_assert(span_is(family.name, "aaa") && family.type == EXPOSE_UNKNOWN);
    ck_assert_int_eq(expose_family_metric(&family, &arena, &metric, &err), 1);
    ck_assert(metric.has_time && metric.time_ms == now_ms - 2000);
    ck_assert_double_eq(metric.value, -1);
    ck_assert_int_eq(expose_metric_series(&metric, "", NULL, 0, &arena, &text, &err), 0);
    ck_assert(span_is(text, "aaa{instance=\"i\",a=\"outer\",zone=\"eu\"}"));
    ck_assert_int_eq(expose_family_metric(&family, &arena, &metric, &err), 0);
    ck_assert_int_eq(expose_family_next(&families, &family, &err), 1);
    ck_assert(span_is(family.name, "h") && family.type == EXPOSE_HISTOGRAM);
    ck_assert_int_eq(expose_family_metric(&family, &arena, &metric, &err), 1);
    ck_assert(metric.has_native && metric.native.schema == 1 && metric.native.positive.spans[0].offset == -1);
    ck_assert(metric.native.count == 6 && metric.native.sum == 7.5 && metric.native.zero_count == 1);
    ck_assert(metric.native.positive.count == 2 && metric.native.positive.counts[1] == 3);
    ck_assert_int_eq(expose_family_next(&families, &family, &err), 0);
    arena_release(&arena);
    stop();
}
END_TEST

START_TEST(what_is_wrong_is_said_in_plain_text) {
    start(false, true);
    (void)get("/federate");
    ck_assert_int_eq(status(), 200);
    ck_assert_uint_eq(body_of(&t.out).len, 0);
    (void)get("/federate?match[]=up{");
    ck_assert_int_eq(status(), 400);
    ck_assert_ptr_nonnull(strstr(body_of(&t.out).ptr, "1:4: parse error: "));
    stop();
    start(false, false);
    (void)get("/federate?match[]=up");
    ck_assert_int_eq(status(), 503);
    stop();
}
END_TEST

START_TEST(the_form_is_what_the_scraper_likes_best) {
    static const struct {
        const char *accept;
        enum exposition_form form;
        bool takes_utf8;
    } cases[] = {
        {"", EXPOSITION_TEXT, false},
        {"*/*", EXPOSITION_TEXT, false},
        {"text/plain; version=0.0.4; escaping=allow-utf-8", EXPOSITION_TEXT, false},
        {"text/plain;version=1.0.0", EXPOSITION_TEXT_1_0_0, false},
        {"text/plain;version=2.0.0," PROTOBUF ";q=0.1", EXPOSITION_PROTOBUF, false},
        {PROTOBUF ";escaping=allow-utf-8;q=0.6,text/plain;q=0.5", EXPOSITION_PROTOBUF, true},
        {"application/vnd.google.protobuf;encoding=text, text/plain;q=0.1", EXPOSITION_TEXT, false},
        {PROTOBUF ";q=0, text/plain;q=x;;,,;", EXPOSITION_TEXT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exposition chosen = exposition_choose(span_from(cases[i].accept));
        ck_assert_msg(chosen.form == cases[i].form && chosen.takes_utf8 == cases[i].takes_utf8, "%s",
                      cases[i].accept);
        ck_assert_ptr_nonnull(exposition_content_type(&chosen));
    }
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("federate");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, fill, tear_down);
    tcase_add_test(tcase, newest_samples_are_told_in_the_text_format);
    tcase_add_test(tcase, odd_names_are_quoted_for_who_takes_utf8);
    tcase_add_test(tcase, histograms_are_told_in_protobuf);
    tcase_add_test(tcase, what_is_wrong_is_said_in_plain_text);
    tcase_add_test(tcase, the_form_is_what_the_scraper_likes_best);
    return check_run("federate", tcase);
}
