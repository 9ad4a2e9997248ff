#include "storage/block/index_lists.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_AT_ONCE ((size_t)1 << 19)

/* a label of a series */
struct pair {
    uint32_t value, series; /* rank */
};

struct name {
    uint32_t rank, symbol;
    size_t count, at; /* its pairs; where the next one goes */
};

struct lists {
    const struct index_notes *notes;
    const uint32_t *ranks;
    VEC(struct name) names; /* by rank */
    uint32_t *place_of;     /* in names, of each symbol, + 1; 0: no name */
    uint32_t *counts;       /* of the name at hand, by rank of the value; 0 between names */
    VEC(struct pair) pairs;
    VEC(uint32_t) series; /* of the name at hand, by value */
    VEC(struct index_list) lists;
};

static int compare_names(const void *a, const void *b) {
    const struct name *left = a, *right = b;
    return left->rank < right->rank ? -1 : left->rank > right->rank;
}

static void count_names(struct lists *l) {
    struct notes_reader reader;
    notes_reader_init(&reader, l->notes);
    while (notes_next(&reader))
        for (size_t i = 0; i < reader.labels.count; i += 2) {
            uint32_t symbol = reader.labels.items[i];
            if (!l->place_of[symbol]) {
                *vec_push(&l->names) = (struct name){l->ranks[symbol], symbol, 0, 0};
                l->place_of[symbol] = (uint32_t)l->names.count;
            }
            l->names.items[l->place_of[symbol] - 1].count++;
        }
    notes_reader_release(&reader);
    if (l->names.count) qsort(l->names.items, l->names.count, sizeof *l->names.items, compare_names);
    for (size_t i = 0; i < l->names.count; i++) l->place_of[l->names.items[i].symbol] = (uint32_t)i + 1;
}

/* the pairs of names [from, to), a name behind the other, series ascending */
static void collect(struct lists *l, size_t from, size_t to) {
    struct notes_reader reader;
    uint32_t series = 0;
    l->pairs.count = 0;
    for (size_t i = from; i < to; i++) {
        l->names.items[i].at = l->pairs.count;
        l->pairs.count += l->names.items[i].count;
    }
    vec_reserve(&l->pairs, l->pairs.count);
    notes_reader_init(&reader, l->notes);
    for (; notes_next(&reader); series++)
        for (size_t i = 0; i < reader.labels.count; i += 2) {
            size_t place = l->place_of[reader.labels.items[i]] - (size_t)1;
            if (place < from || place >= to) continue;
            l->pairs.items[l->names.items[place].at++] =
                (struct pair){l->ranks[reader.labels.items[i + 1]], series};
        }
    notes_reader_release(&reader);
}

static int compare_lists(const void *a, const void *b) {
    const struct index_list *left = a, *right = b;
    return left->value < right->value ? -1 : left->value > right->value;
}

/* the pairs of one name, sorted by counting */
static void sort_pairs(struct lists *l, const struct pair *pairs, size_t count) {
    l->lists.count = 0;
    for (size_t i = 0; i < count; i++)
        if (!l->counts[pairs[i].value]++) *vec_push(&l->lists) = (struct index_list){.value = pairs[i].value};
    qsort(l->lists.items, l->lists.count, sizeof *l->lists.items, compare_lists);
    vec_reserve(&l->series, count);
    uint32_t from = 0;
    for (size_t i = 0; i < l->lists.count; i++) {
        struct index_list *list = &l->lists.items[i];
        list->count = l->counts[list->value];
        list->series = l->series.items + from;
        l->counts[list->value] = from; /* where its next one goes */
        from += list->count;
    }
    for (size_t i = 0; i < count; i++) l->series.items[l->counts[pairs[i].value]++] = pairs[i].series;
    for (size_t i = 0; i < l->lists.count; i++) l->counts[l->lists.items[i].value] = 0;
}

int index_lists_each(const struct index_notes *notes, const uint32_t *ranks, index_lists_fn *each,
                     void *context, struct err *err) {
    struct lists l = {.notes = notes, .ranks = ranks};
    int rc = 0;
    l.place_of = mem_array(notes->symbols.count, sizeof *l.place_of);
    l.counts = mem_array(notes->symbols.count, sizeof *l.counts);
    count_names(&l);
    for (size_t from = 0, to; !rc && from < l.names.count; from = to) {
        size_t pairs = 0, at = 0;
        for (to = from;
             to < l.names.count && (to == from || pairs + l.names.items[to].count <= PAIRS_AT_ONCE); to++)
            pairs += l.names.items[to].count;
        collect(&l, from, to);
        for (size_t i = from; !rc && i < to; at += l.names.items[i++].count) {
            sort_pairs(&l, l.pairs.items + at, l.names.items[i].count);
            rc = each(context, l.names.items[i].rank, l.lists.items, l.lists.count, err);
        }
    }
    vec_release(&l.names);
    vec_release(&l.pairs);
    vec_release(&l.series);
    vec_release(&l.lists);
    mem_free(l.place_of);
    mem_free(l.counts);
    return rc;
}
