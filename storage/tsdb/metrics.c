/*
 * metrics.c - the head in numbers, under Prometheus' names; taken when somebody looks. The log's own are in
 * storage/wal.
 */
#include "lib/base/mem.h"
#include "storage/tsdb/inside.h"
#include "storage/wal/wal.h"
#include "storage/wal/writer.h"

struct tsdb_metrics {
    struct tsdb *tsdb;
    struct registry *registry;
    struct gauge *series, *chunks, *active_appenders;
    struct gauge *min_time, *max_time, *min_time_seconds, *max_time_seconds;
    struct gauge *lowest_timestamp, *lowest_timestamp_seconds;
    struct gauge *symbol_bytes, *clean_start, *replay_seconds;
    struct counter *samples, *created, *removed;
    struct counter *out_of_order, *out_of_bound, *too_old, *refused, *late, *corruptions;
    struct gauge *blocks, *block_bytes, *reserve_bytes, *retention_bytes, *retention_seconds;
    struct gauge *log_rows, *late_bytes, *cached_bytes;
    struct counter *log_bytes, *duplicates, *no_series, *chunks_damaged;
    struct gauge *exemplars, *exemplar_series, *exemplar_max, *exemplar_oldest;
    struct counter *exemplars_added, *exemplars_late;
};

static void collect_exemplars(struct tsdb_metrics *m) {
    struct exemplar_stats stats = exemplars_stats(m->tsdb->exemplars);
    gauge_set(m->exemplars, (double)stats.count);
    gauge_set(m->exemplar_series, (double)stats.series);
    gauge_set(m->exemplar_max, (double)stats.max);
    gauge_set(m->exemplar_oldest, (double)stats.oldest_ms / 1000);
    counter_set(m->exemplars_added, (double)stats.results[EXEMPLAR_STORED]);
    counter_set(m->exemplars_late, (double)stats.results[EXEMPLAR_OUT_OF_ORDER]);
}

static void collect_log(struct tsdb_metrics *m) {
    if (!m->tsdb->writer) return;
    gauge_set(m->log_rows, (double)wal_writer_rows_waiting(m->tsdb->writer));
    counter_set(m->log_bytes, (double)wal_appended(m->tsdb->wal));
}

static void collect(void *context) {
    struct tsdb_metrics *m = context;
    struct head_stats stats;
    head_stats(m->tsdb->head, &stats);
    gauge_set(m->series, (double)stats.series);
    gauge_set(m->chunks, (double)stats.chunks);
    gauge_set(m->min_time, (double)stats.min_time);
    gauge_set(m->max_time, (double)stats.max_time);
    gauge_set(m->min_time_seconds, (double)stats.min_time / 1000);
    gauge_set(m->max_time_seconds, (double)stats.max_time / 1000);
    struct tsdb_stats all;
    tsdb_stats(m->tsdb, &all);
    gauge_set(m->lowest_timestamp, (double)all.min_time);
    gauge_set(m->lowest_timestamp_seconds, (double)all.min_time / 1000);
    gauge_set(m->blocks, (double)all.blocks);
    gauge_set(m->block_bytes, (double)all.block_bytes);
    gauge_set(m->cached_bytes, (double)all.block_cached_bytes);
    gauge_set(m->reserve_bytes, (double)atomic_load(&m->tsdb->reserve.bytes));
    gauge_set(m->retention_bytes, (double)tsdb_retention_bytes(m->tsdb));
    gauge_set(m->retention_seconds, (double)atomic_load(&m->tsdb->retention.time_ms) / 1000);
    counter_set(m->corruptions, (double)all.damage);
    counter_set(m->removed, (double)(stats.series_created - stats.series));
    counter_set(m->refused, (double)stats.series_refused);
    counter_set(m->too_old, (double)stats.too_old);
    counter_set(m->late, (double)stats.late_samples);
    gauge_set(m->symbol_bytes, (double)stats.symbol_bytes);
    counter_set(m->samples, (double)stats.samples);
    gauge_set(m->late_bytes, (double)stats.late_bytes);
    counter_set(m->duplicates, (double)stats.duplicates);
    counter_set(m->no_series, (double)stats.no_series);
    counter_set(m->chunks_damaged, (double)stats.chunks_damaged);
    counter_set(m->created, (double)stats.series_created);
    counter_set(m->out_of_order, (double)stats.out_of_order);
    counter_set(m->out_of_bound, (double)stats.out_of_bounds);
    collect_exemplars(m);
    collect_log(m);
}

