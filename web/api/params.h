#pragma once
/*
 * params.h - inside of web/api: request parameters to values, with Prometheus' words for what is wrong.
 *
 * The param_ functions answer false after they have replied with the error.
 */
#include "lib/base/err.h"
#include "lib/model/matcher.h"
#include "web/http/exchange.h"

#include <stdint.h>

/* unix seconds with decimals, or RFC 3339, to milliseconds */
int time_parse(struct span text, int64_t *time_ms, struct err *err);
/* seconds with decimals, or a Prometheus duration; may be negative */
int api_duration_parse(struct span text, int64_t *ms, struct err *err);

/* in any of the forms that Go's clients may send; false: none of these */
bool bool_parse(struct span text, bool *value);

/* absent or empty: `otherwise` */
bool param_time(struct exchange *exchange, const char *name, int64_t otherwise, int64_t *time_ms);
/* "limit": at least 0; 0 and absent: none */
bool param_limit(struct exchange *exchange, uint64_t *limit);
/* any integer; absent: -1. What is none is told as "<name> must be a number" */
bool param_number(struct exchange *exchange, const char *name, int64_t *number);

struct expr;

/* one match[]: a selector */
struct match {
    struct expr *expr;
    const struct matcher *matchers;
    size_t count;
};

struct matches {
    struct match *items;
    size_t count;
};

/* A selector in `text`, or ERR_INVALID with "1:3: parse error: ..." in *why, which lives in the arena. */
int match_parse(struct span text, struct arena *arena, struct match *match, const char **why);
/* every match[] of the request, none is fine; name_error: errors say `invalid parameter "match[]"` */
bool param_matches(struct exchange *exchange, bool name_error, struct matches *matches);
void matches_release(struct matches *matches);
