/* From what discovery says to a target: defaults, rules, and what is taken from the result. */
#include "lib/scrape/target.h"
#include "tests/check_main.h"

#include <stdio.h>
#include <string.h>

static struct config *config;
static struct arena arena;
static struct err err;

static const struct scrape_config *begin(const char *options) {
    static struct config_errors errors;
    char text[4096];
    snprintf(text, sizeof text, "global: {scrape_interval: 30s}\nscrape_configs:\n- job_name: j\n%s",
             options);
    int rc = config_load_text(span_from(text), "test.yml", &config, &errors);
    ck_assert_msg(rc == 0, "%s", errors.items[0].message);
    arena_init(&arena, 1 << 20, NULL);
    return &config->scrape_configs.items[0];
}

static void end(void) {
    arena_release(&arena);
    config_unref(config);
}

/* name, value, name, value ..., NULL */
static struct labels labels_of(const char *const *pairs) {
    struct label_builder builder;
    struct labels labels = {0};
    label_builder_init(&builder, &arena, (struct labels){0});
    for (; pairs[0]; pairs += 2) label_builder_set(&builder, span_from(pairs[0]), span_from(pairs[1]));
    ck_assert_int_eq(label_builder_finish(&builder, &labels, NULL), 0);
    return labels;
}
#define LABELS(...) labels_of((const char *const[]){__VA_ARGS__, NULL})

static const char *text_of(struct labels labels) {
    static char text[4096];
    struct buf out;
    buf_init(&out, sizeof text);
    labels_write(labels, &out);
    snprintf(text, sizeof text, "%s", buf_text(&out));
    buf_release(&out);
    return text;
}

