/*
 * names.c - which label names and values there are among series with samples in a time range.
 *
 * Without matchers each posting list is walked until its first series in range. With matchers the matching
 * series are collected, and their symbols gathered once each.
 */
#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "storage/head/inside.h"

#include <stdlib.h>

struct gathered {
    VEC(uint32_t) symbols; /* each once */
    struct map seen;
};

static bool symbol_equal(uint32_t index, const void *key, const void *context) {
    return ((const struct gathered *)context)->symbols.items[index] == *(const uint32_t *)key;
}

static void gather(struct gathered *g, uint32_t symbol) {
    uint64_t hash = hash_mix(0, symbol);
    if (map_find(&g->seen, hash, &symbol, symbol_equal, g) != MAP_NONE) return;
    *vec_push(&g->symbols) = symbol;
    map_insert(&g->seen, hash, (uint32_t)g->symbols.count - 1);
}

static void gathered_release(struct gathered *g) {
    vec_release(&g->symbols);
    map_release(&g->seen);
}

static int compare(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static int finish(const struct head *head, struct gathered *g, struct arena *arena, struct span **texts,
                  size_t *count, struct err *err) {
    struct span *list = arena_array(arena, g->symbols.count, sizeof *list);
    if (!list) return arena_limit(arena, "label names and values", err);
    for (size_t i = 0; i < g->symbols.count; i++) list[i] = symbols_text(&head->symbols, g->symbols.items[i]);
    if (g->symbols.count) qsort(list, g->symbols.count, sizeof *list, compare);
    *texts = list;
    *count = g->symbols.count;
    return 0;
}

static bool name_overlaps(struct head *head, const struct posting_name *name, int64_t mint, int64_t maxt) {
    for (size_t i = 0; i < name->values.count; i++)
        if (any_overlaps(head, &name->values.items[i], mint, maxt)) return true;
    return false;
}

static int matching(struct head *head, const struct matcher *matchers, size_t count, int64_t mint,
                    int64_t maxt, struct slots *slots, struct err *err) {
    int rc = match_slots(head, matchers, count, slots, err);
    if (!rc) slots_keep_overlapping(head, slots, atomic_load(&head->mint), mint, maxt);
    return rc;
}

static void gather_names(const struct head *head, const struct slots *slots, struct gathered *g) {
    uint32_t last = 0; /* neighbours have the same shape */
    for (size_t i = 0; i < slots->count; i++) {
        uint32_t shape = *stable_at(&head->shapes.memory, series_at(&head->table, slots->items[i])->record);
        if (shape == last) continue;
        last = shape;
        const uint32_t *names = shape_names(&head->shapes, shape);
        for (uint32_t j = 0; j < shape_count(&head->shapes, shape); j++) gather(g, names[j]);
    }
}

int head_label_names(struct head *head, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                     int64_t maxt, struct arena *arena, struct span **names, size_t *count, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct gathered g = {0};
    struct slots slots;
    int rc = 0;
    slots_init(&slots, arena->budget);
    rwlock_read(&head->index_lock);
    if (matcher_count) {
        rc = matching(head, matchers, matcher_count, mint, maxt, &slots, err);
        if (!rc) gather_names(head, &slots, &g);
    } else {
        for (size_t i = 0; i < head->postings.names.count; i++)
            if (name_overlaps(head, &head->postings.names.items[i], mint, maxt))
                gather(&g, head->postings.names.items[i].name);
    }
    rwlock_unlock(&head->index_lock);
    if (!rc) rc = finish(head, &g, arena, names, count, err);
    slots_release(&slots);
    gathered_release(&g);
    return rc;
}

static int gather_values(struct head *head, uint32_t name, const struct matcher *matchers,
                         size_t matcher_count, int64_t mint, int64_t maxt, struct slots *slots,
                         struct gathered *g, struct err *err) {
    const struct posting_name *postings = postings_name(&head->postings, name);
    if (!postings) return 0;
    for (size_t i = 0; !matcher_count && i < postings->values.count; i++)
        if (any_overlaps(head, &postings->values.items[i], mint, maxt))
            *vec_push(&g->symbols) = postings->values.items[i].value; /* a name has each value once */
    if (!matcher_count) return 0;
    int rc = matching(head, matchers, matcher_count, mint, maxt, slots, err);
    for (size_t i = 0; !rc && i < slots->count; i++) {
        uint32_t value = index_value(head, slots->items[i], name);
        if (value) gather(g, value);
    }
    return rc;
}

int head_label_values(struct head *head, struct span name, const struct matcher *matchers,
                      size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                      struct span **values, size_t *count, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct gathered g = {0};
    struct slots slots;
    slots_init(&slots, arena->budget);
    rwlock_read(&head->index_lock);
    uint32_t symbol = symbols_find(&head->symbols, name);
    int rc = symbol ? gather_values(head, symbol, matchers, matcher_count, mint, maxt, &slots, &g, err) : 0;
    rwlock_unlock(&head->index_lock);
    if (!rc) rc = finish(head, &g, arena, values, count, err);
    slots_release(&slots);
    gathered_release(&g);
    return rc;
}
