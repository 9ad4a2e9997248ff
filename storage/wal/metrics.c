#include "storage/wal/metrics.h"

#include "lib/instrument/instrument.h"

void wal_metrics_init(struct wal_metrics *metrics, struct registry *registry) {
    *metrics = (struct wal_metrics){0};
    if (!registry) return;
    metrics->corruptions = registry_counter(registry, "prometheus_tsdb_wal_corruptions_total",
                                            "Damaged stretches of the write-ahead log.", NULL);
    metrics->writes_failed = registry_counter(registry, "prometheus_tsdb_wal_writes_failed_total",
                                              "Writes to the write-ahead log that failed.", NULL);
    metrics->sync_seconds = registry_summary(registry, "prometheus_tsdb_wal_fsync_duration_seconds",
                                             "Duration of the syncs of the write-ahead log.", NULL);
    metrics->segment = registry_gauge(registry, "prometheus_tsdb_wal_segment_current",
                                      "Number of the segment that is written to.", NULL);
    metrics->size_bytes = registry_gauge(registry, "prometheus_tsdb_wal_storage_size_bytes",
                                         "Size of the write-ahead log on disk.", NULL);
}

void wal_metrics_corruptions(const struct wal_metrics *metrics, double count) {
    if (metrics->corruptions) counter_add(metrics->corruptions, count);
}

void wal_metrics_write_failed(const struct wal_metrics *metrics) {
    if (metrics->writes_failed) counter_inc(metrics->writes_failed);
}

void wal_metrics_synced(const struct wal_metrics *metrics, double seconds) {
    if (metrics->sync_seconds) summary_observe(metrics->sync_seconds, seconds);
}

void wal_metrics_segment(const struct wal_metrics *metrics, double number, double all_bytes) {
    if (!metrics->segment) return;
    gauge_set(metrics->segment, number);
    gauge_set(metrics->size_bytes, all_bytes);
}
