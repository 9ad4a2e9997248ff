#include "lib/codec/json_read.h"

#include <jansson.h>
#include <stdio.h>

/*
 * jansson parses, then its tree is copied. Some functions of json.h have the names of jansson's; that is
 * harmless because the library binds its own calls itself, and this file does not include json.h.
 */

struct copier {
    struct arena *arena;
    uint32_t node_count;
    struct err *err;
};

static int copy_value(struct copier *c, json_t *value, unsigned depth, const struct ynode **out);

static int fail_memory(struct copier *c) {
    return arena_limit(c->arena, "the JSON tree", c->err);
}

static int set_text(struct copier *c, struct ynode *node, const char *text, size_t len, bool is_plain) {
    const char *copy = arena_strndup(c->arena, text, len);
    if (!copy) return fail_memory(c);
    node->kind = YNODE_SCALAR;
    node->is_plain = is_plain;
    node->text = span_of(copy, len);
    return 0;
}

static int copy_scalar(struct copier *c, json_t *value, struct ynode *node) {
    char number[64];
    switch (json_typeof(value)) {
    case JSON_STRING: return set_text(c, node, json_string_value(value), json_string_length(value), false);
    case JSON_TRUE: return set_text(c, node, "true", 4, true);
    case JSON_FALSE: return set_text(c, node, "false", 5, true);
    case JSON_NULL: return set_text(c, node, "null", 4, true);
    case JSON_INTEGER: snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value)); break;
    default: snprintf(number, sizeof number, "%.17g", json_real_value(value));
    }
    return set_text(c, node, number, strlen(number), true);
}

static void grow(struct ynode *parent, const struct ynode *child) {
    if (child->height >= parent->height) parent->height = (uint16_t)(child->height + 1);
    parent->total_count += child->total_count;
}

static int copy_array(struct copier *c, json_t *value, unsigned depth, struct ynode *node) {
    size_t count = json_array_size(value);
    node->kind = YNODE_LIST;
    node->items = arena_array(c->arena, count, sizeof *node->items);
    if (!node->items) return fail_memory(c);
    for (size_t i = 0; i < count; i++) {
        int rc = copy_value(c, json_array_get(value, i), depth + 1, &node->items[i]);
        if (rc) return rc;
        grow(node, node->items[i]);
    }
    node->count = (uint32_t)count;
    return 0;
}

static int copy_object(struct copier *c, json_t *value, unsigned depth, struct ynode *node) {
    size_t count = json_object_size(value), used = 0;
    node->kind = YNODE_MAP;
    node->entries = arena_array(c->arena, count, sizeof *node->entries);
    struct ynode *keys = arena_array(c->arena, count, sizeof *keys);
    if (!node->entries || !keys) return fail_memory(c);
    const char *name;
    json_t *member;
    json_object_foreach(value, name, member) {
        int rc = set_text(c, &keys[used], name, strlen(name), false);
        if (!rc) rc = copy_value(c, member, depth + 1, &node->entries[used].value);
        if (rc) return rc;
        node->entries[used].key = &keys[used];
        grow(node, node->entries[used++].value);
    }
    node->count = (uint32_t)used;
    return 0;
}

static int copy_value(struct copier *c, json_t *value, unsigned depth, const struct ynode **out) {
    if (depth > YNODE_MAX_DEPTH) return err_set(c->err, ERR_LIMIT, "nested too deeply");
    if (++c->node_count > YNODE_MAX_COUNT) return err_set(c->err, ERR_LIMIT, "too many values");
    struct ynode *node = arena_zalloc(c->arena, sizeof *node);
    if (!node) return fail_memory(c);
    node->height = 1;
    node->total_count = 1;
    int rc = json_is_array(value)    ? copy_array(c, value, depth, node)
             : json_is_object(value) ? copy_object(c, value, depth, node)
                                     : copy_scalar(c, value, node);
    if (!rc) *out = node;
    return rc;
}

int json_read(struct span text, struct arena *arena, const struct ynode **root, struct ymark *where,
              struct err *err) {
    json_error_t error;
    struct copier copier = {.arena = arena, .err = err};
    *where = (struct ymark){0, 0};
    json_t *value = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_DECODE_ANY, &error);
    if (!value) {
        *where = (struct ymark){(uint32_t)error.line, (uint32_t)error.column};
        return err_set(err, ERR_INVALID, "JSON syntax: %s", error.text);
    }
    int rc = copy_value(&copier, value, 0, root);
    json_decref(value);
    return rc;
}
