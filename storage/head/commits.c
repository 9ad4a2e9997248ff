#include "storage/head/commits.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <string.h>

void commits_init(struct commits *commits) {
    *commits = (struct commits){0};
    mutex_init(&commits->lock);
    turns_init(&commits->turns);
}

static void history_clear(struct commit_history *history) {
    map_release(&history->by_slot);
    vec_release(&history->entries);
}

void commits_release(struct commits *commits) {
    ASSERT(commits->readers.count == 0);
    history_clear(&commits->young);
    history_clear(&commits->old);
    vec_release(&commits->readers);
    vec_release(&commits->seen);
    turns_release(&commits->turns);
    mutex_release(&commits->lock);
}

static bool slot_equal(uint32_t index, const void *key, const void *context) {
    const struct commit_history *history = context;
    return history->entries.items[index].slot == *(const uint32_t *)key;
}

static uint32_t history_newest(const struct commit_history *history, uint32_t slot) {
    return map_find(&history->by_slot, hash_mix(0, slot), &slot, slot_equal, history);
}

static void history_add(struct commit_history *history, struct commit_entry entry) {
    uint32_t newest = history_newest(history, entry.slot);
    uint32_t index = (uint32_t)history->entries.count;
    entry.next = newest;
    *vec_push(&history->entries) = entry;
    if (newest != MAP_NONE) map_remove(&history->by_slot, hash_mix(0, entry.slot), newest);
    map_insert(&history->by_slot, hash_mix(0, entry.slot), index);
}

/* of the batches after the reader the earliest in this generation */
static void history_search(const struct commit_history *history, uint32_t slot, uint64_t reader,
                           uint64_t *earliest, int64_t *first_time) {
    for (uint32_t i = history_newest(history, slot); i != MAP_NONE; i = history->entries.items[i].next) {
        const struct commit_entry *entry = &history->entries.items[i];
        if (entry->sequence <= reader) return;
        if (entry->sequence >= *earliest) continue;
        *earliest = entry->sequence;
        *first_time = entry->first_time;
    }
}

/* A batch is overwritten only by a later one, so whoever entered at `published` needs nothing of what is in
 * the history then: that is the moment remembered when a generation is closed. */
static void history_age(struct commits *commits) {
    bool unread = commits->readers.count == 0;
    if (unread) history_clear(&commits->young);
    if (!unread && commits->readers.items[0].sequence < commits->old_until) return;
    history_clear(&commits->old);
    commits->old = commits->young;
    commits->young = (struct commit_history){0};
    commits->old_until = commits->published;
}

uint64_t commits_begin(struct commits *commits) {
    mutex_lock(&commits->lock);
    history_age(commits);
    commits->seen.count = 0;
    for (size_t i = 0; i < commits->readers.count; i++)
        *vec_push(&commits->seen) = commits->readers.items[i].sequence;
    uint64_t sequence = commits->published + 1;
    mutex_unlock(&commits->lock);
    return sequence;
}

void commits_publish(struct commits *commits, uint64_t sequence) {
    mutex_lock(&commits->lock);
    ASSERT(sequence == commits->published + 1);
    commits->published = sequence;
    mutex_unlock(&commits->lock);
}

void commits_keep(struct commits *commits, uint32_t slot, batch_mark mark, int64_t first_time) {
    bool needed = false;
    for (size_t i = 0; i < commits->seen.count && commits->seen.items[i] < mark_sequence(mark); i++)
        needed = needed || commits->seen.items[i] >= mark_before(mark);
    if (!needed) return;
    struct commit_entry entry = {.slot = slot, .sequence = mark_sequence(mark), .first_time = first_time};
    mutex_lock(&commits->lock);
    history_add(&commits->young, entry);
    mutex_unlock(&commits->lock);
}

struct commit_ticket commits_enter(struct commits *commits) {
    mutex_lock(&commits->lock);
    uint64_t sequence = commits->published;
    struct commit_ticket ticket = {sequence, turns_enter(&commits->turns)};
    size_t count = commits->readers.count;
    if (count && commits->readers.items[count - 1].sequence == sequence)
        commits->readers.items[count - 1].count++;
    else
        *vec_push(&commits->readers) = (struct commit_reader){sequence, 1};
    mutex_unlock(&commits->lock);
    return ticket;
}

void commits_leave(struct commits *commits, struct commit_ticket ticket) {
    mutex_lock(&commits->lock);
    turns_leave(&commits->turns, ticket.turn);
    size_t i = 0;
    while (i < commits->readers.count && commits->readers.items[i].sequence != ticket.sequence) i++;
    ASSERT(i < commits->readers.count);
    if (--commits->readers.items[i].count == 0) {
        size_t behind = commits->readers.count - i - 1;
        memmove(&commits->readers.items[i], &commits->readers.items[i + 1],
                behind * sizeof *commits->readers.items);
        commits->readers.count--;
    }
    mutex_unlock(&commits->lock);
}

void commits_drain(struct commits *commits) {
    mutex_lock(&commits->lock);
    turns_drain(&commits->turns, &commits->lock);
    mutex_unlock(&commits->lock);
}

bool commits_hidden(struct commits *commits, uint64_t reader, uint32_t slot, batch_mark mark,
                    int64_t first_time, int64_t *hidden_from) {
    if (mark_sequence(mark) <= reader) return false;
    *hidden_from = first_time;
    if ((mark & MARK_FAR) != MARK_FAR && mark_before(mark) <= reader) return true;
    uint64_t earliest = mark_sequence(mark);
    mutex_lock(&commits->lock);
    history_search(&commits->young, slot, reader, &earliest, hidden_from);
    history_search(&commits->old, slot, reader, &earliest, hidden_from);
    mutex_unlock(&commits->lock);
    return true;
}
