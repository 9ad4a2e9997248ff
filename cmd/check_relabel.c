#include "cmd/check_relabel.h"

#include "cmd/check.h"
#include "lib/expose/expose.h"
#include "lib/model/duration.h"
#include "lib/relabel/relabel.h"
#include "lib/scrape/scrape.h"

#include <stdio.h>
#include <string.h>

#define ARENA_MAX ((size_t)64 << 20)
#define LINE_MAX_BYTES ((size_t)16 << 20)

struct request {
    const char *file, *job, *labels;
    bool is_metric;
};

/* --name=value or --name value */
static bool take_option(const char *name, int argc, char **argv, int *i, const char **value) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return false;
    if (argv[*i][len] == '=') {
        *value = argv[*i] + len + 1;
        return true;
    }
    if (argv[*i][len] || *i + 1 == argc) return false;
    *value = argv[++*i];
    return true;
}

static bool read_request(int argc, char **argv, struct request *request) {
    for (int i = 1; i < argc; i++) {
        if (take_option("--config.file", argc, argv, &i, &request->file) ||
            take_option("--job", argc, argv, &i, &request->job))
            continue;
        if (strcmp(argv[i], "--metric") == 0)
            request->is_metric = true;
        else if (!request->labels && argv[i][0] != '-')
            request->labels = argv[i];
        else
            return false;
    }
    return request->file && request->job && request->labels;
}

static void put_text(struct buf *line, const char *key, const char *text) {
    if (!text || !*text) return;
    buf_printf(line, ", %s: ", key);
    text_write_quoted(span_from(text), line);
}

static void print_rule(size_t number, const struct relabel_config *rule, struct buf *line) {
    buf_reset(line);
    buf_printf(line, "%zu. {action: %s", number, rule->action);
    for (size_t i = 0; i < rule->source_labels.count; i++)
        buf_printf(line, "%s%s", i ? ", " : ", source_labels: [", rule->source_labels.items[i]);
    if (rule->source_labels.count) buf_putc(line, ']');
    if (rule->source_labels.count > 1) put_text(line, "separator", rule->separator);
    put_text(line, "regex", rule->regex);
    if (rule->modulus) buf_printf(line, ", modulus: %llu", (unsigned long long)rule->modulus);
    put_text(line, "target_label", rule->target_label);
    put_text(line, "replacement", rule->replacement);
    printf("%s}\n", buf_text(line));
}

static void print_labels(const char *before, struct labels labels, struct buf *line) {
    buf_reset(line);
    labels_write(labels, line);
    printf("%s%s\n", before, buf_text(line));
}

/* the steps from `labels` on; *kept tells how they end */
static int print_steps(const struct relabel_rules *rules, struct labels labels, struct arena *arena,
                       bool *kept, struct err *err) {
    struct relabel_step *steps;
    struct buf line;
    size_t count;
    int rc = relabel_trace(rules, labels, arena, &steps, &count, err);
    if (rc) return rc;
    buf_init(&line, LINE_MAX_BYTES);
    print_labels("", labels, &line);
    *kept = true;
    for (size_t i = 0; i < count && *kept; i++) {
        *kept = steps[i].kept;
        print_rule(i + 1, steps[i].rule, &line);
        if (*kept)
            print_labels("   ", steps[i].labels, &line);
        else
            printf("   dropped\n");
    }
    buf_release(&line);
    return 0;
}

static int show_metric(struct config *config, const struct scrape_config *job, struct labels labels,
                       struct arena *arena, struct err *err) {
    const struct relabel_rules *rules;
    bool kept = true;
    int rc = relabel_rules_of(config, &job->metric_relabel_configs, job->metric_name_validation_scheme,
                              &rules, err);
    if (!rc) rc = print_steps(rules, labels, arena, &kept, err);
    if (!rc) printf("%s\n", kept ? "kept" : "dropped");
    return rc;
}

static int show_target(struct config *config, const struct scrape_config *job, struct labels labels,
                       struct arena *arena, struct err *err) {
    const struct relabel_rules *rules;
    struct target_info info = {0};
    bool kept = true;
    struct err why = {0};
    struct buf line;
    struct labels begin;
    int rc = scrape_discovered_labels(job, labels, arena, &begin, err);
    if (!rc)
        rc = relabel_rules_of(config, &job->relabel_configs, job->metric_name_validation_scheme, &rules, err);
    if (!rc) rc = print_steps(rules, begin, arena, &kept, err);
    if (rc) return rc;
    int refused = scrape_preview(config, job, labels, arena, &info, &kept, &why);
    buf_init(&line, LINE_MAX_BYTES);
    if (!kept)
        printf("dropped\n");
    else if (refused)
        printf("no target: %s\n", why.text);
    else
        print_labels("kept: ", info.labels, &line);
    if (kept && !refused) {
        buf_reset(&line);
        duration_write(info.interval_ms, &line);
        printf("url: %.*s every %s\n", SPAN_ARG(info.scrape_url), buf_text(&line));
    }
    buf_release(&line);
    return 0;
}

static int show(struct config *config, const struct request *request, struct arena *arena, struct err *err) {
    const struct scrape_config *job = NULL;
    struct labels labels;
    struct span text = span_from(request->labels);
    for (size_t i = 0; i < config->scrape_configs.count && !job; i++)
        if (strcmp(config->scrape_configs.items[i].job_name, request->job) == 0)
            job = &config->scrape_configs.items[i];
    if (!job) return err_set(err, ERR_NOT_FOUND, "no job \"%s\" in %s", request->job, request->file);
    int rc = request->is_metric && request->labels[0] != '{' ? expose_labels(text, arena, &labels, err)
                                                             : expose_label_set(text, arena, &labels, err);
    if (rc) return err_wrap(err, rc, "labels");
    return request->is_metric ? show_metric(config, job, labels, arena, err)
                              : show_target(config, job, labels, arena, err);
}

int check_relabel(int argc, char **argv) {
    static struct config_errors errors;
    struct request request = {0};
    struct config *config;
    struct err err = {0};
    struct arena arena;
    if (!read_request(argc, argv, &request)) {
        fprintf(stderr, "usage: server check relabel --config.file=FILE --job=NAME [--metric] LABELS\n");
        return 1;
    }
    if (config_load_file(request.file, &config, &errors)) {
        check_print_errors(request.file, &errors);
        return 1;
    }
    arena_init(&arena, ARENA_MAX, NULL);
    int rc = show(config, &request, &arena, &err);
    if (rc) fprintf(stderr, "  FAILED: %s\n", err.text);
    arena_release(&arena);
    config_unref(config);
    return rc ? 1 : 0;
}
