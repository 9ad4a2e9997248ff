/*
 * quiet.c - series that got no sample for a while leave the head: the steps are drawn in head.h.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/model/sample.h"
#include "storage/head/inside.h"

/* series forgotten under one hold of the index lock, so that queries and new series come in between */
#define FORGET_STEP 4096u

/* the page is locked */
static bool is_quiet(const struct head *head, const struct series *series, uint64_t stale_until,
                     uint64_t quiet_until) {
    const struct chunk_state *chunk = &series->chunk;
    if (!series_in_use(series) || series->has_late) return false;
    if (!chunk->count) return series->number < head->quiet_number;
    uint64_t touched = mark_sequence(series->mark);
    return touched <= quiet_until || (touched <= stale_until && chunk->last_bits == STALE_BITS);
}

int head_quiet(struct head *head, uint64_t stale_until, uint64_t quiet_until, size_t most,
               struct slots *slots, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    rwlock_read(&head->index_lock); /* generations stay */
    uint32_t count = (uint32_t)atomic_load(&head->table.count);
    uint64_t next_number = head->next_number;
    int rc = 0;
    for (uint32_t slot = 0; !rc && slot < count && slots->count < most;) {
        struct mutex *lock = series_lock(&head->table, slot);
        uint32_t end = count - slot < PAGE_SERIES ? count : slot + PAGE_SERIES;
        rc = slots_reserve(slots, PAGE_SERIES, err);
        mutex_lock(lock);
        for (; !rc && slot < end; slot++)
            if (is_quiet(head, series_at(&head->table, slot), stale_until, quiet_until))
                slots->items[slots->count++] = slot;
        mutex_unlock(lock);
    }
    rwlock_unlock(&head->index_lock);
    if (!rc) head->quiet_number = next_number;
    return rc;
}

int head_matching(struct head *head, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                  int64_t maxt, struct slots *slots, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    rwlock_read(&head->index_lock);
    int rc = match_slots(head, matchers, matcher_count, slots, err);
    rwlock_unlock(&head->index_lock);
    if (!rc) slots_keep_overlapping(head, slots, atomic_load(&head->mint), mint, maxt);
    return rc;
}

/* the index lock is held exclusively, so that nobody gets a reference */
static bool is_still_quiet(const struct series *series, const struct head_moment *moment) {
    return __atomic_load_n(&series->is_leaving, __ATOMIC_RELAXED) &&
           mark_sequence(series->mark) <= moment->sequence && !series->has_late;
}

void head_forget(struct head *head, const struct head_moment *moment, struct slots *slots) {
    CHECK_OBJ(head, HEAD_MAGIC);
    size_t kept = 0;
    atomic_fetch_add_explicit(&head->life, 1, memory_order_relaxed);
    for (size_t i = 0; i < slots->count;) {
        size_t end = slots->count - i < FORGET_STEP ? slots->count : i + FORGET_STEP, before = kept;
        rwlock_write(&head->index_lock);
        for (; i < end; i++)
            if (is_still_quiet(series_at(&head->table, slots->items[i]), moment))
                slots->items[kept++] = slots->items[i];
        index_remove(head, slots->items + before, kept - before);
        rwlock_unlock(&head->index_lock);
    }
    slots->count = kept;
}

void head_recycle(struct head *head, const struct slots *slots) {
    CHECK_OBJ(head, HEAD_MAGIC);
    for (size_t i = 0; i < slots->count; i++) {
        struct series *series = series_at(&head->table, slots->items[i]);
        uint32_t chunks = series->full_count;
        atomic_fetch_sub_explicit(&head->full_chunks, chunks, memory_order_relaxed);
        if (series->chunk.count) atomic_fetch_sub_explicit(&head->open_chunks, 1, memory_order_relaxed);
        struct mutex *lock = series_lock(&head->table, slots->items[i]);
        mutex_lock(lock); /* statistics and maintenance look at all slots */
        series_free(head, slots->items[i]);
        mutex_unlock(lock);
    }
    rwlock_write(&head->index_lock);
    index_free_slots(head, slots->items, slots->count);
    rwlock_unlock(&head->index_lock);
}
