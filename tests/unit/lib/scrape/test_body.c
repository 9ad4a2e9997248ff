/* Expositions into batches: the cached way must say what a full parse says, whatever changes between scrapes.
 */
#include "lib/scrape/body.h"
#include "lib/scrape/usage.h"
#include "tests/check_main.h"
#include "tests/support/family_writer.h"
#include "tests/unit/lib/scrape/fake_store.h"

#include <stdio.h>

static struct fake_store store;
static struct config *config;
static struct target *target;
static struct append_batch *batch;
static struct body_counts counts;
static struct err err;
static struct scrape_limits limits;

static void begin(const char *labels, const char *options) {
    static struct config_errors errors;
    char text[2048];
    fake_store_init(&store);
    snprintf(text, sizeof text,
             "scrape_configs:\n- job_name: j\n  static_configs:\n  - {targets: ['h:1'], labels: {%s}}\n%s",
             labels, options);
    int rc = config_load_text(span_from(text), "test.yml", &config, &errors);
    ck_assert_msg(rc == 0, "%s", errors.count ? errors.items[0].message : "");
    const struct scrape_config *job = &config->scrape_configs.items[0];
    struct arena arena;
    struct label_builder builder;
    arena_init(&arena, 1 << 20, NULL);
    label_builder_init(&builder, &arena, job->discovery.static_configs.items[0].labels);
    label_builder_set(&builder, SPAN("__address__"), SPAN("h:1"));
    rc = target_create(config, job, (struct labels){builder.items, builder.count}, &target, NULL);
    arena_release(&arena);
    ck_assert_int_eq(rc, 0);
}

static void end(void) {
    limits = (struct scrape_limits){0};
    append_batch_destroy(batch);
    batch = NULL;
    target_destroy(target);
    config_unref(config);
    fake_store_release(&store);
}

/* as the loop does it: a failed scrape leaves staleness markers only */
static int scrape_as(enum expose_format format, struct span body, size_t max_samples, int64_t time_ms) {
    limits.samples = max_samples;
    append_batch_destroy(batch);
    batch = append_batch_create(1, false, NULL, NULL);
    batch->time_ms = time_ms;
    counts = (struct body_counts){0};
    err = (struct err){0};
    char *copy = mem_array(body.len, 1); /* of its exact size: the sanitizer sees a read past the end */
    if (body.len) memcpy(copy, body.ptr, body.len);
    int rc = body_append(target, &store.appender, format, span_of(copy, body.len), &limits, time_ms, &batch,
                         &counts, &err);
    mem_free(copy);
    if (!rc) return 0;
    append_batch_clear(batch);
    body_append_stale(target, batch, time_ms);
    return rc;
}

static int scrape(const char *body) {
    return scrape_as(EXPOSE_TEXT, span_from(body), 1000000, 1000);
}

/* the batch in lines: series value @time */
static const char *rows(void) {
    static char out[8192];
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < batch->count; i++) {
        double value = batch->values[i];
        ck_assert_uint_ne(batch->refs[i].generation, 0);
        len += (size_t)snprintf(out + len, sizeof out - len, "%s ", store.series.items[batch->refs[i].slot]);
        if (value_is_stale(value))
            len += (size_t)snprintf(out + len, sizeof out - len, "stale");
        else
            len += (size_t)snprintf(out + len, sizeof out - len, "%g", value);
        int64_t time_ms = batch->times_ms ? batch->times_ms[i] : batch->time_ms;
        len += (size_t)snprintf(out + len, sizeof out - len, time_ms == 1000 ? "\n" : " @%lld\n",
                                (long long)time_ms);
    }
    return out;
}

#define OWN "instance=\"h:1\", job=\"j\""

