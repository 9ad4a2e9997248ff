#include "tests/support/crash_inside.h"

#include <string.h>

static void release_node(struct crash_node *node) {
    paged_release(&node->content);
    for (size_t i = 0; i < node->children.count; i++) mem_free(node->children.items[i].name);
    vec_release(&node->children);
}

void crash_tree_init(struct crash_tree *tree) {
    *tree = (struct crash_tree){0};
    crash_tree_node(tree, 0)->is_folder = true;
}

void crash_tree_release(struct crash_tree *tree) {
    for (size_t i = 0; i < tree->nodes.count; i++) release_node(&tree->nodes.items[i]);
    vec_release(&tree->nodes);
}

struct crash_node *crash_tree_node(struct crash_tree *tree, size_t index) {
    while (tree->nodes.count <= index) *vec_push(&tree->nodes) = (struct crash_node){0};
    return &tree->nodes.items[index];
}

void crash_tree_copy(struct crash_tree *to, const struct crash_tree *from) {
    crash_tree_release(to);
    for (size_t i = 0; i < from->nodes.count; i++) {
        const struct crash_node *node = &from->nodes.items[i];
        struct crash_node *copy = crash_tree_node(to, i);
        copy->is_folder = node->is_folder;
        paged_copy(&copy->content, &node->content);
        for (size_t k = 0; k < node->children.count; k++)
            *vec_push(&copy->children) =
                (struct crash_child){mem_strdup(node->children.items[k].name), node->children.items[k].node};
    }
}

static struct crash_child *child_of(const struct crash_tree *tree, size_t folder, const char *name,
                                    size_t len) {
    if (folder >= tree->nodes.count) return NULL;
    const struct crash_node *node = &tree->nodes.items[folder];
    for (size_t i = 0; i < node->children.count; i++)
        if (strncmp(node->children.items[i].name, name, len) == 0 && !node->children.items[i].name[len])
            return &node->children.items[i];
    return NULL;
}

size_t crash_tree_child(const struct crash_tree *tree, size_t folder, const char *name) {
    struct crash_child *child = child_of(tree, folder, name, strlen(name));
    return child ? child->node : NODE_NONE;
}

size_t crash_tree_folder_of(const struct crash_tree *tree, const char *path, const char **last) {
    size_t folder = 0;
    for (;;) {
        while (*path == '/') path++;
        size_t len = strcspn(path, "/");
        if (!path[len]) break;
        struct crash_child *child = child_of(tree, folder, path, len);
        if (!child || !tree->nodes.items[child->node].is_folder) return NODE_NONE;
        folder = child->node;
        path += len;
    }
    *last = path;
    return folder;
}

size_t crash_tree_find(const struct crash_tree *tree, const char *path) {
    const char *last;
    size_t folder = crash_tree_folder_of(tree, path, &last);
    if (folder == NODE_NONE || !*last) return folder;
    return crash_tree_child(tree, folder, last);
}

static void set_name(struct crash_tree *tree, size_t folder, const char *name, size_t target) {
    struct crash_node *node = crash_tree_node(tree, folder);
    struct crash_child *child = child_of(tree, folder, name, strlen(name));
    if (child && target != NODE_NONE) {
        child->node = target;
    } else if (child) {
        mem_free(child->name);
        *child = node->children.items[--node->children.count];
    } else if (target != NODE_NONE) {
        *vec_push(&node->children) = (struct crash_child){mem_strdup(name), target};
    }
}

static void apply_name(struct crash_tree *tree, const struct change *change) {
    if (change->old_folder != NODE_NONE) set_name(tree, change->old_folder, change->old_name, NODE_NONE);
    if (change->target != NODE_NONE) crash_tree_node(tree, change->target)->is_folder = change->is_folder;
    set_name(tree, change->node, change->name, change->target);
}

void crash_tree_apply(struct crash_tree *tree, const struct change *change) {
    switch (change->kind) {
    case CHANGE_WRITE:
        paged_write(&crash_tree_node(tree, change->node)->content, change->data, change->len, change->offset);
        break;
    case CHANGE_SIZE: paged_resize(&crash_tree_node(tree, change->node)->content, change->size); break;
    case CHANGE_NAME: apply_name(tree, change); break;
    case CHANGE_SYNC:
    case CHANGE_SYNC_FOLDER: break;
    }
}
