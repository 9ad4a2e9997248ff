/* One exposition in every format gives the same rows; histograms become what the job's switches say. */
#include "lib/scrape/request.h"
#include "tests/check_main.h"
#include "tests/support/family_writer.h"
#include "tests/unit/lib/scrape/scrape_bench.h"

static struct scrape_bench bench;
static struct buf body, rows;

static void begin(const char *options) {
    bench_begin(&bench, options);
    buf_init(&body, 1 << 20);
    buf_init(&rows, 1 << 20);
}

static void end(void) {
    buf_release(&body);
    buf_release(&rows);
    bench_end(&bench);
}

static const char *scrape(enum expose_format format, struct span text) {
    int rc = bench_scrape(&bench, format, text);
    ck_assert_msg(rc == 0, "%s", bench.err.text);
    bench_rows(&bench, &rows);
    return buf_text(&rows);
}

/* ---- what the families are, for the protobuf way ---- */

static const struct label zone[] = {{SPAN("zone"), SPAN("a\"b")}};
static const struct expose_point bounds[] = {{1, 2, NULL}, {INFINITY, 3, NULL}},
                                 quantiles[] = {{0.5, 0.25, NULL}};
static const struct histogram_span spans[] = {{0, 2}, {1, 1}};
static const double counts[] = {1, 0, 2};
static const struct label trace[] = {{SPAN("trace"), SPAN("x")}};
static const struct exemplar exemplar = {{trace, 1}, 0.5, 500};

static struct written_metric classic_metric(void) {
    return (struct written_metric){.metric = {.count = 3, .sum = 4.5, .points = bounds, .point_count = 2}};
}

static struct written_metric native_metric(void) {
    struct written_metric written = {.metric = {.count = 4, .sum = 4.5, .has_native = true}};
    written.metric.native = (struct histogram){.schema = 3,
                                               .is_integer = true,
                                               .zero_threshold = 0.5,
                                               .zero_count = 1,
                                               .positive = {spans, counts, 2, 3}};
    written.metric.exemplars = &exemplar;
    written.metric.exemplar_count = 1;
    return written;
}

static struct written_metric both_metric(void) {
    struct written_metric written = native_metric();
    static const struct expose_point both[] = {{1, 2, NULL}, {INFINITY, 4, NULL}};
    written.metric.points = both;
    written.metric.point_count = 2;
    return written;
}

