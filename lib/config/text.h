#pragma once
/*
 * text.h - what configuration and command line have in common: sizes, and the word that may have been meant.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stdint.h>

/* 512MB, 1GiB, 1.5GB, 1GB512MB, 0; units are powers of 1024 */
int size_parse(struct span text, uint64_t *bytes, struct err *err);
/* in the largest unit that divides it: 10MiB */
void size_write(uint64_t bytes, struct buf *out);

/* the candidate with the fewest edits (insert, delete, change, swap), or NULL when none is near */
const char *text_nearest(struct span word, const char *const *candidates, size_t count);
