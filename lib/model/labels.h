#pragma once
/*
 * labels.h - a set of labels, the identity of a series.
 *
 *     {__name__="up", instance="a:9090", job="a"}   sorted by name (bytes), names unique, no empty value
 *
 * `struct labels` is a view: whoever made it owns the items and the text (an arena, the head's symbols). A
 * label_builder collects changes in an arena and makes the sorted view. An empty value means "no such label"
 * everywhere.
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define LABEL_NAME "__name__"

struct label {
    struct span name, value;
};

struct labels {
    const struct label *items;
    uint32_t count;
};

/* the value, or an empty span */
struct span labels_get(struct labels labels, struct span name);
bool labels_has(struct labels labels, struct span name);
bool labels_equal(struct labels a, struct labels b);
/* Prometheus' order: name, value, name, value ...; fewer labels first when one is the start of the other */
int labels_compare(struct labels a, struct labels b);
/* keyed with the process's seed: equal sets hash equal within a process */
uint64_t labels_hash(struct labels labels);
/* keyed as well; wide enough to stand for the labels */
struct hash128 labels_identity(struct labels labels);
/* only of the labels named (or, with `without`, of all others and never __name__); names sorted */
uint64_t labels_hash_for(struct labels labels, const struct span *names, size_t name_count, bool without);
/* the same selection compared */
bool labels_equal_for(struct labels a, struct labels b, const struct span *names, size_t name_count,
                      bool without);
/* items and text copied into arena; 0 or ERR_LIMIT */
int labels_copy(struct labels from, struct arena *arena, struct labels *copy, struct err *err);
/* name{a="b", c="d"} with Go's %q escapes; {} when empty; a name that is not a legacy metric name goes inside
 * the braces, quoted */
void labels_write(struct labels labels, struct buf *out);

/* [a-zA-Z_][a-zA-Z0-9_]* */
bool label_name_is_legacy(struct span name);
/* [a-zA-Z_:][a-zA-Z0-9_:]* */
bool metric_name_is_legacy(struct span name);
/* not empty and UTF-8; where the legacy scheme is asked for, as above */
bool label_name_is_valid(struct span name, bool legacy);
/* every name and value, __name__ as the name of a metric */
bool labels_are_valid(struct labels labels, bool legacy);
/* Go's strconv.Quote */
void text_write_quoted(struct span text, struct buf *out);

struct label_builder {
    struct arena *arena;
    struct label *items; /* kept sorted by name */
    uint32_t count, capacity;
    bool failed; /* the arena refused; finish reports it */
};

/* starts from `base` (may be empty); text is referenced, not copied: it must outlive the result */
void label_builder_init(struct label_builder *builder, struct arena *arena, struct labels base);
/* an empty value deletes */
void label_builder_set(struct label_builder *builder, struct span name, struct span value);
struct span label_builder_get(const struct label_builder *builder, struct span name);
/* the view (valid until the next set), or ERR_LIMIT */
int label_builder_finish(struct label_builder *builder, struct labels *labels, struct err *err);
