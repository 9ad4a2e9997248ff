#include "storage/exemplar/metadata.h"

#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"

#include <stdlib.h>
#include <string.h>

struct metadata {
    struct mutex lock;
    VEC(struct metric_metadata) items; /* each with its text in one piece of heap, at family */
    struct map by_family;
};

struct metadata *metadata_create(void) {
    struct metadata *metadata = mem_zalloc(sizeof *metadata);
    mutex_init(&metadata->lock);
    return metadata;
}

void metadata_destroy(struct metadata *metadata) {
    if (!metadata) return;
    for (size_t i = 0; i < metadata->items.count; i++) mem_free((char *)metadata->items.items[i].family.ptr);
    vec_release(&metadata->items);
    map_release(&metadata->by_family);
    mutex_release(&metadata->lock);
    mem_free(metadata);
}

static bool is_family(uint32_t index, const void *key, const void *context) {
    const struct metadata *metadata = context;
    return span_equal(metadata->items.items[index].family, *(const struct span *)key);
}

static uint32_t find(const struct metadata *metadata, struct span family) {
    return map_find(&metadata->by_family, hash_bytes_keyed(family.ptr, family.len), &family, is_family,
                    metadata);
}

static struct span keep(char **to, size_t *left, struct span text) {
    size_t len = text.len < *left ? text.len : *left;
    while (len < text.len && len && ((uint8_t)text.ptr[len] & 0xc0) == 0x80)
        len--; /* not within a character */
    if (len) memcpy(*to, text.ptr, len);
    *to += len;
    *left -= len;
    return span_of(*to - len, len);
}

static struct metric_metadata copy_item(const struct metric_metadata *item) {
    size_t left = METADATA_MAX_TEXT,
           all = item->family.len + item->type.len + item->unit.len + item->help.len;
    char *to = mem_alloc((all < left ? all : left) + 1);
    struct metric_metadata copy;
    copy.family = keep(&to, &left, item->family);
    copy.type = keep(&to, &left, item->type);
    copy.unit = keep(&to, &left, item->unit);
    copy.help = keep(&to, &left, item->help);
    return copy;
}

static bool is_same(const struct metric_metadata *a, const struct metric_metadata *b) {
    return span_equal(a->type, b->type) && span_equal(a->unit, b->unit) && span_equal(a->help, b->help);
}

static bool is_usable(const struct metric_metadata *item) {
    return item->family.len && item->family.len + item->type.len + item->unit.len <= METADATA_MAX_TEXT / 2;
}

bool metadata_has(struct metadata *metadata, const struct metric_metadata *item) {
    mutex_lock(&metadata->lock);
    uint32_t index = find(metadata, item->family);
    bool has = index != MAP_NONE && is_same(&metadata->items.items[index], item);
    mutex_unlock(&metadata->lock);
    return has;
}

bool metadata_set(struct metadata *metadata, const struct metric_metadata *item) {
    if (!is_usable(item)) return false;
    struct metric_metadata copy = copy_item(item);
    mutex_lock(&metadata->lock);
    uint32_t index = find(metadata, item->family);
    bool is_new = index == MAP_NONE;
    bool changes = is_new ? metadata->items.count < METADATA_MAX_FAMILIES
                          : !is_same(&metadata->items.items[index], &copy);
    if (changes && is_new) {
        *vec_push(&metadata->items) = copy;
        map_insert(&metadata->by_family, hash_bytes_keyed(copy.family.ptr, copy.family.len),
                   (uint32_t)metadata->items.count - 1);
    } else if (changes) {
        mem_free((char *)metadata->items.items[index].family.ptr);
        metadata->items.items[index] = copy;
    }
    mutex_unlock(&metadata->lock);
    if (!changes) mem_free((char *)copy.family.ptr);
    return changes;
}

static bool copy_text(struct arena *arena, struct span *text) {
    const char *copy = arena_strndup(arena, text->ptr, text->len);
    if (copy) *text = span_of(copy, text->len);
    return copy != NULL;
}

static int compare(const void *a, const void *b) {
    return span_compare(((const struct metric_metadata *)a)->family,
                        ((const struct metric_metadata *)b)->family);
}

int metadata_list(struct metadata *metadata, struct arena *arena, struct metric_metadata **items,
                  size_t *count, struct err *err) {
    mutex_lock(&metadata->lock);
    *count = metadata->items.count;
    *items = arena_array(arena, *count + 1, sizeof **items);
    bool fits = *items != NULL;
    for (size_t i = 0; fits && i < *count; i++) {
        struct metric_metadata *item = &(*items)[i];
        *item = metadata->items.items[i];
        fits = copy_text(arena, &item->family) && copy_text(arena, &item->type) &&
               copy_text(arena, &item->unit) && copy_text(arena, &item->help);
    }
    mutex_unlock(&metadata->lock);
    if (!fits) return arena_limit(arena, "metadata", err);
    qsort(*items, *count, sizeof **items, compare);
    return 0;
}
