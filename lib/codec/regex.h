#pragma once
/*
 * regex.h - Prometheus' regular expressions: RE2 syntax, anchored at both ends, dot matches newline, linear
 * time.
 *
 * Literals, prefixes (x.*), suffixes (.*x), contains (.*x.*), sets (a|b|c), .* and .+ never reach RE2. A
 * compiled expression may be matched by several threads at once. Pattern length, program size and nesting are
 * limited.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stddef.h>

#define REGEX_MAX_CAPTURES 32

struct regex;

/* ERR_INVALID with RE2's reason in Go's wording ("error parsing regexp: missing closing ): `a(`"), ERR_LIMIT
 * when too large */
int regex_create(struct regex **regex, struct span pattern, struct err *err);
void regex_destroy(struct regex *regex);
bool regex_matches(const struct regex *regex, struct span text);
/* fills captures[0..count) (0 is the whole text; groups that took no part are empty); false when text does
 * not match */
bool regex_captures(const struct regex *regex, struct span text, struct span *captures, size_t count);
/* the same for the leftmost match anywhere at or after `from` (<= text.len) */
bool regex_find(const struct regex *regex, struct span text, size_t from, struct span *captures,
                size_t count);
/* Go's Expand: `text` with $1, ${1}, $name, ${name} replaced by the captures (there are REGEX_MAX_CAPTURES)
 * and $$ by $; what there is no group for is empty */
void regex_expand(const struct regex *regex, struct span text, const struct span *captures, struct buf *out);
size_t regex_group_count(const struct regex *regex);
/* index of a named group, or -1 */
int regex_group_index(const struct regex *regex, struct span name);
/* The literal alternatives when the whole pattern is a literal or a set of literals (count > 0), for index
 * lookups; else 0. */
size_t regex_literals(const struct regex *regex, const struct span **literals);
