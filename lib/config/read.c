#include "lib/base/assert.h"
#include "lib/config/table.h"

/*
 * A YAML map into a struct, by its table.
 */

#define MAX_LABELS 4096

struct list { /* what LIST(type) looks like */
    void *items;
    size_t count;
};

static void *member_of(void *object, const struct field *field) {
    return (char *)object + field->offset;
}

const struct field *section_field(const struct section *section, const char *key) {
    for (size_t i = 0; i < section->field_count; i++)
        if (section->fields[i].kind != FIELD_INLINE && strcmp(section->fields[i].key, key) == 0)
            return &section->fields[i];
    return NULL;
}

bool section_has(const struct section *section, const void *object, const char *key) {
    const struct field *field = section_field(section, key);
    ASSERT(field);
    uint64_t set;
    memcpy(&set, object, sizeof set);
    return set >> (field - section->fields) & 1;
}

static void mark_set(const struct section *section, void *object, const struct field *field) {
    uint64_t set;
    memcpy(&set, object, sizeof set);
    set |= UINT64_C(1) << (field - section->fields);
    memcpy(object, &set, sizeof set);
}

void section_init(struct loader *l, const struct section *section, void *object) {
    ASSERT(section->field_count <= 64);
    for (size_t i = 0; i < section->field_count; i++) {
        const struct field *field = &section->fields[i];
        if (field->kind == FIELD_SECTION || field->kind == FIELD_INLINE)
            section_init(l, field->section, member_of(object, field));
        if (!field->preset) continue;
        struct ynode node = {
            .kind = YNODE_SCALAR, .is_plain = true, .text = span_from(field->preset), .mark = {0, 0}};
        bool is_valid = scalar_read(l, field, member_of(object, field), &node);
        ASSERT(is_valid);
    }
}

static bool expect(struct loader *l, const struct ynode *node, enum ynode_kind kind, const char *what) {
    if (node->kind == kind) return true;
    loader_error(l, node->mark, "%s is expected, not %s", what, ynode_describe(node));
    return false;
}

static void read_strings(struct loader *l, const struct field *field, struct strings *member,
                         const struct ynode *node) {
    struct field item = {.kind = FIELD_TEXT, .choices = field->choices};
    if (field->kind == FIELD_PATHS) item.kind = FIELD_PATH;
    if (!expect(l, node, YNODE_LIST, "a list")) return;
    const char **items = loader_alloc(l, node->count, sizeof *items);
    if (!items) return;
    for (uint32_t i = 0; i < node->count; i++) {
        size_t before = loader_enter_index(l, i);
        items[i] = "";
        scalar_read(l, &item, &items[i], node->items[i]);
        loader_leave(l, before);
    }
    *member = (struct strings){items, node->count};
}

static void read_labels(struct loader *l, struct labels *member, const struct ynode *node) {
    if (!expect(l, node, YNODE_MAP, "a map of labels")) return;
    if (node->count > MAX_LABELS) { /* the builder keeps them sorted one by one */
        loader_error(l, node->mark, "more than %d labels", MAX_LABELS);
        return;
    }
    struct label_builder builder;
    label_builder_init(&builder, l->arena, (struct labels){0});
    struct field text = {.kind = FIELD_TEXT};
    for (uint32_t i = 0; i < node->count; i++) {
        const struct yentry *entry = &node->entries[i];
        size_t before = loader_enter(l, entry->key->text);
        const char *value = "";
        if (!entry->key->text.len || !span_is_utf8(entry->key->text))
            loader_error(l, entry->key->mark, "\"%.*s\" is not a valid label name",
                         SPAN_ARG(entry->key->text));
        else if (ynode_is_null(entry->value) || scalar_read(l, &text, &value, entry->value))
            label_builder_set(&builder, entry->key->text, span_from(value));
        loader_leave(l, before);
    }
    struct labels labels;
    if (label_builder_finish(&builder, &labels, NULL))
        (void)loader_alloc(l, l->arena->max_bytes, 1);
    else
        *member = labels;
}

