#include "storage/tsdb/tsdb.h"

#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "storage/tsdb/inside.h"
#include "storage/tsdb/tail.h"
#include "storage/wal/replay.h"
#include "storage/wal/writer.h"

static struct tsdb *of_appender(struct appender *appender) {
    struct tsdb *tsdb = ((struct tsdb_appender *)appender)->tsdb;
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    return tsdb;
}

static int port_resolve(struct appender *appender, const struct labels *label_sets, size_t count,
                        struct series_ref *refs, bool *created, struct err *err) {
    return head_resolve(of_appender(appender)->head, label_sets, count, refs, created, err);
}

static void port_append(struct appender *appender, struct append_batch *batch) {
    struct tsdb *tsdb = of_appender(appender);
    if (tsdb->writer) {
        wal_writer_submit(tsdb->writer, batch);
        return;
    }
    mutex_lock(&tsdb->memory_lock);
    tsdb_judge(tsdb, batch);
    tsdb_apply(tsdb, batch);
    tails_note(tsdb, batch, 0);
    mutex_unlock(&tsdb->memory_lock);
    batch->done(batch);
}

static struct append_hold port_hold(struct appender *appender) {
    return head_hold(of_appender(appender)->head);
}

static void port_let_go(struct appender *appender, struct append_hold hold) {
    head_let_go(of_appender(appender)->head, hold);
}

static void port_confirm(struct appender *appender, struct series_ref *refs, size_t count) {
    head_confirm(of_appender(appender)->head, refs, count);
}

static const struct appender_ops appender_ops = {.resolve = port_resolve,
                                                 .append = port_append,
                                                 .hold = port_hold,
                                                 .let_go = port_let_go,
                                                 .confirm = port_confirm};

static struct sources *of_queryable(struct queryable *queryable) {
    struct tsdb *tsdb = ((struct tsdb_queryable *)queryable)->tsdb;
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    return &tsdb->sources;
}

static int port_select(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                       int64_t mint, int64_t maxt, struct budget *budget, struct series_set **set,
                       struct err *err) {
    struct tsdb_queryable *own = (struct tsdb_queryable *)queryable;
    return sources_select(of_queryable(queryable), own->has_moment ? &own->moment : NULL, matchers,
                          matcher_count, mint, maxt, budget, set, err);
}

static int port_label_names(struct queryable *queryable, const struct matcher *matchers, size_t matcher_count,
                            int64_t mint, int64_t maxt, struct arena *arena, struct span **names,
                            size_t *count, struct err *err) {
    return sources_label_names(of_queryable(queryable), matchers, matcher_count, mint, maxt, arena, names,
                               count, err);
}

static int port_label_values(struct queryable *queryable, struct span name, const struct matcher *matchers,
                             size_t matcher_count, int64_t mint, int64_t maxt, struct arena *arena,
                             struct span **values, size_t *count, struct err *err) {
    return sources_label_values(of_queryable(queryable), name, matchers, matcher_count, mint, maxt, arena,
                                values, count, err);
}

static struct queryable *port_begin(struct queryable *queryable) {
    struct sources *sources = of_queryable(queryable);
    struct tsdb_queryable *own = mem_alloc(sizeof *own);
    *own = *(struct tsdb_queryable *)queryable;
    own->moment = sources_enter(sources);
    own->has_moment = true;
    return &own->port;
}

static void port_end(struct queryable *queryable) {
    struct tsdb_queryable *own = (struct tsdb_queryable *)queryable;
    head_leave(of_queryable(queryable)->head, &own->moment);
    mem_free(own);
}

uint64_t tail_moment(const struct queryable *moment) {
    const struct tsdb_queryable *own = (const struct tsdb_queryable *)moment;
    return own->moment.sequence;
}

static const struct queryable_ops queryable_ops = {.begin = port_begin,
                                                   .end = port_end,
                                                   .select = port_select,
                                                   .label_names = port_label_names,
                                                   .label_values = port_label_values};

struct appender *tsdb_appender(struct tsdb *tsdb) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    return &tsdb->appender.port;
}

struct queryable *tsdb_queryable(struct tsdb *tsdb) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    return &tsdb->queryable.port;
}

static void say_opened(struct tsdb *tsdb, const struct wal_report *report, int64_t took_ms) {
    struct head_stats stats;
    head_stats(tsdb->head, &stats);
    LOG(LOG_INFO, "log replayed", "segments", log_text("%llu", (unsigned long long)report->segments),
        "records", log_text("%llu", (unsigned long long)report->records), "series",
        log_text("%llu", (unsigned long long)stats.series), "samples",
        log_text("%llu", (unsigned long long)stats.samples), "duration",
        log_text("%lldms", (long long)took_ms));
}

