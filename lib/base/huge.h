#pragma once
/*
 * huge.h - memory for what is large and looked into everywhere: in pages of 2 MiB where the system has them,
 * so that it is there after few faults and its addresses stay in the processor's tables.
 *
 *     less than HUGE_PAGE   the heap
 *     else                  from the system, at a multiple of HUGE_PAGE, and back to it when it is freed
 *
 * What is given is wholly resident from the first touch of each 2 MiB on, so it is for what will be full. The
 * size is told again to free it. As mem.h it aborts when memory is gone.
 */
#include <stddef.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* zeroed */
void *huge_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
/* NULL accepted */
void huge_free(void *block, size_t size);
