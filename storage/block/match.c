/*
 * match.c - which series of a block match: a bit for each.
 *
 *     a matcher that does not match ""   keep the series of its values
 *     one that does                      drop the series of the values it does not match: those without stay
 */
#include "lib/base/mem.h"
#include "storage/block/inside.h"

#include <string.h>

static size_t word_count(uint32_t series) {
    return ((size_t)series + 63) / 64;
}

static int members_init(struct members *members, uint32_t series, bool all, struct budget *budget,
                        struct err *err) {
    size_t bytes = word_count(series) * sizeof(uint64_t);
    if (budget && !budget_take(budget, bytes))
        return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while selecting series", budget->name,
                       budget->max_bytes);
    *members = (struct members){mem_array(word_count(series), sizeof(uint64_t)), series, budget};
    if (!all) return 0;
    memset(members->words, 0xff, bytes);
    if (series % 64) members->words[series / 64] = ((uint64_t)1 << series % 64) - 1;
    return 0;
}

void members_release(struct members *members) {
    if (members->words && members->budget)
        budget_give(members->budget, word_count(members->series) * sizeof(uint64_t));
    mem_free(members->words);
    members->words = NULL;
}

/* the values that a matcher is asked about */
struct gathering {
    struct block *block;
    const struct matcher *matcher;
    bool wanted; /* gathers the series of values with this verdict */
    struct members *found;
    struct arena arena;
};

static int add_list(struct members *found, uint64_t count, struct cursor list, struct err *err) {
    uint64_t number = 0;
    for (uint64_t i = 0; i < count; i++) {
        number += cursor_varint(&list);
        if (list.failed || number >= found->series)
            return err_set(err, ERR_CORRUPT, "postings make no sense");
        found->words[number / 64] |= (uint64_t)1 << number % 64;
    }
    return 0;
}

static int gather_value(void *context, uint32_t value, uint64_t count, struct cursor list, struct err *err) {
    struct gathering *g = context;
    struct span text;
    arena_release(&g->arena);
    int rc = index_symbol(&g->block->index, value, &g->arena, &text, err);
    if (rc || matcher_matches(g->matcher, text) != g->wanted) return rc;
    return add_list(g->found, count, list, err);
}

static int gather_all(void *context, uint32_t value, uint64_t count, struct cursor list, struct err *err) {
    (void)value;
    return add_list(((struct gathering *)context)->found, count, list, err);
}

static int gather(struct gathering *g, const struct index_name *name, struct err *err) {
    struct index *index = &g->block->index;
    enum matcher_type type = g->matcher->type;
    bool is_one = (type == MATCH_EQUAL && g->wanted) || (type == MATCH_NOT_EQUAL && !g->wanted);
    if (!is_one) return index_values(index, name, 0, UINT32_MAX - 1, gather_value, g, err);
    uint32_t value;
    int rc = index_find_symbol(index, g->matcher->value, &value, err);
    if (rc || value == SYMBOL_NONE) return rc;
    return index_values(index, name, value, value, gather_all, g, err);
}

static int apply(struct block *block, const struct matcher *matcher, struct members *members,
                 struct err *err) {
    bool keeps_missing = matcher_matches_empty(matcher);
    struct members found;
    uint32_t symbol;
    int rc = index_find_symbol(&block->index, matcher->name, &symbol, err);
    const struct index_name *name =
        rc || symbol == SYMBOL_NONE ? NULL : index_find_name(&block->index, symbol);
    if (!rc) rc = members_init(&found, members->series, false, members->budget, err);
    if (rc) return rc;
    struct gathering g = {block, matcher, !keeps_missing, &found, {0}};
    arena_init(&g.arena, SIZE_MAX, NULL);
    if (name) rc = gather(&g, name, err);
    for (size_t i = 0; !rc && i < word_count(members->series); i++)
        members->words[i] &= keeps_missing ? ~found.words[i] : found.words[i];
    arena_release(&g.arena);
    members_release(&found);
    return rc;
}

int members_match(struct block *block, const struct matcher *matchers, size_t count, struct budget *budget,
                  struct members *members, struct err *err) {
    int rc = index_load(&block->index, err);
    if (!rc) rc = members_init(members, block->index.series, true, budget, err);
    if (rc) return note_damage(block, rc);
    for (size_t i = 0; !rc && i < count; i++) rc = apply(block, &matchers[i], members, err);
    if (rc) members_release(members);
    return note_damage(block, rc);
}

struct within {
    int64_t mint, maxt;
    const struct tombstones *tombstones;
};

static bool has_rows(void *context, uint32_t number, const struct index_series *series) {
    const struct within *within = context;
    for (size_t i = 0; i < series->page_count; i++) {
        const struct page_ref *ref = &series->pages[i];
        int64_t from = ref->mint > within->mint ? ref->mint : within->mint;
        int64_t to = ref->maxt < within->maxt ? ref->maxt : within->maxt;
        if (from > to) continue;
        if (!within->tombstones || !tombstones_cover(within->tombstones, number, from, to)) return true;
    }
    return false;
}

_Static_assert(SERIES_A_PAGE == 64, "a page of series is a word of members");

int members_within(struct block *block, struct members *members, int64_t mint, int64_t maxt,
                   const struct tombstones *tombstones, struct err *err) {
    struct within within = {mint, maxt, tombstones};
    bool is_whole = mint <= block->meta.mint && maxt >= block->meta.maxt;
    if (is_whole && !tombstones) return 0;
    for (size_t i = 0; i < word_count(members->series); i++) {
        int rc = index_series_filter(&block->index, (uint32_t)i, &members->words[i], has_rows, &within, err);
        if (rc && note_damage(block, rc) != ERR_CORRUPT) return rc;
    }
    return 0;
}
