/*
 * history.c - samples leave the head for blocks.
 *
 *     cut      two hours of all series, when the head holds one and a half times that
 *     late     samples that came out of order
 *     quiet    all of the series that nobody feeds any more
 *
 * Always the same order, so that every reader sees each sample at least once and the merge of equal rows
 * makes it once: write, publish, wait for the readers from before, take away. Series that leave are announced
 * to those who feed them first.
 */
#include "lib/base/log.h"
#include "lib/sys/clock.h"
#include "storage/block/writer.h"
#include "storage/head/slots.h"
#include "storage/tsdb/inside.h"

#include <stdio.h>

#define LATE_DUE_BYTES ((uint64_t)16 << 20)
#define QUIET_LOOK_MS ((int64_t)30 * 1000)
#define QUIET_MANY 1000u
#define QUIET_MOST ((size_t)200000)

/* ---- a set becomes a block ---- */

/* what is written of each series: up to maxt, but for [without_from, without_to] */
struct wanted {
    const char *folder; /* NULL: the database's own */
    enum block_origin origin;
    int64_t maxt, head_end, without_from, without_to;
};

static void leave_out(struct columns *columns, int64_t from, int64_t to) {
    size_t kept = 0;
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->times_ms[i] >= from && columns->times_ms[i] <= to) continue;
        columns->times_ms[kept] = columns->times_ms[i];
        columns->values[kept] = columns->values[i];
        if (columns->histograms) columns->histograms[kept] = columns->histograms[i];
        kept++;
    }
    for (size_t i = kept; columns->histograms && i < columns->count; i++) columns->histograms[i] = NULL;
    columns->count = kept;
}

static int add_series(struct block_writer *writer, struct series_set *set, size_t index,
                      const struct wanted *wanted, struct columns *columns, struct err *err) {
    struct arena arena;
    struct labels labels;
    columns_reset(columns);
    arena_init(&arena, SIZE_MAX, NULL);
    int rc = series_set_read(set, index, INT64_MIN, wanted->maxt, columns, err);
    if (rc == ERR_CORRUPT) {
        LOG(LOG_ERROR, "damaged samples of the head are lost", "err", err->text);
        rc = 0;
    }
    if (wanted->without_from <= wanted->without_to)
        leave_out(columns, wanted->without_from, wanted->without_to);
    if (!rc) rc = series_set_labels(set, index, &arena, &labels, err);
    if (!rc) rc = block_writer_add(writer, labels, columns, err);
    arena_release(&arena);
    return rc;
}

static int write_files(struct tsdb *tsdb, struct series_set *set, const struct wanted *wanted,
                       struct block_meta *meta, struct err *err) {
    struct block_writer_options options = {
        .folder = wanted->folder, .level = 1, .origin = wanted->origin, .head_end = wanted->head_end};
    struct block_writer *writer;
    struct columns columns;
    int rc = tsdb_block_writer(tsdb, &options, &writer, err);
    if (rc) return rc;
    columns_init(&columns, NULL);
    for (size_t i = 0; !rc && i < set->count; i++) rc = add_series(writer, set, i, wanted, &columns, err);
    columns_release(&columns);
    if (!rc) return block_writer_finish(writer, meta, err);
    block_writer_abort(writer);
    return rc;
}

/* The set is put into the order of labels and taken over. *block NULL: there was nothing. */
static int write_block(struct tsdb *tsdb, struct series_set *set, const struct wanted *wanted,
                       struct block **block, struct err *err) {
    struct block_meta meta;
    int64_t started_ns = clock_monotonic_ns();
    bool is_empty = set->count == 0;
    *block = NULL;
    head_set_sort(set);
    int rc = write_files(tsdb, set, wanted, &meta, err);
    series_set_close(set);
    if (!rc && !wanted->folder) rc = tsdb_open_written(tsdb, &meta, block, err);
    if (!is_empty) tsdb_compacted(tsdb, rc, started_ns);
    return rc;
}

/* all that a series has */
static const struct wanted everything = {
    .origin = BLOCK_LATE, .maxt = INT64_MAX, .head_end = INT64_MIN, .without_from = 1, .without_to = 0};

static void say(const char *what, const struct block *block, int64_t started_ms) {
    if (!block) return;
    const struct block_meta *meta = block_meta(block);
    LOG(LOG_INFO, what, "series", log_text("%llu", (unsigned long long)meta->series), "samples",
        log_text("%llu", (unsigned long long)meta->samples), "bytes",
        log_text("%llu", (unsigned long long)meta->bytes), "duration",
        log_text("%lldms", (long long)(clock_monotonic_ms() - started_ms)));
}

/* ---- cut ---- */

