#include "storage/tsdb/sources.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"

#include <stdlib.h>
#include <string.h>

void damage_notes_init(struct damage_notes *notes) {
    notes->last[0] = 0;
    mutex_init(&notes->lock);
    atomic_init(&notes->count, 0);
}

void damage_notes_release(struct damage_notes *notes) {
    mutex_release(&notes->lock);
}

void damage_note(struct damage_notes *notes, const struct err *err) {
    mutex_lock(&notes->lock);
    bool is_known = strcmp(notes->last, err->text) == 0;
    if (!is_known) memcpy(notes->last, err->text, sizeof notes->last);
    mutex_unlock(&notes->lock);
    atomic_fetch_add(&notes->count, 1);
    if (!is_known) LOG(LOG_ERROR, "damaged data was left out of an answer", "err", err->text);
}

void sources_init(struct sources *sources, struct head *head) {
    *sources = (struct sources){.head = head};
    mutex_init(&sources->lock);
    damage_notes_init(&sources->damage);
}

void sources_release(struct sources *sources) {
    for (size_t i = 0; i < sources->blocks.count; i++) block_release(sources->blocks.items[i]);
    vec_release(&sources->blocks);
    damage_notes_release(&sources->damage);
    mutex_release(&sources->lock);
}

void block_list_release(struct block_list *list) {
    for (size_t i = 0; i < list->items.count; i++) block_release(list->items.items[i]);
    vec_release(&list->items);
}

/* ---- changing ---- */

static bool is_among(const struct block *block, struct block *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (list[i] == block) return true;
    return false;
}

/* those of late samples behind the others, in the order they were made: see sources.h */
static int by_mint(const void *a, const void *b) {
    const struct block_meta *left = block_meta(*(struct block *const *)a),
                            *right = block_meta(*(struct block *const *)b);
    bool left_late = left->origin == BLOCK_LATE, right_late = right->origin == BLOCK_LATE;
    if (left_late != right_late) return left_late ? 1 : -1;
    if (left_late) return memcmp(&left->ulid, &right->ulid, sizeof left->ulid);
    return left->mint < right->mint ? -1 : left->mint > right->mint;
}

void sources_change(struct sources *sources, struct block *added, struct block *const *removed,
                    size_t removed_count, int64_t head_mint) {
    VEC(struct block *) gone = {0};
    size_t kept = 0;
    mutex_lock(&sources->lock);
    for (size_t i = 0; i < sources->blocks.count; i++) {
        struct block *block = sources->blocks.items[i];
        if (is_among(block, removed, removed_count))
            *vec_push(&gone) = block;
        else
            sources->blocks.items[kept++] = block;
    }
    sources->blocks.count = kept;
    if (added) *vec_push(&sources->blocks) = added;
    if (sources->blocks.count)
        qsort(sources->blocks.items, sources->blocks.count, sizeof *sources->blocks.items, by_mint);
    if (head_mint != INT64_MIN) head_set_mint(sources->head, head_mint);
    mutex_unlock(&sources->lock);
    for (size_t i = 0; i < gone.count; i++) {
        block_discard(gone.items[i]);
        block_release(gone.items[i]);
    }
    vec_release(&gone);
}

void sources_blocks(struct sources *sources, struct block_list *list) {
    mutex_lock(&sources->lock);
    for (size_t i = 0; i < sources->blocks.count; i++)
        *vec_push(&list->items) = block_hold(sources->blocks.items[i]);
    mutex_unlock(&sources->lock);
}

/* ---- reading ---- */

struct head_moment sources_enter(struct sources *sources) {
    mutex_lock(&sources->lock);
    struct head_moment moment = head_enter(sources->head);
    mutex_unlock(&sources->lock);
    return moment;
}

/* the blocks that overlap, and the head's moment, as of one moment; or as of one that the caller has */
static struct head_moment enter(struct sources *sources, const struct head_moment *given, int64_t mint,
                                int64_t maxt, struct block_list *list) {
    mutex_lock(&sources->lock);
    for (size_t i = 0; i < sources->blocks.count; i++) {
        const struct block_meta *meta = block_meta(sources->blocks.items[i]);
        if (meta->mint <= maxt && meta->maxt >= mint)
            *vec_push(&list->items) = block_hold(sources->blocks.items[i]);
    }
    struct head_moment moment = given ? *given : head_enter(sources->head);
    mutex_unlock(&sources->lock);
    moment.is_borrowed = given != NULL;
    return moment;
}

struct selecting {
    struct sources *sources;
    VEC(struct series_set *) sets;
    bool is_damaged;
};

/* a block whose index cannot be trusted is left out */
static int select_block(struct selecting *s, struct block *block, const struct matcher *matchers,
                        size_t count, int64_t mint, int64_t maxt, struct budget *budget, struct err *err) {
    struct series_set *set;
    struct err own;
    int rc = queryable_select(block_queryable(block), matchers, count, mint, maxt, budget, &set, &own);
    if (rc == ERR_CORRUPT) {
        s->is_damaged = true;
        damage_note(&s->sources->damage, &own);
        return 0;
    }
    if (rc) return err_set(err, rc, "%s", own.text);
    if (set->count)
        *vec_push(&s->sets) = set;
    else
        series_set_close(set);
    return 0;
}

static bool is_late(const struct block *block) {
    return block_meta(block)->origin == BLOCK_LATE;
}

static bool has_late_block(const struct block_list *blocks) {
    for (size_t i = 0; i < blocks->items.count; i++)
        if (is_late(blocks->items.items[i])) return true;
    return false;
}

