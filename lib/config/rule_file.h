#pragma once
/*
 * rule_file.h - a rule file as plain structs: groups of recording and alerting rules.
 *
 *     file -> YAML tree -> the tables of rule_file.c -> struct rule_file
 *
 * Strict as the configuration file is. What an expression or a template says is checked by promql/rules,
 * which reports with rule_file_error at the marks kept here. All is in the caller's arena.
 */
#include "lib/codec/yaml.h"
#include "lib/config/config.h"

struct rule_config {
    uint64_t set;
    const char *record, *alert; /* one of them, the other NULL */
    const char *expr;
    int64_t for_ms, keep_firing_for_ms;
    struct pairs labels, annotations; /* an empty value is kept */
    struct ymark mark, expr_mark;
};

struct rule_group_config {
    uint64_t set;
    const char *name;
    int64_t interval_ms;     /* 0: the global one */
    int64_t query_offset_ms; /* -1: the global one */
    uint64_t limit;          /* 0: none */
    struct pairs labels;
    LIST(struct rule_config) rules;
    struct ymark mark;
};

struct rule_file {
    uint64_t set;
    const char *path;
    LIST(struct rule_group_config) groups;
};

/* Appends errors (CONFIG_MAX_ERRORS at most are kept); 0 or ERR_INVALID. ignores_unknown: fields that there
 * are not are let pass. */
int rule_file_load(const char *path, bool ignores_unknown, struct arena *arena, struct rule_file *file,
                   struct config_errors *errors);
int rule_file_load_text(struct span text, const char *path, bool ignores_unknown, struct arena *arena,
                        struct rule_file *file, struct config_errors *errors);
void rule_file_error(struct config_errors *errors, const char *path, struct ymark mark, const char *message);
