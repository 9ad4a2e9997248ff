#include "lib/codec/yaml.h"

#include <yaml.h> /* libyaml */

#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"

/*
 * libyaml turns text into events; a recursive descent over the events builds the tree. Three numbers keep a
 * hostile file small: the depth of the descent, the nodes made, and each node's total_count, in which an
 * alias counts with everything below it, so that "a billion laughs" is refused at the alias that would go too
 * far.
 */

#define TAG_PREFIX "tag:yaml.org,2002:"

struct anchor {
    struct span name;
    const struct ynode *node; /* NULL while its node is being read: an alias then would be a circle */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one, valid when has_event */
    bool has_event;
    struct arena *arena;
    VEC(struct anchor) anchors;
    uint32_t node_count;
    struct ymark *where;
    struct err *err;
};

static struct ymark mark_from(yaml_mark_t mark) {
    return (struct ymark){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static int fail(struct reader *r, struct ymark where, int code, const char *message) {
    *r->where = where;
    return err_set(r->err, code, "%s", message);
}

static int fail_key(struct reader *r, struct ymark where, const char *message, struct span key) {
    *r->where = where;
    return err_set(r->err, ERR_INVALID, "%s \"%.*s\"", message, (int)(key.len > 80 ? 80 : key.len), key.ptr);
}

static int fail_memory(struct reader *r) {
    *r->where = (struct ymark){0, 0};
    return arena_limit(r->arena, "the file's tree", r->err);
}

static void drop_event(struct reader *r) {
    if (r->has_event) yaml_event_delete(&r->event);
    r->has_event = false;
}

/* replaces the current event by the next */
static int next_event(struct reader *r) {
    drop_event(r);
    if (yaml_parser_parse(&r->parser, &r->event)) {
        r->has_event = true;
        return 0;
    }
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return fail(r, (struct ymark){0, 0}, ERR_LIMIT, "out of memory while reading YAML");
    if (p->error == YAML_READER_ERROR) {
        *r->where = (struct ymark){0, 0};
        return err_set(r->err, ERR_INVALID, "not readable as text at byte %zu: %s", p->problem_offset,
                       p->problem);
    }
    *r->where = mark_from(p->problem_mark);
    return err_set(r->err, ERR_INVALID, "YAML syntax: %s%s%s", p->problem ? p->problem : "cannot be read",
                   p->context ? " " : "", p->context ? p->context : "");
}

static struct span span_of_yaml(const yaml_char_t *text) {
    return span_from((const char *)text);
}

/* Remembers an anchor without its node; returns its index, or SIZE_MAX when the node has none. A name may be
 * used again, the latest counts. */
static size_t anchor_open(struct reader *r, const yaml_char_t *name) {
    if (!name) return SIZE_MAX;
    struct span text = span_of_yaml(name);
    char *copy = arena_strndup(r->arena, text.ptr, text.len);
    if (!copy) return SIZE_MAX;
    *vec_push(&r->anchors) = (struct anchor){span_of(copy, text.len), NULL};
    return r->anchors.count - 1;
}

static void anchor_close(struct reader *r, size_t index, const struct ynode *node) {
    if (index != SIZE_MAX) r->anchors.items[index].node = node;
}

static struct ynode *node_create(struct reader *r, enum ynode_kind kind) {
    struct ynode *node = arena_zalloc(r->arena, sizeof *node);
    if (!node) return NULL;
    node->kind = kind;
    node->mark = mark_from(r->event.start_mark);
    node->height = 1;
    node->total_count = 1;
    return node;
}

/* adds a child's size to its parent's */
static int node_grow(struct reader *r, struct ynode *parent, const struct ynode *child, struct ymark where) {
    if (child->height >= parent->height) parent->height = (uint16_t)(child->height + 1);
    if (child->total_count > YNODE_MAX_COUNT - parent->total_count)
        return fail(r, where, ERR_LIMIT, "too many values, counting every use of an alias");
    parent->total_count += child->total_count;
    return 0;
}

/* Only the core schema's tags; *is_text says whether it is !!str. */
static int check_tag(struct reader *r, const yaml_char_t *tag, bool *is_text) {
    static const char *const known[] = {"str", "null", "bool", "int", "float", "map", "seq"};
    *is_text = false;
    if (!tag || !*tag) return 0;
    struct span text = span_of_yaml(tag);
    if (span_is(text, "!")) {
        *is_text = true;
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!span_starts_with(text, SPAN(TAG_PREFIX))) break;
        if (!span_is(span_of(text.ptr + sizeof TAG_PREFIX - 1, text.len - (sizeof TAG_PREFIX - 1)), known[i]))
            continue;
        *is_text = i == 0;
        return 0;
    }
    return fail_key(r, mark_from(r->event.start_mark), "a tag that is not supported:", text);
}

static int read_node(struct reader *r, unsigned depth, const struct ynode **node);

static int read_scalar(struct reader *r, const struct ynode **out) {
    bool is_text;
    int rc = check_tag(r, r->event.data.scalar.tag, &is_text);
    if (rc) return rc;
    size_t length = r->event.data.scalar.length;
    const char *value = (const char *)r->event.data.scalar.value;
    struct ymark mark = mark_from(r->event.start_mark);
    if (memchr(value, 0, length)) return fail(r, mark, ERR_INVALID, "a text holds a NUL byte");
    struct ynode *node = node_create(r, YNODE_SCALAR);
    char *copy = arena_strndup(r->arena, value, length);
    if (!node || !copy) return fail_memory(r);
    node->text = span_of(copy, length);
    node->is_plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !is_text;
    anchor_close(r, anchor_open(r, r->event.data.scalar.anchor), node);
    *out = node;
    return 0;
}

static int read_alias(struct reader *r, unsigned depth, const struct ynode **out) {
    struct span name = span_of_yaml(r->event.data.alias.anchor);
    struct ymark mark = mark_from(r->event.start_mark);
    for (size_t i = r->anchors.count; i > 0; i--) {
        const struct anchor *anchor = &r->anchors.items[i - 1];
        if (!span_equal(anchor->name, name)) continue;
        if (!anchor->node) return fail_key(r, mark, "an alias inside of its own anchor:", name);
        if (depth + anchor->node->height > YNODE_MAX_DEPTH)
            return fail(r, mark, ERR_LIMIT, "nested too deeply");
        *out = anchor->node;
        return 0;
    }
    return fail_key(r, mark, "unknown anchor", name);
}

static int read_list(struct reader *r, unsigned depth, const struct ynode **out) {
    bool is_text;
    int rc = check_tag(r, r->event.data.sequence_start.tag, &is_text);
    if (rc) return rc;
    struct ynode *list = node_create(r, YNODE_LIST);
    if (!list) return fail_memory(r);
    size_t anchor = anchor_open(r, r->event.data.sequence_start.anchor);
    VEC(const struct ynode *) items = {0};
    while (!(rc = next_event(r)) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        struct ymark where = mark_from(r->event.start_mark);
        const struct ynode *item = NULL;
        if ((rc = read_node(r, depth, &item)) || (rc = node_grow(r, list, item, where))) break;
        *vec_push(&items) = item;
    }
    if (!rc && items.count) {
        list->items = arena_array(r->arena, items.count, sizeof *list->items);
        if (!list->items)
            rc = fail_memory(r);
        else
            memcpy(list->items, items.items, items.count * sizeof *items.items);
        list->count = (uint32_t)items.count;
    }
    vec_release(&items);
    if (rc) return rc;
    anchor_close(r, anchor, list);
    *out = list;
    return 0;
}

/* The entries of one map while it is being read, with an index from key to position. */
struct entries {
    struct yentry *items;
    size_t count, capacity;
    struct map index;
};

static bool key_equal(uint32_t position, const void *key, const void *context) {
    const struct entries *entries = context;
    return span_equal(entries->items[position].key->text, *(const struct span *)key);
}

/* false when the key is there already */
static bool entries_add(struct entries *entries, struct yentry entry) {
    struct span key = entry.key->text;
    uint64_t hash = hash_bytes_keyed(key.ptr, key.len);
    if (map_find(&entries->index, hash, &key, key_equal, entries) != MAP_NONE) return false;
    *vec_push(entries) = entry;
    map_insert(&entries->index, hash, (uint32_t)(entries->count - 1));
    return true;
}

static bool is_merge_key(const struct ynode *key) {
    return key->is_plain && span_is(key->text, "<<");
}

/* the entries of a merged map that the map does not have itself */
static int merge_map(struct reader *r, struct entries *entries, struct ynode *map, const struct ynode *from,
                     struct ymark where) {
    if (from->kind != YNODE_MAP) return fail(r, where, ERR_INVALID, "<< takes a map or a list of maps");
    for (uint32_t i = 0; i < from->count; i++) {
        if (!entries_add(entries, from->entries[i])) continue;
        int rc = node_grow(r, map, from->entries[i].value, where);
        if (rc) return rc;
    }
    return 0;
}

static int merge(struct reader *r, struct entries *entries, struct ynode *map, const struct ynode *from,
                 struct ymark where) {
    if (from->kind != YNODE_LIST) return merge_map(r, entries, map, from, where);
    for (uint32_t i = 0; i < from->count; i++) {
        int rc = merge_map(r, entries, map, from->items[i], where);
        if (rc) return rc;
    }
    return 0;
}

/* One key and its value; a merge is put aside until the map's own keys are known. */
static int read_entry(struct reader *r, unsigned depth, struct ynode *map, struct entries *entries,
                      const struct ynode **merged) {
    struct ymark where = mark_from(r->event.start_mark);
    struct yentry entry = {0};
    int rc = read_node(r, depth, &entry.key);
    if (rc) return rc;
    if (entry.key->kind != YNODE_SCALAR) return fail(r, where, ERR_INVALID, "a key must be a text");
    if ((rc = next_event(r))) return rc;
    struct ymark value_where = mark_from(r->event.start_mark);
    if ((rc = read_node(r, depth, &entry.value))) return rc;
    if (is_merge_key(entry.key)) {
        if (*merged) return fail_key(r, where, "duplicate key", entry.key->text);
        *merged = entry.value;
        return 0;
    }
    if (!entries_add(entries, entry)) return fail_key(r, where, "duplicate key", entry.key->text);
    return node_grow(r, map, entry.value, value_where);
}

static int read_entries(struct reader *r, unsigned depth, struct ynode *map, struct entries *entries) {
    const struct ynode *merged = NULL;
    int rc;
    while (!(rc = next_event(r)) && r->event.type != YAML_MAPPING_END_EVENT)
        if ((rc = read_entry(r, depth, map, entries, &merged))) return rc;
    if (!rc && merged) rc = merge(r, entries, map, merged, merged->mark);
    if (rc || !entries->count) return rc;
    map->entries = arena_array(r->arena, entries->count, sizeof *map->entries);
    if (!map->entries) return fail_memory(r);
    memcpy(map->entries, entries->items, entries->count * sizeof *entries->items);
    map->count = (uint32_t)entries->count;
    return 0;
}

static int read_map(struct reader *r, unsigned depth, const struct ynode **out) {
    bool is_text;
    int rc = check_tag(r, r->event.data.mapping_start.tag, &is_text);
    if (rc) return rc;
    struct ynode *map = node_create(r, YNODE_MAP);
    if (!map) return fail_memory(r);
    size_t anchor = anchor_open(r, r->event.data.mapping_start.anchor);
    struct entries entries = {0};
    rc = read_entries(r, depth, map, &entries);
    vec_release(&entries);
    map_release(&entries.index);
    if (rc) return rc;
    anchor_close(r, anchor, map);
    *out = map;
    return 0;
}

/* the node that begins with the current event; the current event is its last one afterwards */
static int read_node(struct reader *r, unsigned depth, const struct ynode **node) {
    struct ymark mark = mark_from(r->event.start_mark);
    if (depth >= YNODE_MAX_DEPTH) return fail(r, mark, ERR_LIMIT, "nested too deeply");
    if (++r->node_count > YNODE_MAX_COUNT) return fail(r, mark, ERR_LIMIT, "too many values");
    switch (r->event.type) {
    case YAML_SCALAR_EVENT: return read_scalar(r, node);
    case YAML_ALIAS_EVENT: return read_alias(r, depth, node);
    case YAML_SEQUENCE_START_EVENT: return read_list(r, depth + 1, node);
    case YAML_MAPPING_START_EVENT: return read_map(r, depth + 1, node);
    default: return fail(r, mark, ERR_INVALID, "YAML syntax: a value is expected");
    }
}

static int read_document(struct reader *r, const struct ynode **root) {
    int rc = next_event(r);      /* stream start */
    if (!rc) rc = next_event(r); /* document start, or the end of an empty stream */
    if (rc || r->event.type == YAML_STREAM_END_EVENT) return rc;
    const struct ynode *node = NULL;
    if ((rc = next_event(r)) || (rc = read_node(r, 0, &node))) return rc;
    if ((rc = next_event(r)) || (rc = next_event(r))) return rc; /* document end, and what follows */
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail(r, mark_from(r->event.start_mark), ERR_INVALID, "a second document in the file");
    *root = node;
    return 0;
}

int ynode_parse(struct span text, struct arena *arena, const struct ynode **root, struct ymark *where,
                struct err *err) {
    struct reader r = {.arena = arena, .where = where, .err = err};
    *where = (struct ymark){0, 0};
    if (!yaml_parser_initialize(&r.parser)) return err_set(err, ERR_LIMIT, "out of memory for YAML");
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
    const struct ynode *node = NULL;
    int rc = read_document(&r, &node);
    drop_event(&r);
    yaml_parser_delete(&r.parser);
    vec_release(&r.anchors);
    if (!rc) *root = node;
    return rc;
}

const struct yentry *ynode_entry(const struct ynode *map, struct span key) {
    if (!map || map->kind != YNODE_MAP) return NULL;
    for (uint32_t i = 0; i < map->count; i++)
        if (span_equal(map->entries[i].key->text, key)) return &map->entries[i];
    return NULL;
}

const struct ynode *ynode_at(const struct ynode *map, const char *path) {
    struct span left = span_from(path);
    while (map && left.len) {
        size_t end = span_find_byte(left, '.', 0);
        const struct yentry *entry = ynode_entry(map, span_of(left.ptr, end));
        map = entry ? entry->value : NULL;
        if (end < left.len) end++;
        left = span_of(left.ptr + end, left.len - end);
    }
    return map;
}

struct span ynode_text_at(const struct ynode *map, const char *path) {
    const struct ynode *node = ynode_at(map, path);
    if (ynode_is_null(node) || node->kind != YNODE_SCALAR) return span_of(NULL, 0);
    return node->text;
}

const struct ynode *ynode_item(const struct ynode *list, uint32_t i) {
    return list && list->kind == YNODE_LIST && i < list->count ? list->items[i] : NULL;
}

static bool is_one_of(struct span text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_is(text, words[i])) return true;
    return false;
}

