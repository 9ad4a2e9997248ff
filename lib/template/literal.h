#pragma once
/*
 * literal.h - inside of lib/template: what Go's literals say.
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* text with its quotes ("" or '' with escapes, or ``), unescaped in arena; ERR_INVALID, or ERR_LIMIT */
int literal_unquote(struct span text, struct arena *arena, struct span *value);
/* is_int: it is whole, and *integer, too, is set (1.0 is) */
bool literal_number(struct span text, double *number, int64_t *integer, bool *is_int);
/* the replacement character for what is none */
void utf8_write(uint64_t rune, struct buf *out);
