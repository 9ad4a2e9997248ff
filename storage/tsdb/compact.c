/*
 * compact.c - small blocks become large ones.
 *
 *     2 h   |..|..|..|      aligned windows of 3, 9, 27 ... times the range of a cut: the blocks inside of
 * one are 6 h   |........|      merged when the head has left it; with them what came late into it
 *
 *     late  [..] [...]      blocks of late samples and quiet series, several of one time: merged among
 * themselves, like with like in size
 *
 * Blocks are in the order of their labels, so a merge goes through all of them at once, a series at a time.
 */
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "storage/block/writer.h"
#include "storage/tsdb/inside.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP 3
#define RANGE_MOST_MS ((int64_t)31 * 24 * 3600 * 1000)
#define LATE_MANY 8
#define MERGE_MOST 64u
#define CACHED_SERIES 2048u /* a merge keeps what it unpacks of its blocks for so many */

/* ---- which ---- */

struct plan {
    struct block *blocks[MERGE_MOST];
    size_t count;
};

static int64_t floor_to(int64_t time, int64_t range) {
    int64_t from = time / range * range;
    return from > time ? from - range : from;
}

static int64_t longest_range(const struct tsdb *tsdb) {
    int64_t retention = atomic_load(&tsdb->retention.time_ms), most = RANGE_MOST_MS;
    if (retention && retention / 10 < most) most = retention / 10;
    return most;
}

static int64_t newest_end(const struct block_list *all) {
    int64_t end = INT64_MIN;
    for (size_t i = 0; i < all->items.count; i++)
        if (block_meta(all->items.items[i])->head_end > end) end = block_meta(all->items.items[i])->head_end;
    return end;
}

/* the blocks that lie in the window of this range in which block `first` begins */
static void plan_window(const struct block_list *all, size_t first, int64_t range, struct plan *plan) {
    int64_t from = floor_to(block_meta(all->items.items[first])->mint, range);
    plan->count = 0;
    for (size_t i = first; i < all->items.count && plan->count < MERGE_MOST; i++) {
        const struct block_meta *meta = block_meta(all->items.items[i]);
        if (meta->mint >= from && meta->maxt < from + range)
            plan->blocks[plan->count++] = all->items.items[i];
    }
}

static bool plan_level(const struct tsdb *tsdb, const struct block_list *all, int64_t range,
                       struct plan *plan) {
    int64_t done = newest_end(all);
    (void)tsdb;
    for (size_t i = 0; i < all->items.count; i++) {
        int64_t from = floor_to(block_meta(all->items.items[i])->mint, range);
        if (from + range > done) continue; /* the head still adds to it */
        plan_window(all, i, range, plan);
        if (plan->count >= 2) return true;
    }
    return false;
}

