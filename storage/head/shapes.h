#pragma once
/*
 * shapes.h - label sets in 4 bytes a label: the names of a set are interned together.
 *
 *     {__name__="up", instance="a", job="x"}  {__name__="up", instance="b", job="x"}
 *
 *     shape  S: | 3 | __name__ | instance | job |           once for all series with these names
 *     record A: | S | up | a | x |                          one for each series, values in the shape's order
 *     record B: | S | up | b | x |
 *
 * Names and values are symbols; shapes and records live in stable memory, so labels are read without a lock.
 * Shapes are added under the index lock.
 */
#include "lib/base/map.h"
#include "storage/head/stable.h"

#include <stdint.h>

/* labels of one series, as RECORD_MAX_LABELS of the log */
#define SHAPE_MAX_LABELS 4096u

struct shapes {
    struct stable memory; /* shapes and records */
    struct map map;       /* hash of the names -> shape */
};

void shapes_init(struct shapes *shapes);
void shapes_release(struct shapes *shapes);
/* 0: not known */
uint32_t shapes_find(const struct shapes *shapes, const uint32_t *names, uint32_t count);
/* finds or adds; 0: memory is full */
uint32_t shapes_add(struct shapes *shapes, const uint32_t *names, uint32_t count);
/* a record of words[0] = shape and its values; 0: memory is full */
uint32_t shapes_add_record(struct shapes *shapes, const uint32_t *words);
/* overwrites a record of as many labels that nobody reads any more */
void shapes_reuse_record(struct shapes *shapes, uint32_t record, const uint32_t *words);
size_t shapes_bytes(const struct shapes *shapes);

static inline uint32_t shape_count(const struct shapes *shapes, uint32_t shape) {
    return *stable_at(&shapes->memory, shape);
}

static inline const uint32_t *shape_names(const struct shapes *shapes, uint32_t shape) {
    return stable_at(&shapes->memory, shape) + 1;
}

/* the place of a name in a shape, or its count */
static inline uint32_t shape_place(const struct shapes *shapes, uint32_t shape, uint32_t name) {
    const uint32_t *words = stable_at(&shapes->memory, shape);
    uint32_t i = 0;
    while (i < words[0] && words[1 + i] != name) i++;
    return i;
}
