#pragma once
/*
 * replay.h - the series of a log come back, a step at a time, in the log's order.
 *
 *     head_replay_add  labels -> words, and the place in the table of labels is asked for     up to a step
 *     head_replay_take words -> slots: found, or made                                         all of them
 *     head_post        slots -> postings                                                      another thread
 *
 * Nobody asks the head meanwhile: what is not posted is not found by its labels. head_append may run on the
 * thread of head_post.
 */
#include "storage/head/head.h"

#define HEAD_REPLAY_STEP 64u

struct replayed_series {
    uint64_t number;
    struct series_ref ref;
    bool is_new; /* to be posted */
};

struct head_replay;
struct head_replay *head_replay_create(struct head *head);
void head_replay_destroy(struct head_replay *replay);
/* The series is new, with this number, or there by another one, which it keeps; later ones of others get higher
 * ones. At most HEAD_REPLAY_STEP. */
int head_replay_add(struct head_replay *replay, struct labels labels, uint64_t number, struct err *err);
/* those that were added, `series` has room for a step; on failure (ERR_LIMIT) all before are there */
int head_replay_take(struct head_replay *replay, struct replayed_series *series, size_t *count,
                     struct err *err);

struct head_poster;
struct head_poster *head_poster_create(struct head *head);
void head_poster_destroy(struct head_poster *poster);
void head_post(struct head_poster *poster, uint32_t slot);
