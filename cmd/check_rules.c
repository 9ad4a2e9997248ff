#include "cmd/check_rules.h"

#include "lib/base/mem.h"
#include "lib/sys/file.h"
#include "lib/sys/glob.h"
#include "promql/rules/rule_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t rule_total(const struct rule_set *set) {
    size_t total = 0;
    for (size_t i = 0; i < set->group_count; i++) total += set->groups[i].rule_count;
    return total;
}

static int compare_rules(const void *a, const void *b) {
    const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;
    int order = strcmp(x->name, y->name);
    if (order) return order;
    for (size_t i = 0; i < x->label_count && i < y->label_count; i++) {
        order = span_compare(x->labels[i].name, y->labels[i].name);
        if (!order) order = span_compare(x->labels[i].text, y->labels[i].text);
        if (order) return order;
    }
    return (x->label_count > y->label_count) - (x->label_count < y->label_count);
}

static void print_duplicate(const struct rule *rule) {
    printf("Metric: %s\nLabel(s):\n", rule->name);
    for (size_t i = 0; i < rule->label_count; i++)
        printf("\t%.*s: %.*s\n", SPAN_ARG(rule->labels[i].name), SPAN_ARG(rule->labels[i].text));
}

/* of those that are the same only the second */
static bool is_duplicate(const struct rule **sorted, size_t i) {
    return compare_rules(&sorted[i - 1], &sorted[i]) == 0 &&
           (i == 1 || compare_rules(&sorted[i - 2], &sorted[i - 1]) != 0);
}

/* rules of one name with the same labels; how many */
static size_t find_duplicates(const struct rule_set *set) {
    size_t total = rule_total(set), found = 0, count = 0;
    const struct rule **all = mem_array(total + 1, sizeof *all);
    for (size_t i = 0; i < set->group_count; i++)
        for (size_t k = 0; k < set->groups[i].rule_count; k++) all[count++] = &set->groups[i].rules[k];
    qsort(all, count, sizeof *all, compare_rules);
    for (size_t i = 1; i < count; i++) found += is_duplicate(all, i);
    if (found) printf("%zu duplicate rule(s) found.\n", found);
    for (size_t i = 1; i < count; i++)
        if (is_duplicate(all, i)) print_duplicate(all[i]);
    if (found) printf("Might cause inconsistency while recording expressions\n");
    mem_free(all);
    return found;
}

static void judge(struct check_lint *lint, const char *path, int rc, struct rule_set *set,
                  const struct config_errors *errors) {
    if (rc) {
        check_print_errors(path, errors);
        check_bad(lint);
        return;
    }
    if (lint->finds_duplicates && find_duplicates(set))
        check_found(lint);
    else
        printf("  SUCCESS: %zu rules found\n\n", rule_total(set));
    fflush(stdout);
    rule_set_unref(set);
}

static void check_one(const char *path, void *context) {
    static struct config_errors errors;
    struct rule_set *set = NULL;
    const struct check_lint *lint = context;
    struct rule_set_options options = {.interval_ms = 60000, .ignores_unknown = lint->ignores_unknown};
    printf("Checking %s\n", path);
    fflush(stdout);
    int rc = rule_set_load_files(&path, 1, &options, &set, &errors);
    judge(context, path, rc, set, &errors);
}

static void check_input(struct check_lint *lint) {
    static struct config_errors errors;
    struct rule_set *set = NULL;
    struct rule_set_options options = {.interval_ms = 60000, .ignores_unknown = lint->ignores_unknown};
    struct buf text;
    buf_init(&text, CONFIG_MAX_FILE_BYTES);
    printf("Checking standard input\n");
    fflush(stdout);
    if (check_read_input(&text)) {
        int rc = rule_set_load_text(buf_view(&text), "standard input", &options, &set, &errors);
        judge(lint, "standard input", rc, set, &errors);
    } else {
        fprintf(stderr, "  FAILED: standard input cannot be read, or is longer than %u bytes\n",
                CONFIG_MAX_FILE_BYTES);
        check_bad(lint);
    }
    buf_release(&text);
}

static int usage(void) {
    fprintf(stderr, "usage: server check rules [--lint=duplicate-rules|all|none] [--lint-fatal] "
                    "[--ignore-unknown-fields] [FILE]...\n");
    return CHECK_BAD;
}

int check_rules(int argc, char **argv) {
    struct check_lint lint = {.finds_duplicates = true};
    int files = 0;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) != 0)
            files++;
        else if (!check_lint_option(&lint, argv[i]))
            return usage();
    if (!files) check_input(&lint);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) != 0) check_one(argv[i], &lint);
    return lint.status;
}

void check_rule_files_of(const struct config *config, struct check_lint *lint) {
    for (size_t i = 0; i < config->rule_files.count; i++) {
        struct err err = {0};
        if (!glob_each(file_system_real(), config->rule_files.items[i], check_one, lint, &err)) continue;
        fprintf(stderr, "  FAILED: %s\n", err.text);
        check_bad(lint);
    }
}
