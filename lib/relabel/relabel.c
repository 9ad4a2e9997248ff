#include "lib/relabel/relabel.h"

#include "lib/base/mem.h"
#include "lib/codec/letters.h"
#include "lib/codec/md5.h"
#include "lib/codec/regex.h"

#include <stdatomic.h>

struct rule;

/* What an action does; `value` is that of the source labels, joined. *kept is true beforehand. */
typedef int action_run(const struct rule *rule, struct span value, struct label_builder *builder, bool *kept,
                       struct err *err);

struct rule {
    const struct relabel_config *config;
    action_run *run;
    struct regex *regex;   /* NULL where the action has none */
    bool has_reference;    /* $1 and the like in target or replacement */
    bool is_legacy;        /* what names may be made */
    bool has_valid_target; /* as it stands */
};

struct relabel_rules {
    size_t count;
    struct rule items[];
};

/* ---- text
 * ------------------------------------------------------------------------------------------------------- */

static int too_long(struct err *err) {
    return err_set(err, ERR_LIMIT, "relabelling makes a label longer than %zu bytes", RELABEL_TEXT_MAX);
}

/* moves a finished text into the arena */
static int keep_text(struct buf *text, struct arena *arena, struct span *kept, struct err *err) {
    const char *copy = text->failed ? NULL : arena_strndup(arena, buf_text(text), text->len);
    int rc = text->failed ? too_long(err) : copy ? 0 : arena_limit(arena, "relabelling", err);
    if (!rc) *kept = span_of(copy, text->len);
    buf_release(text);
    return rc;
}

static int join_sources(const struct relabel_config *config, const struct label_builder *builder,
                        struct span *value, struct err *err) {
    const struct strings *names = &config->source_labels;
    *value = names->count == 1 ? label_builder_get(builder, span_from(names->items[0])) : SPAN("");
    if (names->count < 2) return 0;
    struct buf text;
    buf_init(&text, RELABEL_TEXT_MAX);
    for (size_t i = 0; i < names->count; i++) {
        if (i && config->separator) buf_puts(&text, config->separator);
        buf_span(&text, label_builder_get(builder, span_from(names->items[i])));
    }
    return keep_text(&text, builder->arena, value, err);
}

static bool has_reference(const char *text) {
    return text && strchr(text, '$');
}

static int expand(const struct rule *rule, const char *text, const struct span *captures, struct arena *arena,
                  struct span *expanded, struct err *err) {
    *expanded = span_from(text);
    if (!has_reference(text)) return 0;
    struct buf out;
    buf_init(&out, RELABEL_TEXT_MAX);
    regex_expand(rule->regex, span_from(text), captures, &out);
    return keep_text(&out, arena, expanded, err);
}

/* ---- actions
 * ---------------------------------------------------------------------------------------------------- */

static int run_keep(const struct rule *rule, struct span value, struct label_builder *builder, bool *kept,
                    struct err *err) {
    (void)builder, (void)err;
    *kept = regex_matches(rule->regex, value);
    return 0;
}

static int run_drop(const struct rule *rule, struct span value, struct label_builder *builder, bool *kept,
                    struct err *err) {
    (void)builder, (void)err;
    *kept = !regex_matches(rule->regex, value);
    return 0;
}

static bool is_target_value(const struct rule *rule, struct span value, const struct label_builder *builder) {
    return span_equal(label_builder_get(builder, span_from(rule->config->target_label)), value);
}

static int run_keepequal(const struct rule *rule, struct span value, struct label_builder *builder,
                         bool *kept, struct err *err) {
    (void)err;
    *kept = is_target_value(rule, value, builder);
    return 0;
}

static int run_dropequal(const struct rule *rule, struct span value, struct label_builder *builder,
                         bool *kept, struct err *err) {
    (void)err;
    *kept = !is_target_value(rule, value, builder);
    return 0;
}

