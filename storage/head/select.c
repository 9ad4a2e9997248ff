/*
 * select.c - the series set: slots that matched, and the moment they are read as of.
 */
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/head/inside.h"

#include <stdlib.h>

#define SET_MAGIC 0x53455453u /* "SETS" */

struct head_set {
    struct series_set set; /* first: what callers hold */
    uint32_t magic;
    struct head *head;
    struct head_moment moment; /* until it leaves */
    enum { READ_ALL, READ_CHUNKS, READ_LATE } what;
    bool is_second; /* the moment is another set's */
    struct slots slots;
};

void head_leave(struct head *head, const struct head_moment *moment) {
    commits_leave(&head->commits, (struct commit_ticket){moment->sequence, moment->turn});
}

static struct head_set *set_of(struct series_set *set) {
    struct head_set *own = (struct head_set *)set;
    CHECK_OBJ(own, SET_MAGIC);
    return own;
}

static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    struct head_set *own = set_of(set);
    ASSERT(index < own->slots.count);
    uint32_t slot = own->slots.items[index];
    struct label *items = arena_array(arena, head_label_count(own->head, slot), sizeof *items);
    if (!items) return arena_limit(arena, "labels", err);
    *labels = head_labels(own->head, slot, items);
    return 0;
}

static int set_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    struct head_set *own = set_of(set);
    ASSERT(index < own->slots.count);
    (void)err;
    *identity = index_identity(own->head, own->slots.items[index]);
    return 0;
}

static int set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                    struct err *err) {
    struct head_set *own = set_of(set);
    ASSERT(index < own->slots.count);
    if (own->what == READ_LATE)
        return late_read(&own->head->late, own->slots.items[index], own->moment.sequence, mint, maxt,
                         columns->count, columns, err);
    return read_series(own->head, own->slots.items[index], &own->moment, own->what == READ_ALL, mint, maxt,
                       columns, err);
}

static bool set_newest(struct series_set *set, size_t index, int64_t mint, int64_t maxt, bool *is_there,
                       int64_t *time_ms, double *value) {
    struct head_set *own = set_of(set);
    ASSERT(index < own->slots.count);
    return own->what == READ_ALL && newest_of_series(own->head, own->slots.items[index], &own->moment, mint,
                                                     maxt, is_there, time_ms, value);
}

static void set_close(struct series_set *set) {
    struct head_set *own = set_of(set);
    if (!own->is_second && !own->moment.is_borrowed) head_leave(own->head, &own->moment);
    slots_release(&own->slots);
    own->magic = 0;
    mem_free(own);
}

static const struct series_set_ops set_ops = {.labels = set_labels,
                                              .identity = set_identity,
                                              .read = set_read,
                                              .newest = set_newest,
                                              .close = set_close};

struct head_moment head_enter(struct head *head) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct commit_ticket ticket = commits_enter(&head->commits);
    return (struct head_moment){ticket.sequence, ticket.turn, false, atomic_load(&head->mint)};
}

int head_select(struct head *head, const struct head_moment *moment, const struct matcher *matchers,
                size_t matcher_count, int64_t mint, int64_t maxt, struct budget *budget,
                struct series_set **set, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct head_set *own = mem_zalloc(sizeof *own);
    own->set.ops = &set_ops;
    own->magic = SET_MAGIC;
    own->head = head;
    slots_init(&own->slots, budget);
    /* before the index is looked at: a series of a batch seen from here is in the index then */
    own->moment = moment ? *moment : head_enter(head);
    rwlock_read(&head->index_lock);
    int rc = match_slots(head, matchers, matcher_count, &own->slots, err);
    rwlock_unlock(&head->index_lock);
    if (rc) {
        set_close(&own->set);
        return rc;
    }
    slots_keep_overlapping(head, &own->slots, own->moment.chunks_from, mint, maxt);
    own->set.count = own->slots.count;
    *set = &own->set;
    return 0;
}

int head_select_slots(struct head *head, const struct head_moment *moment, const struct slots *slots,
                      struct series_set **set, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct head_set *own = mem_zalloc(sizeof *own);
    *own = (struct head_set){.set.ops = &set_ops, .magic = SET_MAGIC, .head = head, .moment = *moment};
    slots_init(&own->slots, NULL);
    int rc = slots_copy(&own->slots, (struct slot_view){slots->items, slots->count}, err);
    if (rc) {
        set_close(&own->set);
        return rc;
    }
    own->set.count = slots->count;
    *set = &own->set;
    return 0;
}

int head_select_late(struct head *head, const struct head_moment *moment, struct series_set **set,
                     struct err *err) {
    struct slots slots;
    slots_init(&slots, NULL);
    int rc = late_slots(&head->late, &slots, err);
    if (rc)
        head_leave(head, moment);
    else
        rc = head_select_slots(head, moment, &slots, set, err);
    if (!rc) set_of(*set)->what = READ_LATE;
    slots_release(&slots);
    return rc;
}

int head_set_split(struct series_set *set, struct series_set **late, struct err *err) {
    struct head_set *own = set_of(set);
    struct series_set *second;
    *late = NULL;
    if (!atomic_load(&own->head->late.samples)) return 0;
    int rc = head_select_slots(own->head, &own->moment, &own->slots, &second, err);
    if (rc) return rc;
    set_of(second)->what = READ_LATE;
    set_of(second)->is_second = true;
    own->what = READ_CHUNKS;
    *late = second;
    return 0;
}

static int compare_slots(const void *a, const void *b, void *context) {
    return index_compare(context, *(const uint32_t *)a, *(const uint32_t *)b);
}

void head_set_sort(struct series_set *set) {
    struct head_set *own = set_of(set);
    if (own->slots.count)
        qsort_r(own->slots.items, own->slots.count, sizeof *own->slots.items, compare_slots, own->head);
}
