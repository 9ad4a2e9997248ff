#pragma once
/*
 * promql_test_starts.h - the store of a file with start times laid over its samples.
 *
 *     engine -> test_starts -> the store        columns of a series with an @st line get starts_ms
 *
 * The store itself has no place for start times; all else goes through to it.
 */
#include "cmd/promql_test.h"
#include "lib/model/queryable.h"

struct test_start {
    struct hash128 identity; /* of the labels */
    const struct test_series *series;
    int64_t step_ms;
    const struct test_start *next;
};

struct test_starts {
    struct queryable queryable; /* what to ask; until the next promql_test_starts_init */
    struct queryable *store;
    const struct test_start *list;
};

/* nothing over the store; who notes must keep series and arena as long */
void promql_test_starts_init(struct test_starts *starts, struct queryable *store);
/* an @st line of a load with that step */
int promql_test_starts_note(struct test_starts *starts, const struct test_series *series, int64_t step_ms,
                            struct arena *arena, struct err *err);
