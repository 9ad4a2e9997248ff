#include "lib/config/rule_file.h"

#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/config/table.h"
#include "lib/sys/file.h"

#include <stdio.h>

/*
 * Rule files: their tables, and what a field alone cannot tell. Texts of refusals are upstream's.
 */

static void check_label_names(struct loader *l, const struct pairs *labels, const char *what, const char *key,
                              const struct ynode *node, bool may_be_name) {
    for (size_t i = 0; i < labels->count; i++) {
        struct span name = span_from(labels->items[i].name);
        bool is_good = name.len && span_is_utf8(name) && (may_be_name || !span_is(name, LABEL_NAME));
        if (!is_good) loader_error_at(l, node, key, "invalid %s name: %.*s", what, SPAN_ARG(name));
        if (!span_is_utf8(span_from(labels->items[i].value)))
            loader_error_at(l, node, key, "invalid %s value: %s", what, labels->items[i].value);
    }
}

static void check_recording(struct loader *l, const struct rule_config *rule, const struct ynode *node) {
    struct span name = span_from(rule->record);
    if (rule->annotations.count)
        loader_error_at(l, node, "annotations", "invalid field 'annotations' in recording rule");
    if (rule->for_ms) loader_error_at(l, node, "for", "invalid field 'for' in recording rule");
    if (rule->keep_firing_for_ms)
        loader_error_at(l, node, "keep_firing_for", "invalid field 'keep_firing_for' in recording rule");
    if (!span_is_utf8(name))
        loader_error_at(l, node, "record", "invalid recording rule name: %s", rule->record);
    else if (strpbrk(rule->record, "{}"))
        loader_error_at(l, node, "record",
                        "braces present in the recording rule name; should it be in expr?: %s", rule->record);
}

static void rule_check(struct loader *l, void *object, const struct ynode *node) {
    struct rule_config *rule = object;
    const struct yentry *expr = ynode_entry(node, SPAN("expr"));
    bool has_record = rule->record && *rule->record, has_alert = rule->alert && *rule->alert;
    rule->mark = node->mark;
    rule->expr_mark = expr ? expr->value->mark : node->mark;
    if (has_record && has_alert)
        loader_error_at(l, node, "alert", "only one of 'record' and 'alert' must be set");
    else if (!has_record && !has_alert)
        loader_error(l, node->mark, "one of 'record' or 'alert' must be set");
    if (!rule->expr || !*rule->expr) loader_error_at(l, node, "expr", "field 'expr' must be set in rule");
    if (has_record && !has_alert) check_recording(l, rule, node);
    check_label_names(l, &rule->labels, "label", "labels", node, false);
    check_label_names(l, &rule->annotations, "annotation", "annotations", node, true);
}

#define S struct rule_config
static const struct field rule_fields[] = {
    FIELD(S, "record", TEXT, record),
    FIELD(S, "alert", TEXT, alert),
    FIELD(S, "expr", TEXT, expr),
    FIELD(S, "for", DURATION, for_ms),
    FIELD(S, "keep_firing_for", DURATION, keep_firing_for_ms),
    FIELD(S, "labels", PAIRS, labels),
    FIELD(S, "annotations", PAIRS, annotations),
};
static const struct section rule_section = SECTION(S, rule_fields, rule_check);
#undef S

static const struct section group_section;

static void group_check(struct loader *l, void *object, const struct ynode *node) {
    struct rule_group_config *group = object;
    group->mark = node->mark;
    if (!section_has(&group_section, group, "query_offset")) group->query_offset_ms = -1;
    if (!group->name || !*group->name) loader_error_at(l, node, "name", "Groupname must not be empty");
    check_label_names(l, &group->labels, "label", "labels", node, false);
}

#define S struct rule_group_config
static const struct field group_fields[] = {
    FIELD(S, "name", TEXT, name),
    FIELD(S, "interval", DURATION, interval_ms),
    FIELD(S, "query_offset", DURATION, query_offset_ms),
    FIELD(S, "limit", UINT, limit),
    FIELD(S, "labels", PAIRS, labels),
    FIELD(S, "rules", SECTIONS, rules, .section = &rule_section),
};
static const struct section group_section = SECTION(S, group_fields, group_check);
#undef S

static bool name_equal(uint32_t i, const void *key, const void *context) {
    const struct rule_file *file = context;
    return strcmp(file->groups.items[i].name, key) == 0;
}

static void file_check(struct loader *l, void *object, const struct ynode *node) {
    const struct rule_file *file = object;
    struct map names = {0};
    (void)node;
    for (size_t i = 0; i < file->groups.count; i++) {
        const struct rule_group_config *group = &file->groups.items[i];
        if (!group->name) continue;
        uint64_t hash = hash_bytes_keyed(group->name, strlen(group->name));
        if (map_find(&names, hash, group->name, name_equal, file) != MAP_NONE)
            loader_error(l, group->mark, "groupname: \"%s\" is repeated in the same file", group->name);
        else
            map_insert(&names, hash, (uint32_t)i);
    }
    map_release(&names);
}

#define S struct rule_file
static const struct field file_fields[] = {
    FIELD(S, "groups", SECTIONS, groups, .section = &group_section),
};
static const struct section file_section = SECTION(S, file_fields, file_check);
#undef S

int rule_file_load_text(struct span text, const char *path, bool ignores_unknown, struct arena *arena,
                        struct rule_file *file, struct config_errors *errors) {
    static const struct ynode nothing = {.kind = YNODE_MAP, .mark = {1, 1}};
    struct strings unsupported = {0};
    struct loader l = {.arena = arena,
                       .errors = errors,
                       .file_name = path,
                       .ignores_unknown = ignores_unknown,
                       .unsupported = &unsupported};
    const struct ynode *root = NULL;
    struct ymark where = {0, 0};
    struct err err = {0};
    size_t before = errors->count + errors->more;
    *file = (struct rule_file){.path = path};
    if (ynode_parse(text, arena, &root, &where, &err)) {
        loader_error(&l, where, "%s", err.text);
    } else {
        section_init(&l, &file_section, file);
        section_read(&l, &file_section, file, ynode_is_null(root) ? &nothing : root);
    }
    return errors->count + errors->more > before ? ERR_INVALID : 0;
}

int rule_file_load(const char *path, bool ignores_unknown, struct arena *arena, struct rule_file *file,
                   struct config_errors *errors) {
    struct buf text;
    struct err err = {0};
    buf_init(&text, CONFIG_MAX_FILE_BYTES);
    int rc = file_read_all(file_system_real(), path, &text, &err);
    if (rc)
        rule_file_error(errors, path, (struct ymark){0, 0}, err.text);
    else
        rc = rule_file_load_text(buf_view(&text), path, ignores_unknown, arena, file, errors);
    buf_release(&text);
    return rc;
}

void rule_file_error(struct config_errors *errors, const char *path, struct ymark mark, const char *message) {
    struct loader l = {.errors = errors, .file_name = path};
    loader_error(&l, mark, "%s", message);
}
