#pragma once
/*
 * matcher.h - name="value" and its three relatives.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/model/labels.h"

#include <stdbool.h>

struct regex;

enum matcher_type { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct matcher {
    enum matcher_type type;
    struct span name, value; /* the caller's text, must outlive the matcher */
    struct regex *regex;     /* owned; only for the regex types */
};

/* compiles the expression; matcher is untouched on failure */
int matcher_init(struct matcher *matcher, enum matcher_type type, struct span name, struct span value,
                 struct err *err);
void matcher_release(struct matcher *matcher);
/* an absent label is matched as "" */
bool matcher_matches(const struct matcher *matcher, struct span value);
bool matcher_matches_empty(const struct matcher *matcher);
bool matchers_match(const struct matcher *matchers, size_t count, struct labels labels);
/* "=", "!=", "=~", "!~" */
const char *matcher_symbol(enum matcher_type type);
