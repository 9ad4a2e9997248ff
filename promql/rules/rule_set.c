#include "promql/rules/rule_set.h"

#include "lib/base/mem.h"
#include "lib/sys/file.h"
#include "lib/sys/glob.h"
#include "lib/template/template.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SET_MAX_BYTES ((size_t)1 << 30)

struct loading {
    struct rule_set *set;
    const struct rule_set_options *options;
    struct config_errors *errors;
    const char *file;
    const struct rule_group_config *group;
    size_t files;
};

static bool full(struct loading *l) {
    rule_file_error(l->errors, l->file, (struct ymark){0, 0}, "the rules need too much memory");
    return false;
}

/* ---- texts ---- */

static int compare_texts(const void *a, const void *b) {
    return span_compare(((const struct rule_text *)a)->name, ((const struct rule_text *)b)->name);
}

/* an alert's text with actions in it becomes a template */
static bool make_template(struct loading *l, const struct rule_config *rule, struct rule_text *text) {
    struct buf whole, why;
    char name[200];
    if (!memmem(text->text.ptr, text->text.len, "{{", 2)) return true;
    snprintf(name, sizeof name, "__alert_%s", rule->alert);
    buf_init(&whole, TEMPLATE_MAX_TEXT);
    buf_init(&why, 1 << 16);
    buf_puts(&whole, TEMPLATE_ALERT_VARIABLES);
    buf_span(&whole, text->text);
    int rc = whole.failed ? ERR_LIMIT
                          : template_parse(name, buf_view(&whole), &l->set->arena, &text->template, &why);
    if (rc)
        rule_file_error(l->errors, l->file, rule->mark, why.len ? buf_text(&why) : "a template is too long");
    buf_release(&whole);
    buf_release(&why);
    return rc == 0;
}

static size_t put_texts(struct rule_text *texts, size_t count, const struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        struct rule_text text = {span_from(pairs->items[i].name), span_from(pairs->items[i].value), NULL};
        size_t at = 0;
        while (at < count && !span_equal(texts[at].name, text.name)) at++;
        texts[at] = text;
        count += at == count;
    }
    return count;
}

static bool read_texts(struct loading *l, const struct rule_config *config, struct rule *rule) {
    const struct pairs *more = &l->group->labels;
    struct arena *arena = &l->set->arena;
    rule->labels = arena_array(arena, more->count + config->labels.count + 1, sizeof *rule->labels);
    rule->annotations = arena_array(arena, config->annotations.count + 1, sizeof *rule->annotations);
    if (!rule->labels || !rule->annotations) return full(l);
    rule->label_count = put_texts(rule->labels, put_texts(rule->labels, 0, more), &config->labels);
    rule->annotation_count = put_texts(rule->annotations, 0, &config->annotations);
    qsort(rule->labels, rule->label_count, sizeof *rule->labels, compare_texts);
    qsort(rule->annotations, rule->annotation_count, sizeof *rule->annotations, compare_texts);
    if (!rule->is_alert) return true;
    bool good = true;
    for (size_t i = 0; i < rule->label_count; i++) good &= make_template(l, config, &rule->labels[i]);
    for (size_t i = 0; i < rule->annotation_count; i++)
        good &= make_template(l, config, &rule->annotations[i]);
    return good;
}

const struct rule_text *rule_label(const struct rule *rule, struct span name) {
    for (size_t i = 0; i < rule->label_count; i++)
        if (span_equal(rule->labels[i].name, name)) return &rule->labels[i];
    return NULL;
}

/* ---- rules ---- */

static bool keep_text(struct loading *l, struct buf *text, struct span *kept) {
    char *copy = text->failed ? NULL : arena_strndup(&l->set->arena, text->data ? text->data : "", text->len);
    *kept = span_of(copy, text->len);
    buf_release(text);
    return copy ? true : full(l);
}

static bool parse_text(struct loading *l, const struct rule_config *config, struct span text,
                       struct rule *rule) {
    struct parse_error error;
    struct buf message;
    if (promql_parse(text, &l->options->parse, &l->set->arena, &rule->expr, &error) == 0) return true;
    rule->expr = NULL;
    buf_init(&message, 4 << 20);
    buf_puts(&message, "could not parse expression: ");
    parse_error_write(&error, &message);
    rule_file_error(l->errors, l->file, config->expr_mark, buf_text(&message));
    buf_release(&message);
    return false;
}

