#pragma once
/*
 * head.h - the newest samples, in memory: which series there are, and their samples.
 *
 *     labels --resolve--> slot + generation --append (batches, one thread)--> open chunk -> full chunks
 *                              |
 *     matchers --select--> [slots, as of a commit] --read (any thread)--> times[] values[]
 *
 *     index (one rwlock)                      series (pages of 256, a lock each)
 *       symbols   text <-> 32 bits              open chunk, full chunks, last batch
 *       shapes    label names interned together
 *       postings  name=value -> slots
 *       map       labels -> slot
 *
 * The head knows nothing of the log: whoever logs asks for numbers and labels and remembers in each series
 * whether it is logged.
 *
 * Threads: resolve, select and everything of a series set from any; head_append and the logged marks from one
 * at a time. Label text handed out lives as long as the head.
 */
#include "lib/base/err.h"
#include "lib/model/appender.h"
#include "lib/model/labels.h"
#include "lib/model/matcher.h"
#include "lib/model/queryable.h"

#include <stdbool.h>
#include <stdint.h>

struct head;
struct file_system;

struct head_options {
    struct file_system *fs;
    const char *chunk_folder; /* full chunks go there; NULL: they stay in memory */
    uint64_t max_series;      /* 0: as many as there are slots */
    struct budget *memory;    /* series and their labels draw from it; NULL: no limit */
};

int head_create(const struct head_options *options, struct head **head, struct err *err);
void head_destroy(struct head *head);

/* as appender's hold, let_go, confirm */
struct append_hold head_hold(struct head *head);
void head_let_go(struct head *head, struct append_hold hold);
void head_confirm(struct head *head, struct series_ref *refs, size_t count);
/* as appender_resolve */
int head_resolve(struct head *head, const struct labels *label_sets, size_t count, struct series_ref *refs,
                 bool *created, struct err *err);
/* for replay: numbers up to this one were given to series, even if nobody knows to which */
void head_number_taken(struct head *head, uint64_t number);

/* for the log, by the appending thread; false when the reference is not valid any more */
bool head_number(const struct head *head, struct series_ref ref, uint64_t *number, bool *is_logged);
/* changes whenever a series may have left; the appending thread's */
uint64_t head_life(const struct head *head);
/* slots that are, or were, in use */
uint32_t head_slots(const struct head *head);
struct series_ref head_ref(const struct head *head, uint32_t slot);
void head_set_logged(struct head *head, uint32_t slot, bool is_logged);
/* none is, before samples are appended */
void head_forget_logged(struct head *head);
size_t head_label_count(const struct head *head, uint32_t slot);
/* items: room for head_label_count; any thread */
struct labels head_labels(const struct head *head, uint32_t slot, struct label *items);

struct head_rows {
    const struct series_ref *refs;
    const double *values;
    const struct histogram *const *histograms; /* NULL: all rows are floats */
    const int64_t *times_ms;                   /* NULL: all at time_ms */
    int64_t time_ms;
    int64_t late_from; /* rows before the newest sample of their series are taken from this time on */
    size_t count;
    uint8_t *results; /* in: a row that is not APPEND_STORED is left out; out: what became of each */
};

/* of the newest sample; INT64_MIN while there is none */
int64_t head_max_time(const struct head *head);
/* samples before this time are taken only when they may come late */
int64_t head_closed(const struct head *head);

/* one batch: seen by readers as a whole when this returns */
void head_append(struct head *head, const struct head_rows *rows);
/* moments of this sequence and later see all that was appended; the appending thread's */
uint64_t head_published(const struct head *head);

/* The moment a reader sees: batches published until now, chunks from head_mint on. Cheap. Given to
 * head_select, which takes it over also when it fails. */
struct head_moment {
    uint64_t sequence;
    unsigned turn;
    bool is_borrowed; /* whoever entered leaves, not the set that reads as of it */
    int64_t chunks_from;
};

struct head_moment head_enter(struct head *head);
/* a moment that was not given to head_select */
void head_leave(struct head *head, const struct head_moment *moment);
/* as queryable_select; moment NULL: now */
int head_select(struct head *head, const struct head_moment *moment, const struct matcher *matchers,
                size_t matcher_count, int64_t mint, int64_t maxt, struct budget *budget,
                struct series_set **set, struct err *err);
/* Splits a set of head_select in two: it is left without the late samples, which are in *late, NULL when
 * there are none. Both are closed at one time. */
int head_set_split(struct series_set *set, struct series_set **late, struct err *err);
/* puts the series of a set of head_select into the order of their labels */
void head_set_sort(struct series_set *set);
int head_label_names(struct head *head, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                     int64_t maxt, struct arena *arena, struct span **names, size_t *count, struct err *err);
int head_label_values(struct head *head, struct span name, const struct matcher *matchers,
                      size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                      struct span **values, size_t *count, struct err *err);

