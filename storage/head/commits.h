#pragma once
/*
 * commits.h - which batches a reader sees: those published before it came, each whole or not at all.
 *
 *     batches   1  2  3  4  5  6        reader R entered when 3 was published: it sees 1..3
 *     series A  x     x     x           remembers (5, after 3, time of 5's first sample): hidden from there
 *     series B  x        x  x           5 overwrites (4, after 1): R needs that, so it goes to the history
 *
 * A series remembers only its last batch N, the batch P before it, and the time of N's first sample there. As
 * times ascend, a reader that entered at S sees of a series all samples before the first one of the earliest
 * batch > S. That is batch N's when P <= S < N. Before N is overwritten by a newer one, it is put into the
 * history if some active reader has P <= S < N; there is at most one such batch for each series and reader.
 * (P is kept as the distance N - P in 24 bits; a longer distance counts as "from the beginning".)
 *
 * Whoever takes something away that readers may still look at (a slot, a file, late samples that went into a
 * block) first makes it unreachable for new readers, then waits for those that are there: commits_drain.
 *
 * The history has two generations; the older one is emptied when every active reader came after all of it.
 *
 * Threads: one applies (begin, keep, publish); any number read (enter, find, leave).
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/sys/thread.h"
#include "storage/head/turns.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* sequence 40 bits | distance to the one before 24 bits; 0: no batch yet */
typedef uint64_t batch_mark;
#define MARK_FAR 0xffffffu

static inline uint64_t mark_sequence(batch_mark mark) {
    return mark >> 24;
}

static inline uint64_t mark_before(batch_mark mark) {
    uint64_t distance = mark & MARK_FAR;
    return distance == MARK_FAR ? 0 : (mark >> 24) - distance;
}

static inline batch_mark mark_make(uint64_t sequence, batch_mark last) {
    uint64_t distance = sequence - mark_sequence(last);
    return sequence << 24 | (distance < MARK_FAR ? distance : MARK_FAR);
}

struct commit_entry {
    uint32_t slot, next; /* next older entry of the slot, MAP_NONE at the end */
    uint64_t sequence;
    int64_t first_time;
};

struct commit_history {
    struct map by_slot; /* slot -> its newest entry */
    VEC(struct commit_entry) entries;
};

struct commit_reader {
    uint64_t sequence;
    uint32_t count;
};

/* What a reader holds between enter and leave. */
struct commit_ticket {
    uint64_t sequence; /* it sees the batches up to this one */
    unsigned turn;     /* turns.h */
};

struct commits {
    struct mutex lock;
    VEC(struct commit_reader) readers; /* ascending by sequence */
    struct turns turns;                /* of the readers */
    struct commit_history young, old;
    uint64_t old_until; /* readers from here on need nothing of old */
    uint64_t published; /* under lock */
    VEC(uint64_t) seen; /* the applier's copy of the readers, made by commits_begin */
};

void commits_init(struct commits *commits);
void commits_release(struct commits *commits);

/* the applier: the sequence of the batch that is now applied */
uint64_t commits_begin(struct commits *commits);
void commits_publish(struct commits *commits, uint64_t sequence);
/* the applier, before it overwrites a series' mark: keeps what a reader may still need */
void commits_keep(struct commits *commits, uint32_t slot, batch_mark mark, int64_t first_time);

/* a reader: what it sees from now on, until it leaves */
struct commit_ticket commits_enter(struct commits *commits);
void commits_leave(struct commits *commits, struct commit_ticket ticket);
/* waits until all readers that are there now have left; one thread at a time, never a reader's own */
void commits_drain(struct commits *commits);
/* Does the reader see only a part of a series with this mark? *hidden_from: the first time it does not see.
 */
bool commits_hidden(struct commits *commits, uint64_t reader, uint32_t slot, batch_mark mark,
                    int64_t first_time, int64_t *hidden_from);