START_TEST(every_format_gives_the_same_rows) {
    static const char text[] = "# HELP c Calls.\n# TYPE c counter\nc{zone=\"a\\\"b\"} 5\n"
                               "# TYPE g gauge\ng -1.5 7000\n# TYPE s summary\ns_count 4\ns_sum 2.5\n"
                               "s{quantile=\"0.5\"} 0.25\n# TYPE h histogram\nh_count 3\nh_sum 4.5\n"
                               "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\n"
                               "# TYPE \"u.v\" untyped\n{\"u.v\"} NaN\n";
    static const char openmetrics[] =
        "# TYPE c counter\nc{zone=\"a\\\"b\"} 5\n"
        "# TYPE g gauge\ng -1.5 7\n# TYPE s summary\ns_count 4\ns_sum 2.5\n"
        "s{quantile=\"0.5\"} 0.25\n# TYPE h histogram\nh_count 3\nh_sum 4.5\n"
        "h_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 3\n{\"u.v\"} NaN\n# EOF\n";
    static const char second[] = "# TYPE c counter\nc{zone=\"a\\\"b\"} 5\n# TYPE g gauge\ng -1.5 7\n"
                                 "# TYPE s summary\ns {count:4,sum:2.5,quantile:[0.5:0.25]}\n"
                                 "# TYPE h histogram\nh {count:3,sum:4.5,bucket:[1:2,+Inf:3]}\n"
                                 "{\"u.v\"} NaN\n# EOF\n";
    static const char wanted[] = "c{, zone=\"a\\\"b\"} 5\ng{} -1.5 @7000\ns_count{} 4\ns_sum{} 2.5\n"
                                 "s{, quantile=\"0.5\"} 0.25\nh_count{} 3\nh_sum{} 4.5\n"
                                 "h_bucket{, le=\"1.0\"} 2\nh_bucket{, le=\"+Inf\"} 3\n{\"u.v\", } nan\n";
    struct written_metric c = {.labels = {zone, 1}, .metric.value = 5};
    struct written_metric g = {.metric = {.value = -1.5, .has_time = true, .time_ms = 7000}};
    struct written_metric s = {.metric = {.count = 4, .sum = 2.5, .points = quantiles, .point_count = 1}};
    struct written_metric h = classic_metric(), u = {.metric.value = NAN};
    begin("");
    family_writer_add(&body, "c", "Calls.", "", EXPOSE_COUNTER, &c, 1);
    family_writer_add(&body, "g", "", "", EXPOSE_GAUGE, &g, 1);
    family_writer_add(&body, "s", "", "", EXPOSE_SUMMARY, &s, 1);
    family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
    family_writer_add(&body, "u.v", "", "", EXPOSE_UNKNOWN, &u, 1);
    const struct {
        enum expose_format format;
        struct span text;
    } bodies[] = {{EXPOSE_TEXT, span_from(text)},
                  {EXPOSE_OPENMETRICS, span_from(openmetrics)},
                  {EXPOSE_OPENMETRICS2, span_from(second)},
                  {EXPOSE_PROTOBUF, buf_view(&body)}};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        for (int again = 0; again < 3; again++) {
            /* the first time the last format's series end, in whatever order they were */
            const char *got = scrape(bodies[i].format, bodies[i].text);
            ck_assert_msg(strncmp(got, wanted, strlen(wanted)) == 0, "format %zu:\n%s", i, got);
            if (!again) continue;
            ck_assert_str_eq(got, wanted);
            ck_assert_uint_eq(bench.counts.added, 0);
            ck_assert_uint_eq(bench.counts.scraped, 10);
        }
        ck_assert_uint_eq(bench.store.resolved, 10 * (i + 1)); /* only the first time */
        bench_scrape(&bench, EXPOSE_TEXT, SPAN(""));           /* ends them */
    }
    end();
}
END_TEST

#define NATIVE_ROW "h{} whole schema=3 count=4 sum=4.5 zero=0.5,1 +0:1,2:1=1,2 #0.5@500\n"
#define CUSTOM_ROW(sum) "h{} whole schema=-53 count=3 sum=" sum " zero=0,0 +0:2=2,1 bounds=1\n"
#define FLAT_ROWS "h_count{} 3\nh_sum{} 4.5\nh_bucket{, le=\"1.0\"} 2\nh_bucket{, le=\"+Inf\"} 3\n"
#define BOTH_ROWS "h_count{} 4\nh_sum{} 4.5\nh_bucket{, le=\"1.0\"} 2\nh_bucket{, le=\"+Inf\"} 4\n"
#define INF_ROWS "h_count{} 4\nh_sum{} 4.5\nh_bucket{, le=\"+Inf\"} 4\n"

/* native, convert, always: what is exposed as classic only, native only, both */
static const char *const switches[8][3] = {
    {FLAT_ROWS, INF_ROWS, BOTH_ROWS},
    {FLAT_ROWS, INF_ROWS, BOTH_ROWS},
    {CUSTOM_ROW("4.5"), "h{} whole schema=-53 count=4 sum=4.5 zero=0,0 +0:1=4 #0.5@500\n",
     "h{} whole schema=-53 count=4 sum=4.5 zero=0,0 +0:2=2,2 bounds=1 #0.5@500\n"},
    {CUSTOM_ROW("4.5") FLAT_ROWS, "h{} whole schema=-53 count=4 sum=4.5 zero=0,0 +0:1=4 #0.5@500\n" INF_ROWS,
     "h{} whole schema=-53 count=4 sum=4.5 zero=0,0 +0:2=2,2 bounds=1 #0.5@500\n" BOTH_ROWS},
    {FLAT_ROWS, NATIVE_ROW, NATIVE_ROW},
    {FLAT_ROWS, NATIVE_ROW, NATIVE_ROW BOTH_ROWS},
    {CUSTOM_ROW("4.5"), NATIVE_ROW, NATIVE_ROW},
    {CUSTOM_ROW("4.5") FLAT_ROWS, NATIVE_ROW, NATIVE_ROW BOTH_ROWS},
};