static int compare_sizes(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* The smallest, as long as none is larger than twice what is smaller together: so a large one is written anew
 * only when much has come. Answers the samples of the largest, 0 when they are too few. */
static uint64_t largest_late(uint64_t *sizes, size_t count) {
    size_t taken = 0;
    uint64_t sum = 0;
    qsort(sizes, count, sizeof *sizes, compare_sizes);
    while (taken < count && (taken == 0 || sizes[taken] / 2 <= sum)) sum += sizes[taken++];
    return taken >= LATE_MANY ? sizes[taken - 1] : 0;
}

static bool is_late(const struct block *block) {
    return block_meta(block)->origin == BLOCK_LATE;
}

static bool plan_late(const struct block_list *all, struct plan *plan) {
    uint64_t sizes[MERGE_MOST], largest;
    size_t count = 0;
    for (size_t i = 0; i < all->items.count && count < MERGE_MOST; i++)
        if (is_late(all->items.items[i])) sizes[count++] = block_meta(all->items.items[i])->samples;
    largest = count >= LATE_MANY ? largest_late(sizes, count) : 0;
    plan->count = 0;
    for (size_t i = 0; i < all->items.count && plan->count < MERGE_MOST; i++)
        if (is_late(all->items.items[i]) && block_meta(all->items.items[i])->samples <= largest)
            plan->blocks[plan->count++] = all->items.items[i];
    return plan->count >= LATE_MANY;
}

static bool make_plan(const struct tsdb *tsdb, const struct block_list *all, struct plan *plan) {
    int64_t most = longest_range(tsdb);
    for (int64_t range = tsdb->block_range_ms * STEP; range <= most; range *= STEP)
        if (plan_level(tsdb, all, range, plan)) return true;
    return plan_late(all, plan);
}

bool tsdb_compact_is_due(const struct tsdb *tsdb) {
    struct block_list all = {0};
    struct plan plan;
    sources_blocks((struct sources *)&tsdb->sources, &all);
    bool is_due = make_plan(tsdb, &all, &plan);
    block_list_release(&all);
    return is_due;
}

/* ---- merging ---- */

/* a block, at one of its series */
struct reader {
    struct series_set *set;
    size_t at;
    struct arena arena;
    struct labels labels; /* of series `at` */
};

struct merge {
    struct block *const *blocks; /* of the readers */
    struct reader *readers;
    size_t count;
    struct columns columns;
    uint64_t lost; /* series that could not be read */
};

/* the next series whose labels can be read */
static int advance(struct merge *m, struct reader *reader, struct err *err) {
    int rc = ERR_CORRUPT;
    while (rc == ERR_CORRUPT && reader->at < reader->set->count) {
        arena_release(&reader->arena);
        rc = series_set_labels(reader->set, reader->at, &reader->arena, &reader->labels, err);
        if (rc == ERR_CORRUPT) {
            m->lost++;
            reader->at++;
        }
    }
    return rc == ERR_CORRUPT ? 0 : rc;
}

static struct reader *lowest(struct merge *m) {
    struct reader *best = NULL;
    for (size_t i = 0; i < m->count; i++) {
        struct reader *reader = &m->readers[i];
        if (reader->at == reader->set->count) continue;
        if (!best || labels_compare(reader->labels, best->labels) < 0) best = reader;
    }
    return best;
}

/* Damaged pages stay behind in the old block, so a merge that meets one is given up: the block is put aside
 * by an operator or stays as it is. */
static int merge_series(struct merge *m, struct block_writer *writer, const struct reader *best,
                        struct err *err) {
    columns_reset(&m->columns);
    for (size_t i = 0; i < m->count; i++) {
        struct reader *reader = &m->readers[i];
        if (reader->at == reader->set->count || !labels_equal(reader->labels, best->labels)) continue;
        size_t middle = m->columns.count;
        int rc = series_set_read(reader->set, reader->at, INT64_MIN, INT64_MAX, &m->columns, err);
        if (!rc) rc = columns_merge(&m->columns, 0, middle, err);
        if (rc) return rc;
    }
    return block_writer_add(writer, best->labels, &m->columns, err);
}

static int advance_equal(struct merge *m, struct labels labels, const struct reader *best, struct err *err) {
    int rc = 0;
    for (size_t i = 0; !rc && i < m->count; i++) {
        struct reader *reader = &m->readers[i];
        if (reader == best || reader->at == reader->set->count || !labels_equal(reader->labels, labels))
            continue;
        reader->at++;
        rc = advance(m, reader, err);
    }
    return rc;
}

static int merge_all(struct merge *m, struct block_writer *writer, struct err *err) {
    int rc = 0;
    size_t merged = 0;
    for (struct reader *best; !rc && (best = lowest(m));) {
        if (++merged % CACHED_SERIES == 0)
            for (size_t i = 0; i < m->count; i++) block_drop_cached(m->blocks[i]);
        rc = merge_series(m, writer, best, err);
        if (!rc) rc = advance_equal(m, best->labels, best, err);
        best->at++;
        if (!rc) rc = advance(m, best, err);
    }
    if (!rc && m->lost)
        rc = err_set(err, ERR_CORRUPT, "%llu series cannot be read", (unsigned long long)m->lost);
    return rc;
}

static int open_readers(struct merge *m, struct block *const *blocks, size_t count, struct err *err) {
    int rc = 0;
    m->blocks = blocks;
    m->readers = mem_array(count, sizeof *m->readers);
    columns_init(&m->columns, NULL);
    for (size_t i = 0; !rc && i < count; i++) {
        struct reader *reader = &m->readers[i];
        rc = queryable_select(block_queryable(blocks[i]), NULL, 0, INT64_MIN, INT64_MAX, NULL, &reader->set,
                              err);
        if (rc) break;
        arena_init(&reader->arena, SIZE_MAX, NULL);
        m->count++;
        rc = advance(m, reader, err);
    }
    return rc;
}

static void close_readers(struct merge *m) {
    for (size_t i = 0; i < m->count; i++) {
        series_set_close(m->readers[i].set);
        arena_release(&m->readers[i].arena);
    }
    mem_free(m->readers);
    columns_release(&m->columns);
}

/* what the result is */
static void describe(struct block *const *blocks, size_t count, struct ulid sources[BLOCK_MAX_SOURCES],
                     struct block_writer_options *options) {
    bool all_late = true;
    *options =
        (struct block_writer_options){.origin = BLOCK_COMPACTED, .head_end = INT64_MIN, .sources = sources};
    for (size_t i = 0; i < count; i++) {
        const struct block_meta *meta = block_meta(blocks[i]);
        all_late = all_late && meta->origin == BLOCK_LATE;
        if (meta->head_end > options->head_end) options->head_end = meta->head_end;
        if (meta->level >= options->level) options->level = meta->level + 1;
        for (uint32_t j = 0; j < meta->source_count && options->source_count < BLOCK_MAX_SOURCES; j++)
            sources[options->source_count++] = meta->sources[j];
    }
    if (all_late) options->origin = BLOCK_LATE;
}

static int merge_blocks(struct tsdb *tsdb, struct block *const *blocks, size_t count, struct err *err) {
    struct merge m = {0};
    struct ulid sources[BLOCK_MAX_SOURCES];
    struct block_writer_options options;
    struct block_writer *writer = NULL;
    struct block_meta meta;
    struct block *merged = NULL;
    int64_t started_ms = clock_monotonic_ms();
    describe(blocks, count, sources, &options);
    int rc = open_readers(&m, blocks, count, err);
    if (!rc) rc = tsdb_block_writer(tsdb, &options, &writer, err);
    if (!rc) rc = merge_all(&m, writer, err);
    close_readers(&m);
    if (rc) {
        block_writer_abort(writer);
        return rc;
    }
    rc = block_writer_finish(writer, &meta, err);
    if (!rc) rc = tsdb_open_written(tsdb, &meta, &merged, err);
    if (rc) return rc;
    sources_change(&tsdb->sources, merged, blocks, count, INT64_MIN);
    LOG(LOG_INFO, "blocks were merged", "blocks", log_text("%zu", count), "samples",
        log_text("%llu", (unsigned long long)meta.samples), "bytes",
        log_text("%llu", (unsigned long long)meta.bytes), "duration",
        log_text("%lldms", (long long)(clock_monotonic_ms() - started_ms)));
    return 0;
}

int tsdb_merge(struct tsdb *tsdb, struct block *const *blocks, size_t count, struct err *err) {
    int64_t started_ns = clock_monotonic_ns();
    int rc = merge_blocks(tsdb, blocks, count, err);
    tsdb_compacted(tsdb, rc, started_ns);
    return rc;
}

int tsdb_compact(struct tsdb *tsdb, struct err *err) {
    struct block_list all = {0};
    struct plan plan;
    int rc = 0;
    sources_blocks(&tsdb->sources, &all);
    if (make_plan(tsdb, &all, &plan)) rc = tsdb_merge(tsdb, plan.blocks, plan.count, err);
    block_list_release(&all);
    return rc ? err_wrap(err, rc, "merging blocks") : 0;
}
