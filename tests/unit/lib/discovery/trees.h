#pragma once
/*
 * trees.h - for tests of discovery: JSON in single quotes as a tree, and looks at the labels of groups.
 */
#include "lib/codec/json_read.h"
#include "lib/model/target_group.h"

#include <check.h>

static struct arena tree_arena; /* of all trees of a test; released by trees_release */

/* 'x' becomes "x", so that texts in C stay readable */
static inline const struct ynode *tree(const char *json) {
    const struct ynode *root = NULL;
    struct ymark where;
    struct err err = {0};
    if (!tree_arena.max_bytes) arena_init(&tree_arena, (size_t)64 << 20, NULL);
    char *text = arena_strndup(&tree_arena, json, strlen(json));
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    int rc = json_read(span_from(text), &tree_arena, &root, &where, &err);
    ck_assert_msg(rc == 0, "%s at %u:%u in %s", err.text, where.line, where.column, json);
    return root;
}

static inline void trees_release(void) {
    arena_release(&tree_arena);
    tree_arena = (struct arena){0};
}

static inline void expect_label(const struct target_group *group, size_t target, const char *name,
                                const char *value) {
    ck_assert_uint_lt(target, group->count);
    struct span found = labels_get(group->targets[target], span_from(name));
    ck_assert_msg(span_is(found, value), "%s of target %zu is \"%.*s\", not \"%s\"", name, target,
                  SPAN_ARG(found), value);
}