/* It is evaluated as upstream prints it: warnings tell places in that text. */
static bool parse_expr(struct loading *l, const struct rule_config *config, struct rule *rule) {
    struct buf text;
    if (!parse_text(l, config, span_from(config->expr), rule)) return false;
    buf_init(&text, 4 << 20);
    expr_print(rule->expr, &text);
    expr_release(rule->expr);
    rule->expr = NULL;
    return keep_text(l, &text, &rule->expr_text) && parse_text(l, config, rule->expr_text, rule);
}

static void write_texts(const struct rule_text *texts, size_t count, struct buf *out) {
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%zu:%.*s%zu:%.*s", texts[i].name.len, SPAN_ARG(texts[i].name), texts[i].text.len,
                   SPAN_ARG(texts[i].text));
    buf_putc(out, '\n');
}

static bool read_rule(struct loading *l, const struct rule_config *config, struct rule *rule) {
    struct buf key;
    *rule = (struct rule){.config = config, .is_alert = config->alert && *config->alert};
    rule->name = rule->is_alert ? config->alert : config->record;
    bool good = parse_expr(l, config, rule);
    good &= read_texts(l, config, rule);
    if (!good) return false;
    buf_init(&key, 8 << 20);
    buf_printf(&key, "%d%s\n%.*s\n", rule->is_alert, rule->name, SPAN_ARG(rule->expr_text));
    write_texts(rule->labels, rule->label_count, &key);
    return keep_text(l, &key, &rule->key);
}

/* ---- groups ---- */

struct reading { /* does a selector of an expression read the series of a rule? */
    const struct rule *rule;
    bool found;
};

static bool may_be_name(const struct selector *selector, const char *name) {
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct matcher *m = &selector->matchers[i];
        if (span_is(m->name, LABEL_NAME) && !matcher_matches(m, span_from(name))) return false;
    }
    return true;
}

static void look_at(struct selector *selector, void *context) {
    struct reading *r = context;
    r->found |= r->rule->is_alert
                    ? may_be_name(selector, "ALERTS") || may_be_name(selector, "ALERTS_FOR_STATE")
                    : may_be_name(selector, r->rule->name);
}

bool rule_may_read(const struct rule *rule, const struct rule *other) {
    struct reading reading = {other, false};
    expr_each_selector(rule->expr, look_at, &reading);
    return reading.found;
}

/* queries of templates are not looked at: such a rule reads everything */
static bool has_template(const struct rule *rule) {
    for (size_t i = 0; i < rule->label_count; i++)
        if (rule->labels[i].template) return true;
    for (size_t i = 0; i < rule->annotation_count; i++)
        if (rule->annotations[i].template &&
            memmem(rule->annotations[i].text.ptr, rule->annotations[i].text.len, "query", 5))
            return true;
    return false;
}

static void find_readers(struct rule_set_group *group) {
    for (size_t i = 0; i < group->rule_count; i++) {
        struct rule *rule = &group->rules[i];
        rule->reads_until = i;
        while (!has_template(rule) && rule->reads_until &&
               !rule_may_read(rule, &group->rules[rule->reads_until - 1]))
            rule->reads_until--;
    }
}

static bool group_key(struct loading *l, struct rule_set_group *group) {
    struct buf key;
    buf_init(&key, 64 << 20);
    buf_printf(&key, "%s\n%s\n%lld %lld %llu\n%s\n", group->file, group->name, (long long)group->interval_ms,
               (long long)group->query_offset_ms, (unsigned long long)group->limit,
               l->options->external_url ? l->options->external_url : "");
    labels_write(l->options->external_labels, &key);
    for (size_t i = 0; i < group->rule_count; i++) {
        const struct rule *rule = &group->rules[i];
        buf_span(&key, rule->key);
        write_texts(rule->annotations, rule->annotation_count, &key);
        buf_printf(&key, "%lld %lld\n", (long long)rule->config->for_ms,
                   (long long)rule->config->keep_firing_for_ms);
    }
    return keep_text(l, &key, &group->key);
}

static struct rule_set_group *push_group(struct loading *l) {
    struct rule_set *set = l->set;
    if (set->group_count == set->group_capacity) {
        size_t capacity = set->group_capacity ? 2 * set->group_capacity : 16;
        struct rule_set_group *groups = arena_array(&set->arena, capacity, sizeof *groups);
        if (!groups) return full(l), NULL;
        if (set->group_count) memcpy(groups, set->groups, set->group_count * sizeof *groups);
        set->groups = groups;
        set->group_capacity = capacity;
    }
    return &set->groups[set->group_count++];
}

