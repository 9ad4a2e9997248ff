#pragma once
/*
 * queried.h - which metrics an engine was asked for by name, so that those nobody asks for can be found.
 *
 *     up{job="a"}   {__name__="up"}   {__name__=~"up|down"}      by name
 *     {job="a"}     {__name__=~"node_.+"}                        not: they take whatever there is
 *
 * Hashes of names, as many as QUERIED_MAX; what comes later is not remembered. One lock; any thread.
 */
#include "promql/parse/ast.h"

#include <stdbool.h>

#define QUERIED_MAX ((size_t)1 << 20)

struct queried;

struct queried *queried_create(void);
void queried_destroy(struct queried *queried);
/* every name in the selectors of the expression */
void queried_note(struct queried *queried, struct expr *expr);
bool queried_has(struct queried *queried, struct span name);