static void name_gauges(struct tsdb_metrics *m, struct registry *r) {
    m->series =
        registry_gauge(r, "prometheus_tsdb_head_series", "Total number of series in the head block.", NULL);
    m->chunks =
        registry_gauge(r, "prometheus_tsdb_head_chunks", "Total number of chunks in the head block.", NULL);
    m->active_appenders = registry_gauge(r, "prometheus_tsdb_head_active_appenders",
                                         "Number of currently active appender transactions", NULL);
    m->min_time = registry_gauge(r, "prometheus_tsdb_head_min_time",
                                 "Minimum time bound of the head block, in milliseconds.", NULL);
    m->max_time = registry_gauge(r, "prometheus_tsdb_head_max_time",
                                 "Maximum timestamp of the head block, in milliseconds.", NULL);
    m->min_time_seconds = registry_gauge(r, "prometheus_tsdb_head_min_time_seconds",
                                         "Minimum time bound of the head block, in seconds.", NULL);
    m->max_time_seconds = registry_gauge(r, "prometheus_tsdb_head_max_time_seconds",
                                         "Maximum timestamp of the head block, in seconds.", NULL);
    m->lowest_timestamp = registry_gauge(r, "prometheus_tsdb_lowest_timestamp",
                                         "Lowest timestamp stored in the database, in milliseconds.", NULL);
    m->lowest_timestamp_seconds =
        registry_gauge(r, "prometheus_tsdb_lowest_timestamp_seconds",
                       "Lowest timestamp stored in the database, in seconds.", NULL);
    m->symbol_bytes = registry_gauge(r, "prometheus_tsdb_symbol_table_size_bytes",
                                     "Size of the table of label names and values, in bytes.", NULL);
    m->blocks =
        registry_gauge(r, "prometheus_tsdb_blocks_loaded", "Number of currently loaded data blocks", NULL);
    m->block_bytes =
        registry_gauge(r, "prometheus_tsdb_storage_blocks_bytes",
                       "The number of bytes that are currently used for local storage by all blocks.", NULL);
    m->retention_bytes = registry_gauge(r, "prometheus_tsdb_retention_limit_bytes",
                                        "Most bytes that all blocks may have; 0: no limit.", NULL);
    m->retention_seconds = registry_gauge(r, "prometheus_tsdb_retention_limit_seconds",
                                          "How long samples are kept, in seconds; 0: without a limit.", NULL);
    m->late_bytes = registry_gauge(r, "ferula_tsdb_late_bytes",
                                   "Samples that came late and are not in a block yet, in bytes.", NULL);
    m->cached_bytes = registry_gauge(r, "ferula_tsdb_block_cache_bytes",
                                     "Pages of blocks that are kept in memory, unpacked.", NULL);
    m->log_rows = registry_gauge(r, "ferula_wal_rows_waiting",
                                 "Samples on their way into the log, or waiting for its sync.", NULL);
    m->reserve_bytes = registry_gauge(
        r, "ferula_tsdb_reserve_bytes",
        "Bytes kept back for compaction and deletion on a full disk; 0 while they are used.", NULL);
    m->clean_start =
        registry_gauge(r, "prometheus_tsdb_clean_start",
                       "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. "
                       "1: lockfile creation was clean",
                       NULL);
    m->replay_seconds = registry_gauge(r, "prometheus_tsdb_data_replay_duration_seconds",
                                       "Time taken to replay the data on disk.", NULL);
}

