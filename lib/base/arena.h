#pragma once
/*
 * arena.h - memory for one piece of work, freed at once.
 *
 *     [block 1K: a a b c . . ] -> [block 2K: d d d d e . . . ] -> ...
 *
 * A query, a scrape, a request, a configuration each own one. Every byte is counted against the arena's
 * maximum and, if given, a budget; a refusal is NULL, which callers turn into ERR_LIMIT (arena_limit writes
 * the text). Under the address sanitizer each allocation is a malloc of its own, so that overruns are seen.
 * Not safe for several threads at once.
 */
#include "lib/base/budget.h"
#include "lib/base/err.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *last; /* newest block; NULL before the first allocation */
    size_t max_bytes;
    size_t used_bytes;     /* of all blocks */
    struct budget *budget; /* may be NULL */
};

void arena_init(struct arena *arena, size_t max_bytes, struct budget *budget);
/* frees everything; the arena may be used again */
void arena_release(struct arena *arena);

/* 16-byte aligned, not zeroed; NULL when the maximum or the budget is reached */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
/* count * size bytes, zeroed; NULL also when the product overflows */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* a terminated copy */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* writes "<what> needs more memory than its limit of N bytes" and returns ERR_LIMIT */
int arena_limit(const struct arena *arena, const char *what, struct err *err);
