/*
 * truncate.c - history leaves the head once it is in a block: the steps are drawn in head.h.
 */
#include "lib/base/assert.h"
#include "storage/head/inside.h"

#include <string.h>

#define PAGES_STEP 64u

void head_close(struct head *head, int64_t mint) {
    CHECK_OBJ(head, HEAD_MAGIC);
    if (mint > atomic_load(&head->closed)) atomic_store(&head->closed, mint);
}

void head_set_mint(struct head *head, int64_t mint) {
    CHECK_OBJ(head, HEAD_MAGIC);
    ASSERT(mint <= atomic_load(&head->closed));
    if (mint > atomic_load(&head->mint)) atomic_store(&head->mint, mint);
}

void head_drain(struct head *head) {
    commits_drain(&head->commits);
}

/* how many full chunks went; the page is locked */
static uint32_t drop_before(struct head *head, struct series *series, int64_t mint) {
    uint32_t gone = series_first_full(series, mint);
    for (uint32_t i = 0; i < gone; i++) chunk_store_drop(&head->chunks, series->full[i]);
    if (gone) series_forget_full(series, gone);
    return gone;
}

uint32_t head_truncate(struct head *head, uint32_t from) {
    CHECK_OBJ(head, HEAD_MAGIC);
    int64_t mint = atomic_load(&head->mint);
    uint32_t count = (uint32_t)atomic_load(&head->table.count), slot = from;
    uint64_t gone = 0;
    for (uint32_t pages = 0; slot < count && pages < PAGES_STEP; pages++) {
        struct mutex *lock = series_lock(&head->table, slot);
        uint32_t end = count - slot < PAGE_SERIES ? count : slot + PAGE_SERIES;
        mutex_lock(lock);
        for (; slot < end; slot++) gone += drop_before(head, series_at(&head->table, slot), mint);
        mutex_unlock(lock);
    }
    atomic_fetch_sub_explicit(&head->full_chunks, gone, memory_order_relaxed);
    if (mint > atomic_load(&head->min_time)) atomic_store(&head->min_time, mint);
    return slot < count ? slot : UINT32_MAX;
}

void head_remove_files(struct head *head) {
    chunk_store_remove_before(&head->chunks, atomic_load(&head->mint));
}

static void no_late(void *context, uint32_t slot) {
    struct head *head = context;
    struct mutex *lock = series_lock(&head->table, slot);
    mutex_lock(lock);
    series_at(&head->table, slot)->has_late = false;
    mutex_unlock(lock);
}

void head_drop_late(struct head *head, uint64_t sequence, int64_t maxt) {
    CHECK_OBJ(head, HEAD_MAGIC);
    late_drop(&head->late, sequence, maxt, no_late, head);
}