static struct target *create(const struct scrape_config *job, struct labels discovered) {
    struct target *target = NULL;
    err = (struct err){0};
    int rc = target_create(config, job, discovered, &target, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return target;
}

START_TEST(the_job_fills_in_what_discovery_does_not_say) {
    const struct scrape_config *job =
        begin("  params: {a: [x, y], empty: []}\n  scheme: https\n  scrape_native_histograms: true\n");
    struct target *target = create(job, LABELS("__address__", "h:1", "__meta_x", "m", "zone", "z"));
    ck_assert_str_eq(text_of(target->discovered),
                     "{__address__=\"h:1\", __always_scrape_classic_histograms__=\"false\", "
                     "__convert_classic_histograms_to_nhcb__=\"false\", __meta_x=\"m\", "
                     "__metrics_path__=\"/metrics\", __param_a=\"x\", __scheme__=\"https\", "
                     "__scrape_interval__=\"30s\", __scrape_native_histograms__=\"true\", "
                     "__scrape_timeout__=\"10s\", job=\"j\", zone=\"z\"}");
    ck_assert_str_eq(text_of(target->labels), "{instance=\"h:1\", job=\"j\", zone=\"z\"}");
    ck_assert_str_eq(target->url, "https://h:1/metrics?a=x&a=y");
    ck_assert_int_eq(target->interval_ms, 30000);
    ck_assert_int_eq(target->timeout_ms, 10000);
    ck_assert(target->scrape_native_histograms && !target->convert_classic_histograms_to_nhcb);
    target_destroy(target);
    target = create(job, LABELS("__address__", "h:1", "job", "other", "__scheme__", "http", "__param_a", "p",
                                "__metrics_path__", "/m", "__scrape_interval__", "5s", "__scrape_timeout__",
                                "2s", "instance", "i", "__scrape_native_histograms__", "false"));
    ck_assert_str_eq(text_of(target->labels), "{instance=\"i\", job=\"other\"}");
    ck_assert_str_eq(target->url, "http://h:1/m?a=p&a=y");
    ck_assert_int_eq(target->interval_ms, 5000);
    ck_assert_int_eq(target->timeout_ms, 2000);
    ck_assert(!target->scrape_native_histograms);
    target_destroy(target);
    end();
}
END_TEST

START_TEST(rules_decide_what_is_scraped) {
    /* the blackbox exporter's idiom, and what else a rule may say */
    const struct scrape_config *job =
        begin("  params: {module: [http_2xx], b: [1]}\n  relabel_configs:\n"
              "  - {action: labelmap, regex: '__meta_(.+)'}\n"
              "  - {source_labels: [__address__], target_label: __param_target}\n"
              "  - {source_labels: [__param_target], target_label: instance}\n"
              "  - {target_label: __address__, replacement: 'probe:9115'}\n"
              "  - {target_label: __metrics_path__, replacement: probe}\n"
              "  - {source_labels: [tier], regex: slow, target_label: __scrape_interval__, replacement: 1m}\n"
              "  - {target_label: __tmp_x, replacement: x}\n"
              "  - {target_label: __convert_classic_histograms_to_nhcb__, replacement: 'true'}\n"
              "  - {action: drop, source_labels: [off], regex: 'yes'}\n");
    struct target *target =
        create(job, LABELS("__address__", "http://a/?b", "__meta_zone", "z", "tier", "slow"));
    ck_assert_str_eq(text_of(target->labels),
                     "{instance=\"http://a/?b\", job=\"j\", tier=\"slow\", zone=\"z\"}");
    ck_assert_str_eq(target->url, "http://probe:9115/probe?b=1&module=http_2xx&target=http%3A%2F%2Fa%2F%3Fb");
    ck_assert_int_eq(target->interval_ms, 60000);
    ck_assert(target->convert_classic_histograms_to_nhcb);
    target_destroy(target);
    target = create(job, LABELS("__address__", "a", "off", "yes"));
    ck_assert_ptr_null(target);
    end();
}
END_TEST

START_TEST(targets_that_cannot_be_are_refused_in_upstreams_words) {
    static const struct {
        const char *rule, *reason;
    } cases[] = {
        {"{target_label: __address__, replacement: ''}", "no address"},
        {"{target_label: __address__, replacement: 'a/b'}", "\"a/b\" is not a valid hostname"},
        {"{target_label: __scrape_interval__, replacement: 'soon'}",
         "error parsing scrape interval: not a valid duration string: \"soon\""},
        {"{target_label: __scrape_interval__, replacement: '0s'}", "scrape interval cannot be 0"},
        {"{target_label: __scrape_interval__, replacement: ''}",
         "error parsing scrape interval: empty duration string"},
        {"{target_label: __scrape_timeout__, replacement: '1'}",
         "error parsing scrape timeout: not a valid duration string: \"1\""},
        {"{target_label: __scrape_timeout__, replacement: '0s'}", "scrape timeout cannot be 0"},
        {"{target_label: __scrape_timeout__, replacement: '31s'}",
         "scrape timeout cannot be greater than scrape interval (\"31s\" > \"30s\")"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[256];
        struct target *target = NULL;
        snprintf(options, sizeof options, "  relabel_configs: [%s]\n", cases[i].rule);
        const struct scrape_config *job = begin(options);
        err = (struct err){0};
        ck_assert_int_eq(target_create(config, job, LABELS("__address__", "h:1"), &target, &err),
                         ERR_INVALID);
        ck_assert_str_eq(err.text, cases[i].reason);
        ck_assert_ptr_null(target);
        end();
    }
    const struct scrape_config *job = begin("");
    struct target *target = NULL;
    ck_assert_int_eq(target_create(config, job, LABELS("a", "b"), &target, &err), ERR_INVALID);
    ck_assert_str_eq(err.text, "no address");
    ck_assert_int_eq(target_create(config, job, LABELS("__address__", "h", "a", "\xff"), &target, &err),
                     ERR_INVALID);
    ck_assert_str_eq(err.text, "invalid label value for \"a\"");
    end();
}
END_TEST

START_TEST(only_what_matters_makes_another_target) {
    const struct scrape_config *job = begin("");
    struct target *target = create(job, LABELS("__address__", "h:1", "__meta_a", "1"));
    struct target *same = create(job, LABELS("__address__", "h:1", "__meta_a", "2"));
    struct target *other = create(job, LABELS("__address__", "h:1", "a", "2"));
    struct target *slower = create(job, LABELS("__address__", "h:1", "__scrape_interval__", "31s"));
    ck_assert(span_equal(target->key, same->key));
    ck_assert(!span_equal(target->key, other->key) && !span_equal(target->key, slower->key));
    snprintf(same->state.forced_error, sizeof same->state.forced_error, "forced");
    target_take_over(target, same);
    target_destroy(same);
    ck_assert(span_is(labels_get(target->discovered, SPAN("__meta_a")), "2"));
    ck_assert_str_eq(target->state.forced_error, "forced");
    ck_assert_str_eq(text_of(target->labels), "{instance=\"h:1\", job=\"j\"}");
    target_destroy(target);
    target_destroy(other);
    target_destroy(slower);
    end();
    /* other metric rules: the cached decisions would be wrong */
    struct span keys[2];
    struct target *made[2];
    struct config *configs[2];
    static const char *const rules[] = {"  metric_relabel_configs: [{target_label: a, replacement: x}]\n",
                                        "  metric_relabel_configs: [{target_label: a, replacement: y}]\n"};
    for (size_t i = 0; i < 2; i++) {
        job = begin(rules[i]);
        made[i] = create(job, LABELS("__address__", "h:1"));
        keys[i] = made[i]->key;
        configs[i] = config;
        arena_release(&arena);
    }
    ck_assert(!span_equal(keys[0], keys[1]));
    for (size_t i = 0; i < 2; i++) target_destroy(made[i]), config_unref(configs[i]);
}
END_TEST

CHECK_MAIN("target", the_job_fills_in_what_discovery_does_not_say, rules_decide_what_is_scraped,
           targets_that_cannot_be_are_refused_in_upstreams_words, only_what_matters_makes_another_target)