static void begin_switches(int bits) {
    char options[300];
    snprintf(options, sizeof options,
             "  scrape_native_histograms: %s\n  convert_classic_histograms_to_nhcb: %s\n"
             "  always_scrape_classic_histograms: %s\n",
             bits & 4 ? "true" : "false", bits & 2 ? "true" : "false", bits & 1 ? "true" : "false");
    begin(options);
}

START_TEST(histograms_become_what_the_switches_say) {
    static const char *const second[] = {
        "# TYPE h histogram\nh {count:3,sum:4.5,bucket:[1:2,+Inf:3]}\n# EOF\n",
        "# TYPE h histogram\nh {count:4,sum:4.5,schema:3,zero_threshold:0.5,zero_count:1,"
        "positive_spans:[0:2,1:1],positive_buckets:[1,0,2]} # {trace=\"x\"} 0.5 0.5\n# EOF\n",
        "# TYPE h histogram\nh {count:4,sum:4.5,schema:3,zero_threshold:0.5,zero_count:1,"
        "positive_spans:[0:2,1:1],positive_buckets:[1,0,2],bucket:[1:2,+Inf:4]} # {trace=\"x\"} 0.5 0.5\n# "
        "EOF\n"};
    for (int bits = 0; bits < 8; bits++)
        for (int kind = 0; kind < 3; kind++) {
            struct written_metric h = kind == 0   ? classic_metric()
                                      : kind == 1 ? native_metric()
                                                  : both_metric();
            begin_switches(bits);
            family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
            const char *got = scrape(EXPOSE_PROTOBUF, buf_view(&body));
            ck_assert_msg(strcmp(got, switches[bits][kind]) == 0, "%d, %d: %s", bits, kind, got);
            scrape(EXPOSE_TEXT, SPAN(""));
            const char *other = scrape(EXPOSE_OPENMETRICS2, span_from(second[kind]));
            /* else the exemplar is that of a bucket, too */
            if (kind == 0 || strcmp(switches[bits][kind], NATIVE_ROW) == 0)
                ck_assert_msg(strcmp(other, switches[bits][kind]) == 0, "2.0, %d, %d: %s", bits, kind, other);
            end();
        }
}
END_TEST

/* ---- classic lines to custom buckets ---- */

static const struct {
    const char *text, *wanted; /* with convert; the classic rows are what is left */
} line_cases[] = {
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.5\nh_count 3\n# TYPE g "
     "gauge\ng 1\n",
     CUSTOM_ROW("4.5") "g{} 1\n"},
    {"# TYPE h histogram\nh_count 3\nh_bucket{le=\"+Inf\"} 3\nh_bucket{le=\"1\"} 2\n", CUSTOM_ROW("0")},
    {"# TYPE h histogram\nh_bucket{a=\"1\",le=\"1\"} 2\nh_bucket{le=\"+Inf\",a=\"1\"} 3\n"
     "h_bucket{a=\"2\",le=\"+Inf\"} 7\nh_other 5\n",
     "h{a=\"1\", } whole schema=-53 count=3 sum=0 zero=0,0 +0:2=2,1 bounds=1\n"
     "h{a=\"2\", } whole schema=-53 count=7 sum=0 zero=0,0 +0:1=7\nh_other{} 5\n"},
    {"# TYPE \"h.x\" histogram\n{\"h.x_bucket\",le=\"1\"} 2\n{\"h.x_count\"} 3\n",
     "{\"h.x\", } whole schema=-53 count=3 sum=0 zero=0,0 +0:2=2,1 bounds=1\n"},
    /* without a TYPE, of another family, or with a bound that is none: as they are */
    {"h_bucket{le=\"1\"} 2\n# TYPE h histogram\nk_count 3\nh_bucket{le=\"x\"} 1\n",
     "h_bucket{, le=\"1\"} 2\nk_count{} 3\nh_bucket{, le=\"x\"} 1\n"},
    /* what makes no histogram is left out */
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 5\nh_count 3\n# TYPE g gauge\ng 1\n", "g{} 1\n"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 2 5000\nh_count 3 5000\n",
     "h{} whole schema=-53 count=3 sum=0 zero=0,0 +0:2=2,1 bounds=1 @5000\n"},
};

