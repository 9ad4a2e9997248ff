#pragma once
/*
 * series.h - inside of storage/head: the table of series.
 *
 *     slot 0x00000a07 -> page 0x00000a -> | series 0 | ... | series 7 | ... | series 255 |     and its lock
 *
 * Series created together sit together, so a scrape locks a page once for all its rows. Pages never move;
 * whoever has a slot finds its series without a lock. A series changes under its page's lock, but for what
 * is said below to be fixed.
 *
 * Invariants:
 *  S1 the open chunk has at least one sample once the series has any.
 *  S2 times ascend strictly: full chunks in order, then the open one, whose last time is the newest.
 *  S3 mark is the last batch that put a sample here, batch_time its first sample here.
 */
#include "lib/model/appender.h"
#include "lib/sys/thread.h"
#include "storage/chunk/chunk.h"
#include "storage/head/chunks.h"
#include "storage/head/commits.h"

#include <stdatomic.h>
#include <stdint.h>

#define PAGE_SERIES 256u
#define PAGES_MAX ((size_t)1 << 18)

struct series {
    uint32_t generation; /* fixed while the slot is in use; with GENERATION_RESTS it is not */
    uint32_t record;     /* labels (shapes.h); fixed */
    /* from here on zero at the start of each life */
    struct chunk_state chunk; /* open */
    union {                   /* of the open chunk */
        struct {
            uint32_t at;   /* of its bytes in the run's block (runs.h), */
            uint16_t room; /* so many with what is free behind; 0: none yet */
        };
        struct histogram_chunk *histograms; /* with CHUNK_HISTOGRAM */
    };
    batch_mark mark;
    int64_t batch_time;
    struct chunk_ref *full;
    uint64_t number; /* on disk; the appending thread's, once the series is there */
    uint32_t full_count;
    uint8_t is_logged; /* the appending thread's; a snapshot looks at it */
    uint8_t has_late;  /* late samples are, or were, in late.h */
    uint8_t
        is_leaving; /* announced, and nobody got or confirmed a reference since; without the page's lock */
};

/* a slot between two series: nobody finds it any more, readers may still look at what was there */
#define GENERATION_RESTS ((uint32_t)1 << 31)

struct series_page {
    struct series series[PAGE_SERIES];
};

/* slots whose open chunks share a block (runs.h), become full together, and stand together in the file */
#define RUN_SERIES 64u

struct run {
    uint8_t *block;          /* NULL: no open chunk */
    uint32_t used, capacity; /* behind used: the tail */
    uint32_t live;           /* of used */
};

struct series_table {
    _Atomic(struct series_page *) *pages;
    struct run *runs;
    struct mutex *locks;         /* of the pages; apart, as a page is just what the allocator gives then */
    atomic_uint_least32_t count; /* slots in use: 0 .. count - 1 */
};

static inline struct series_page *series_page(const struct series_table *table, uint32_t slot) {
    return atomic_load_explicit(&table->pages[slot / PAGE_SERIES], memory_order_acquire);
}

static inline struct mutex *series_lock(const struct series_table *table, uint32_t slot) {
    return &table->locks[slot / PAGE_SERIES];
}

static inline struct series *series_at(const struct series_table *table, uint32_t slot) {
    return &series_page(table, slot)->series[slot % PAGE_SERIES];
}

static inline bool series_in_use(const struct series *series) {
    return series->generation && !(series->generation & GENERATION_RESTS);
}

/* whoever has a reference means to use it; the index lock is held, which head_forget takes exclusively */
static inline void series_stay(struct series *series) {
    if (__atomic_load_n(&series->is_leaving, __ATOMIC_RELAXED))
        __atomic_store_n(&series->is_leaving, 0, __ATOMIC_RELAXED);
}

static inline bool series_has_histograms(const struct series *series) {
    return series->chunk.encoding == CHUNK_HISTOGRAM;
}

/* NULL when the reference is of another time */
static inline struct series *series_of(const struct series_table *table, struct series_ref ref) {
    if (ref.slot >= atomic_load_explicit(&table->count, memory_order_acquire)) return NULL;
    struct series *series = series_at(table, ref.slot);
    uint32_t generation = __atomic_load_n(&series->generation, __ATOMIC_ACQUIRE);
    return ref.generation && generation == ref.generation ? series : NULL;
}

void series_table_init(struct series_table *table);
/* the bytes of the open chunk of floats; the page is locked */
static inline uint8_t *series_bytes(const struct series_table *table, uint32_t slot) {
    return table->runs[slot / RUN_SERIES].block + series_at(table, slot)->at;
}

/* the pages only; what series own was freed */
void series_table_release(struct series_table *table);
/* The slot after the last, zeroed but for its generation, seen by nobody until series_table_publish. NULL
 * when the table is full. Under the index lock. */
struct series *series_table_next(struct series_table *table, uint32_t *slot);
void series_table_publish(struct series_table *table);
size_t series_table_bytes(const struct series_table *table);

/* a slot that rests begins its next life: zeroed, but for its record */
struct series *series_table_again(struct series_table *table, uint32_t slot);

/* a full chunk at the end; the page is locked */
void series_push_full(struct series *series, struct chunk_ref ref);
/* the first `count` full chunks, whose memory was given back; the page is locked */
void series_forget_full(struct series *series, uint32_t count);
/* has it a chunk with times in [mint, maxt]? the page is locked */
bool series_overlaps(const struct series_table *table, uint32_t slot, int64_t mint, int64_t maxt);
/* index of the first full chunk that ends at mint or later */
uint32_t series_first_full(const struct series *series, int64_t mint);