static int64_t aligned_end(int64_t time, int64_t range) {
    int64_t from = time / range * range;
    if (from > time) from -= range;
    return from + range;
}

bool tsdb_cut_is_due(const struct tsdb *tsdb) {
    struct head_stats stats;
    head_stats(tsdb->head, &stats);
    int64_t newest = stats.max_time, now = clock_wall_ms() + TSDB_FUTURE_MS;
    if (!tsdb->take_any_time && newest > now) newest = now;
    return stats.min_time < newest && newest - stats.min_time > tsdb->block_range_ms / 2 * 3;
}

struct at_time {
    struct tsdb *tsdb;
    int64_t time;
    uint64_t sequence;
    uint32_t slot;
};

static void close_head(void *context) {
    const struct at_time *at = context;
    head_close(at->tsdb->head, at->time);
}

static void truncate_part(void *context) {
    struct at_time *at = context;
    at->slot = head_truncate(at->tsdb->head, at->slot);
}

static void drop_late(void *context) {
    const struct at_time *at = context;
    head_drop_late(at->tsdb->head, at->sequence, at->time);
}

static void remove_files(void *context) {
    head_remove_files(((const struct at_time *)context)->tsdb->head);
}

static int cut_until(struct tsdb *tsdb, int64_t end, struct err *err) {
    struct at_time at = {.tsdb = tsdb, .time = end};
    struct series_set *set;
    struct block *block;
    int64_t started_ms = clock_monotonic_ms();
    tsdb_on_applier(tsdb, close_head, &at);
    struct head_moment moment = head_enter(tsdb->head);
    at.sequence = moment.sequence;
    int rc = head_select(tsdb->head, &moment, NULL, 0, INT64_MIN, end - 1, NULL, &set, err);
    if (rc) return rc;
    struct wanted wanted = everything;
    wanted.origin = BLOCK_FROM_HEAD;
    wanted.maxt = end - 1;
    wanted.head_end = end;
    rc = write_block(tsdb, set, &wanted, &block, err);
    if (rc) return rc;
    say("a block was cut from the head", block, started_ms);
    sources_change(&tsdb->sources, block, NULL, 0, end);
    head_drain(tsdb->head);
    int64_t truncation_ns = clock_monotonic_ns();
    at.time = end - 1;
    tsdb_on_applier(tsdb, drop_late, &at);
    while (at.slot != UINT32_MAX) tsdb_on_applier(tsdb, truncate_part, &at);
    tsdb_on_applier(tsdb, remove_files, &at);
    tsdb_truncated(tsdb, truncation_ns);
    return 0;
}

int tsdb_cut(struct tsdb *tsdb, struct err *err) {
    struct head_stats stats;
    if (!tsdb_cut_is_due(tsdb)) return 0;
    head_stats(tsdb->head, &stats);
    int rc = cut_until(tsdb, aligned_end(stats.min_time, tsdb->block_range_ms), err);
    return rc ? err_wrap(err, rc, "cutting a block") : 0;
}

/* ---- late ---- */

bool tsdb_late_is_due(const struct tsdb *tsdb) {
    struct head_stats stats;
    head_stats(tsdb->head, &stats);
    return stats.late_bytes >= LATE_DUE_BYTES;
}

int tsdb_flush_late(struct tsdb *tsdb, const struct head_moment *moment, struct err *err) {
    struct at_time at = {.tsdb = tsdb, .time = INT64_MAX, .sequence = moment->sequence};
    struct series_set *set;
    struct block *block;
    int64_t started_ms = clock_monotonic_ms();
    int rc = head_select_late(tsdb->head, moment, &set, err);
    if (rc) return rc;
    rc = write_block(tsdb, set, &everything, &block, err);
    if (rc || !block) return rc;
    say("late samples were put into a block", block, started_ms);
    sources_change(&tsdb->sources, block, NULL, 0, INT64_MIN);
    head_drain(tsdb->head);
    tsdb_on_applier(tsdb, drop_late, &at);
    return 0;
}

int tsdb_flush_late_now(struct tsdb *tsdb, struct err *err) {
    struct head_moment moment = head_enter(tsdb->head);
    int rc = tsdb_flush_late(tsdb, &moment, err);
    return rc ? err_wrap(err, rc, "late samples into a block") : 0;
}

/* ---- quiet ---- */

/* the newest sequence that is at least so old; 0: nothing is */
static uint64_t sequence_before(const struct quiet_watch *watch, int64_t now_ms, int64_t age_ms) {
    uint64_t sequence = 0;
    for (size_t i = 0; i < watch->count && watch->notes[i].at_ms <= now_ms - age_ms; i++)
        sequence = watch->notes[i].sequence;
    return sequence;
}

