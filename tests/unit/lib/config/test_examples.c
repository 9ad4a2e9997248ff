#include "lib/config/config.h"

#include "tests/check_main.h"

/* The examples in configs/ load (tests run in the top folder). */

static struct config_errors errors;

static struct config *load(const char *path) {
    struct config *config = NULL;
    ck_assert_msg(config_load_file(path, &config, &errors) == 0, "%s:%u: %s", path, errors.items[0].line,
                  errors.items[0].message);
    return config;
}

START_TEST(the_configuration_of_run_sh_scrapes_the_server_itself) {
    struct config *config = load("configs/prometheus.yml");
    ck_assert_uint_eq(config->scrape_configs.count, 1);
    const struct scrape_config *job = &config->scrape_configs.items[0];
    ck_assert_str_eq(job->job_name, "prometheus");
    ck_assert_int_eq(job->scrape_interval_ms, 15000);
    ck_assert_str_eq(job->discovery.static_configs.items[0].targets.items[0], "localhost:9090");
    ck_assert_uint_eq(config->unsupported.count, 0);
    config_unref(config);
}
END_TEST

START_TEST(the_getting_started_configuration_loads_unchanged) {
    struct config *config = load("configs/getting-started.yml");
    ck_assert_uint_eq(config->scrape_configs.count, 3);
    ck_assert_uint_eq(config->alerting.alertmanagers.count, 1);
    ck_assert(config->scrape_configs.items[2].honor_labels);
    ck_assert_uint_eq(config->unsupported.count, 0);
    config_unref(config);
}
END_TEST

START_TEST(a_pushgateway_keeps_the_labels_of_what_was_pushed) {
    struct config *config = load("configs/pushgateway.yml");
    ck_assert(config->scrape_configs.items[0].honor_labels);
    config_unref(config);
}
END_TEST

START_TEST(node_exporters_are_asked_for_some_collectors) {
    struct config *config = load("configs/node-exporter.yml");
    const struct params *params = &config->scrape_configs.items[0].params;
    ck_assert_str_eq(params->items[0].name, "collect[]");
    ck_assert_uint_eq(params->items[0].values.count, 5);
    ck_assert_int_eq(config->scrape_configs.items[1].scrape_interval_ms, 60000);
    config_unref(config);
}
END_TEST

CHECK_MAIN("examples", the_configuration_of_run_sh_scrapes_the_server_itself,
           the_getting_started_configuration_loads_unchanged,
           a_pushgateway_keeps_the_labels_of_what_was_pushed, node_exporters_are_asked_for_some_collectors)