START_TEST(lines_of_classic_histograms_are_gathered) {
    for (size_t i = 0; i < sizeof line_cases / sizeof *line_cases; i++) {
        begin_switches(2);
        for (int again = 0; again < 3; again++) {
            const char *got = scrape(EXPOSE_TEXT, span_from(line_cases[i].text));
            ck_assert_msg(strcmp(got, line_cases[i].wanted) == 0, "case %zu: %s", i, got);
        }
        ck_assert_uint_eq(bench.counts.added, 0);
        end();
    }
    begin_switches(2 | 1);
    ck_assert_str_eq(
        scrape(EXPOSE_TEXT, span_from(line_cases[0].text)),
        "h_bucket{, le=\"1.0\"} 2\nh_bucket{, le=\"+Inf\"} 3\nh_sum{} 4.5\nh_count{} 3\n" CUSTOM_ROW(
            "4.5") "g{} 1\n");
    end();
    begin_switches(2); /* exemplars go along */
    ck_assert_str_eq(
        scrape(EXPOSE_OPENMETRICS, SPAN("# TYPE h histogram\nh_bucket{le=\"1\"} 2 # {a=\"b\"} 0.5 9\n"
                                        "h_bucket{le=\"+Inf\"} 3 # {a=\"c\"} 5\n# EOF\n")),
        "h{} whole schema=-53 count=3 sum=0 zero=0,0 +0:2=2,1 bounds=1 #0.5@9000 #5@1000\n");
    ck_assert_int_eq(bench_scrape(&bench, EXPOSE_TEXT, SPAN("# TYPE h histogram\nh_count x\n")), ERR_INVALID);
    bench_rows(&bench, &rows);
    ck_assert_str_eq(buf_text(&rows), "h{} stale\n");
    end();
}
END_TEST

/* ---- limits, ends, failures ---- */

START_TEST(histograms_are_made_coarser_until_they_fit) {
    static const struct {
        const char *option, *wanted;
    } cases[] = {
        {"  native_histogram_bucket_limit: 2\n",
         "h{} whole schema=3 count=4 sum=4.5 zero=0.5,1 +0:1,2:1=1,2 #0.5@500\n"},
        {"  native_histogram_bucket_limit: 1\n",
         NULL}, /* index 0 stays apart from those above, at any schema */
        {"  native_histogram_min_bucket_factor: 1.1\n",
         "h{} whole schema=2 count=4 sum=4.5 zero=0.5,1 +0:1,1:1=1,2 #0.5@500\n"},
        {"  native_histogram_min_bucket_factor: 65536\n",
         "h{} whole schema=-4 count=4 sum=4.5 zero=0.5,1 +0:2=1,2 #0.5@500\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[200];
        struct written_metric h = native_metric();
        snprintf(options, sizeof options, "  scrape_native_histograms: true\n%s", cases[i].option);
        begin(options);
        family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
        if (cases[i].wanted) {
            ck_assert_str_eq(scrape(EXPOSE_PROTOBUF, buf_view(&body)), cases[i].wanted);
        } else {
            ck_assert_int_eq(bench_scrape(&bench, EXPOSE_PROTOBUF, buf_view(&body)), ERR_LIMIT);
            ck_assert_str_eq(bench.err.text, "metric family \"h\": histogram bucket limit exceeded");
        }
        end();
    }
}
END_TEST

START_TEST(a_histogram_that_vanishes_ends_and_a_failure_ends_all) {
    struct written_metric h = native_metric(), c = {.metric.value = 5};
    begin("  scrape_native_histograms: true\n");
    family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
    size_t only = body.len;
    family_writer_add(&body, "c", "", "", EXPOSE_COUNTER, &c, 1);
    scrape(EXPOSE_PROTOBUF, buf_view(&body));
    const char *got = scrape(EXPOSE_PROTOBUF, span_of(body.data + only, body.len - only));
    ck_assert_str_eq(got, "c{} 5\nh{} stale\n");
    scrape(EXPOSE_PROTOBUF, buf_view(&body));
    h.metric.count = 99; /* more than its buckets hold */
    family_writer_add(&body, "h2", "", "", EXPOSE_HISTOGRAM, &h, 1);
    ck_assert_int_eq(bench_scrape(&bench, EXPOSE_PROTOBUF, buf_view(&body)), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "metric family \"h2\": 4 observations found in buckets"));
    bench_rows(&bench, &rows);
    ck_assert_str_eq(buf_text(&rows), "h{} stale\nc{} stale\n");
    end();
}
END_TEST

