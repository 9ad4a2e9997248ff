#pragma once
/*
 * naive_store.h - the stupidest queryable: an array of series, each an array of samples. For tests of the
 * engine.
 */
#include "lib/base/vec.h"
#include "lib/model/queryable.h"
#include "lib/model/sample.h"

struct naive_series {
    struct labels labels;
    VEC(int64_t) times;
    VEC(double) values;
};

struct naive_store {
    struct queryable queryable;
    VEC(struct naive_series) series;
    struct arena arena;
    int64_t step_ms; /* told to readers, who then see no other values than staleness markers if they want no
                        more; 0: nothing is told */
};

struct naive_set {
    struct series_set set;
    struct naive_store *store;
    VEC(size_t) found;
};

static int naive_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                        struct err *err) {
    struct naive_set *own = (struct naive_set *)set;
    return labels_copy(own->store->series.items[own->found.items[index]].labels, arena, labels, err);
}

static int naive_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    struct naive_set *own = (struct naive_set *)set;
    (void)err;
    *identity = labels_identity(own->store->series.items[own->found.items[index]].labels);
    return 0;
}

static int naive_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt,
                      struct columns *columns, struct err *err) {
    struct naive_set *own = (struct naive_set *)set;
    struct naive_series *series = &own->store->series.items[own->found.items[index]];
    bool hides_values = own->store->step_ms && columns->only_markers;
    size_t from = columns->count;
    int rc = columns_reserve(columns, series->times.count, err);
    for (size_t i = 0; i < series->times.count && !rc; i++) {
        double value = series->values.items[i];
        if (series->times.items[i] < mint || series->times.items[i] > maxt) continue;
        columns->times_ms[columns->count] = series->times.items[i];
        columns->values[columns->count++] = hides_values && !value_is_stale(value) ? -1 : value;
    }
    if (!rc) columns_note_step(columns, from, own->store->step_ms);
    return rc;
}

static void naive_close(struct series_set *set) {
    struct naive_set *own = (struct naive_set *)set;
    vec_release(&own->found);
    mem_free(own);
}

static int naive_select(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                        int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                        struct err *err) {
    static const struct series_set_ops ops = {
        .labels = naive_labels, .identity = naive_identity, .read = naive_read, .close = naive_close};
    struct naive_store *store = (struct naive_store *)queryable;
    struct naive_set *own = mem_zalloc(sizeof *own);
    (void)mint, (void)maxt, (void)budget, (void)err;
    own->set.ops = &ops;
    own->store = store;
    for (size_t i = 0; i < store->series.count; i++)
        if (matchers_match(matchers, matcher_count, store->series.items[i].labels))
            *vec_push(&own->found) = i;
    own->set.count = own->found.count;
    *set = &own->set;
    return 0;
}

static void naive_init(struct naive_store *store) {
    static const struct queryable_ops ops = {.select = naive_select};
    *store = (struct naive_store){.queryable.ops = &ops};
    arena_init(&store->arena, SIZE_MAX, NULL);
}

/* a series name{id="<id>"}; samples are added with naive_add */
static struct naive_series *naive_new(struct naive_store *store, const char *name, int id) {
    struct naive_series *series = vec_push(&store->series);
    struct label_builder builder;
    *series = (struct naive_series){.labels = {0}};
    label_builder_init(&builder, &store->arena, (struct labels){0});
    label_builder_set(&builder, SPAN(LABEL_NAME), span_from(name));
    label_builder_set(&builder, SPAN("id"), span_from(arena_printf(&store->arena, "%d", id)));
    (void)label_builder_finish(&builder, &series->labels, NULL); /* the arena has no limit */
    return series;
}

static void naive_add(struct naive_series *series, int64_t time_ms, double value) {
    *vec_push(&series->times) = time_ms;
    *vec_push(&series->values) = value;
}

static void naive_release(struct naive_store *store) {
    for (size_t i = 0; i < store->series.count; i++) {
        vec_release(&store->series.items[i].times);
        vec_release(&store->series.items[i].values);
    }
    vec_release(&store->series);
    arena_release(&store->arena);
}
