#pragma once
/*
 * rule_set.h - rule files read and checked: everything that evaluation needs, and never changes.
 *
 *     globs -> files -> lib/config/rule_file.h -> expressions parsed, templates parsed, labels merged
 *
 * Shared by reference count: groups that go on after a reload keep the set they came from.
 */
#include "lib/config/rule_file.h"
#include "promql/parse/parse.h"

struct template;

/* a label or annotation; template NULL: the text is plain */
struct rule_text {
    struct span name, text;
    const struct template *template;
};

struct rule {
    const struct rule_config *config;
    const char *name;
    bool is_alert;
    struct expr *expr;
    struct span expr_text;                  /* as upstream prints it */
    struct rule_text *labels, *annotations; /* labels: the group's, too; sorted by name */
    size_t label_count, annotation_count;
    size_t reads_until; /* it may read what rules of the group before this number write; 0: none of them */
    struct span key;    /* name, expression, labels: what makes it the same rule after a reload */
};

struct rule_set_group {
    const char *file, *name;
    int64_t interval_ms, query_offset_ms;
    uint64_t limit;
    struct rule *rules;
    size_t rule_count;
    struct span key; /* everything about it: equal keys, equal groups */
};

struct rule_set {
    struct arena arena;
    struct labels external_labels;
    const char *external_url;
    struct rule_set_group *groups; /* in the order of files and groups */
    size_t group_count, group_capacity;
    _Atomic uint32_t references;
};

struct rule_set_options {
    int64_t interval_ms, query_offset_ms; /* of groups that have none */
    struct labels external_labels;
    const char *external_url;
    struct parse_options parse;
    bool ignores_unknown; /* fields of rule files */
};

/* The rule_files of a configuration. 0, or ERR_INVALID and at least one error. */
int rule_set_load(const struct strings *globs, const struct rule_set_options *options, struct rule_set **set,
                  struct config_errors *errors);
/* one file at hand; name is told in errors */
int rule_set_load_text(struct span text, const char *name, const struct rule_set_options *options,
                       struct rule_set **set, struct config_errors *errors);
/* exactly these files, which must be there */
int rule_set_load_files(const char *const *paths, size_t count, const struct rule_set_options *options,
                        struct rule_set **set, struct config_errors *errors);
struct rule_set *rule_set_ref(struct rule_set *set);
void rule_set_unref(struct rule_set *set); /* NULL is fine */
/* whether its expression may read what the other one records */
bool rule_may_read(const struct rule *rule, const struct rule *other);
/* a text that becomes the expansion for one alert */
const struct rule_text *rule_label(const struct rule *rule, struct span name);
