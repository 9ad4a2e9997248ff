/*
 * holds.c - producers keep the series whose references they use: see head_announce.
 */
#include "lib/base/assert.h"
#include "storage/head/inside.h"
#include "storage/head/slots.h"

/* references confirmed under one hold of the index lock */
#define CONFIRM_STEP ((size_t)4096)

struct append_hold head_hold(struct head *head) {
    CHECK_OBJ(head, HEAD_MAGIC);
    mutex_lock(&head->holds_lock);
    struct append_hold hold = {head->announced, turns_enter(&head->holds)};
    mutex_unlock(&head->holds_lock);
    return hold;
}

void head_let_go(struct head *head, struct append_hold hold) {
    CHECK_OBJ(head, HEAD_MAGIC);
    mutex_lock(&head->holds_lock);
    turns_leave(&head->holds, hold.turn);
    mutex_unlock(&head->holds_lock);
}

void head_confirm(struct head *head, struct series_ref *refs, size_t count) {
    CHECK_OBJ(head, HEAD_MAGIC);
    for (size_t from = 0; from < count; from += CONFIRM_STEP) {
        size_t end = count - from < CONFIRM_STEP ? count : from + CONFIRM_STEP;
        rwlock_read(&head->index_lock);
        for (size_t i = from; i < end; i++) {
            struct series *series = series_of(&head->table, refs[i]);
            if (series)
                series_stay(series);
            else
                refs[i] = (struct series_ref){0};
        }
        rwlock_unlock(&head->index_lock);
    }
}

void head_announce(struct head *head, const struct slots *slots) {
    CHECK_OBJ(head, HEAD_MAGIC);
    for (size_t i = 0; i < slots->count; i++)
        __atomic_store_n(&series_at(&head->table, slots->items[i])->is_leaving, 1, __ATOMIC_RELAXED);
    mutex_lock(&head->holds_lock);
    head->announced++;
    turns_drain(&head->holds, &head->holds_lock);
    mutex_unlock(&head->holds_lock);
}