static void read_pairs(struct loader *l, struct pairs *member, const struct ynode *node) {
    if (!expect(l, node, YNODE_MAP, "a map")) return;
    struct pair *items = loader_alloc(l, node->count, sizeof *items);
    if (!items) return;
    struct field text = {.kind = FIELD_TEXT};
    for (uint32_t i = 0; i < node->count; i++) {
        size_t before = loader_enter(l, node->entries[i].key->text);
        items[i] = (struct pair){node->entries[i].key->text.ptr, ""};
        if (!ynode_is_null(node->entries[i].value))
            scalar_read(l, &text, &items[i].value, node->entries[i].value);
        loader_leave(l, before);
    }
    *member = (struct pairs){items, node->count};
}

static void read_params(struct loader *l, struct params *member, const struct ynode *node) {
    if (!expect(l, node, YNODE_MAP, "a map of lists")) return;
    struct param *items = loader_alloc(l, node->count, sizeof *items);
    if (!items) return;
    struct field list = {.kind = FIELD_STRINGS};
    for (uint32_t i = 0; i < node->count; i++) {
        size_t before = loader_enter(l, node->entries[i].key->text);
        items[i].name = node->entries[i].key->text.ptr;
        if (!ynode_is_null(node->entries[i].value))
            read_strings(l, &list, &items[i].values, node->entries[i].value);
        loader_leave(l, before);
    }
    *member = (struct params){items, node->count};
}

static void read_optional(struct loader *l, const struct field *field, void **member,
                          const struct ynode *node) {
    void *object = loader_alloc(l, 1, field->section->size);
    if (!object) return;
    section_init(l, field->section, object);
    section_read(l, field->section, object, node);
    *member = object;
}

static void read_sections(struct loader *l, const struct field *field, struct list *member,
                          const struct ynode *node) {
    if (!expect(l, node, YNODE_LIST, "a list")) return;
    char *items = loader_alloc(l, node->count, field->section->size);
    if (!items) return;
    for (uint32_t i = 0; i < node->count; i++) {
        void *object = items + i * field->section->size;
        size_t before = loader_enter_index(l, i);
        section_init(l, field->section, object);
        if (ynode_is_null(node->items[i]))
            loader_error(l, node->items[i]->mark, "empty or null section in %s", field->key);
        else
            section_read(l, field->section, object, node->items[i]);
        loader_leave(l, before);
    }
    *member = (struct list){items, node->count};
}

static void read_named(struct loader *l, const struct field *field, struct list *member,
                       const struct ynode *node) {
    if (!expect(l, node, YNODE_MAP, "a map")) return;
    char *items = loader_alloc(l, node->count, field->section->size);
    if (!items) return;
    for (uint32_t i = 0; i < node->count; i++) {
        void *object = items + i * field->section->size;
        size_t before = loader_enter(l, node->entries[i].key->text);
        *(const char **)((char *)object + field->name_offset) = node->entries[i].key->text.ptr;
        section_init(l, field->section, object);
        section_read(l, field->section, object, node->entries[i].value);
        loader_leave(l, before);
    }
    *member = (struct list){items, node->count};
}

static void read_verbatim(struct loader *l, const struct field *field, struct verbatim *member,
                          const struct ynode *node) {
    if (field->kind == FIELD_VERBATIM_MAP) {
        if (!expect(l, node, YNODE_MAP, "a map")) return;
    } else {
        if (!expect(l, node, YNODE_LIST, "a list of maps")) return;
        for (uint32_t i = 0; i < node->count; i++) {
            size_t before = loader_enter_index(l, i);
            (void)expect(l, node->items[i], YNODE_MAP, "a map");
            loader_leave(l, before);
        }
    }
    member->node = node;
}

