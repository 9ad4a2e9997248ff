#pragma once
/*
 * slab.h - memory for open chunks: a few sizes, each from its own pages, freed pieces used again.
 *
 *     class  0   1   2   3   4 ...  19
 *     bytes 24  40  56  72  88 ... 1024        a chunk moves up a class when it is full
 *
 * A series needs only what its samples need. Under the address sanitizer each piece is a malloc of its own,
 * so that overruns are seen. One thread at a time allocates and frees.
 */
#include "lib/base/vec.h"

#include <stddef.h>
#include <stdint.h>

#define SLAB_CLASSES 20

struct slab {
    void *free[SLAB_CLASSES]; /* each begins with the next */
    VEC(void *) pages;
    uint8_t *page_at; /* what is left of the newest page */
    size_t page_left;
};

void slab_release(struct slab *slab);
/* the smallest class of at least `size` bytes, size <= 1024 */
uint8_t slab_class(size_t size);
size_t slab_class_bytes(uint8_t size_class);
void *slab_alloc(struct slab *slab, uint8_t size_class);
/* NULL accepted */
void slab_free(struct slab *slab, uint8_t size_class, void *piece);
