/*
 * select.c - the port of a block: sets of series, in the order of their labels.
 */
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/block/inside.h"

#include <stdlib.h>

#define SET_MAGIC 0x42534554u /* "BSET" */

struct block_set {
    struct series_set set; /* first */
    uint32_t magic;
    struct block *block;
    struct tombstones *tombstones;
    struct budget *budget;
    uint32_t *series;
};

static struct block_set *set_of(struct series_set *set) {
    struct block_set *own = (struct block_set *)set;
    CHECK_OBJ(own, SET_MAGIC);
    return own;
}

static struct block *of_queryable(struct queryable *queryable) {
    struct block *block = ((struct block_queryable *)queryable)->block;
    CHECK_OBJ(block, BLOCK_MAGIC);
    return block;
}

static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    struct block_set *own = set_of(set);
    ASSERT(index < own->set.count);
    return block_labels(own->block, own->series[index], arena, labels, err);
}

static int set_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    struct block_set *own = set_of(set);
    ASSERT(index < own->set.count);
    return note_damage(own->block,
                       index_series_identity(&own->block->index, own->series[index], identity, err));
}

static int set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                    struct err *err) {
    struct block_set *own = set_of(set);
    ASSERT(index < own->set.count);
    return block_read(own->block, own->series[index], own->tombstones, mint, maxt, columns, err);
}

static void set_close(struct series_set *set) {
    struct block_set *own = set_of(set);
    if (own->budget) budget_give(own->budget, own->set.count * sizeof *own->series);
    if (own->tombstones) shared_release(&own->tombstones->shared);
    block_release(own->block);
    mem_free(own->series);
    own->magic = 0;
    mem_free(own);
}

static const struct series_set_ops set_ops = {
    .labels = set_labels, .identity = set_identity, .read = set_read, .close = set_close};

static size_t count_members(const struct members *members) {
    size_t count = 0;
    for (size_t i = 0; i < ((size_t)members->series + 63) / 64; i++)
        count += (size_t)__builtin_popcountll(members->words[i]);
    return count;
}

static int port_select(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                       int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                       struct err *err) {
    struct block *block = of_queryable(queryable);
    struct members members;
    int rc = members_match(block, matchers, matcher_count, budget, &members, err);
    if (rc) return rc;
    struct tombstones *tombstones = tombstones_hold(block);
    rc = members_within(block, &members, mint, maxt, tombstones, err);
    size_t count = rc ? 0 : count_members(&members);
    if (rc || (budget && !budget_take(budget, count * sizeof(uint32_t)))) {
        members_release(&members);
        if (tombstones) shared_release(&tombstones->shared);
        if (rc) return rc;
        return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while selecting series", budget->name,
                       budget->max_bytes);
    }
    struct block_set *own = mem_zalloc(sizeof *own);
    own->set.ops = &set_ops;
    own->magic = SET_MAGIC;
    own->block = block_hold(block);
    own->tombstones = tombstones;
    own->budget = budget;
    own->series = mem_array(count, sizeof *own->series);
    for (uint32_t series = 0; series < members.series; series++)
        if (members_has(&members, series)) own->series[own->set.count++] = series;
    members_release(&members);
    *set = &own->set;
    return 0;
}

/* ---- names and values ---- */

struct texts {
    struct block *block;
    struct arena *arena;
    const struct members *members; /* NULL: all series */
    VEC(struct span) list;
};

static int add_text(struct texts *texts, uint32_t symbol, struct err *err) {
    struct span text;
    int rc = index_symbol(&texts->block->index, symbol, texts->arena, &text, err);
    if (!rc) *vec_push(&texts->list) = text;
    return rc;
}

static bool has_member(const struct texts *texts, uint64_t count, struct cursor list) {
    uint64_t number = 0;
    if (!texts->members) return true;
    for (uint64_t i = 0; i < count; i++) {
        number += cursor_varint(&list);
        if (list.failed || number >= texts->members->series) return false;
        if (members_has(texts->members, (uint32_t)number)) return true;
    }
    return false;
}

