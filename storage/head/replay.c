#include "storage/head/replay.h"

#include "lib/base/mem.h"
#include "storage/head/inside.h"

#include <string.h>

struct staged {
    uint64_t number, hash;
    size_t words; /* where they begin */
    uint32_t count;
};

struct head_replay {
    struct head *head;
    struct label_ids ids; /* of the series before */
    struct staged staged[HEAD_REPLAY_STEP];
    size_t count, texts; /* texts: what those from before them cost */
    VEC(uint32_t) words;
};

struct head_poster {
    struct head *head;
    struct label_ids ids;
};

struct head_replay *head_replay_create(struct head *head) {
    struct head_replay *replay = mem_zalloc(sizeof *replay);
    replay->head = head;
    return replay;
}

void head_replay_destroy(struct head_replay *replay) {
    vec_release(&replay->words);
    mem_free(replay);
}

int head_replay_add(struct head_replay *replay, struct labels labels, uint64_t number, struct err *err) {
    struct staged *staged = &replay->staged[replay->count];
    rwlock_write(&replay->head->index_lock);
    if (!replay->count) replay->texts = symbols_cost(&replay->head->symbols);
    int rc = index_stage(replay->head, labels, &replay->ids, &staged->hash, err);
    rwlock_unlock(&replay->head->index_lock);
    if (rc) return rc;
    size_t words = replay->ids.count + (size_t)1;
    staged->number = number;
    staged->count = replay->ids.count;
    staged->words = replay->words.count;
    vec_reserve(&replay->words, replay->words.count + words);
    memcpy(replay->words.items + replay->words.count, replay->ids.words, words * sizeof(uint32_t));
    replay->words.count += words;
    replay->count++;
    return 0;
}

int head_replay_take(struct head_replay *replay, struct replayed_series *series, size_t *count,
                     struct err *err) {
    struct head *head = replay->head;
    size_t made = 0;
    int rc = 0;
    *count = 0;
    if (!replay->count) return 0;
    rwlock_write(&head->index_lock);
    for (size_t i = 0; !rc && i < replay->count; i++) {
        const struct staged *staged = &replay->staged[i];
        struct replayed_series *out = &series[*count];
        uint32_t slot;
        rc = index_replay(head, replay->words.items + staged->words, staged->count, staged->hash,
                          staged->number, &slot, &out->is_new, err);
        if (rc) break;
        out->number = staged->number;
        out->ref = head_ref(head, slot);
        head_set_logged(head, slot, true);
        made += out->is_new;
        ++*count;
    }
    index_charge(head, symbols_cost(&head->symbols) - replay->texts + made * HEAD_SERIES_BYTES);
    rwlock_unlock(&head->index_lock);
    replay->count = replay->words.count = 0;
    return rc;
}

struct head_poster *head_poster_create(struct head *head) {
    struct head_poster *poster = mem_zalloc(sizeof *poster);
    poster->head = head;
    return poster;
}

void head_poster_destroy(struct head_poster *poster) {
    mem_free(poster);
}

void head_post(struct head_poster *poster, uint32_t slot) {
    index_post(poster->head, slot, &poster->ids);
}
