#include "cmd/check_config.h"

#include "cmd/agent.h"
#include "cmd/check_rules.h"
#include "lib/config/config.h"
#include "lib/discovery/discovery.h"
#include "lib/model/duration.h"
#include "lib/sys/file.h"
#include "lib/sys/glob.h"

#include <stdio.h>
#include <string.h>

struct checking {
    struct check_lint lint;
    bool is_syntax_only, is_agent;
    int64_t lookback_ms;
    const char *what; /* whose file_sd_configs are looked at */
    bool has_file;    /* the glob names one */
};

static void fail(struct checking *checking, const char *text) {
    fprintf(stderr, "  FAILED: %s\n", text);
    check_bad(&checking->lint);
}

/* ---- files ---- */

static void check_there(struct checking *checking, const char *what, const char *path) {
    struct file file = {0};
    struct err err = {0};
    char text[1024];
    if (!path || !*path) return;
    if (file_open(file_system_real(), path, FILE_READ, &file, &err)) {
        snprintf(text, sizeof text, "error checking %s file \"%s\": %s", what, path, err.text);
        fail(checking, text);
        return;
    }
    file_close(&file);
}

static void check_tls(struct checking *checking, const struct tls_config *tls) {
    if (!tls) return;
    check_there(checking, "client cert", tls->cert_file);
    check_there(checking, "client key", tls->key_file);
}

static void check_targets(const char *path, void *context) {
    struct checking *checking = context;
    struct err err = {0};
    char text[1024];
    checking->has_file = true;
    if (!discovery_check_file(path, &err)) return;
    snprintf(text, sizeof text, "checking SD file \"%s\": %s", path, err.text);
    fail(checking, text);
}

static void check_discovery(struct checking *checking, const struct discovery_config *discovery,
                            const char *what) {
    for (size_t i = 0; i < discovery->kubernetes_sd_configs.count; i++)
        check_tls(checking, discovery->kubernetes_sd_configs.items[i].http.tls_config);
    for (size_t i = 0; i < discovery->file_sd_configs.count; i++) {
        const struct strings *files = &discovery->file_sd_configs.items[i].files;
        for (size_t k = 0; k < files->count; k++) {
            struct err err = {0};
            checking->has_file = false;
            if (glob_each(file_system_real(), files->items[k], check_targets, checking, &err))
                fail(checking, err.text);
            else if (!checking->has_file)
                printf("  WARNING: file \"%s\" for file_sd in %s does not exist\n", files->items[k], what);
        }
    }
}

static void check_rule_globs(struct checking *checking, const struct config *config) {
    for (size_t i = 0; i < config->rule_files.count; i++) {
        const char *glob = config->rule_files.items[i];
        if (!strchr(glob, '*')) check_there(checking, "rule", glob);
    }
}

static void check_named_files(struct checking *checking, const struct config *config) {
    char what[512];
    check_rule_globs(checking, config);
    for (size_t i = 0; i < config->scrape_configs.count; i++) {
        const struct scrape_config *job = &config->scrape_configs.items[i];
        if (job->http.authorization)
            check_there(checking, "authorization credentials or bearer token",
                        job->http.authorization->credentials_file);
        check_tls(checking, job->http.tls_config);
        snprintf(what, sizeof what, "scrape job \"%s\"", job->job_name);
        check_discovery(checking, &job->discovery, what);
    }
    for (size_t i = 0; i < config->alerting.alertmanagers.count; i++)
        check_discovery(checking, &config->alerting.alertmanagers.items[i].discovery, "alertmanager config");
}

/* ---- what is allowed, and what is wise ---- */

static void check_agent(struct checking *checking, const struct config *config) {
    struct err err;
    if (agent_check_config(config, &err)) fail(checking, err.text);
}

/* between two scrapes an instant query would find nothing */
static void lint_intervals(struct checking *checking, const struct config *config) {
    for (size_t i = 0; checking->lint.finds_long_waits && i < config->scrape_configs.count; i++) {
        const struct scrape_config *job = &config->scrape_configs.items[i];
        if (job->scrape_interval_ms < checking->lookback_ms) continue;
        struct buf interval;
        buf_init(&interval, 64);
        duration_write(job->scrape_interval_ms, &interval);
        fprintf(stderr,
                "  FAILED: long scrape interval found, data points will be marked as stale. Job: %s. "
                "Interval: %s\n",
                job->job_name, buf_text(&interval));
        buf_release(&interval);
        check_found(&checking->lint);
    }
}

static void print_unsupported(const struct config *config) {
    if (!config->unsupported.count) return;
    printf("  NOTE: configured but not supported yet, validated only:");
    for (size_t i = 0; i < config->unsupported.count; i++)
        printf("%s %s", i ? "," : "", config->unsupported.items[i]);
    printf("\n");
}

static void check_file(struct checking *checking, const char *path) {
    static struct config_errors errors;
    struct config *config;
    int before = checking->lint.status;
    printf("Checking %s\n", path);
    fflush(stdout);
    if (config_load_file(path, &config, &errors)) {
        check_print_errors(path, &errors);
        check_bad(&checking->lint);
        return;
    }
    if (checking->is_agent) check_agent(checking, config);
    if (!checking->is_syntax_only) check_named_files(checking, config);
    if (checking->lint.status == before) {
        printf("  SUCCESS: %s is a valid Prometheus configuration\n", path);
        print_unsupported(config);
    }
    lint_intervals(checking, config);
    fflush(stdout);
    if (!checking->is_syntax_only) check_rule_files_of(config, &checking->lint);
    config_unref(config);
}

static bool read_option(struct checking *checking, const char *option) {
    if (strcmp(option, "--syntax-only") == 0)
        checking->is_syntax_only = true;
    else if (strcmp(option, "--agent") == 0)
        checking->is_agent = true;
    else if (strncmp(option, "--query.lookback-delta=", 23) == 0)
        return duration_parse(span_from(option + 23), &checking->lookback_ms, NULL) == 0;
    else
        return check_lint_option(&checking->lint, option);
    return true;
}

int check_config(int argc, char **argv) {
    struct checking checking = {.lint.finds_duplicates = true, .lookback_ms = (int64_t)5 * 60 * 1000};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || read_option(&checking, argv[i])) continue;
        fprintf(stderr, "check config: unknown option %s\n", argv[i]);
        return CHECK_BAD;
    }
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) != 0) check_file(&checking, argv[i]);
    return checking.lint.status;
}