START_TEST(finer_schemas_than_the_store_has_are_made_coarser) {
    struct written_metric h = native_metric();
    begin("  scrape_native_histograms: true\n");
    h.metric.native.schema = 10;
    family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
    const char *got = scrape(EXPOSE_PROTOBUF, buf_view(&body));
    ck_assert_msg(strncmp(got, "h{} whole schema=8 count=4", 26) == 0, "%s", got);
    buf_reset(&body);
    h.metric.native.schema = 60;
    family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
    ck_assert_int_eq(bench_scrape(&bench, EXPOSE_PROTOBUF, buf_view(&body)), ERR_INVALID);
    ck_assert_str_eq(bench.err.text, "metric family \"h\": invalid histogram schema 60");
    end();
}
END_TEST

START_TEST(float_and_gauge_histograms_are_what_they_are) {
    static const double floats[] = {1.5, 0, 2};
    struct written_metric h = native_metric();
    begin("  scrape_native_histograms: true\n");
    h.metric.native.is_integer = false;
    h.metric.native.positive.counts = floats;
    h.metric.count = 4.5;
    h.metric.exemplar_count = 0;
    family_writer_add(&body, "h", "", "", EXPOSE_GAUGE_HISTOGRAM, &h, 1);
    ck_assert_str_eq(scrape(EXPOSE_PROTOBUF, buf_view(&body)),
                     "h{} float gauge schema=3 count=4.5 sum=4.5 zero=0.5,1 +0:1,2:1=1.5,2\n");
    end();
}
END_TEST

START_TEST(rules_and_limits_hold_for_every_format) {
    struct written_metric c = {.metric.value = 5}, h = classic_metric();
    static const char text[] = "# TYPE h histogram\nh_count 3\nh_sum 4.5\nh_bucket{le=\"1\"} 2\n";
    begin("  convert_classic_histograms_to_nhcb: true\n"
          "  metric_relabel_configs: [{source_labels: [__name__], regex: h, action: drop}]\n");
    family_writer_add(&body, "c", "", "", EXPOSE_COUNTER, &c, 1);
    family_writer_add(&body, "h", "", "", EXPOSE_HISTOGRAM, &h, 1);
    for (int again = 0; again < 3; again++) {
        ck_assert_str_eq(scrape(EXPOSE_PROTOBUF, buf_view(&body)), "c{} 5\n");
        ck_assert_uint_eq(bench.counts.scraped, 2);
        ck_assert_uint_eq(bench.counts.kept, 1);
    }
    ck_assert_str_eq(scrape(EXPOSE_TEXT, span_from(text)), "c{} stale\n");
    ck_assert_uint_eq(bench.counts.scraped, 1);
    end();
    begin("  sample_limit: 1\n");
    c.metric.exemplar_count = 0;
    family_writer_add(&body, "c", "", "", EXPOSE_COUNTER, &c, 1);
    ck_assert_str_eq(scrape(EXPOSE_PROTOBUF, buf_view(&body)), "c{} 5\n");
    family_writer_add(&body, "d", "", "", EXPOSE_COUNTER, &c, 1);
    ck_assert_int_eq(bench_scrape(&bench, EXPOSE_PROTOBUF, buf_view(&body)), ERR_LIMIT);
    ck_assert_str_eq(bench.err.text, "sample limit exceeded");
    ck_assert_uint_eq(bench.counts.kept, 2);
    end();
}
END_TEST

