#include "lib/base/arena.h"

#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* with their headers: sizes that the allocator has */
#define ARENA_FIRST_BLOCK ((size_t)1024)
#define ARENA_LARGEST_BLOCK ((size_t)256 << 10)
#define ARENA_ALIGN ((size_t)16)

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EACH_ITS_OWN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_EACH_ITS_OWN 1
#endif
#endif
#ifndef ARENA_EACH_ITS_OWN
#define ARENA_EACH_ITS_OWN 0
#endif

struct arena_block {
    struct arena_block *before;
    size_t size, used; /* of data */
    _Alignas(16) unsigned char data[];
};

void arena_init(struct arena *arena, size_t max_bytes, struct budget *budget) {
    *arena = (struct arena){.max_bytes = max_bytes, .budget = budget};
}

void arena_release(struct arena *arena) {
    for (struct arena_block *block = arena->last; block;) {
        struct arena_block *before = block->before;
        mem_free(block);
        block = before;
    }
    if (arena->budget) budget_give(arena->budget, arena->used_bytes);
    arena->last = NULL;
    arena->used_bytes = 0;
}

static size_t next_block_size(const struct arena *arena, size_t wanted) {
    if (ARENA_EACH_ITS_OWN) return wanted;
    size_t header = sizeof(struct arena_block);
    size_t whole = arena->last ? (header + arena->last->size) * 2 : ARENA_FIRST_BLOCK;
    if (whole > ARENA_LARGEST_BLOCK) whole = ARENA_LARGEST_BLOCK;
    return wanted > whole - header ? wanted : whole - header;
}

static struct arena_block *add_block(struct arena *arena, size_t wanted) {
    size_t left = arena->max_bytes - arena->used_bytes;
    if (wanted > left) return NULL;
    size_t size = next_block_size(arena, wanted);
    if (size > left) size = left;
    if (arena->budget && !budget_take(arena->budget, size)) {
        size = wanted; /* near the budget's end a block of just this much may still fit */
        if (!budget_take(arena->budget, size)) return NULL;
    }
    struct arena_block *block = mem_alloc(sizeof *block + size);
    block->before = arena->last;
    block->size = size;
    block->used = 0;
    arena->last = block;
    arena->used_bytes += size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (size > SIZE_MAX - ARENA_ALIGN) return NULL;
    size_t aligned = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    /* the sanitizer wants the exact size to see a write behind it */
    size_t wanted = ARENA_EACH_ITS_OWN ? size : aligned;
    struct arena_block *block = arena->last;
    if (ARENA_EACH_ITS_OWN || !block || block->size - block->used < wanted) block = add_block(arena, wanted);
    if (!block) return NULL;
    void *place = block->data + block->used;
    block->used += wanted;
    return place;
}

void *arena_zalloc(struct arena *arena, size_t size) {
    void *place = arena_alloc(arena, size);
    return place ? memset(place, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return arena_zalloc(arena, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length) {
    if (length == SIZE_MAX) return NULL;
    char *copy = arena_alloc(arena, length + 1);
    if (!copy) return NULL;
    if (length) memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) return NULL;
    char *text = arena_alloc(arena, (size_t)length + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

int arena_limit(const struct arena *arena, const char *what, struct err *err) {
    size_t max = arena->max_bytes;
    if (arena->budget && arena->budget->max_bytes < max) max = arena->budget->max_bytes;
    return err_set(err, ERR_LIMIT, "%s needs more memory than its limit of %zu bytes", what, max);
}
