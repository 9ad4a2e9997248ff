#pragma once
/*
 * mem.h - the heap, for small and fixed allocations.
 *
 * These abort when real memory is gone, so callers need no check. What a user can size goes through an arena,
 * a buf or a budget, which refuse with ERR_LIMIT instead. Blocks are freed with mem_free (NULL is fine).
 * Sizes are checked for overflow.
 */
#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
/* count * size bytes, zeroed */
void *mem_array(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
/* resizes to count * size bytes; new bytes are not set */
void *mem_resize(void *block, size_t count, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
void mem_free(void *block);
/* For fresh memory that will be read before it is written, which would cost two faults a page, and interrupt
 * all threads of the process: writes a 0 into each of its pages. */
void mem_touch(void *block, size_t size);