static int each_value(void *context, uint32_t value, uint64_t count, struct cursor list, struct err *err) {
    struct texts *texts = context;
    return has_member(texts, count, list) ? add_text(texts, value, err) : 0;
}

#define FOUND 1 /* ends index_values early */

static int any_value(void *context, uint32_t value, uint64_t count, struct cursor list, struct err *err) {
    (void)value;
    (void)err;
    return has_member(context, count, list) ? FOUND : 0;
}

/* the list, already in order because symbols are */
static int finish(struct texts *texts, struct span **result, size_t *count, struct err *err) {
    struct span *copy = arena_array(texts->arena, texts->list.count, sizeof *copy);
    if (copy) {
        for (size_t i = 0; i < texts->list.count; i++) copy[i] = texts->list.items[i];
        *result = copy;
        *count = texts->list.count;
    }
    return copy ? 0 : arena_limit(texts->arena, "label names and values", err);
}

static int collect_names(struct texts *texts, struct err *err) {
    struct index *index = &texts->block->index;
    int rc = index_load(index, err);
    for (uint32_t i = 0; !rc && i < index->name_count; i++) {
        int found = texts->members
                        ? index_values(index, &index->names[i], 0, UINT32_MAX - 1, any_value, texts, err)
                        : FOUND;
        if (found < 0) rc = found;
        if (found == FOUND) rc = add_text(texts, index->names[i].name, err);
    }
    return rc;
}

static int collect_values(struct texts *texts, struct span name, struct err *err) {
    struct index *index = &texts->block->index;
    uint32_t symbol;
    int rc = index_load(index, err);
    if (!rc) rc = index_find_symbol(index, name, &symbol, err);
    const struct index_name *found = rc || symbol == SYMBOL_NONE ? NULL : index_find_name(index, symbol);
    return found ? index_values(index, found, 0, UINT32_MAX - 1, each_value, texts, err) : rc;
}

/* The series whose names and values count; *is_all: every one. Without matchers that is all of the block,
 * which overlaps the time asked for, as Prometheus has it. */
static int choose(struct block *block, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                  int64_t maxt, struct budget *budget, struct members *members, bool *is_all,
                  struct err *err) {
    struct tombstones *tombstones = tombstones_hold(block);
    *is_all = !matcher_count && !tombstones && mint <= block->meta.maxt && maxt >= block->meta.mint;
    int rc = *is_all ? 0 : members_match(block, matchers, matcher_count, budget, members, err);
    if (!rc && !*is_all) {
        rc = members_within(block, members, mint, maxt, tombstones, err);
        if (rc) members_release(members);
    }
    if (tombstones) shared_release(&tombstones->shared);
    return rc;
}

/* name NULL: label names */
static int collect(struct block *block, const struct span *name, const struct matcher *matchers,
                   size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                   struct span **result, size_t *count, struct err *err) {
    struct texts texts = {.block = block, .arena = arena};
    struct members members = {0};
    bool is_all;
    int rc = choose(block, matchers, matcher_count, mint, maxt, arena->budget, &members, &is_all, err);
    if (rc) return rc;
    if (!is_all) texts.members = &members;
    rc = name ? collect_values(&texts, *name, err) : collect_names(&texts, err);
    if (!rc) rc = finish(&texts, result, count, err);
    vec_release(&texts.list);
    members_release(&members);
    return note_damage(block, rc);
}

static int port_label_names(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                            int64_t mint, int64_t maxt, struct arena *arena, struct span **names,
                            size_t *count, struct err *err) {
    return collect(of_queryable(queryable), NULL, matchers, matcher_count, mint, maxt, arena, names, count,
                   err);
}

static int port_label_values(struct queryable *queryable, struct span name, const struct matcher *matchers,
                             size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                             struct span **values, size_t *count, struct err *err) {
    return collect(of_queryable(queryable), &name, matchers, matcher_count, mint, maxt, arena, values, count,
                   err);
}

const struct queryable_ops block_queryable_ops = {
    .select = port_select, .label_names = port_label_names, .label_values = port_label_values};