START_TEST(many_new_series_of_families_are_resolved_in_batches) {
    static struct written_metric metrics[4000];
    static struct label labels[4000];
    static char values[4000][1024];
    begin("");
    for (int i = 0; i < 4000; i++) {
        int len = snprintf(values[i], sizeof values[i], "%0900d", i);
        labels[i] = (struct label){SPAN("i"), span_of(values[i], (size_t)len)};
        metrics[i] = (struct written_metric){.labels = {&labels[i], 1}, .metric.value = i};
    }
    buf_release(&body);
    buf_init(&body, 16 << 20);
    family_writer_add(&body, "c", "", "", EXPOSE_COUNTER, metrics, 4000);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(bench_scrape(&bench, EXPOSE_PROTOBUF, buf_view(&body)), 0);
        ck_assert_uint_eq(bench.batch->count, 4000);
        for (size_t i = 0; i < 4000; i++) {
            ck_assert_ptr_nonnull(strstr(bench.store.series.items[bench.batch->refs[i].slot], values[i]));
            ck_assert(bench.batch->values[i] == (double)i);
        }
    }
    ck_assert_uint_eq(bench.store.resolved, 4000);
    end();
}
END_TEST

START_TEST(legacy_validation_refuses_other_names) {
    begin("  metric_name_validation_scheme: legacy\n  metric_name_escaping_scheme: underscores\n");
    ck_assert_str_eq(scrape(EXPOSE_TEXT, SPAN("a:b{c=\"d\"} 1\n")), "a:b{c=\"d\", } 1\n");
    ck_assert_int_eq(bench_scrape(&bench, EXPOSE_TEXT, SPAN("{\"a.b\"} 1\n")), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "invalid metric name or label names: "));
    ck_assert_int_eq(bench_scrape(&bench, EXPOSE_TEXT, SPAN("a{\"b.c\"=\"d\"} 1\n")), ERR_INVALID);
    end();
}
END_TEST

START_TEST(metadata_is_read_from_families) {
    struct written_metric c = {.metric.value = 5};
    begin("");
    family_writer_add(&body, "c_bytes", "Some\nhelp.", "bytes", EXPOSE_GAUGE, &c, 1);
    family_writer_add(&body, "u", "", "", EXPOSE_UNKNOWN, &c, 1);
    scrape(EXPOSE_PROTOBUF, buf_view(&body));
    const struct target_state *state = &bench.target->state;
    ck_assert_uint_eq(state->metadata->count, 2);
    ck_assert(span_is(state->metadata->entries[0].metric, "c_bytes") &&
              span_is(state->metadata->entries[0].type, "gauge"));
    ck_assert(span_is(state->metadata->entries[0].help, "Some\nhelp.") &&
              span_is(state->metadata->entries[0].unit, "bytes"));
    ck_assert(span_is(state->metadata->entries[1].type, "unknown"));
    ck_assert_uint_eq(bench.batch->metadata_count, 2);
    scrape(EXPOSE_PROTOBUF, buf_view(&body));
    ck_assert_uint_eq(bench.batch->metadata_count, 0); /* nothing new */
    end();
}
END_TEST

/* ---- negotiation ---- */