/*
 * History leaves the head in steps, each of which readers that are in the midst of something do not notice:
 *
 *     head_close(t)      samples before t come late or not at all        appending thread
 *     head_set_mint(t)   readers from now on take it from a block        the moment the block is published
 *     head_drain         those who came before have left                 any one thread, may take long
 *     head_truncate      memory and files are given back                 appending thread, in parts
 */
void head_close(struct head *head, int64_t mint);
void head_set_mint(struct head *head, int64_t mint);
void head_drain(struct head *head);
/* Chunks that end before head_mint, of slots from `from` on, some thousands at a time: where to go on, or
 * UINT32_MAX at the end. */
uint32_t head_truncate(struct head *head, uint32_t from);
/* files with nothing but such chunks; behind the last head_truncate */
void head_remove_files(struct head *head);
/* late samples up to maxt of batches up to the moment's; they are in a block that readers know */
void head_drop_late(struct head *head, uint64_t sequence, int64_t maxt);

/*
 * A series that went quiet leaves the head before its time:
 *
 *     head_quiet      which they are; their samples are written into a block      any one thread
 *     head_announce   producers that come now learn of it, those from before have     any one thread
 *                     let go: see below
 *     head_forget     not found any more, unless somebody came meanwhile          appending thread
 *     head_drain      those who read them have left
 *     head_recycle    memory given back, slots given to others                    appending thread
 *
 * A producer gets references first and appends later; what it has got must not leave in between:
 *
 *     producer    hold ------ resolve, confirm ------------ append ------ let go
 *
 *     before the announcement:   it is waited for; its samples are in the head, their series stay
 *     after it:                  resolve and confirm take a series out of those that leave
 *
 * References of an earlier hold may be used unseen as long as nothing was announced since.
 */
struct slots;
/* Series that no batch touched after quiet_until, or after stale_until when they end with a staleness marker
 * (sequences of moments); at most `most`, slots ascending. No samples at all and created before the last
 * call: as well. */
int head_quiet(struct head *head, uint64_t stale_until, uint64_t quiet_until, size_t most,
               struct slots *slots, struct err *err);
/* those that match and have samples in [mint, maxt] */
int head_matching(struct head *head, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                  int64_t maxt, struct slots *slots, struct err *err);
/* the series of the slots, as of a moment, which is taken over; slots is copied */
int head_select_slots(struct head *head, const struct head_moment *moment, const struct slots *slots,
                      struct series_set **set, struct err *err);
/* the series that have late samples, and of them only those; the moment is taken over */
int head_select_late(struct head *head, const struct head_moment *moment, struct series_set **set,
                     struct err *err);
/* the series of the slots are about to leave; waits for the holds that are there now */
void head_announce(struct head *head, const struct slots *slots);
/* keeps in slots those that are forgotten: announced, and since then nobody got or confirmed a reference, nor
 * did anything come after the moment */
void head_forget(struct head *head, const struct head_moment *moment, struct slots *slots);
void head_recycle(struct head *head, const struct slots *slots);

/* full chunks are in their files, which may not be on disk yet: false when the disk refuses; appending thread
 */
bool head_flush_chunks(struct head *head);
/* those files are on disk; any one thread */
int head_sync_chunks(struct head *head, struct err *err);

/* counted since creation, but for series, chunks and bytes */
struct head_stats {
    uint64_t series, series_created, chunks, label_pairs, samples, out_of_order, out_of_bounds, too_old,
        duplicates;
    uint64_t no_series;                /* samples of references that were recycled */
    uint64_t chunks_damaged;           /* reads of full chunks that are not what was written */
    uint64_t series_refused;           /* new ones, for want of memory */
    uint64_t late_samples, late_bytes; /* all that ever came late; bytes of those not in a block yet */
    int64_t min_time, max_time;        /* INT64_MAX and INT64_MIN while there are no samples */
    uint64_t symbol_bytes;
};

void head_stats(struct head *head, struct head_stats *stats);
/* bytes of the index and the series, without chunks: walks the postings */
uint64_t head_series_bytes(struct head *head);

enum head_ranking { HEAD_SERIES_BY_VALUE, HEAD_VALUES_BY_NAME, HEAD_BYTES_BY_NAME, HEAD_SERIES_BY_PAIR };

struct head_ranked {
    enum head_ranking ranking;
    struct span label; /* HEAD_SERIES_BY_VALUE: whose values */
    size_t limit;
    /* what is left out; NULL: nothing. Quick: the index is locked meanwhile */
    bool (*skips)(struct span name, void *context);
    void *context;
};

struct head_top {
    struct span name;
    uint64_t count;
};

/* the largest `limit`, descending, in arena */
int head_rank(struct head *head, const struct head_ranked *ranked, struct arena *arena,
              struct head_top **tops, size_t *count, struct err *err);
