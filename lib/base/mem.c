#include "lib/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *not_null(void *block, size_t size) {
    if (block || size == 0) return block;
    fprintf(stderr, "out of memory (%zu bytes)\n", size);
    abort();
}

static size_t product(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        fprintf(stderr, "allocation of %zu x %zu bytes overflows\n", count, size);
        abort();
    }
    return bytes ? bytes : 1;
}

void *mem_alloc(size_t size) {
    size = size ? size : 1;
    return not_null(malloc(size), size);
}

void *mem_zalloc(size_t size) {
    size = size ? size : 1;
    return not_null(calloc(1, size), size);
}

void *mem_array(size_t count, size_t size) {
    size_t bytes = product(count, size);
    return not_null(calloc(1, bytes), bytes);
}

void *mem_resize(void *block, size_t count, size_t size) {
    size_t bytes = product(count, size);
    return not_null(realloc(block, bytes), bytes);
}

char *mem_strdup(const char *text) {
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t length) {
    char *copy = mem_alloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void mem_free(void *block) {
    free(block);
}

void mem_touch(void *block, size_t size) {
    char *bytes = block;
    for (size_t i = 0; i < size; i += 4096) bytes[i] = 0;
    if (size) bytes[size - 1] = 0;
}