/* the parts that need the folder, in the order that tsdb_close undoes */
static int open_folder(struct tsdb *tsdb, const struct tsdb_options *options, struct registry *registry,
                       struct err *err) {
    char wal_folder[TSDB_PATH_MAX];
    int64_t started_ms = clock_monotonic_ms();
    struct wal_report report = {0};
    uint64_t after = 0;
    int clean_start = -1, rc = tsdb_path(tsdb, "wal", wal_folder, err);
    if (!rc) rc = folder_make(tsdb->fs, options->path, err);
    if (!rc && !options->no_lockfile) rc = tsdb_lock(tsdb, options->path, &clean_start, err);
    if (!rc) rc = tails_init(tsdb, err);
    if (!rc) rc = tsdb_open_blocks(tsdb, &tsdb->head_begin, err);
    if (!rc) rc = tsdb_load_head(tsdb, &after, err);
    if (!rc) tsdb->sources.head = tsdb->head;
    if (!rc) rc = tsdb_replay(tsdb, wal_folder, after, &report, err);
    if (!rc) rc = tsdb_log_start(tsdb, options, registry, wal_folder, &report, err);
    if (rc) return rc;
    head_remove_files(tsdb->head); /* of a run before, which nothing leans on */
    int64_t took_ms = clock_monotonic_ms() - started_ms;
    say_opened(tsdb, &report, took_ms);
    tsdb->metrics = tsdb_metrics_create(tsdb, registry);
    tsdb_metrics_opened(tsdb->metrics, clean_start, (double)took_ms / 1000);
    tsdb->is_open = true;
    if (!options->no_maintenance) tsdb_maintenance_start(tsdb);
    return 0;
}

static int open_memory(struct tsdb *tsdb, const struct tsdb_options *options, struct registry *registry,
                       struct err *err) {
    struct head_options head = {tsdb->fs, NULL, options->max_series, options->memory};
    int rc = tails_init(tsdb, err);
    if (!rc) rc = head_create(&head, &tsdb->head, err);
    if (rc) return rc;
    tsdb->sources.head = tsdb->head;
    tsdb->metrics = tsdb_metrics_create(tsdb, registry);
    return 0;
}

int tsdb_open(const struct tsdb_options *options, struct registry *registry, struct tsdb **tsdb,
              struct err *err) {
    struct tsdb *opened = mem_zalloc(sizeof *opened);
    opened->magic = TSDB_MAGIC;
    opened->appender = (struct tsdb_appender){{&appender_ops}, opened};
    opened->queryable = (struct tsdb_queryable){.port = {&queryable_ops}, .tsdb = opened};
    opened->take_any_time = options->take_any_time;
    opened->path = options->path ? mem_strdup(options->path) : NULL;
    opened->max_series = options->max_series;
    opened->memory = options->memory;
    opened->progress = options->progress;
    opened->snapshot_bytes = options->snapshot_bytes;
    opened->block_range_ms = options->block_range_ms ? options->block_range_ms : TSDB_BLOCK_RANGE_MS;
    opened->quiet_ms = options->quiet_ms ? options->quiet_ms : TSDB_QUIET_MS;
    tsdb_set_retention(opened, &options->retention);
    opened->exemplars = exemplars_create(options->max_exemplars);
    opened->metadata = metadata_create();
    sources_init(&opened->sources, NULL);
    mutex_init(&opened->maintenance.work);
    atomic_init(&opened->late_window_ms, options->late_window_ms);
    tsdb_work_init(&opened->work, registry);
    opened->fs = options->fs ? options->fs : file_system_real();
    mutex_init(&opened->memory_lock);
    int rc = options->path ? open_folder(opened, options, registry, err)
                           : open_memory(opened, options, registry, err);
    if (rc) {
        tsdb_close(opened);
        return rc;
    }
    *tsdb = opened;
    return 0;
}

void tsdb_close(struct tsdb *tsdb) {
    if (!tsdb) return;
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    tsdb_maintenance_stop(tsdb);
    tsdb_metrics_destroy(tsdb->metrics); /* it looks at the log */
    tsdb_log_stop(tsdb);
    tails_release(tsdb);
    sources_release(&tsdb->sources);
    head_destroy(tsdb->head);
    exemplars_destroy(tsdb->exemplars);
    metadata_destroy(tsdb->metadata);
    tsdb_unlock(tsdb);
    mutex_release(&tsdb->memory_lock);
    mutex_release(&tsdb->maintenance.work);
    mem_free(tsdb->path);
    tsdb->magic = 0;
    mem_free(tsdb);
}

