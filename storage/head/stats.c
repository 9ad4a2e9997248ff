/*
 * stats.c - what the head holds, in numbers.
 */
#include "lib/base/assert.h"
#include "storage/head/inside.h"

#include <stdlib.h>

void head_stats(struct head *head, struct head_stats *stats) {
    CHECK_OBJ(head, HEAD_MAGIC);
    rwlock_read(&head->index_lock);
    uint64_t series = index_series(head), created = head->series_created;
    uint64_t symbol_bytes = symbols_bytes(&head->symbols), pairs = head->postings.pairs;
    rwlock_unlock(&head->index_lock);
    *stats = (struct head_stats){
        .series = series,
        .series_created = created,
        .series_refused = atomic_load(&head->refused),
        .chunks = atomic_load(&head->full_chunks) + atomic_load(&head->open_chunks),
        .label_pairs = pairs,
        .samples = atomic_load(&head->samples),
        .out_of_order = atomic_load(&head->out_of_order),
        .out_of_bounds = atomic_load(&head->out_of_bounds),
        .too_old = atomic_load(&head->too_old),
        .no_series = atomic_load(&head->no_series),
        .chunks_damaged = atomic_load(&head->chunks.damaged),
        .late_samples = atomic_load(&head->late_samples),
        .late_bytes = atomic_load(&head->late.bytes),
        .duplicates = atomic_load(&head->duplicates),
        .min_time = atomic_load(&head->min_time),
        .max_time = atomic_load(&head->max_time),
        .symbol_bytes = symbol_bytes,
    };
}

uint64_t head_series_bytes(struct head *head) {
    CHECK_OBJ(head, HEAD_MAGIC);
    rwlock_read(&head->index_lock);
    uint64_t bytes = symbols_bytes(&head->symbols) + shapes_bytes(&head->shapes) +
                     postings_bytes(&head->postings) + series_table_bytes(&head->table) +
                     head->by_labels.capacity * sizeof *head->by_labels.slots;
    rwlock_unlock(&head->index_lock);
    return bytes;
}

/* the best so far, descending; a small array, since `limit` is */
struct ranking {
    const struct head_ranked *ranked;
    struct head_top *tops;
    size_t count, limit;
};

static size_t rank_place(const struct ranking *ranking, uint64_t count) {
    size_t at = ranking->count;
    while (at && ranking->tops[at - 1].count < count) at--;
    return at;
}

/* false: not among the best, so its name need not be made */
static bool rank_wants(const struct ranking *ranking, uint64_t count) {
    return ranking->limit && (ranking->count < ranking->limit || rank_place(ranking, count) < ranking->limit);
}

static void rank(struct ranking *ranking, struct span name, uint64_t count) {
    const struct head_ranked *ranked = ranking->ranked;
    if (!rank_wants(ranking, count) || (ranked->skips && ranked->skips(name, ranked->context))) return;
    size_t at = rank_place(ranking, count);
    if (ranking->count < ranking->limit) ranking->count++;
    for (size_t i = ranking->count - 1; i > at; i--) ranking->tops[i] = ranking->tops[i - 1];
    ranking->tops[at] = (struct head_top){name, count};
}

static uint64_t value_bytes(const struct head *head, const struct posting_name *name) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < name->values.count; i++) {
        const struct posting *posting = &name->values.items[i];
        bytes += symbols_text(&head->symbols, posting->value).len * posting->count;
    }
    return bytes;
}

static int rank_pairs(const struct head *head, const struct posting_name *name, struct arena *arena,
                      struct ranking *ranking, struct err *err) {
    struct span text = symbols_text(&head->symbols, name->name);
    for (size_t i = 0; i < name->values.count; i++) {
        const struct posting *posting = &name->values.items[i];
        if (!rank_wants(ranking, posting->count)) continue;
        struct span value = symbols_text(&head->symbols, posting->value);
        char *pair = arena_printf(arena, "%.*s=%.*s", SPAN_ARG(text), SPAN_ARG(value));
        if (!pair) return arena_limit(arena, "ranking", err);
        rank(ranking, span_of(pair, text.len + 1 + value.len), posting->count);
    }
    return 0;
}

static int rank_name(const struct head *head, const struct posting_name *name, struct arena *arena,
                     struct ranking *ranking, struct err *err) {
    enum head_ranking kind = ranking->ranked->ranking;
    struct span text = symbols_text(&head->symbols, name->name);
    if (kind == HEAD_SERIES_BY_PAIR) return rank_pairs(head, name, arena, ranking, err);
    if (kind == HEAD_VALUES_BY_NAME) rank(ranking, text, name->values.count);
    if (kind == HEAD_BYTES_BY_NAME) rank(ranking, text, value_bytes(head, name));
    bool is_wanted = kind == HEAD_SERIES_BY_VALUE && span_equal(text, ranking->ranked->label);
    for (size_t i = 0; is_wanted && i < name->values.count; i++)
        rank(ranking, symbols_text(&head->symbols, name->values.items[i].value), name->values.items[i].count);
    return 0;
}

int head_rank(struct head *head, const struct head_ranked *ranked, struct arena *arena,
              struct head_top **tops, size_t *count, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct ranking ranking = {ranked, arena_array(arena, ranked->limit, sizeof *ranking.tops), 0,
                              ranked->limit};
    if (!ranking.tops) return arena_limit(arena, "ranking", err);
    int rc = 0;
    rwlock_read(&head->index_lock);
    for (size_t i = 0; !rc && i < head->postings.names.count; i++)
        rc = rank_name(head, &head->postings.names.items[i], arena, &ranking, err);
    rwlock_unlock(&head->index_lock);
    if (rc) return rc;
    *tops = ranking.tops;
    *count = ranking.count;
    return 0;
}