static const struct {
    const char *options, *accept;
} accept_cases[] = {
    {"",
     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
     "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
     "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"},
    {"  scrape_native_histograms: true\n",
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
     "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
     "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"},
    {"  scrape_protocols: [PrometheusText1.0.0]\n  metric_name_escaping_scheme: dots\n",
     "text/plain;version=1.0.0;escaping=dots;q=0.6,*/*;q=0.5"},
    {"  scrape_protocols: [OpenMetricsText2.0.0, PrometheusText0.0.4]\n  metric_name_validation_scheme: "
     "legacy\n"
     "  metric_name_escaping_scheme: underscores\n",
     "application/openmetrics-text;version=2.0.0;escaping=underscores;q=0.6,text/plain;version=0.0.4;q=0.5,"
     "*/*;q=0.4"},
    {"  scrape_protocols: [OpenMetricsText2.0.0, OpenMetricsText1.0.0, OpenMetricsText0.0.1, "
     "PrometheusProto, "
     "PrometheusText1.0.0, PrometheusText0.0.4]\n  metric_name_escaping_scheme: values\n",
     "application/openmetrics-text;version=2.0.0;escaping=values;q=0.7,"
     "application/openmetrics-text;version=1.0.0;escaping=values;q=0.6,"
     "application/openmetrics-text;version=0.0.1;q=0.5,"
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.4,"
     "text/plain;version=1.0.0;escaping=values;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"},
};

START_TEST(what_is_asked_for_follows_the_configuration) {
    for (size_t i = 0; i < sizeof accept_cases / sizeof *accept_cases; i++) {
        begin(accept_cases[i].options);
        request_accept(bench.target->job, &body);
        ck_assert_str_eq(buf_text(&body), accept_cases[i].accept);
        end();
    }
}
END_TEST

static const struct {
    const char *type, *fallback;
    int format; /* -1: refused */
} type_cases[] = {
    {"text/plain", "", EXPOSE_TEXT},
    {"Text/Plain; version=0.0.4; charset=utf-8", "", EXPOSE_TEXT},
    {"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores", "",
     EXPOSE_OPENMETRICS},
    {"application/openmetrics-text;version=0.0.1", "", EXPOSE_OPENMETRICS},
    {"application/openmetrics-text", "", EXPOSE_OPENMETRICS},
    {"application/openmetrics-text; charset=utf-8; version=2.0.0", "", EXPOSE_OPENMETRICS2},
    {"application/openmetrics-text;version=\"2.0.0\"", "", EXPOSE_OPENMETRICS2},
    {"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", "",
     EXPOSE_PROTOBUF},
    {"text/html", "", -1},
    {"", "", -1},
    {"text/html", "  fallback_scrape_protocol: PrometheusText0.0.4\n", EXPOSE_TEXT},
    {"", "  fallback_scrape_protocol: PrometheusProto\n", EXPOSE_PROTOBUF},
    {"", "  fallback_scrape_protocol: OpenMetricsText2.0.0\n", EXPOSE_OPENMETRICS2},
    {"text/plain", "  fallback_scrape_protocol: PrometheusProto\n", EXPOSE_TEXT},
};

START_TEST(the_answers_type_decides_or_else_the_fallback) {
    for (size_t i = 0; i < sizeof type_cases / sizeof *type_cases; i++) {
        struct http_response response = {.status = 200};
        enum expose_format format = EXPOSE_TEXT;
        begin(type_cases[i].fallback);
        response.content_type = type_cases[i].type;
        int rc = request_judge(bench.target->job, &response, &format, &bench.err);
        ck_assert_int_eq(rc, type_cases[i].format < 0 ? ERR_INVALID : 0);
        if (!rc) ck_assert_int_eq((int)format, type_cases[i].format);
        end();
    }
}
END_TEST

CHECK_MAIN("formats", every_format_gives_the_same_rows, histograms_become_what_the_switches_say,
           lines_of_classic_histograms_are_gathered, histograms_are_made_coarser_until_they_fit,
           a_histogram_that_vanishes_ends_and_a_failure_ends_all,
           finer_schemas_than_the_store_has_are_made_coarser, float_and_gauge_histograms_are_what_they_are,
           rules_and_limits_hold_for_every_format, many_new_series_of_families_are_resolved_in_batches,
           legacy_validation_refuses_other_names, metadata_is_read_from_families,
           what_is_asked_for_follows_the_configuration, the_answers_type_decides_or_else_the_fallback)