/* an empty result deletes the label; a name that may not be is passed over */
static int run_replace(const struct rule *rule, struct span value, struct label_builder *builder, bool *kept,
                       struct err *err) {
    (void)kept;
    struct span captures[REGEX_MAX_CAPTURES] = {{0}}, name, text;
    if (!rule->has_reference) {
        if (rule->has_valid_target && regex_matches(rule->regex, value))
            label_builder_set(builder, span_from(rule->config->target_label),
                              span_from(rule->config->replacement));
        return 0;
    }
    if (!regex_captures(rule->regex, value, captures, regex_group_count(rule->regex) + 1)) return 0;
    int rc = expand(rule, rule->config->target_label, captures, builder->arena, &name, err);
    if (rc || !label_name_is_valid(name, rule->is_legacy)) return rc;
    rc = expand(rule, rule->config->replacement, captures, builder->arena, &text, err);
    if (!rc) label_builder_set(builder, name, text);
    return rc;
}

/* the last 8 bytes of the digest, as Prometheus has always taken them */
static int run_hashmod(const struct rule *rule, struct span value, struct label_builder *builder, bool *kept,
                       struct err *err) {
    (void)kept;
    uint8_t digest[MD5_BYTES];
    uint64_t hash = 0;
    md5(value, digest);
    for (size_t i = 8; i < MD5_BYTES; i++) hash = hash << 8 | digest[i];
    const char *text =
        arena_printf(builder->arena, "%llu", (unsigned long long)(hash % rule->config->modulus));
    if (!text) return arena_limit(builder->arena, "relabelling", err);
    label_builder_set(builder, span_from(rule->config->target_label), span_from(text));
    return 0;
}

static int set_letters(const struct rule *rule, struct span value, bool upper, struct label_builder *builder,
                       struct err *err) {
    struct buf text;
    struct span changed;
    buf_init(&text, RELABEL_TEXT_MAX);
    letters_write(value, upper, &text);
    int rc = keep_text(&text, builder->arena, &changed, err);
    if (!rc) label_builder_set(builder, span_from(rule->config->target_label), changed);
    return rc;
}

static int run_lowercase(const struct rule *rule, struct span value, struct label_builder *builder,
                         bool *kept, struct err *err) {
    (void)kept;
    return set_letters(rule, value, false, builder, err);
}

static int run_uppercase(const struct rule *rule, struct span value, struct label_builder *builder,
                         bool *kept, struct err *err) {
    (void)kept;
    return set_letters(rule, value, true, builder, err);
}

/* copies, by the names that were there beforehand; the new names are not checked, as upstream */
static int run_labelmap(const struct rule *rule, struct span value, struct label_builder *builder, bool *kept,
                        struct err *err) {
    (void)value, (void)kept;
    uint32_t count = builder->count;
    struct label *before = arena_array(builder->arena, count, sizeof *before);
    if (!before) return arena_limit(builder->arena, "relabelling", err);
    if (count) memcpy(before, builder->items, count * sizeof *before);
    for (uint32_t i = 0; i < count; i++) {
        struct span captures[REGEX_MAX_CAPTURES] = {{0}}, name;
        if (!regex_captures(rule->regex, before[i].name, captures, regex_group_count(rule->regex) + 1))
            continue;
        int rc = expand(rule, rule->config->replacement, captures, builder->arena, &name, err);
        if (rc) return rc;
        label_builder_set(builder, name, before[i].value);
    }
    return 0;
}

static int drop_labels(const struct rule *rule, struct label_builder *builder, bool matching) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < builder->count; i++)
        if (regex_matches(rule->regex, builder->items[i].name) != matching)
            builder->items[kept++] = builder->items[i];
    builder->count = kept;
    return 0;
}

static int run_labeldrop(const struct rule *rule, struct span value, struct label_builder *builder,
                         bool *kept, struct err *err) {
    (void)value, (void)kept, (void)err;
    return drop_labels(rule, builder, true);
}

static int run_labelkeep(const struct rule *rule, struct span value, struct label_builder *builder,
                         bool *kept, struct err *err) {
    (void)value, (void)kept, (void)err;
    return drop_labels(rule, builder, false);
}

static const struct action {
    const char *name;
    action_run *run;
    bool has_regex;
} actions[] = {
    {"replace", run_replace, true},
    {"keep", run_keep, true},
    {"drop", run_drop, true},
    {"keepequal", run_keepequal, false},
    {"dropequal", run_dropequal, false},
    {"hashmod", run_hashmod, false},
    {"labelmap", run_labelmap, true},
    {"labeldrop", run_labeldrop, true},
    {"labelkeep", run_labelkeep, true},
    {"lowercase", run_lowercase, false},
    {"uppercase", run_uppercase, false},
};