static int select_blocks(struct selecting *s, const struct block_list *blocks, bool late,
                         const struct matcher *matchers, size_t count, int64_t mint, int64_t maxt,
                         struct budget *budget, struct err *err) {
    int rc = 0;
    for (size_t i = 0; !rc && i < blocks->items.count; i++)
        if (is_late(blocks->items.items[i]) == late)
            rc = select_block(s, blocks->items.items[i], matchers, count, mint, maxt, budget, err);
    return rc;
}

int sources_select(struct sources *sources, const struct head_moment *given, const struct matcher *matchers,
                   size_t matcher_count, int64_t mint, int64_t maxt, struct budget *budget,
                   struct series_set **set, struct err *err) {
    struct selecting s = {.sources = sources};
    struct block_list blocks = {0};
    struct series_set *head_set = NULL, *late_set = NULL;
    struct head_moment moment = enter(sources, given, mint, maxt, &blocks);
    int rc = head_select(sources->head, &moment, matchers, matcher_count, mint, maxt, budget, &head_set, err);
    if (!rc) rc = select_blocks(&s, &blocks, false, matchers, matcher_count, mint, maxt, budget, err);
    bool has_late = !rc && has_late_block(&blocks);
    if (has_late) rc = head_set_split(head_set, &late_set, err);
    if (!rc && (head_set->count || !s.sets.count)) {
        *vec_push(&s.sets) = head_set;
        head_set = NULL;
    }
    if (has_late && !rc)
        rc = select_blocks(&s, &blocks, true, matchers, matcher_count, mint, maxt, budget, err);
    if (rc) goto out;
    if (late_set) *vec_push(&s.sets) = late_set;
    late_set = NULL;
    rc = union_set(s.sets.items, s.sets.count, budget, &sources->damage, set, err);
    if (!rc && s.is_damaged) atomic_store(&(*set)->warning, "a damaged block was left out, the log names it");
    s.sets.count = 0;
out:
    series_set_close(late_set);
    series_set_close(head_set);
    for (size_t i = 0; i < s.sets.count; i++) series_set_close(s.sets.items[i]);
    vec_release(&s.sets);
    block_list_release(&blocks);
    return rc;
}

struct listing {
    struct sources *sources;
    const struct span *name; /* NULL: label names */
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t mint, maxt;
    struct arena *arena;
    struct span *all; /* sorted, each once, in arena */
    size_t count;
};

/* with the texts of one more source, which are sorted too */
static int add_texts(struct listing *l, struct span *texts, size_t count, struct err *err) {
    struct span *both = l->count ? arena_array(l->arena, l->count + count, sizeof *both) : texts;
    size_t i = 0, j = 0, kept = 0;
    if (l->count && !both) return arena_limit(l->arena, "label names and values", err);
    if (!l->count) kept = count;
    while (l->count && (i < l->count || j < count)) {
        int order = i == l->count ? 1 : j == count ? -1 : span_compare(l->all[i], texts[j]);
        both[kept++] = order <= 0 ? l->all[i] : texts[j];
        i += order <= 0;
        j += order >= 0;
    }
    l->all = both;
    l->count = kept;
    return 0;
}

static int list_block(struct listing *l, struct block *block, struct err *err) {
    struct queryable *port = block_queryable(block);
    struct span *texts;
    size_t count;
    struct err own;
    int rc = l->name ? port->ops->label_values(port, *l->name, l->matchers, l->matcher_count, l->mint,
                                               l->maxt, l->arena, &texts, &count, &own)
                     : port->ops->label_names(port, l->matchers, l->matcher_count, l->mint, l->maxt, l->arena,
                                              &texts, &count, &own);
    if (rc == ERR_CORRUPT) {
        damage_note(&l->sources->damage, &own);
        return 0;
    }
    return rc ? err_set(err, rc, "%s", own.text) : add_texts(l, texts, count, err);
}

static int list_head(struct listing *l, struct err *err) {
    struct head *head = l->sources->head;
    struct span *texts;
    size_t count;
    int rc = l->name ? head_label_values(head, *l->name, l->matchers, l->matcher_count, l->mint, l->maxt,
                                         l->arena, &texts, &count, err)
                     : head_label_names(head, l->matchers, l->matcher_count, l->mint, l->maxt, l->arena,
                                        &texts, &count, err);
    return rc ? rc : add_texts(l, texts, count, err);
}

static int list(struct listing *l, struct span **result, size_t *count, struct err *err) {
    struct block_list blocks = {0};
    struct head_moment moment = enter(l->sources, NULL, l->mint, l->maxt, &blocks);
    head_leave(l->sources->head, &moment);
    int rc = list_head(l, err);
    for (size_t i = 0; !rc && i < blocks.items.count; i++) rc = list_block(l, blocks.items.items[i], err);
    if (!rc) {
        *result = l->all;
        *count = l->count;
    }
    block_list_release(&blocks);
    return rc;
}

int sources_label_names(struct sources *sources, const struct matcher *matchers, size_t matcher_count,
                        int64_t mint, int64_t maxt, struct arena *arena, struct span **names, size_t *count,
                        struct err *err) {
    struct listing l = {sources, NULL, matchers, matcher_count, mint, maxt, arena, NULL, 0};
    return list(&l, names, count, err);
}

int sources_label_values(struct sources *sources, struct span name, const struct matcher *matchers,
                         size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                         struct span **values, size_t *count, struct err *err) {
    struct listing l = {sources, &name, matchers, matcher_count, mint, maxt, arena, NULL, 0};
    return list(&l, values, count, err);
}