START_TEST(the_targets_labels_are_added) {
    begin("zone: z", "");
    ck_assert_int_eq(scrape("a 1\nb{x=\"y\"} 2\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN ", zone=\"z\"} 1\nb{" OWN ", x=\"y\", zone=\"z\"} 2\n");
    ck_assert_uint_eq(counts.scraped, 2);
    ck_assert_uint_eq(counts.added, 2);
    ck_assert_int_eq(scrape("a 1\nb{x=\"y\"} 3\n"), 0);
    ck_assert_uint_eq(counts.added, 0);
    ck_assert_uint_eq(store.resolved, 2); /* the second time nothing was asked for */
    end();
}
END_TEST

START_TEST(conflicting_labels_are_renamed) {
    begin("zone: z", "");
    ck_assert_int_eq(scrape("a{job=\"x\"} 1\nb{job=\"x\",exported_job=\"y\"} 2\nc{zone=\"\"} 3\n"), 0);
    ck_assert_str_eq(rows(), "a{exported_job=\"x\", " OWN ", zone=\"z\"} 1\n"
                             "b{exported_exported_job=\"x\", exported_job=\"y\", " OWN ", zone=\"z\"} 2\n"
                             "c{" OWN ", zone=\"z\"} 3\n");
    end();
}
END_TEST

START_TEST(honored_labels_win_even_when_empty) {
    begin("zone: z", "  honor_labels: true\n");
    ck_assert_int_eq(scrape("a{job=\"x\"} 1\nb{instance=\"\"} 2\nc{ zone = \"\" , job=\"\"} 3\n"), 0);
    ck_assert_str_eq(rows(), "a{instance=\"h:1\", job=\"x\", zone=\"z\"} 1\n"
                             "b{job=\"j\", zone=\"z\"} 2\nc{instance=\"h:1\"} 3\n");
    ck_assert_int_eq(scrape("d{x=\" instance=\"} 1\n"), 0); /* only looks like one */
    ck_assert_ptr_nonnull(strstr(rows(), "d{" OWN ", x=\" instance=\", zone=\"z\"} 1\n"));
    end();
}
END_TEST

START_TEST(what_vanishes_ends_but_not_what_has_times_of_its_own) {
    begin("", "");
    ck_assert_int_eq(scrape("a 1\nb 2 500\nc 3\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nb{" OWN "} 2 @500\nc{" OWN "} 3\n");
    ck_assert_int_eq(scrape("c 3\n"), 0);
    ck_assert_str_eq(rows(), "c{" OWN "} 3\na{" OWN "} stale\n");
    ck_assert_int_eq(scrape("c 3\na 1\n"), 0);
    ck_assert_uint_eq(counts.added, 1); /* what ended begins anew */
    ck_assert_int_ne(scrape("c 3\na x\n"), 0);
    ck_assert_str_eq(rows(), "c{" OWN "} stale\na{" OWN "} stale\n");
    ck_assert_int_ne(scrape("c 3\na x\n"), 0);
    ck_assert_uint_eq(target->cache.count, 0);
    end();
}
END_TEST

START_TEST(what_begins_like_the_expected_series_may_be_another) {
    begin("", "");
    ck_assert_int_eq(scrape("a 1\nb 2\n"), 0);
    ck_assert_int_eq(scrape("a {x=\"y\"} 3\nb 2\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN ", x=\"y\"} 3\nb{" OWN "} 2\na{" OWN "} stale\n");
    ck_assert_int_eq(scrape("a {x=\"y\"} 3\nbb 2\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN ", x=\"y\"} 3\nbb{" OWN "} 2\nb{" OWN "} stale\n");
    ck_assert_int_ne(scrape("a {x=\"y\"}\n"), 0);
    ck_assert_int_eq(scrape("a 4"), 0); /* no line end */
    ck_assert_int_eq(scrape("a 5"), 0);
    ck_assert_int_ne(scrape("a "), 0);
    ck_assert_int_eq(scrape("a 6\n"), 0);
    ck_assert_int_ne(scrape("a"), 0);
    end();
}
END_TEST

START_TEST(times_may_be_tracked_or_left_out) {
    begin("", "  track_timestamps_staleness: true\n");
    ck_assert_int_eq(scrape("b 2 500\n"), 0);
    ck_assert_int_eq(scrape(""), 0);
    ck_assert_str_eq(rows(), "b{" OWN "} stale\n");
    end();
    begin("", "  honor_timestamps: false\n");
    ck_assert_int_eq(scrape("b 2 500\n"), 0);
    ck_assert_str_eq(rows(), "b{" OWN "} 2\n");
    ck_assert_int_eq(scrape(""), 0);
    ck_assert_str_eq(rows(), "b{" OWN "} stale\n");
    end();
}
END_TEST

START_TEST(a_series_told_twice_is_two_rows) {
    begin("", "");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(scrape("a 1\na 2\nb 3\n"), 0);
        ck_assert_str_eq(rows(), "a{" OWN "} 1\na{" OWN "} 2\nb{" OWN "} 3\n");
    }
    ck_assert_int_eq(scrape("b 3\n"), 0);
    ck_assert_str_eq(rows(), "b{" OWN "} 3\na{" OWN "} stale\n");
    end();
}
END_TEST

START_TEST(many_new_series_are_resolved_in_batches) {
    struct buf text;
    begin("", "");
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 5000; i++) buf_printf(&text, "m%d{i=\"%d\"} %d\n", i % 7, i, i);
    ck_assert_int_eq(scrape_as(EXPOSE_TEXT, buf_view(&text), 1000000, 1000), 0);
    ck_assert_uint_eq(batch->count, 5000);
    for (size_t i = 0; i < batch->count; i++) {
        char series[100];
        snprintf(series, sizeof series, "m%zu{i=\"%zu\", " OWN "}", i % 7, i);
        if (strcmp(store.series.items[batch->refs[i].slot], series) != 0 || batch->values[i] != (double)i)
            ck_abort_msg("row %zu is %s", i, store.series.items[batch->refs[i].slot]);
    }
    ck_assert_uint_eq(store.resolved, 5000);
    buf_release(&text);
    end();
}
END_TEST

START_TEST(limits_fail_the_scrape) {
    static const struct {
        const char *options, *body, *reason;
        enum body_limit over;
        size_t scraped, kept;
    } cases[] = {
        {"  sample_limit: 2\n", "a 1\nb 2\nc 3\nd 4\n", "sample limit exceeded", BODY_OVER_SAMPLES, 4, 4},
        {"  sample_limit: 2\n", "a 1\nb 2\nc 3\nd 4\nbroken\n", "line 5: expected a value", BODY_OVER_SAMPLES,
         4, 4},
        {"", "a 1\nb 2\nc 3\nd 4\ne 5\nf 6\n",
         "sample limit exceeded: more than 5 samples before relabelling (--scrape.max-samples)",
         BODY_OVER_SAMPLES, 6, 5},
        {"  label_limit: 4\n", "a 1\nb{c=\"d\",e=\"f\"} 1\n",
         "label_limit exceeded (metric: b, number of labels: 5, limit: 4)", BODY_OVER_LABELS, 2, 1},
        {"  label_name_length_limit: 8\n", "a{long_name=\"\"} 1\na{long_name=\"x\"} 1",
         "label_name_length_limit exceeded (metric: a, label name: long_name, length: 9, limit: 8)",
         BODY_OVER_LABELS, 2, 1},
        {"  label_value_length_limit: 10\n", "a{b=\"a \\\"longer\\\" value\"} 1",
         "label_value_length_limit exceeded (metric: a, label name: b, value: \"a \\\"longer\\\" value\", "
         "length: 16, limit: 10)",
         BODY_OVER_LABELS, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin("", cases[i].options);
        ck_assert_int_eq(scrape_as(EXPOSE_TEXT, span_from("a 1\n"), 5, 1000), 0);
        int rc = scrape_as(EXPOSE_TEXT, span_from(cases[i].body), 5, 1000);
        ck_assert_msg(rc == ERR_LIMIT || rc == ERR_INVALID, "case %zu: %d", i, rc);
        ck_assert_msg(strncmp(err.text, cases[i].reason, strlen(cases[i].reason)) == 0, "%s", err.text);
        ck_assert_int_eq(counts.over, cases[i].over);
        ck_assert_uint_eq(counts.scraped, cases[i].scraped);
        ck_assert_uint_eq(counts.kept, cases[i].kept);
        ck_assert_ptr_nonnull(strstr(rows(), "a{" OWN "} stale\n"));
        end();
    }
}
END_TEST

START_TEST(the_servers_limits_hold_where_a_job_has_none) {
    static const struct {
        struct scrape_limits limits;
        const char *reason;
    } cases[] = {
        {{.labels = 3}, "label_limit exceeded (metric: a, number of labels: 4, limit: 3)"},
        {{.label_name_bytes = 7}, "label_name_length_limit exceeded (metric: a, label name: __name__"},
        {{.label_value_bytes = 5}, "label_value_length_limit exceeded (metric: a, label name: b"},
        {{.label_bytes = 20}, "labels exceed --scrape.max-label-bytes (metric: a, length: 31, limit: 20)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin("", "");
        batch = append_batch_create(1, false, NULL, NULL);
        int rc = body_append(target, &store.appender, EXPOSE_TEXT, SPAN("a{b=\"123456\"} 1\n"),
                             &cases[i].limits, 1000, &batch, &counts, &err);
        ck_assert_int_eq(rc, ERR_LIMIT);
        ck_assert_msg(strncmp(err.text, cases[i].reason, strlen(cases[i].reason)) == 0, "%s", err.text);
        end();
    }
}
END_TEST

START_TEST(known_series_count_against_a_limit_too) {
    begin("", "");
    ck_assert_int_eq(scrape("a 1\nb 2\nc 3\n"), 0);
    ck_assert_int_eq(scrape_as(EXPOSE_TEXT, SPAN("a 1\nb 2\nc 3\n"), 3, 1000), 0);
    ck_assert_uint_eq(counts.scraped, 3);
    ck_assert_uint_eq(counts.kept, 3);
    ck_assert_int_eq(scrape_as(EXPOSE_TEXT, SPAN("a 1\nb 2\nc 3\n"), 2, 1000), ERR_LIMIT);
    ck_assert_uint_eq(batch->count, 3); /* all have ended */
    end();
}
END_TEST

START_TEST(rules_rewrite_what_is_stored) {
    begin("zone: z", "  metric_relabel_configs:\n"
                     "  - {source_labels: [__name__, zone], regex: 'old_(.*);z', target_label: __name__}\n"
                     "  - {action: labeldrop, regex: zone|secret}\n"
                     "  - {source_labels: [exported_job], regex: '(.+)', target_label: job}\n");
    ck_assert_int_eq(scrape("old_a{secret=\"s\"} 1\nb{job=\"x\"} 2\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nb{exported_job=\"x\", instance=\"h:1\", job=\"x\"} 2\n");
    ck_assert_uint_eq(counts.kept, 2);
    ck_assert_int_eq(scrape("b{job=\"x\"} 3\n"), 0);
    ck_assert_str_eq(rows(), "b{exported_job=\"x\", instance=\"h:1\", job=\"x\"} 3\na{" OWN "} stale\n");
    end();
}
END_TEST

START_TEST(what_rules_drop_costs_its_entry_only) {
    begin("", "  sample_limit: 2\n  metric_relabel_configs:\n"
              "  - {action: drop, source_labels: [__name__], regex: 'go_.*'}\n");
    const char *body = "go_a 1\nx 1\ngo_b 2 500\ny 2\ngo_c 3\n";
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(scrape(body), 0);
        ck_assert_str_eq(rows(), "x{" OWN "} 1\ny{" OWN "} 2\n");
        ck_assert_uint_eq(counts.scraped, 5);
        ck_assert_uint_eq(counts.kept, 2); /* the limit counts these */
        ck_assert_uint_eq(counts.added, i == 0 ? 2 : 0);
        ck_assert_uint_eq(store.resolved, 2);
        ck_assert_uint_eq(target->cache.count, 5);
        ck_assert_uint_eq(target->cache.stored, 2);
    }
    /* known and dropped: nothing of it is looked at, not even its value */
    ck_assert_int_eq(scrape("go_a what\nx 1\ny 2\n"), 0);
    ck_assert_int_ne(scrape("go_new what\nx 1\ny 2\n"), 0);
    /* gone without a marker: nothing of it was stored */
    ck_assert_int_eq(scrape(body), 0);
    ck_assert_int_eq(scrape("x 1\ny 2\n"), 0);
    ck_assert_str_eq(rows(), "x{" OWN "} 1\ny{" OWN "} 2\n");
    ck_assert_int_eq(scrape("x 1\ny 2\nz 3\n"), ERR_LIMIT);
    end();
}
END_TEST

START_TEST(many_dropped_series_need_no_memory_of_their_labels) {
    struct buf text;
    begin("", "  metric_relabel_configs: [{action: keep, source_labels: [keep], regex: 'yes'}]\n");
    buf_init(&text, 64 << 20);
    buf_puts(&text, "a{keep=\"yes\"} 1\n");
    for (int i = 0; i < 40000; i++) buf_printf(&text, "m{i=\"%d\",long=\"%0500d\"} %d\n", i, i, i);
    ck_assert_int_eq(scrape_as(EXPOSE_TEXT, buf_view(&text), 1000000, 1000), 0);
    ck_assert_str_eq(rows(), "a{" OWN ", keep=\"yes\"} 1\n");
    ck_assert_uint_eq(counts.scraped, 40001);
    ck_assert_uint_eq(target->cache.stored, 1);
    buf_release(&text);
    end();
}
END_TEST

START_TEST(labels_that_rules_spoil_fail_the_scrape) {
    static const char *const cases[][2] = {
        {"{action: labeldrop, regex: __name__}", "missing metric name (__name__ label)"},
        {"{action: labelmap, regex: 'i(.*)', replacement: '$2'}", "invalid metric name or label names: "},
        {"{action: labelkeep, regex: 'none'}", NULL}, /* no label left: dropped */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[256];
        snprintf(options, sizeof options, "  metric_relabel_configs: [%s]\n", cases[i][0]);
        begin("", options);
        int rc = scrape("a 1\n");
        ck_assert_int_eq(rc, cases[i][1] ? ERR_INVALID : 0);
        if (rc)
            ck_assert_msg(strncmp(err.text, cases[i][1], strlen(cases[i][1])) == 0, "%s", err.text);
        else
            ck_assert_uint_eq(batch->count, 0);
        end();
    }
    begin("", "  metric_name_validation_scheme: legacy\n");
    ck_assert_int_eq(scrape("{\"a.b\"} 1\n"), ERR_INVALID);
    ck_assert_str_eq(err.text, "invalid metric name or label names: {\"a.b\", instance=\"h:1\", job=\"j\"}");
    ck_assert_int_eq(scrape("a{\"b.c\"=\"d\"} 1\n"), ERR_INVALID);
    ck_assert_int_eq(scrape("a:b 1\n"), 0);
    end();
}
END_TEST

START_TEST(a_job_at_its_series_limit_fails_or_leaves_new_ones_out) {
    struct usage *usage = usage_create("j", NULL);
    begin("", "  series_limit: 2\n");
    usage_configure(usage, target->job);
    target->usage = usage;
    ck_assert_int_eq(scrape("a 1\nb 2\n"), 0);
    ck_assert_uint_eq(usage->active, 2);
    ck_assert_int_eq(scrape("c 1\nb 2\n"), ERR_LIMIT); /* a has not ended yet */
    ck_assert_str_eq(err.text, "series_limit exceeded (active series of the job: 2, limit: 2)");
    ck_assert_int_eq(counts.over, BODY_OVER_SERIES);
    ck_assert_uint_eq(usage->active, 0);
    ck_assert_int_eq(scrape("c 1\nb 2\n"), 0);
    ck_assert_uint_eq(usage->active, 2);
    end();
    ck_assert_uint_eq(usage->active, 0); /* the target has left */

    begin("", "  series_limit: 2\n  series_limit_policy: drop\n"
              "  metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: x}]\n");
    usage_configure(usage, target->job);
    target->usage = usage;
    ck_assert_int_eq(scrape("x 0\na 1\nb 2\nc 3\nd 4\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nb{" OWN "} 2\n");
    ck_assert_uint_eq(counts.over_series, 2);
    ck_assert_uint_eq(counts.added, 2);
    ck_assert_uint_eq(counts.kept, 4);
    ck_assert_int_eq(scrape("x 0\na 1\nb 2\nc 3\nd 4\n"), 0);
    ck_assert_uint_eq(counts.over_series, 2);
    ck_assert_uint_eq(store.resolved, 2);
    ck_assert_int_eq(scrape("c 3\nd 4\na 1\n"),
                     0); /* there is room when b has ended, so from the next one on */
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nb{" OWN "} stale\n");
    ck_assert_int_eq(scrape("c 3\nd 4\na 1\n"), 0);
    ck_assert_str_eq(rows(), "c{" OWN "} 3\na{" OWN "} 1\n");
    ck_assert_uint_eq(counts.over_series, 1);
    ck_assert_int_eq(scrape("a 1\n"), 0); /* d leaves without a marker */
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nc{" OWN "} stale\n");
    ck_assert_uint_eq(usage->active, 1);
    end();
    usage_destroy(usage);
}
END_TEST

START_TEST(of_a_store_that_takes_no_more_series_the_known_ones_go_on) {
    begin("", "");
    store.max_series = 2;
    ck_assert_int_eq(scrape("a 1\nb 2\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nb{" OWN "} 2\n");
    ck_assert_int_eq(scrape("c 3\na 1\nd 4\nb 5\n"), 0);
    ck_assert_str_eq(rows(), "a{" OWN "} 1\nb{" OWN "} 5\n");
    ck_assert_int_eq(scrape("c 3\nb 6\n"), 0); /* c never had a sample: no marker for it, nor later for d */
    ck_assert_str_eq(rows(), "b{" OWN "} 6\na{" OWN "} stale\n");
    store.max_series = 0;
    ck_assert_int_eq(scrape("c 3\nb 6\n"), 0);
    ck_assert_str_eq(rows(), "c{" OWN "} 3\nb{" OWN "} 6\n");
    end();
}
END_TEST

START_TEST(metadata_is_kept_and_renewed) {
    begin("", "");
    ck_assert_int_eq(scrape("# HELP a About a.\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n"), 0);
    ck_assert_uint_eq(target->state.metadata->count, 2);
    ck_assert(span_is(target->state.metadata->entries[0].metric, "a"));
    ck_assert(span_is(target->state.metadata->entries[0].help, "About a."));
    ck_assert(span_is(target->state.metadata->entries[0].type, "counter"));
    ck_assert(span_is(target->state.metadata->entries[1].type, "gauge"));
    ck_assert_int_eq(scrape_as(EXPOSE_OPENMETRICS,
                               SPAN("# TYPE c_bytes unknown\n# UNIT c_bytes bytes\nc_bytes 1\n# EOF\n"), 10,
                               1000),
                     0);
    ck_assert_uint_eq(target->state.metadata->count, 1);
    ck_assert(span_is(target->state.metadata->entries[0].unit, "bytes"));
    ck_assert_uint_eq(target->state.metadata->entries[0].help.len, 0);
    end();
}
END_TEST

/* ---- against a naive one ---- */

#define SERIES 40

static uint64_t random_state = 11;
static uint32_t draw(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

struct line {
    uint32_t series;
    char value[32];
    bool has_time;
    int64_t time_ms;
};

static struct line lines[SERIES + 8];
static size_t line_count;

static void draw_value(struct line *line) {
    static const char *const forms[] = {"%u", "-%u", "%u.5", "0.%u", "%ue3", "%u.123456789012345678", "+%u"};
    uint32_t form = draw(10);
    if (form < 7) {
        char text[32];
        snprintf(text, sizeof text, forms[form], draw(100));
        memcpy(line->value, text, sizeof text);
    } else
        snprintf(line->value, sizeof line->value, "%s", form == 7 ? "NaN" : form == 8 ? "+Inf" : "-0");
}

static void draw_line(struct line *line, uint32_t series) {
    line->series = series;
    draw_value(line);
    line->has_time = draw(8) == 0;
    line->time_ms = (int64_t)draw(1000000);
}

/* what a target may do between two scrapes */
static void mutate(void) {
    switch (draw(6)) {
    case 0: /* starts again */
        line_count = draw(SERIES);
        for (size_t i = 0; i < line_count; i++) draw_line(&lines[i], (uint32_t)i);
        break;
    case 1: /* one more, somewhere, maybe for the second time */
        if (line_count == SERIES + 8) break;
        size_t at = draw((uint32_t)line_count + 1);
        memmove(lines + at + 1, lines + at, (line_count - at) * sizeof *lines);
        line_count++;
        draw_line(&lines[at], draw(SERIES));
        break;
    case 2: /* one less */
        if (!line_count) break;
        at = draw((uint32_t)line_count);
        memmove(lines + at, lines + at + 1, (--line_count - at) * sizeof *lines);
        break;
    case 3: /* another order */
        for (size_t i = 1; i < line_count; i++) {
            size_t k = draw((uint32_t)i + 1);
            struct line swap = lines[i];
            lines[i] = lines[k];
            lines[k] = swap;
        }
        break;
    default: /* other values */
        for (size_t i = 0; i < line_count; i++)
            if (draw(3) == 0) draw_line(&lines[i], lines[i].series);
    }
}

static void write_exposition(struct buf *out) {
    buf_reset(out);
    for (size_t i = 0; i < line_count; i++) {
        if (i % 5 == 0) buf_printf(out, "# HELP m%u Some words.\n", lines[i].series % 3);
        buf_printf(out, "m%u{i=\"%u\",e=\"\\\\\\n\"} %s", lines[i].series % 3, lines[i].series,
                   lines[i].value);
        if (lines[i].has_time) buf_printf(out, " %lld", (long long)lines[i].time_ms);
        buf_putc(out, '\n');
    }
}

static const char *series_text(uint32_t series) {
    static char text[100];
    snprintf(text, sizeof text, "m%u{e=\"\\\\\\n\", i=\"%u\", " OWN "}", series % 3, series);
    return text;
}

static bool was_there[SERIES], was_timed[SERIES];

/* row by row: the lines in order, then the markers, each once */
static void check_rows(int round, int64_t now_ms) {
    bool is_there[SERIES] = {0}, is_timed[SERIES] = {0}, ended[SERIES] = {0};
    for (size_t i = 0; i < line_count; i++) {
        double value = strtod(lines[i].value, NULL);
        if (value != value) value = value_nan();
        is_there[lines[i].series] = true;
        is_timed[lines[i].series] = lines[i].has_time;
        int64_t time_ms = batch->times_ms ? batch->times_ms[i] : batch->time_ms;
        if (strcmp(store.series.items[batch->refs[i].slot], series_text(lines[i].series)) != 0 ||
            double_bits(batch->values[i]) != double_bits(value) ||
            time_ms != (lines[i].has_time ? lines[i].time_ms : now_ms))
            ck_abort_msg("round %d, row %zu: %s is %g at %lld", round, i,
                         store.series.items[batch->refs[i].slot], batch->values[i], (long long)time_ms);
    }
    size_t markers = 0;
    for (uint32_t s = 0; s < SERIES; s++) {
        bool must_end = was_there[s] && !is_there[s] && !was_timed[s];
        for (size_t i = line_count; i < batch->count; i++)
            if (strcmp(store.series.items[batch->refs[i].slot], series_text(s)) == 0) {
                if (!value_is_stale(batch->values[i]) || ended[s] || !must_end)
                    ck_abort_msg("round %d: a marker for series %u that has not ended", round, s);
                ended[s] = true;
            }
        markers += must_end;
        was_there[s] = is_there[s];
        was_timed[s] = is_timed[s];
    }
    ck_assert_uint_eq(batch->count, line_count + markers);
}

START_TEST(random_changes_give_what_a_full_parse_gives) {
    struct buf text;
    begin("", "");
    buf_init(&text, 1 << 20);
    memset(was_there, 0, sizeof was_there);
    for (int round = 0; round < 3000; round++) {
        if (draw(4)) mutate();
        write_exposition(&text);
        if (draw(20) == 0) {
            buf_puts(&text, "broken\n");
            ck_assert_int_eq(scrape_as(EXPOSE_TEXT, buf_view(&text), 1000, round), ERR_INVALID);
            memset(was_there, 0, sizeof was_there);
            continue;
        }
        struct err *why = &err;
        ck_assert_msg(scrape_as(EXPOSE_TEXT, buf_view(&text), 1000, round) == 0, "%s", why->text);
        check_rows(round, round);
    }
    buf_release(&text);
    end();
}
END_TEST

START_TEST(type_and_unit_become_labels_if_that_is_wanted) {
    static const char *const text = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
                                    "a_seconds_total{__type__=\"x\"} 1\nother 1\n"
                                    "# TYPE b unknown\nb{__type__=\"x\"} 2\n# EOF\n";
    begin("", "");
    ck_assert_int_eq(scrape_as(EXPOSE_OPENMETRICS, span_from(text), 100, 1000), 0);
    ck_assert_str_eq(rows(), "a_seconds_total{__type__=\"x\", " OWN "} 1\nother{" OWN "} 1\n"
                             "b{__type__=\"x\", " OWN "} 2\n");
    cache_clear(&target->cache);
    limits.adds_type_and_unit = true;
    ck_assert_int_eq(scrape_as(EXPOSE_OPENMETRICS, span_from(text), 100, 1000), 0);
    ck_assert_str_eq(rows(), "a_seconds_total{__type__=\"counter\", __unit__=\"seconds\", " OWN "} 1\n"
                             "other{" OWN "} 1\nb{__type__=\"x\", " OWN "} 2\n");
    struct written_metric metric = {.metric.value = 3};
    struct buf body;
    buf_init(&body, 1 << 16);
    family_writer_add(&body, "c_bytes", "", "bytes", EXPOSE_GAUGE, &metric, 1);
    cache_clear(&target->cache);
    ck_assert_int_eq(scrape_as(EXPOSE_PROTOBUF, buf_view(&body), 100, 1000), 0);
    ck_assert_str_eq(rows(), "c_bytes{__type__=\"gauge\", __unit__=\"bytes\", " OWN "} 3\n");
    buf_release(&body);
    end();
}
END_TEST

static void scrape_starts(enum expose_format format, const char *body, int64_t time_ms, const char *wanted) {
    ck_assert_msg(scrape_as(format, span_from(body), 100, time_ms) == 0, "%s", err.text);
    ck_assert_str_eq(rows(), wanted);
    target->state.last_scrape_ms = time_ms;
}

START_TEST(a_zero_stands_where_a_counter_began) {
    static const char *const text = "# TYPE a counter\na_total{x=\"1\"} 5 # {} 1\na_created{x=\"1\"} 0.5\n"
                                    "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\n"
                                    "h_created 0.25\n# TYPE g gauge\ng_created 0.1\n# EOF\n";
    begin("", "");
    scrape_starts(EXPOSE_OPENMETRICS, text, 1000,
                  "a_total{" OWN ", x=\"1\"} 5\na_created{" OWN ", x=\"1\"} 0.5\nh_bucket{" OWN
                  ", le=\"+Inf\"} 2\nh_count{" OWN "} 2\nh_sum{" OWN "} 3\nh_created{" OWN
                  "} 0.25\ng_created{" OWN "} 0.1\n");
    cache_clear(&target->cache);
    limits.adds_zeros = true;
    scrape_starts(EXPOSE_OPENMETRICS, text, 1000,
                  "a_total{" OWN ", x=\"1\"} 0 @500\na_total{" OWN ", x=\"1\"} 5\nh_bucket{" OWN
                  ", le=\"+Inf\"} 0 @250\nh_bucket{" OWN ", le=\"+Inf\"} 2\nh_count{" OWN
                  "} 0 @250\nh_count{" OWN "} 2\nh_sum{" OWN "} 0 @250\nh_sum{" OWN "} 3\ng_created{" OWN
                  "} 0.1\n");
    ck_assert_uint_eq(batch->exemplars[0].row, 1); /* of the sample, not the zero */
    ck_assert_uint_eq(counts.added, 5);
    scrape_starts(
        EXPOSE_OPENMETRICS, "# TYPE a counter\na_total{x=\"1\"} 6\na_created{x=\"1\"} 0.5\n# EOF\n", 1001,
        "a_total{" OWN ", x=\"1\"} 6 @1001\nh_bucket{" OWN ", le=\"+Inf\"} stale @1001\nh_count{" OWN
        "} stale @1001\nh_sum{" OWN "} stale @1001\ng_created{" OWN "} stale @1001\n");
    scrape_starts(EXPOSE_OPENMETRICS, "# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 1.5\n# EOF\n",
                  1600, "a_total{" OWN ", x=\"1\"} 0 @1500\na_total{" OWN ", x=\"1\"} 1 @1600\n");
    scrape_starts(EXPOSE_OPENMETRICS,
                  "# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 9e99\n# EOF\n", 1700,
                  "a_total{" OWN ", x=\"1\"} 1 @1700\n"); /* not in the future */
    end();
}
END_TEST

START_TEST(other_formats_tell_a_start_beside_the_value) {
    struct buf body;
    struct written_metric metric = {.metric = {.value = 3, .has_start = true, .start_ms = 700}};
    begin("", "");
    limits.adds_zeros = true;
    scrape_starts(EXPOSE_OPENMETRICS2,
                  "# TYPE a counter\na 5 st@0.5\n# TYPE s summary\ns {count:1,sum:2,quantile:[]} "
                  "st@0.25\n# EOF\n",
                  1000,
                  "a{" OWN "} 0 @500\na{" OWN "} 5\ns_count{" OWN "} 0 @250\ns_count{" OWN "} 1\ns_sum{" OWN
                  "} 0 @250\ns_sum{" OWN "} 2\n");
    buf_init(&body, 1 << 16);
    family_writer_add(&body, "c", "", "", EXPOSE_COUNTER, &metric, 1);
    cache_clear(&target->cache);
    ck_assert_int_eq(scrape_as(EXPOSE_PROTOBUF, buf_view(&body), 100, 1000), 0);
    ck_assert_str_eq(rows(), "c{" OWN "} 0 @700\nc{" OWN "} 3\n");
    buf_release(&body);
    end();
}
END_TEST

CHECK_MAIN("body", the_targets_labels_are_added, conflicting_labels_are_renamed,
           honored_labels_win_even_when_empty, what_vanishes_ends_but_not_what_has_times_of_its_own,
           what_begins_like_the_expected_series_may_be_another, times_may_be_tracked_or_left_out,
           a_series_told_twice_is_two_rows, many_new_series_are_resolved_in_batches, limits_fail_the_scrape,
           the_servers_limits_hold_where_a_job_has_none, known_series_count_against_a_limit_too,
           rules_rewrite_what_is_stored, what_rules_drop_costs_its_entry_only,
           many_dropped_series_need_no_memory_of_their_labels, labels_that_rules_spoil_fail_the_scrape,
           a_job_at_its_series_limit_fails_or_leaves_new_ones_out,
           of_a_store_that_takes_no_more_series_the_known_ones_go_on, metadata_is_kept_and_renewed,
           random_changes_give_what_a_full_parse_gives, type_and_unit_become_labels_if_that_is_wanted,
           a_zero_stands_where_a_counter_began, other_formats_tell_a_start_beside_the_value)