static void read_value(struct loader *l, const struct field *field, void *member, const struct ynode *node) {
    switch (field->kind) {
    case FIELD_STRINGS:
    case FIELD_PATHS:
    case FIELD_SECRETS: read_strings(l, field, member, node); break;
    case FIELD_LABELS: read_labels(l, member, node); break;
    case FIELD_PAIRS: read_pairs(l, member, node); break;
    case FIELD_PARAMS: read_params(l, member, node); break;
    case FIELD_SECTION: section_read(l, field->section, member, node); break;
    case FIELD_OPTIONAL: read_optional(l, field, member, node); break;
    case FIELD_SECTIONS: read_sections(l, field, member, node); break;
    case FIELD_NAMED: read_named(l, field, member, node); break;
    case FIELD_VERBATIM_MAP:
    case FIELD_VERBATIM_MAPS: read_verbatim(l, field, member, node); break;
    default: scalar_read(l, field, member, node); break;
    }
}

void loader_unsupported(struct loader *l, const char *key) {
    struct strings *names = l->unsupported;
    if (l->quiet) return;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], key) == 0) return;
    if (names->count < l->unsupported_capacity) names->items[names->count++] = key;
}

static void read_field(struct loader *l, const struct section *section, const struct field *field,
                       void *object, const struct ynode *node) {
    if (ynode_is_null(node)) return; /* as if the key were not there */
    mark_set(section, object, field);
    bool is_unsupported = field->flags & UNSUPPORTED;
    if (is_unsupported) loader_unsupported(l, field->key);
    l->quiet += is_unsupported;
    read_value(l, field, member_of(object, field), node);
    l->quiet -= is_unsupported;
}

/* finds the key here or in an inline section, and reads its value; false when nobody knows it */
static bool read_key(struct loader *l, const struct section *section, void *object,
                     const struct yentry *entry) {
    for (size_t i = 0; i < section->field_count; i++) {
        const struct field *field = &section->fields[i];
        if (field->kind == FIELD_INLINE) {
            if (read_key(l, field->section, member_of(object, field), entry)) return true;
        } else if (span_is(entry->key->text, field->key)) {
            read_field(l, section, field, object, entry->value);
            return true;
        }
    }
    return false;
}

static size_t collect_keys(const struct section *section, const char **keys, size_t count, size_t max) {
    for (size_t i = 0; i < section->field_count; i++) {
        const struct field *field = &section->fields[i];
        if (field->kind == FIELD_INLINE)
            count = collect_keys(field->section, keys, count, max);
        else if (count < max)
            keys[count++] = field->key;
    }
    return count;
}

static void report_unknown(struct loader *l, const struct section *section, const struct ynode *key) {
    const char *keys[128];
    size_t count = collect_keys(section, keys, 0, sizeof keys / sizeof *keys);
    if (!l->ignores_unknown) loader_error_unknown(l, key->mark, "unknown field", key->text, keys, count);
}

static void check_required(struct loader *l, const struct section *section, const void *object,
                           const struct ynode *node) {
    for (size_t i = 0; i < section->field_count; i++) {
        const struct field *field = &section->fields[i];
        if (field->flags & REQUIRED && !section_has(section, object, field->key))
            loader_error(l, node->mark, "missing field \"%s\"", field->key);
    }
}

/* the checks of inline sections, inner first */
static void run_checks(struct loader *l, const struct section *section, void *object,
                       const struct ynode *node) {
    for (size_t i = 0; i < section->field_count; i++)
        if (section->fields[i].kind == FIELD_INLINE)
            run_checks(l, section->fields[i].section, member_of(object, &section->fields[i]), node);
    check_required(l, section, object, node);
    if (section->check) section->check(l, object, node);
}

void section_read(struct loader *l, const struct section *section, void *object, const struct ynode *node) {
    if (node->kind != YNODE_MAP && !ynode_is_null(node)) {
        (void)expect(l, node, YNODE_MAP, "a map");
        return;
    }
    for (uint32_t i = 0; node->kind == YNODE_MAP && i < node->count; i++) {
        size_t before = loader_enter(l, node->entries[i].key->text);
        if (!read_key(l, section, object, &node->entries[i]))
            report_unknown(l, section, node->entries[i].key);
        loader_leave(l, before);
    }
    run_checks(l, section, object, node);
}