/* ---- compiling
 * -------------------------------------------------------------------------------------------------- */

static int compile(const struct relabel_config *config, bool is_legacy, struct rule *rule, struct err *err) {
    *rule = (struct rule){
        .config = config,
        .is_legacy = is_legacy,
        .has_reference = has_reference(config->target_label) || has_reference(config->replacement),
        .has_valid_target = label_name_is_valid(span_from(config->target_label), is_legacy)};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(config->action, actions[i].name) != 0) continue;
        rule->run = actions[i].run;
        if (!actions[i].has_regex) return 0;
        return regex_create(&rule->regex, span_from(config->regex ? config->regex : ""), err);
    }
    return err_set(err, ERR_INVALID, "unknown relabel action \"%s\"", config->action);
}

static void destroy(void *object) {
    struct relabel_rules *rules = object;
    for (size_t i = 0; rules && i < rules->count; i++) regex_destroy(rules->items[i].regex);
    mem_free(rules);
}

static int create(const struct relabel_configs *configs, bool is_legacy, struct relabel_rules **result,
                  struct err *err) {
    struct relabel_rules *rules = mem_zalloc(sizeof *rules + configs->count * sizeof *rules->items);
    int rc = 0;
    for (; rules->count < configs->count && !rc; rules->count++)
        rc = compile(&configs->items[rules->count], is_legacy, &rules->items[rules->count], err);
    if (rc)
        destroy(rules);
    else
        *result = rules;
    return rc;
}

int relabel_rules_of(struct config *config, const struct relabel_configs *configs, const char *scheme,
                     const struct relabel_rules **rules, struct err *err) {
    struct relabel_rules *made = NULL, *there = NULL;
    _Atomic(struct relabel_rules *) *place = (_Atomic(struct relabel_rules *) *)&configs->compiled;
    if (configs->count) there = atomic_load(place);
    if (!configs->count || there) {
        *rules = there;
        return 0;
    }
    int rc = create(configs, strcmp(scheme, "legacy") == 0, &made, err);
    if (rc) return rc;
    if (atomic_compare_exchange_strong(place, &there, made)) {
        config_keep(config, made, destroy);
        *rules = made;
    } else { /* somebody else was faster */
        destroy(made);
        *rules = there;
    }
    return 0;
}

/* ---- running
 * ---------------------------------------------------------------------------------------------------- */

static int run_rule(const struct rule *rule, struct label_builder *builder, bool *kept, struct err *err) {
    struct span value;
    int rc = join_sources(rule->config, builder, &value, err);
    if (!rc) rc = rule->run(rule, value, builder, kept, err);
    if (!rc && builder->failed) rc = arena_limit(builder->arena, "relabelling", err);
    return rc;
}

int relabel_run(const struct relabel_rules *rules, struct label_builder *builder, bool *kept,
                struct err *err) {
    int rc = 0;
    *kept = true;
    for (size_t i = 0; rules && i < rules->count && *kept && !rc; i++)
        rc = run_rule(&rules->items[i], builder, kept, err);
    return rc;
}

/* the builder goes on to change its own */
static int copy_items(const struct label_builder *builder, struct labels *labels, struct err *err) {
    struct label *items = arena_array(builder->arena, builder->count, sizeof *items);
    if (!items) return arena_limit(builder->arena, "relabelling", err);
    if (builder->count) memcpy(items, builder->items, builder->count * sizeof *items);
    *labels = (struct labels){items, builder->count};
    return 0;
}

int relabel_trace(const struct relabel_rules *rules, struct labels labels, struct arena *arena,
                  struct relabel_step **steps, size_t *count, struct err *err) {
    struct label_builder builder;
    size_t rule_count = rules ? rules->count : 0;
    struct relabel_step *list = arena_array(arena, rule_count, sizeof *list);
    if (!list) return arena_limit(arena, "relabelling", err);
    label_builder_init(&builder, arena, labels);
    bool kept = true;
    int rc = 0;
    for (size_t i = 0; i < rule_count && !rc; i++) {
        if (kept) rc = run_rule(&rules->items[i], &builder, &kept, err);
        if (!rc && kept) rc = copy_items(&builder, &list[i].labels, err);
        list[i].rule = rules->items[i].config;
        list[i].kept = kept;
    }
    if (rc) return rc;
    *steps = list;
    *count = rule_count;
    return 0;
}
