#include "cmd/promql_test_starts.h"

#include "lib/base/mem.h"

struct started_set {
    struct series_set set;
    struct series_set *inner;
    const struct test_starts *starts;
};

static struct series_set *inner_of(struct series_set *set) {
    return ((struct started_set *)set)->inner;
}

static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    return series_set_labels(inner_of(set), index, arena, labels, err);
}

static int set_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    return series_set_identity(inner_of(set), index, identity, err);
}

/* 0: none; of several lines for a series the last one counts, which is the first of the list */
static int64_t start_at(const struct test_starts *starts, struct hash128 identity, int64_t time_ms) {
    for (const struct test_start *start = starts->list; start; start = start->next) {
        if (memcmp(&start->identity, &identity, sizeof identity) != 0 || time_ms < 0) continue;
        size_t k = start->step_ms ? (size_t)(time_ms / start->step_ms) : 0;
        if ((int64_t)k * start->step_ms != time_ms || k >= start->series->count) continue;
        const struct test_value *offset = &start->series->values[k];
        return offset->kind == TEST_VALUE_FLOAT ? time_ms + (int64_t)offset->number : 0;
    }
    return 0;
}

static int set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                    struct err *err) {
    const struct test_starts *starts = ((struct started_set *)set)->starts;
    struct hash128 identity;
    size_t from = columns->count;
    int rc = series_set_read(inner_of(set), index, mint, maxt, columns, err);
    if (!rc) rc = series_set_identity(inner_of(set), index, &identity, err);
    for (size_t i = from; i < columns->count && !rc; i++) {
        int64_t start_ms = start_at(starts, identity, columns->times_ms[i]);
        if (start_ms) columns_set_start(columns, i, start_ms);
    }
    return rc;
}

static void set_close(struct series_set *set) {
    series_set_close(inner_of(set));
    mem_free(set);
}

static const struct series_set_ops set_ops = {
    .labels = set_labels, .identity = set_identity, .read = set_read, .close = set_close};

static struct queryable *store_of(struct queryable *queryable) {
    return ((struct test_starts *)queryable)->store;
}

static int starts_select(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                         int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                         struct err *err) {
    struct series_set *inner;
    int rc = queryable_select(store_of(queryable), matchers, matcher_count, mint, maxt, budget, &inner, err);
    if (rc) return rc;
    struct started_set *started = mem_zalloc(sizeof *started);
    started->set.ops = &set_ops;
    started->set.count = inner->count;
    started->inner = inner;
    started->starts = (struct test_starts *)queryable;
    *set = &started->set;
    return 0;
}

static int starts_label_names(struct queryable *queryable, const struct matcher *matchers,
                              size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                              struct span **names, size_t *count, struct err *err) {
    struct queryable *store = store_of(queryable);
    return store->ops->label_names(store, matchers, matcher_count, mint, maxt, arena, names, count, err);
}

static int starts_label_values(struct queryable *queryable, struct span name, const struct matcher *matchers,
                               size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                               struct span **values, size_t *count, struct err *err) {
    struct queryable *store = store_of(queryable);
    return store->ops->label_values(store, name, matchers, matcher_count, mint, maxt, arena, values, count,
                                    err);
}

static const struct queryable_ops starts_ops = {
    .select = starts_select, .label_names = starts_label_names, .label_values = starts_label_values};

void promql_test_starts_init(struct test_starts *starts, struct queryable *store) {
    *starts = (struct test_starts){{&starts_ops}, store, NULL};
}

int promql_test_starts_note(struct test_starts *starts, const struct test_series *series, int64_t step_ms,
                            struct arena *arena, struct err *err) {
    struct test_start *start = arena_alloc(arena, sizeof *start);
    if (!start) return arena_limit(arena, "test file", err);
    *start = (struct test_start){labels_identity(series->labels), series, step_ms, starts->list};
    starts->list = start;
    return 0;
}
