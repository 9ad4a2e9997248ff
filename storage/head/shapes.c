#include "storage/head/shapes.h"

#include "lib/base/hash.h"

#include <string.h>

struct names {
    const uint32_t *names;
    uint32_t count;
};

void shapes_init(struct shapes *shapes) {
    *shapes = (struct shapes){0};
    stable_init(&shapes->memory);
}

void shapes_release(struct shapes *shapes) {
    map_release(&shapes->map);
    stable_release(&shapes->memory);
}

static bool equal(uint32_t shape, const void *key, const void *context) {
    const struct names *wanted = key;
    return shape_count(context, shape) == wanted->count &&
           memcmp(shape_names(context, shape), wanted->names, wanted->count * sizeof(uint32_t)) == 0;
}

static uint64_t hash_of(uint32_t shape, const void *context) {
    return hash_bytes(shape_names(context, shape), shape_count(context, shape) * sizeof(uint32_t));
}

uint32_t shapes_find(const struct shapes *shapes, const uint32_t *names, uint32_t count) {
    struct names wanted = {names, count};
    uint32_t shape = map_find(&shapes->map, hash_bytes(names, count * sizeof *names), &wanted, equal, shapes);
    return shape == MAP_NONE ? 0 : shape;
}

static uint32_t add_words(struct shapes *shapes, uint32_t first, const uint32_t *rest, uint32_t count) {
    uint32_t address = stable_add(&shapes->memory, 1 + (size_t)count);
    if (!address || address == MAP_NONE) return 0;
    uint32_t *words = stable_at(&shapes->memory, address);
    words[0] = first;
    if (count) memcpy(words + 1, rest, count * sizeof *rest);
    return address;
}

uint32_t shapes_add(struct shapes *shapes, const uint32_t *names, uint32_t count) {
    uint32_t shape = shapes_find(shapes, names, count);
    if (shape) return shape;
    shape = add_words(shapes, count, names, count);
    if (shape) map_insert(&shapes->map, hash_of(shape, shapes), shape);
    return shape;
}

uint32_t shapes_add_record(struct shapes *shapes, const uint32_t *words) {
    return add_words(shapes, words[0], words + 1, shape_count(shapes, words[0]));
}

void shapes_reuse_record(struct shapes *shapes, uint32_t record, const uint32_t *words) {
    size_t count = shape_count(shapes, words[0]);
    memcpy(stable_at(&shapes->memory, record), words, (1 + count) * sizeof *words);
}

size_t shapes_bytes(const struct shapes *shapes) {
    return stable_bytes(&shapes->memory) + shapes->map.capacity * sizeof *shapes->map.slots;
}
