#pragma once
/*
 * replay.h - the series of a log come back, in the log's order, on two threads.
 *
 *     reader  head_replay_read   labels -> symbols, as words ---+
 *             head_replay_post   series -> postings             |    when it has nothing else to do
 *     maker   head_replay_make   words -> series: found, or made
 *
 * Nobody asks the head meanwhile, so no lock is taken: symbols and postings are the reader's; what else there
 * is is the maker's, which may append samples too.
 */
#include "storage/head/head.h"

/* a label set of a log, with its number; what is in it is the head's */
struct replay_words {
    uint32_t *items;
    size_t count, capacity;
};

struct replayed_series {
    uint64_t number;
    struct series_ref ref;
};

struct head_replay;
struct head_replay *head_replay_create(struct head *head);
void head_replay_destroy(struct head_replay *replay);

/* around the labels of a record, whose texts stay where they are meanwhile */
void head_replay_begin(struct head_replay *replay);
void head_replay_end(struct head_replay *replay);
/* Adds to words. Within a record, a text at the address of the one in the same place of the series
 * before is the same text. ERR_LIMIT: nothing is added. */
int head_replay_read(struct head_replay *replay, uint64_t number, struct labels labels,
                     struct replay_words *words, struct err *err);
/* Postings of the next `most` series that are new: false when there is none. */
bool head_replay_post(struct head_replay *replay, uint32_t most);

#define HEAD_REPLAY_STEP 64u

/* The first of these words, all of them in the order in which they were read: up to HEAD_REPLAY_STEP series
 * and how many words they are. A series is new, with its number, or there by another one, which it keeps;
 * later ones of others get higher ones. On failure (ERR_LIMIT) all before are there. */
int head_replay_make(struct head_replay *replay, const uint32_t *words, size_t count, size_t *used,
                     struct replayed_series *series, size_t *made, struct err *err);
