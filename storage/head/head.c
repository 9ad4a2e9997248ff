#include "storage/head/head.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/head/inside.h"

/* series made under one hold of the index lock, so that queries come in between */
#define RESOLVE_STEP 256

int head_create(const struct head_options *options, struct head **head, struct err *err) {
    struct head *made = mem_zalloc(sizeof *made);
    int rc = chunk_store_init(&made->chunks, options->fs, options->chunk_folder, err);
    if (rc) {
        chunk_store_release(&made->chunks);
        mem_free(made);
        return rc;
    }
    made->magic = HEAD_MAGIC;
    made->next_number = 1;
    made->max_series = options->max_series;
    made->memory = options->memory;
    late_init(&made->late);
    atomic_init(&made->closed, INT64_MIN);
    atomic_init(&made->mint, INT64_MIN);
    atomic_init(&made->min_time, INT64_MAX);
    atomic_init(&made->max_time, INT64_MIN);
    rwlock_init(&made->index_lock);
    symbols_init(&made->symbols);
    shapes_init(&made->shapes);
    series_table_init(&made->table);
    commits_init(&made->commits);
    mutex_init(&made->holds_lock);
    turns_init(&made->holds);
    *head = made;
    return 0;
}

void series_free(struct head *head, uint32_t slot) {
    struct series *series = series_at(&head->table, slot);
    for (uint32_t i = 0; i < series->full_count; i++) chunk_store_drop(&head->chunks, series->full[i]);
    mem_free(series->full);
    if (series_has_histograms(series))
        histogram_chunk_destroy(series->histograms);
    else
        run_free(&head->table, slot);
    series->full = NULL;
    series->histograms = NULL;
    series->full_count = 0;
    series->chunk.count = series->chunk.encoding = 0;
}

void head_destroy(struct head *head) {
    if (!head) return;
    CHECK_OBJ(head, HEAD_MAGIC);
    if (head->memory) budget_give(head->memory, atomic_load(&head->memory_drawn));
    uint32_t count = (uint32_t)atomic_load(&head->table.count);
    for (uint32_t slot = 0; slot < count; slot++) series_free(head, slot);
    for (uint32_t i = 0; i < FREE_LISTS; i++) vec_release(&head->free_slots.by_labels[i]);
    late_release(&head->late);
    chunk_store_release(&head->chunks);
    commits_release(&head->commits);
    turns_release(&head->holds);
    mutex_release(&head->holds_lock);
    series_table_release(&head->table);
    map_release(&head->by_labels);
    postings_release(&head->postings);
    shapes_release(&head->shapes);
    symbols_release(&head->symbols);
    rwlock_release(&head->index_lock);
    head->magic = 0;
    mem_free(head);
}

uint64_t head_life(const struct head *head) {
    return atomic_load_explicit(&head->life, memory_order_relaxed);
}

uint32_t head_slots(const struct head *head) {
    return (uint32_t)atomic_load(&head->table.count);
}

struct series_ref head_ref(const struct head *head, uint32_t slot) {
    return (struct series_ref){slot, series_at(&head->table, slot)->generation};
}

/* for a producer; the index lock is held */
static struct series_ref ref_that_stays(struct head *head, uint32_t slot) {
    series_stay(series_at(&head->table, slot));
    return head_ref(head, slot);
}

/* the series that are there already; how many are not */
static size_t resolve_known(struct head *head, const struct labels *label_sets, size_t count,
                            struct series_ref *refs, struct label_ids *ids) {
    size_t missing = 0;
    rwlock_read(&head->index_lock);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = index_find(head, label_sets[i], ids);
        refs[i] = slot == MAP_NONE ? (struct series_ref){0} : ref_that_stays(head, slot);
        missing += slot == MAP_NONE;
    }
    rwlock_unlock(&head->index_lock);
    return missing;
}

static int resolve_missing(struct head *head, const struct labels *label_sets, size_t count,
                           struct series_ref *refs, bool *created, struct label_ids *ids, struct err *err) {
    int rc = 0;
    rwlock_write(&head->index_lock);
    for (size_t i = 0; !rc && i < count; i++) {
        if (refs[i].generation) continue;
        uint32_t slot;
        bool is_new;
        rc = index_add(head, label_sets[i], ids, &slot, &is_new, err);
        if (rc) break;
        refs[i] = ref_that_stays(head, slot);
        if (created) created[i] = is_new;
    }
    rwlock_unlock(&head->index_lock);
    return rc;
}

static size_t step_of(size_t count, size_t done) {
    return count - done < RESOLVE_STEP ? count - done : RESOLVE_STEP;
}

/* into scratch of the caller, so that refs is untouched on failure */
static int resolve_into(struct head *head, const struct labels *label_sets, size_t count,
                        struct series_ref *refs, bool *created, struct err *err) {
    struct label_ids ids;
    ids.count = ids.placed = 0;
    for (size_t i = 0; i < count; i += RESOLVE_STEP) {
        size_t step = step_of(count, i);
        if (!resolve_known(head, label_sets + i, step, refs + i, &ids)) continue;
        ids.count = 0;
        int rc =
            resolve_missing(head, label_sets + i, step, refs + i, created ? created + i : NULL, &ids, err);
        if (rc) return rc;
    }
    return 0;
}

int head_resolve(struct head *head, const struct labels *label_sets, size_t count, struct series_ref *refs,
                 bool *created, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct series_ref *found = mem_array(count, sizeof *found);
    bool *is_new = mem_array(count, sizeof *is_new);
    int rc = resolve_into(head, label_sets, count, found, is_new, err);
    for (size_t i = 0; !rc && i < count; i++) {
        refs[i] = found[i];
        if (created) created[i] = is_new[i];
    }
    mem_free(found);
    mem_free(is_new);
    return rc;
}

void head_number_taken(struct head *head, uint64_t number) {
    rwlock_write(&head->index_lock);
    if (number >= head->next_number) head->next_number = number + 1;
    rwlock_unlock(&head->index_lock);
}

bool head_number(const struct head *head, struct series_ref ref, uint64_t *number, bool *is_logged) {
    const struct series *series = series_of(&head->table, ref);
    if (!series) return false;
    *number = series->number;
    *is_logged = __atomic_load_n(&series->is_logged, __ATOMIC_RELAXED);
    return true;
}

void head_set_logged(struct head *head, uint32_t slot, bool is_logged) {
    __atomic_store_n(&series_at(&head->table, slot)->is_logged, is_logged, __ATOMIC_RELAXED);
}

void head_forget_logged(struct head *head) {
    uint32_t count = (uint32_t)atomic_load(&head->table.count);
    for (uint32_t slot = 0; slot < count; slot++) series_at(&head->table, slot)->is_logged = false;
}
