#pragma once
/*
 * metrics.h - what the log tells of itself, under the names Prometheus' dashboards read. Inward. Without a
 * registry nothing is counted.
 */
struct registry;
struct counter;
struct gauge;
struct summary;

struct wal_metrics {
    struct counter *corruptions, *writes_failed;
    struct summary *sync_seconds;
    struct gauge *segment, *size_bytes;
};

void wal_metrics_init(struct wal_metrics *metrics, struct registry *registry);
void wal_metrics_corruptions(const struct wal_metrics *metrics, double count);
void wal_metrics_write_failed(const struct wal_metrics *metrics);
void wal_metrics_synced(const struct wal_metrics *metrics, double seconds);
void wal_metrics_segment(const struct wal_metrics *metrics, double number, double all_bytes);
