#pragma once
/*
 * limited.h - a queryable that shows some series only: its matchers are added to those of every question.
 *
 *     select {a="1"}  --limited by {team="x"}-->  select {a="1", team="x"} of the store
 *
 * One place for it: whoever reads through the limited queryable cannot see more, whatever is asked. It
 * borrows store and matchers; use it on one thread at a time. Where the store holds a moment
 * (queryable_begin), one query at a time.
 */
#include "lib/model/queryable.h"

#define LIMITED_MATCHERS_MAX 1000u /* of one question, both together */

struct limited {
    struct queryable base; /* first */
    struct queryable *store;
    struct queryable *moment; /* of the store, between begin and end; else the store */
    const struct matcher *matchers;
    size_t matcher_count;
    struct arena *arena; /* for the joined matchers */
};

void limited_init(struct limited *limited, struct queryable *store, const struct matcher *matchers,
                  size_t matcher_count, struct arena *arena);
/* both, in arena; they borrow their texts and expressions. ERR_LIMIT */
int matchers_join(const struct matcher *a, size_t a_count, const struct matcher *b, size_t b_count,
                  struct arena *arena, const struct matcher **joined, struct err *err);
