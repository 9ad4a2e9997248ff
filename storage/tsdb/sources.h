#pragma once
/*
 * sources.h - inside of storage/tsdb: what queries read, and how it changes under them.
 *
 *     blocks, by time   [..][..][....][..]       changed as a whole, under the lock, together with
 *     head                                [~~~~~~   the time from which the head's chunks count
 *
 *     a query: under the lock, holds the blocks that overlap and notes the head's moment; then reads without
 * it
 *
 * A series that is in several sources is one series of the set: its rows are merged by time; of two rows of
 * one time the older source's stays (they are the same, unless a sample came late with another value).
 *
 * What cannot be trusted is left out and told as the set's warning.
 */
#include "lib/model/queryable.h"
#include "lib/sys/thread.h"
#include "storage/block/block.h"
#include "storage/head/head.h"

/* Pieces that were left out of answers: counted, and each place logged once in a row. */
struct damage_notes {
    struct mutex lock;
    char last[256]; /* text of the last one */
    atomic_uint_least64_t count;
};

void damage_notes_init(struct damage_notes *notes);
void damage_notes_release(struct damage_notes *notes);
void damage_note(struct damage_notes *notes, const struct err *err);

struct sources {
    struct mutex lock;
    struct head *head;
    VEC(struct block *) blocks; /* by mint, behind them the late ones; a reference each */
    struct damage_notes damage;
};

void sources_init(struct sources *sources, struct head *head);
void sources_release(struct sources *sources);

/* Adds a block, takes away others, and moves the head's beginning, all at once for those who come now.
 * `added` is the caller's no more; NULL: none. Blocks taken away are discarded. head_mint INT64_MIN: stays.
 */
void sources_change(struct sources *sources, struct block *added, struct block *const *removed,
                    size_t removed_count, int64_t head_mint);
/* the head as of now, until head_leave */
struct head_moment sources_enter(struct sources *sources);
/* references to all, in order; released by the caller */
struct block_list {
    VEC(struct block *) items;
};
void sources_blocks(struct sources *sources, struct block_list *list);
void block_list_release(struct block_list *list);

/* As queryable_*; moment NULL: now. Blocks are those of now in any case: what a moment's head chunks held and
 * a block took over is in both until the moment is left, and is read once. */
int sources_select(struct sources *sources, const struct head_moment *moment, const struct matcher *matchers,
                   size_t matcher_count, int64_t mint, int64_t maxt, struct budget *budget,
                   struct series_set **set, struct err *err);
int sources_label_names(struct sources *sources, const struct matcher *matchers, size_t matcher_count,
                        int64_t mint, int64_t maxt, struct arena *arena, struct span **names, size_t *count,
                        struct err *err);
int sources_label_values(struct sources *sources, struct span name, const struct matcher *matchers,
                         size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                         struct span **values, size_t *count, struct err *err);

/* The series of several sets as one set, in time order of the sets; takes the sets over. */
int union_set(struct series_set *const *sets, size_t count, struct budget *budget,
              struct damage_notes *damage, struct series_set **set, struct err *err);
