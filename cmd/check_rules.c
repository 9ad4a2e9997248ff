#include "cmd/check_rules.h"

#include "cmd/check.h"
#include "lib/base/mem.h"
#include "lib/sys/file.h"
#include "lib/sys/glob.h"
#include "promql/rules/rule_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_GOOD = 0, STATUS_BAD = 1, STATUS_LINT = 3 };

struct checking {
    bool finds_duplicates, is_fatal;
    int status;
};

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

/* rules of one name with the same labels; how many */
static size_t find_duplicates(const struct rule_set *set) {
    size_t total = rule_total(set), found = 0, count = 0;
    const struct rule **all = mem_array(total + 1, sizeof *all);
    for (size_t i = 0; i < set->group_count; i++)
        for (size_t k = 0; k < set->groups[i].rule_count; k++) all[count++] = &set->groups[i].rules[k];
    qsort(all, count, sizeof *all, compare_rules);
    for (size_t i = 1; i < count; i++) found += compare_rules(&all[i - 1], &all[i]) == 0;
    if (found) printf("%zu duplicate rule(s) found.\n", found);
    for (size_t i = 1; i < count; i++)
        if (compare_rules(&all[i - 1], &all[i]) == 0) print_duplicate(all[i]);
    if (found) printf("Might cause inconsistency while recording expressions\n");
    mem_free(all);
    return found;
}

static void check_one(struct checking *checking, const char *path) {
    static struct config_errors errors;
    struct rule_set_options options = {.interval_ms = 60000};
    struct rule_set *set;
    printf("Checking %s\n", path);
    fflush(stdout);
    if (rule_set_load_files(&path, 1, &options, &set, &errors)) {
        check_print_errors(path, &errors);
        checking->status = STATUS_BAD;
        return;
    }
    size_t found = checking->finds_duplicates ? find_duplicates(set) : 0;
    if (found && checking->is_fatal && checking->status == STATUS_GOOD) checking->status = STATUS_LINT;
    printf("  SUCCESS: %zu rules found\n\n", rule_total(set));
    fflush(stdout);
    rule_set_unref(set);
}

static int usage(void) {
    fprintf(stderr, "usage: server check rules [--lint=duplicate-rules|all|none] [--lint-fatal] FILE...\n");
    return STATUS_BAD;
}

static bool read_option(struct checking *checking, const char *option) {
    if (strcmp(option, "--lint-fatal") == 0)
        checking->is_fatal = true;
    else if (strcmp(option, "--no-lint-fatal") == 0)
        checking->is_fatal = false;
    else if (strcmp(option, "--lint=all") == 0 || strcmp(option, "--lint=duplicate-rules") == 0)
        checking->finds_duplicates = true;
    else if (strcmp(option, "--lint=none") == 0)
        checking->finds_duplicates = false;
    else
        return false;
    return true;
}

int check_rules(int argc, char **argv) {
    struct checking checking = {.finds_duplicates = true};
    int files = 0;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) != 0)
            files++;
        else if (!read_option(&checking, argv[i]))
            return usage();
    if (!files) return usage();
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) != 0) check_one(&checking, argv[i]);
    return checking.status;
}

static void check_file(const char *path, void *context) {
    check_one(context, path);
}

int check_rule_files_of(const struct config *config) {
    struct checking checking = {.finds_duplicates = true};
    for (size_t i = 0; i < config->rule_files.count; i++) {
        struct err err = {0};
        if (!glob_each(file_system_real(), config->rule_files.items[i], check_file, &checking, &err))
            continue;
        fprintf(stderr, "  FAILED: %s\n", err.text);
        checking.status = STATUS_BAD;
    }
    return checking.status;
}
