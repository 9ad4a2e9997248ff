#include "lib/model/limited.h"

#include <string.h>

int matchers_join(const struct matcher *a, size_t a_count, const struct matcher *b, size_t b_count,
                  struct arena *arena, const struct matcher **joined, struct err *err) {
    if (a_count + b_count > LIMITED_MATCHERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %u matchers", LIMITED_MATCHERS_MAX);
    struct matcher *all = arena_array(arena, a_count + b_count + 1, sizeof *all);
    if (!all) return arena_limit(arena, "matchers", err);
    if (a_count) memcpy(all, a, a_count * sizeof *all);
    if (b_count) memcpy(all + a_count, b, b_count * sizeof *all);
    *joined = all;
    return 0;
}

static struct limited *limited_of(struct queryable *queryable) {
    return (struct limited *)queryable; /* the first member */
}

static int join(struct limited *limited, const struct matcher *matchers, size_t count,
                const struct matcher **joined, struct err *err) {
    return matchers_join(matchers, count, limited->matchers, limited->matcher_count, limited->arena, joined,
                         err);
}

static int limited_select(struct queryable *queryable, const struct matcher *matchers, size_t count,
                          int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                          struct err *err) {
    struct limited *limited = limited_of(queryable);
    const struct matcher *joined;
    int rc = join(limited, matchers, count, &joined, err);
    if (rc) return rc;
    return queryable_select(limited->moment, joined, count + limited->matcher_count, mint, maxt, budget, set,
                            err);
}

static int limited_names(struct queryable *queryable, const struct matcher *matchers, size_t count,
                         int64_t mint, int64_t maxt, struct arena *arena, struct span **names,
                         size_t *name_count, struct err *err) {
    struct limited *limited = limited_of(queryable);
    const struct matcher *joined;
    int rc = join(limited, matchers, count, &joined, err);
    if (rc) return rc;
    return limited->moment->ops->label_names(limited->moment, joined, count + limited->matcher_count, mint,
                                             maxt, arena, names, name_count, err);
}

static int limited_values(struct queryable *queryable, struct span name, const struct matcher *matchers,
                          size_t count, int64_t mint, int64_t maxt, struct arena *arena, struct span **values,
                          size_t *value_count, struct err *err) {
    struct limited *limited = limited_of(queryable);
    const struct matcher *joined;
    int rc = join(limited, matchers, count, &joined, err);
    if (rc) return rc;
    return limited->moment->ops->label_values(limited->moment, name, joined, count + limited->matcher_count,
                                              mint, maxt, arena, values, value_count, err);
}

/* the moment is the store's; the limit goes along */
static struct queryable *limited_begin(struct queryable *queryable) {
    struct limited *limited = limited_of(queryable);
    limited->moment = queryable_begin(limited->store);
    return queryable;
}

static void limited_end(struct queryable *queryable) {
    struct limited *limited = limited_of(queryable);
    queryable_end(limited->moment);
    limited->moment = limited->store;
}

static const struct queryable_ops limited_ops = {.begin = limited_begin,
                                                 .end = limited_end,
                                                 .select = limited_select,
                                                 .label_names = limited_names,
                                                 .label_values = limited_values};

void limited_init(struct limited *limited, struct queryable *store, const struct matcher *matchers,
                  size_t matcher_count, struct arena *arena) {
    *limited = (struct limited){{&limited_ops}, store, store, matchers, matcher_count, arena};
}
