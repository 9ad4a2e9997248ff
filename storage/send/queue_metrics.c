/* queue_metrics.c - the numbers of a queue, under Prometheus' names. */
#include "lib/base/mem.h"
#include "storage/send/inside.h"

#include <stddef.h>

static const struct {
    size_t place;
    const char *name, *help, *reason;
} counters[] = {
#define COUNTER(field, name, help, reason)                                                                   \
    { offsetof(struct queue_metrics, field), "prometheus_remote_storage_" name, help, reason }
    COUNTER(samples, "samples_total", "Total number of samples sent to remote storage.", NULL),
    COUNTER(histograms, "histograms_total", "Total number of histograms sent to remote storage.", NULL),
    COUNTER(exemplars, "exemplars_total", "Total number of exemplars sent to remote storage.", NULL),
    COUNTER(metadata, "metadata_total", "Total number of metadata entries sent to remote storage.", NULL),
    COUNTER(failed_exemplars, "exemplars_failed_total",
            "Total number of exemplars which failed on send to remote storage, non-recoverable errors.",
            NULL),
    COUNTER(
        metadata_failed, "metadata_failed_total",
        "Total number of metadata entries which failed on send to remote storage, non-recoverable errors.",
        NULL),
    COUNTER(retried_exemplars, "exemplars_retried_total",
            "Total number of exemplars which failed on send to remote storage but were retried because the "
            "send error was recoverable.",
            NULL),
    COUNTER(
        metadata_retried, "metadata_retried_total",
        "Total number of metadata entries which failed on send to remote storage but were retried because "
        "the send error was recoverable.",
        NULL),
    COUNTER(bytes, "bytes_total",
            "The total number of bytes of data (not metadata) sent by the queue after compression.", NULL),
    COUNTER(failed, "samples_failed_total",
            "Total number of samples which failed on send to remote storage, non-recoverable errors.", NULL),
    COUNTER(failed_histograms, "histograms_failed_total",
            "Total number of histograms which failed on send to remote storage, non-recoverable errors.",
            NULL),
    COUNTER(retried, "samples_retried_total",
            "Total number of samples which failed on send to remote storage but were retried because the "
            "send error was recoverable.",
            NULL),
    COUNTER(retried_histograms, "histograms_retried_total",
            "Total number of histograms which failed on send to remote storage but were retried because the "
            "send error was recoverable.",
            NULL),
    COUNTER(dropped_relabel, "samples_dropped_total",
            "Total number of samples which were dropped after being read from the WAL before being sent via "
            "remote write, either via relabelling, due to being too old or unintentionally.",
            "dropped_series"),
    COUNTER(dropped_old, "samples_dropped_total",
            "Total number of samples which were dropped after being read from the WAL before being sent via "
            "remote write, either via relabelling, due to being too old or unintentionally.",
            "too_old"),
    COUNTER(dropped_histograms, "histograms_dropped_total",
            "Total number of histograms which were dropped before being sent via remote write.",
            "native_histograms_disabled"),
#undef COUNTER
};

static const struct {
    size_t place;
    const char *name, *help;
} gauges[] = {
#define GAUGE(field, name, help)                                                                             \
    { offsetof(struct queue_metrics, field), "prometheus_remote_storage_" name, help }
    GAUGE(pending, "samples_pending",
          "The number of samples pending in the queues shards to be sent to the remote storage."),
    GAUGE(shards, "shards", "The number of shards used for parallel sending to the remote storage."),
    GAUGE(shards_min, "shards_min", "The minimum number of shards that the queue is allowed to run."),
    GAUGE(shards_max, "shards_max", "The maximum number of shards that the queue is allowed to run."),
    GAUGE(
        shards_desired, "shards_desired",
        "The number of shards that the queues shard calculation wants to run based on the rate of samples in "
        "vs. samples out."),
    GAUGE(capacity, "shard_capacity",
          "The capacity of each shard of the queue used for parallel sending to the remote storage."),
    GAUGE(batch_max, "max_samples_per_send",
          "The maximum number of samples to be sent, in a single request, to the remote storage."),
    GAUGE(highest_sent, "queue_highest_sent_timestamp_seconds",
          "Timestamp from a WAL sample, the highest timestamp successfully sent by this queue, in seconds "
          "since epoch."),
#undef GAUGE
};

static void *field_of(struct queue_metrics *metrics, size_t place) {
    return (char *)metrics + place;
}

void queue_metrics_init(struct queue *queue) {
    static const double bounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300};
    struct queue_metrics *m = &queue->metrics;
    struct registry *registry = queue->sender->registry;
    const struct queue_config *config = &queue->remote->queue_config;
    const char *labels[] = {"remote_name", queue->name, "url", queue->url, NULL};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        const char *reasoned[] = {"reason", counters[i].reason, "remote_name", queue->name,
                                  "url",    queue->url,         NULL};
        *(struct counter **)field_of(m, counters[i].place) = registry_counter(
            registry, counters[i].name, counters[i].help, counters[i].reason ? reasoned : labels);
    }
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
        *(struct gauge **)field_of(m, gauges[i].place) =
            registry_gauge(registry, gauges[i].name, gauges[i].help, labels);
    m->duration = registry_histogram(registry, "prometheus_remote_storage_sent_batch_duration_seconds",
                                     "Duration of send calls to the remote storage.", labels, bounds,
                                     sizeof bounds / sizeof *bounds);
    m->in_samples = queue->sender->in_total;
    gauge_set(m->shards_min, (double)config->min_shards);
    gauge_set(m->shards_max, (double)config->max_shards);
    gauge_set(m->capacity, (double)config->capacity);
    gauge_set(m->batch_max, (double)config->max_samples_per_send);
}

void queue_metrics_release(struct queue *queue) {
    const char *labels[] = {"remote_name", queue->name, "url", queue->url, NULL};
    registry_remove(queue->sender->registry, labels);
}