static void name_exemplars(struct tsdb_metrics *m, struct registry *r) {
    m->exemplars = registry_gauge(r, "prometheus_tsdb_exemplar_exemplars_in_storage",
                                  "Number of exemplars currently in circular storage.", NULL);
    m->exemplar_series =
        registry_gauge(r, "prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
                       "Number of series with exemplars currently in circular storage.", NULL);
    m->exemplar_max = registry_gauge(r, "prometheus_tsdb_exemplar_max_exemplars",
                                     "Total number of exemplars the exemplar storage can store.", NULL);
    m->exemplar_oldest =
        registry_gauge(r, "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
                       "The timestamp of the oldest exemplar stored in circular storage.", NULL);
    m->exemplars_added = registry_counter(r, "prometheus_tsdb_exemplar_exemplars_appended_total",
                                          "Total number of appended exemplars.", NULL);
    m->exemplars_late =
        registry_counter(r, "prometheus_tsdb_exemplar_out_of_order_exemplars_total",
                         "Total number of out of order exemplar ingestion failed attempts.", NULL);
}

static void name_counters(struct tsdb_metrics *m, struct registry *r) {
    instrument_labels floats = (const char *[]){"type", "float", NULL};
    m->samples = registry_counter(r, "prometheus_tsdb_head_samples_appended_total",
                                  "Total number of appended samples.", floats);
    m->created = registry_counter(r, "prometheus_tsdb_head_series_created_total",
                                  "Total number of series created in the head", NULL);
    m->removed = registry_counter(r, "prometheus_tsdb_head_series_removed_total",
                                  "Total number of series removed in the head", NULL);
    m->refused = registry_counter(r, "ferula_tsdb_series_refused_total",
                                  "New series that were not taken because their memory is used up.", NULL);
    m->out_of_order =
        registry_counter(r, "prometheus_tsdb_out_of_order_samples_total",
                         "Total number of out of order samples ingestion failed attempts.", floats);
    m->out_of_bound =
        registry_counter(r, "prometheus_tsdb_out_of_bound_samples_total",
                         "Total number of out of bound samples ingestion failed attempts.", floats);
    m->too_old =
        registry_counter(r, "prometheus_tsdb_too_old_samples_total",
                         "Total number of out of order samples ingestion failed attempts with out of "
                         "support enabled, but sample outside of time window.",
                         floats);
    m->late = registry_counter(r, "prometheus_tsdb_head_out_of_order_samples_appended_total",
                               "Total number of appended out of order samples.", floats);
    m->no_series = registry_counter(r, "prometheus_tsdb_head_series_not_found_total",
                                    "Samples of series that had left the head meanwhile.", NULL);
    m->chunks_damaged =
        registry_counter(r, "prometheus_tsdb_mmap_chunk_corruptions_total",
                         "Reads of the head's chunk files that found something else than was written.", NULL);
    m->duplicates = registry_counter(r, "ferula_tsdb_duplicate_samples_total",
                                     "Samples of a time that was there with another value.", NULL);
    m->log_bytes = registry_counter(r, "ferula_wal_appended_bytes_total",
                                    "Bytes of records that were logged, or replayed at the start.", NULL);
    m->corruptions =
        registry_counter(r, "ferula_tsdb_corruptions_total",
                         "Pieces of the data on disk that could not be believed and were left out.", NULL);
}

struct tsdb_metrics *tsdb_metrics_create(struct tsdb *tsdb, struct registry *registry) {
    if (!registry) return NULL;
    struct tsdb_metrics *m = mem_zalloc(sizeof *m);
    m->tsdb = tsdb;
    m->registry = registry;
    name_gauges(m, registry);
    name_counters(m, registry);
    name_exemplars(m, registry);
    gauge_set(m->active_appenders, 0);
    gauge_set(m->clean_start, -1);
    registry_on_collect(registry, collect, m);
    return m;
}

void tsdb_metrics_destroy(struct tsdb_metrics *m) {
    if (!m) return;
    registry_forget(m->registry, m);
    mem_free(m);
}

void tsdb_metrics_opened(struct tsdb_metrics *m, int clean_start, double replay_seconds) {
    if (!m) return;
    gauge_set(m->clean_start, clean_start);
    gauge_set(m->replay_seconds, replay_seconds);
}