void tsdb_set_retention(struct tsdb *tsdb, const struct tsdb_retention *retention) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    atomic_store(&tsdb->retention.time_ms, retention->time_ms);
    atomic_store(&tsdb->retention.bytes, retention->bytes);
    atomic_store(&tsdb->retention.percentage, retention->percentage);
}

void tsdb_set_late_window(struct tsdb *tsdb, int64_t window_ms) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    atomic_store(&tsdb->late_window_ms, window_ms);
}

void tsdb_stats(struct tsdb *tsdb, struct tsdb_stats *stats) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    struct head_stats head;
    head_stats(tsdb->head, &head);
    *stats = (struct tsdb_stats){
        .series = head.series,
        .chunks = head.chunks,
        .samples_appended = head.samples,
        .label_pairs = head.label_pairs,
        .min_time = head.min_time,
        .max_time = head.max_time,
        .damage = tsdb->damage + atomic_load(&tsdb->sources.damage.count),
    };
    struct block_list blocks = {0};
    sources_blocks(&tsdb->sources, &blocks);
    stats->blocks = blocks.items.count;
    for (size_t i = 0; i < blocks.items.count; i++) {
        const struct block_meta *meta = block_meta(blocks.items.items[i]);
        stats->block_samples += meta->samples;
        stats->block_bytes += meta->bytes;
        stats->block_cached_bytes += block_cached_bytes(blocks.items.items[i]);
        if (meta->mint < stats->min_time) stats->min_time = meta->mint;
        if (meta->maxt > stats->max_time) stats->max_time = meta->maxt;
    }
    block_list_release(&blocks);
}

int tsdb_rank(struct tsdb *tsdb, const struct tsdb_ranked *ranked, struct arena *arena,
              struct tsdb_top **tops, size_t *count, struct err *err) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    static const enum head_ranking kinds[] = {
        [TSDB_SERIES_BY_VALUE] = HEAD_SERIES_BY_VALUE,
        [TSDB_VALUES_BY_LABEL_NAME] = HEAD_VALUES_BY_NAME,
        [TSDB_BYTES_BY_LABEL_NAME] = HEAD_BYTES_BY_NAME,
        [TSDB_SERIES_BY_LABEL_PAIR] = HEAD_SERIES_BY_PAIR,
    };
    struct head_ranked of_head = {.ranking = kinds[ranked->ranking],
                                  .label = ranked->label,
                                  .limit = ranked->limit,
                                  .skips = ranked->skips,
                                  .context = ranked->context};
    struct head_top *best;
    size_t found;
    int rc = head_rank(tsdb->head, &of_head, arena, &best, &found, err);
    if (rc) return rc;
    struct tsdb_top *copy = arena_array(arena, found, sizeof *copy);
    if (!copy) return arena_limit(arena, "ranking", err);
    for (size_t i = 0; i < found; i++) copy[i] = (struct tsdb_top){best[i].name, best[i].count};
    *tops = copy;
    *count = found;
    return 0;
}

static int describe_block(const struct block_meta *meta, struct arena *arena, struct tsdb_block *block,
                          struct err *err) {
    *block = (struct tsdb_block){.mint = meta->mint,
                                 .maxt = meta->maxt,
                                 .series = meta->series,
                                 .samples = meta->samples,
                                 .histograms = meta->histograms,
                                 .bytes = meta->bytes,
                                 .level = meta->level,
                                 .source_count = meta->source_count,
                                 .sources = arena_array(arena, meta->source_count, sizeof *block->sources)};
    if (!block->sources) return arena_limit(arena, "list of blocks", err);
    ulid_text(meta->ulid, block->ulid);
    for (size_t i = 0; i < meta->source_count; i++) ulid_text(meta->sources[i], block->sources[i]);
    return 0;
}

int tsdb_blocks(struct tsdb *tsdb, struct arena *arena, struct tsdb_block **blocks, size_t *count,
                struct err *err) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    struct block_list list = {0};
    sources_blocks(&tsdb->sources, &list);
    struct tsdb_block *items = arena_array(arena, list.items.count, sizeof *items);
    int rc = items ? 0 : arena_limit(arena, "list of blocks", err);
    for (size_t i = 0; i < list.items.count && !rc; i++)
        rc = describe_block(block_meta(list.items.items[i]), arena, &items[i], err);
    if (!rc) {
        *blocks = items;
        *count = list.items.count;
    }
    block_list_release(&list);
    return rc;
}
