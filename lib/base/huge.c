#include "lib/base/huge.h"

#include "lib/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* the address sanitizer sees overruns and leaks of the heap only */
#if defined(__SANITIZE_ADDRESS__)
#define HUGE_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HUGE_PLAIN 1
#endif
#endif

#ifdef HUGE_PLAIN
void *huge_alloc(size_t size) {
    return mem_zalloc(size);
}

void huge_free(void *block, size_t size) {
    (void)size;
    mem_free(block);
}
#else
static void *map_pages(size_t size) {
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block != MAP_FAILED) return block;
    fprintf(stderr, "out of memory (%zu bytes)\n", size);
    abort();
}

void *huge_alloc(size_t size) {
    if (size < HUGE_PAGE) return mem_zalloc(size);
    char *begin = map_pages(size + HUGE_PAGE);
    size_t before = -(uintptr_t)begin % HUGE_PAGE; /* what is not at a multiple goes back */
    if (before) munmap(begin, before);
    char *block = begin + before, *end = block + (size + 4095) / 4096 * 4096;
    munmap(end, (size_t)(begin + size + HUGE_PAGE - end));
    (void)madvise(block, size, MADV_HUGEPAGE); /* a system without goes on in small pages */
    return block;
}

void huge_free(void *block, size_t size) {
    if (size < HUGE_PAGE)
        mem_free(block);
    else if (block)
        munmap(block, size);
}
#endif
