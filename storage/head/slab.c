#include "storage/head/slab.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <string.h>

#define PAGE_BYTES ((size_t)64 << 10)

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_PLAIN 1
#endif
#endif

static const uint16_t class_bytes[SLAB_CLASSES] = {24,  40,  56,  72,  88,  104, 120, 136, 152, 176,
                                                   208, 256, 320, 384, 448, 512, 640, 768, 896, 1024};

uint8_t slab_class(size_t size) {
    uint8_t i = 0;
    while (class_bytes[i] < size) i++;
    ASSERT(i < SLAB_CLASSES);
    return i;
}

size_t slab_class_bytes(uint8_t size_class) {
    return class_bytes[size_class];
}

void slab_release(struct slab *slab) {
    for (size_t i = 0; i < slab->pages.count; i++) mem_free(slab->pages.items[i]);
    vec_release(&slab->pages);
    *slab = (struct slab){0};
}

#ifdef SLAB_PLAIN
void *slab_alloc(struct slab *slab, uint8_t size_class) {
    (void)slab;
    return mem_alloc(class_bytes[size_class]);
}

void slab_free(struct slab *slab, uint8_t size_class, void *piece) {
    (void)slab, (void)size_class;
    mem_free(piece);
}
#else
static void *carve(struct slab *slab, size_t bytes) {
    if (slab->page_left < bytes) { /* the rest of the old page is given up: under 1 KiB of 64 */
        slab->page_at = mem_alloc(PAGE_BYTES);
        mem_touch(slab->page_at, PAGE_BYTES);
        slab->page_left = PAGE_BYTES;
        *vec_push(&slab->pages) = slab->page_at;
    }
    void *piece = slab->page_at;
    slab->page_at += bytes;
    slab->page_left -= bytes;
    return piece;
}

void *slab_alloc(struct slab *slab, uint8_t size_class) {
    void *piece = slab->free[size_class];
    if (!piece) return carve(slab, class_bytes[size_class]);
    memcpy(&slab->free[size_class], piece, sizeof piece);
    return piece;
}

void slab_free(struct slab *slab, uint8_t size_class, void *piece) {
    if (!piece) return;
    memcpy(piece, &slab->free[size_class], sizeof piece);
    slab->free[size_class] = piece;
}
#endif
