#pragma once
/*
 * yaml.h - a YAML file as a tree that knows where everything stood.
 *
 *     global:                 MAP  1:1
 *       external_labels: {}     key "global" 1:1 -> MAP 2:3
 *                                 key "external_labels" 2:3 -> MAP 2:20
 *
 * Made from libyaml's events, in the caller's arena. Strict and bounded: one document, keys are scalars, no
 * key twice, depth at most YNODE_MAX_DEPTH, at most YNODE_MAX_COUNT nodes with every alias counted as often
 * as it is used, no tags but the core ones, no NUL bytes. Anchors, aliases and `<<` merges work: an alias is
 * the same node again (the tree is shared, never circular), merged entries follow a map's own.
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define YNODE_MAX_DEPTH 64
#define YNODE_MAX_COUNT 1000000

enum ynode_kind { YNODE_SCALAR, YNODE_LIST, YNODE_MAP };

struct ymark {
    uint32_t line, column; /* from 1 */
};

struct ynode;
struct yentry {
    const struct ynode *key; /* a scalar */
    const struct ynode *value;
};

struct ynode {
    enum ynode_kind kind;
    bool is_plain; /* scalar without quotes or !!str: may be null, a bool or a number */
    uint16_t height;
    struct ymark mark;
    uint32_t count;       /* of items or entries */
    uint32_t total_count; /* of nodes below and including this one, aliases expanded */
    union {
        struct span text; /* YNODE_SCALAR, terminated */
        const struct ynode **items;
        struct yentry *entries;
    };
};

/* *root is NULL for a file without a document. On failure *where is the place (0:0 when there is none). */
int ynode_parse(struct span text, struct arena *arena, const struct ynode **root, struct ymark *where,
                struct err *err);

/* the entry of that key, or NULL (also when map is NULL or no map) */
const struct yentry *ynode_entry(const struct ynode *map, struct span key);
/* the value at "a.b.c" below a map, or NULL; for keys without dots */
const struct ynode *ynode_at(const struct ynode *map, const char *path);
/* the text at a path, empty when there is none or a null */
struct span ynode_text_at(const struct ynode *map, const char *path);
/* item i of the list, or NULL: also when list is NULL or no list */
const struct ynode *ynode_item(const struct ynode *list, uint32_t i);
/* no value: NULL, or a plain scalar that is empty, ~ or null */
bool ynode_is_null(const struct ynode *node);
/* the words of YAML 1.1 (true yes on y, false no off n, in three cases), plain only; false when it is none */
bool ynode_bool(const struct ynode *node, bool *value);
/* "a list", "a map", "null", "a text", "a number", "a bool": for messages */
const char *ynode_describe(const struct ynode *node);