static void note(struct tsdb *tsdb, int64_t now_ms) {
    struct quiet_watch *watch = &tsdb->quiet;
    struct head_moment moment = head_enter(tsdb->head);
    head_leave(tsdb->head, &moment);
    if (watch->count == QUIET_NOTES) {
        memmove(watch->notes, watch->notes + 1, (QUIET_NOTES - 1) * sizeof *watch->notes);
        watch->count--;
    }
    watch->notes[watch->count].at_ms = now_ms;
    watch->notes[watch->count++].sequence = moment.sequence;
}

bool tsdb_quiet_is_due(const struct tsdb *tsdb) {
    const struct quiet_watch *watch = &tsdb->quiet;
    return !watch->count || clock_monotonic_ms() - watch->notes[watch->count - 1].at_ms >= QUIET_LOOK_MS;
}

struct letting_go {
    struct tsdb *tsdb;
    struct head_moment moment;
    struct slots slots;
};

static void forget(void *context) {
    struct letting_go *l = context;
    head_forget(l->tsdb->head, &l->moment, &l->slots);
}

static void recycle(void *context) {
    struct letting_go *l = context;
    head_recycle(l->tsdb->head, &l->slots);
}

/* the series of the slots leave the head for a block; in the end slots are those that left */
static int let_go(struct letting_go *l, const struct wanted *wanted, struct err *err) {
    struct tsdb *tsdb = l->tsdb;
    struct series_set *set;
    struct block *block;
    int64_t started_ms = clock_monotonic_ms();
    l->moment = head_enter(tsdb->head);
    int rc = head_select_slots(tsdb->head, &l->moment, &l->slots, &set, err);
    if (rc) return rc;
    rc = write_block(tsdb, set, wanted, &block, err);
    if (rc) return rc;
    say("series left the head for a block", block, started_ms);
    if (block) sources_change(&tsdb->sources, block, NULL, 0, INT64_MIN);
    head_drain(tsdb->head);
    int64_t truncation_ns = clock_monotonic_ns();
    head_announce(tsdb->head, &l->slots);
    tsdb_on_applier(tsdb, forget, l);
    head_drain(tsdb->head);
    tsdb_on_applier(tsdb, recycle, l);
    tsdb_truncated(tsdb, truncation_ns);
    return 0;
}

int tsdb_release_quiet(struct tsdb *tsdb, struct err *err) {
    int64_t now_ms = clock_monotonic_ms();
    struct letting_go l = {.tsdb = tsdb};
    uint64_t stale = sequence_before(&tsdb->quiet, now_ms, tsdb->quiet_ms / 15),
             quiet = sequence_before(&tsdb->quiet, now_ms, tsdb->quiet_ms);
    note(tsdb, now_ms);
    if (!stale) return 0;
    slots_init(&l.slots, NULL);
    int rc = head_quiet(tsdb->head, stale, quiet, QUIET_MOST, &l.slots, err);
    bool is_worth_it = l.slots.count >= QUIET_MANY ||
                       (l.slots.count && now_ms - tsdb->quiet.released_ms >= tsdb->quiet_ms / 2);
    if (!rc && is_worth_it) {
        tsdb->quiet.released_ms = now_ms;
        rc = let_go(&l, &everything, err);
    }
    slots_release(&l.slots);
    return rc ? err_wrap(err, rc, "quiet series into a block") : 0;
}

int tsdb_expel(struct tsdb *tsdb, const struct matcher *matchers, size_t matcher_count, int64_t mint,
               int64_t maxt, bool *is_left, struct err *err) {
    struct letting_go l = {.tsdb = tsdb};
    struct wanted wanted = everything;
    struct head_moment moment = head_enter(tsdb->head);
    wanted.without_from = mint;
    wanted.without_to = maxt;
    slots_init(&l.slots, NULL);
    int rc = tsdb_flush_late(tsdb, &moment, err); /* series with late samples stay in the head */
    if (!rc) rc = head_matching(tsdb->head, matchers, matcher_count, mint, maxt, &l.slots, err);
    size_t count = l.slots.count;
    if (!rc && count) rc = let_go(&l, &wanted, err);
    if (!rc) *is_left = l.slots.count < count;
    slots_release(&l.slots);
    return rc;
}

int tsdb_copy_head(struct tsdb *tsdb, const char *folder, struct err *err) {
    struct series_set *set;
    struct block *none;
    struct wanted wanted = everything;
    wanted.folder = folder;
    int rc = head_select(tsdb->head, NULL, NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, err);
    return rc ? rc : write_block(tsdb, set, &wanted, &none, err);
}
