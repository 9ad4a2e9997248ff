#include "lib/discovery/group_reader.h"

#include "lib/codec/json_read.h"

#define TREE_MAX_BYTES ((size_t)512 << 20)

struct reading {
    const struct group_origin *origin;
    struct group_builder builder;
    size_t index; /* of the group */
    struct err *err;
};

static bool is_text(const struct reading *r, const struct ynode *node) {
    return node && node->kind == YNODE_SCALAR && !ynode_is_null(node) &&
           !(r->origin->is_json && node->is_plain);
}

static int refuse(const struct reading *r, const struct ynode *node, const char *what) {
    return err_set(r->err, ERR_INVALID, "target group %zu: %s, not %s", r->index, what, ynode_describe(node));
}

static int read_labels(struct reading *r, const struct ynode *labels) {
    if (ynode_is_null(labels)) return 0;
    if (labels->kind != YNODE_MAP) return refuse(r, labels, "labels are a map");
    for (uint32_t i = 0; i < labels->count; i++) {
        struct span name = labels->entries[i].key->text;
        const struct ynode *value = labels->entries[i].value;
        if (!name.len || !span_is_utf8(name))
            return err_set(r->err, ERR_INVALID, "target group %zu: \"%.*s\" is not a valid label name",
                           r->index, (int)(name.len < 80 ? name.len : 80), name.ptr);
        if (!is_text(r, value)) return refuse(r, value, "the value of a label is a text");
        label_builder_set(&r->builder.labels, name, value->text);
    }
    return 0;
}

static int read_targets(struct reading *r, const struct ynode *targets) {
    if (ynode_is_null(targets)) return 0;
    if (targets->kind != YNODE_LIST) return refuse(r, targets, "targets are a list");
    for (uint32_t i = 0; i < targets->count; i++) {
        if (!is_text(r, targets->items[i])) return refuse(r, targets->items[i], "a target is a text");
        group_target(&r->builder);
        group_target_label(&r->builder, "__address__", targets->items[i]->text);
    }
    return 0;
}

static int read_group(struct reading *r, const struct ynode *node, struct target_group **group) {
    if (ynode_is_null(node) || node->kind != YNODE_MAP) return refuse(r, node, "a group is a map");
    for (uint32_t i = 0; i < node->count; i++) {
        struct span key = node->entries[i].key->text;
        if (!span_is(key, "targets") && !span_is(key, "labels"))
            return err_set(r->err, ERR_INVALID, "target group %zu: unknown field \"%.*s\"", r->index,
                           (int)(key.len < 80 ? key.len : 80), key.ptr);
    }
    group_begin(&r->builder);
    r->builder.source = group_text(&r->builder, "%s:%zu", r->origin->name, r->index);
    int rc = read_labels(r, ynode_at(node, "labels"));
    if (rc) return rc;
    group_label(&r->builder, r->origin->label, span_from(r->origin->name));
    rc = read_targets(r, ynode_at(node, "targets"));
    return rc ? rc : group_finish(&r->builder, group, r->err);
}

int group_reader_read(const struct ynode *root, const struct group_origin *origin, struct group_list *groups,
                      struct err *err) {
    struct reading r = {.origin = origin, .err = err};
    size_t before = groups->all.count;
    int rc = 0;
    if (ynode_is_null(root)) return 0;
    if (root->kind != YNODE_LIST)
        return err_set(err, ERR_INVALID, "target groups are a list, not %s", ynode_describe(root));
    group_builder_init(&r.builder);
    for (; !rc && r.index < root->count; r.index++) {
        struct target_group *group;
        rc = read_group(&r, root->items[r.index], &group);
        if (!rc) *vec_push(&groups->all) = group;
    }
    group_builder_release(&r.builder);
    while (rc && groups->all.count > before) target_group_unref(groups->all.items[--groups->all.count]);
    return rc;
}

int group_reader_parse(struct span text, const struct group_origin *origin, struct group_list *groups,
                       struct err *err) {
    struct arena arena;
    struct ymark where;
    const struct ynode *root = NULL;
    arena_init(&arena, TREE_MAX_BYTES, NULL);
    int rc = origin->is_json ? json_read(text, &arena, &root, &where, err)
                             : ynode_parse(text, &arena, &root, &where, err);
    if (rc && where.line) err_wrap(err, rc, "line %u, column %u", where.line, where.column);
    if (!rc) rc = group_reader_read(root, origin, groups, err);
    arena_release(&arena);
    return rc;
}

void group_list_release(struct group_list *groups) {
    for (size_t i = 0; i < groups->all.count; i++) target_group_unref(groups->all.items[i]);
    vec_release(&groups->all);
}