static void read_group(struct loading *l, const struct rule_group_config *config) {
    struct rule_set_group *group = push_group(l);
    if (!group) return;
    l->group = config;
    *group = (struct rule_set_group){
        .file = l->file,
        .name = config->name,
        .interval_ms = config->interval_ms ? config->interval_ms : l->options->interval_ms,
        .query_offset_ms =
            config->query_offset_ms >= 0 ? config->query_offset_ms : l->options->query_offset_ms,
        .limit = config->limit,
        .rules = arena_array(&l->set->arena, config->rules.count + 1, sizeof *group->rules),
    };
    if (!group->rules) {
        full(l);
        return;
    }
    bool good = true;
    for (size_t i = 0; i < config->rules.count; i++) {
        good &= read_rule(l, &config->rules.items[i], &group->rules[i]);
        group->rule_count++;
    }
    if (!good || !group_key(l, group)) return;
    find_readers(group);
}

/* text NULL: what the file says */
static void read_one(struct loading *l, const char *path, const struct span *text) {
    struct arena *arena = &l->set->arena;
    struct rule_file *file = arena_zalloc(arena, sizeof *file);
    l->file = arena_strndup(arena, path, strlen(path));
    l->files++;
    if (!file || !l->file) {
        l->file = path;
        full(l);
        return;
    }
    bool ignores_unknown = l->options->ignores_unknown;
    int rc = text ? rule_file_load_text(*text, l->file, ignores_unknown, arena, file, l->errors)
                  : rule_file_load(l->file, ignores_unknown, arena, file, l->errors);
    if (rc) return;
    for (size_t i = 0; i < file->groups.count; i++) read_group(l, &file->groups.items[i]);
}

static void read_file(const char *path, void *context) {
    read_one(context, path, NULL);
}

/* ---- sets ---- */

static int begin(struct loading *l) {
    struct rule_set *set = l->set = mem_zalloc(sizeof *set);
    arena_init(&set->arena, SET_MAX_BYTES, NULL);
    atomic_init(&set->references, 1);
    const char *url = l->options->external_url ? l->options->external_url : "";
    set->external_url = arena_strndup(&set->arena, url, strlen(url));
    l->errors->count = l->errors->more = 0;
    return labels_copy(l->options->external_labels, &set->arena, &set->external_labels, NULL);
}

static int finish(struct loading *l, struct rule_set **set) {
    if (l->errors->count) {
        rule_set_unref(l->set);
        return ERR_INVALID;
    }
    *set = l->set;
    return 0;
}

int rule_set_load(const struct strings *globs, const struct rule_set_options *options, struct rule_set **set,
                  struct config_errors *errors) {
    struct loading l = {.options = options, .errors = errors};
    if (begin(&l)) full(&l);
    for (size_t i = 0; i < globs->count; i++) {
        struct err err = {0};
        l.file = globs->items[i];
        if (glob_each(file_system_real(), globs->items[i], read_file, &l, &err))
            rule_file_error(errors, globs->items[i], (struct ymark){0, 0}, err.text);
    }
    return finish(&l, set);
}

int rule_set_load_text(struct span text, const char *name, const struct rule_set_options *options,
                       struct rule_set **set, struct config_errors *errors) {
    struct loading l = {.options = options, .errors = errors};
    if (begin(&l)) full(&l);
    read_one(&l, name, &text);
    return finish(&l, set);
}

int rule_set_load_files(const char *const *paths, size_t count, const struct rule_set_options *options,
                        struct rule_set **set, struct config_errors *errors) {
    struct loading l = {.options = options, .errors = errors};
    if (begin(&l)) full(&l);
    for (size_t i = 0; i < count; i++) read_file(paths[i], &l);
    return finish(&l, set);
}

struct rule_set *rule_set_ref(struct rule_set *set) {
    atomic_fetch_add(&set->references, 1);
    return set;
}

void rule_set_unref(struct rule_set *set) {
    if (!set || atomic_fetch_sub(&set->references, 1) > 1) return;
    for (size_t i = 0; i < set->group_count; i++)
        for (size_t k = 0; k < set->groups[i].rule_count; k++) expr_release(set->groups[i].rules[k].expr);
    arena_release(&set->arena);
    mem_free(set);
}
