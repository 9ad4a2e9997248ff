#pragma once
/*
 * crew.h - threads that help with works of independent parts (feature concurrent-rule-eval).
 *
 *     crew_run(n): part 0 ... part n - 1, each by the caller or by whoever of the crew is free
 *
 * The caller does its own parts while no helper is free, so works of several callers never wait for each
 * other.
 */
#include <stddef.h>

struct crew;

typedef void crew_part(void *context, size_t i);

struct crew *crew_create(int threads); /* helpers beside the callers, at most 16 */
void crew_destroy(struct crew *crew);  /* NULL is fine; no work may be going on */
/* any thread, not from within a part; all parts are done when it returns. crew NULL: one after the other */
void crew_run(struct crew *crew, size_t count, crew_part *part, void *context);