bool ynode_is_null(const struct ynode *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return !node || (node->kind == YNODE_SCALAR && node->is_plain &&
                     is_one_of(node->text, words, sizeof words / sizeof *words));
}

bool ynode_bool(const struct ynode *node, bool *value) {
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                      "y",    "Y",    "on",   "On",  "ON"};
    static const char *const no[] = {"false", "False", "FALSE", "no",  "No", "NO",
                                     "n",     "N",     "off",   "Off", "OFF"};
    if (!node || node->kind != YNODE_SCALAR || !node->is_plain) return false;
    bool is_yes = is_one_of(node->text, yes, sizeof yes / sizeof *yes);
    if (!is_yes && !is_one_of(node->text, no, sizeof no / sizeof *no)) return false;
    *value = is_yes;
    return true;
}

const char *ynode_describe(const struct ynode *node) {
    bool value;
    if (ynode_is_null(node)) return "null";
    if (node->kind == YNODE_LIST) return "a list";
    if (node->kind == YNODE_MAP) return "a map";
    if (ynode_bool(node, &value)) return "a bool";
    char first = node->text.len ? node->text.ptr[0] : 'x';
    if (first == '-' && node->text.len > 1) first = node->text.ptr[1];
    return node->is_plain && first >= '0' && first <= '9' ? "a number" : "a text";
}
