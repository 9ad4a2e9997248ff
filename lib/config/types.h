#pragma once
/*
 * types.h - the small types that configuration structs are made of.
 *
 * Everything points into the configuration's arena and never changes after loading. Texts are terminated and
 * hold no NUL byte; an optional text that is not given is NULL. The first member of each section is `set`:
 * bit i says that field i of its table was written in the file (see table.h); readers of a configuration do
 * not need it.
 */
#include "lib/model/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST(type)                                                                                           \
    struct {                                                                                                 \
        type *items;                                                                                         \
        size_t count;                                                                                        \
    }

struct strings {
    const char **items;
    size_t count;
};

/* Never printed: the effective configuration and the log show <secret>. NULL when not given. */
struct secret {
    const char *text;
};

struct pair {
    const char *name, *value;
};
struct pairs { /* a map of texts, in the file's order */
    struct pair *items;
    size_t count;
};

struct param {
    const char *name;
    struct strings values;
};
struct params { /* a map of lists, in the file's order: params of a scrape */
    struct param *items;
    size_t count;
};

/* A value that is kept as it was read, because its machinery does not exist yet. NULL when not given. */
struct ynode;
struct verbatim {
    const struct ynode *node;
};
