/*
 * body_starts.c - when the counters of a body began (feature created-timestamp-zero-ingestion).
 *
 *     a_total{x="1"} 5             OpenMetrics 1.0: a line of its own, behind what it is about. Those lines
 * are read a_created{x="1"} 1700000000  first, by a hash of the family and of labels without le and quantile.
 *
 * Protobuf and OpenMetrics 2.0 say it beside the value. What is new, or began after the last scrape, gets a
 * zero at its start, in the row before its sample.
 */
#include "lib/base/hash.h"
#include "lib/codec/number.h"
#include "lib/expose/series_scan.h"
#include "lib/scrape/body_inside.h"

#include <math.h>
#include <string.h>

static const struct span suffix = {"_created", 8};

/* of a metric: the same for all its series; does not depend on the order of labels */
static uint64_t key_of(struct span family, struct span series) {
    struct series_scan scan;
    struct span name, value;
    uint64_t key = hash_bytes_keyed(family.ptr, family.len);
    series_scan_init(&scan, series);
    while (series_scan_next(&scan, &name, &value))
        if (!span_is(name, "le") && !span_is(name, "quantile"))
            key += hash_mix(hash_bytes_keyed(name.ptr, name.len), hash_bytes_keyed(value.ptr, value.len));
    return key;
}

static bool same_key(uint32_t i, const void *key, const void *context) {
    const struct body_starts *starts = context;
    return starts->items.items[i].key == *(const uint64_t *)key;
}

static void keep(struct body *body, struct span series, double seconds) {
    struct body_starts *starts = &body->starts;
    struct span metric = series_scan_metric(series);
    if (!span_ends_with(metric, suffix) || !(fabs(seconds) < 9.2e12)) return;
    metric.len -= suffix.len;
    struct body_start start = {key_of(metric, series), (int64_t)(seconds * 1000)};
    map_insert(&starts->by_key, start.key, (uint32_t)starts->items.count);
    *vec_push(&starts->items) = start;
    starts->has_new |= start.time_ms > body->previous_ms;
}

/* the line around that place */
static struct span line_at(struct span text, const char *place) {
    const char *from = memrchr(text.ptr, '\n', (size_t)(place - text.ptr));
    from = from ? from + 1 : text.ptr;
    const char *end = memchr(place, '\n', (size_t)(text.ptr + text.len - place));
    return span_of(from, (size_t)((end ? end : text.ptr + text.len) - from));
}

void body_find_starts(struct body *body, struct span text) {
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (at < end && (at = memmem(at, (size_t)(end - at), suffix.ptr, suffix.len))) {
        struct span line = line_at(text, at);
        struct expose_reader reader;
        struct expose_entry entry;
        double seconds;
        at = line.ptr + line.len;
        if (line.ptr[0] == '#' || line.len > EXPOSE_MAX_LINE) continue;
        expose_reader_init(&reader, EXPOSE_OPENMETRICS, line);
        if (expose_next(&reader, &entry, NULL) || entry.kind != EXPOSE_SERIES)
            continue; /* told where it stands */
        if (number_parse(entry.value, &seconds)) keep(body, entry.series, seconds);
    }
}

static bool has_starts(enum expose_type type) {
    return type == EXPOSE_COUNTER || type == EXPOSE_SUMMARY || type == EXPOSE_HISTOGRAM;
}

bool body_is_start(const struct expose_reader *reader, struct span series) {
    struct span metric = series_scan_metric(series);
    return reader->format == EXPOSE_OPENMETRICS && has_starts(reader->type) &&
           span_ends_with(metric, suffix) &&
           span_equal(span_of(metric.ptr, metric.len - suffix.len), reader->family);
}

void body_give_start(const struct body *body, enum expose_type type, struct span family, struct span series,
                     const struct cache_entry *entry, struct body_row *row) {
    const struct body_starts *starts = &body->starts;
    bool is_wanted = starts->has_new || entry->ref.generation == 0;
    if (!starts->items.count || !is_wanted || !has_starts(type)) return;
    if (!span_starts_with(series_scan_metric(series), family)) return;
    uint64_t key = key_of(family, series);
    uint32_t i = map_find(&starts->by_key, key, &key, same_key, starts);
    if (i == MAP_NONE) return;
    row->has_start = true;
    row->start_ms = starts->items.items[i].time_ms;
}

bool body_begins(const struct body *body, const struct cache_entry *entry, const struct body_row *row,
                 int64_t time_ms) {
    return row->has_start && row->start_ms > 0 && row->start_ms < time_ms &&
           (entry->ref.generation == 0 || row->start_ms > body->previous_ms);
}

int body_add_zero(struct append_batch *batch, struct series_ref ref, const struct body_row *row,
                  struct err *err) {
    if (!row->histogram) {
        append_batch_add(batch, ref, 0, row->start_ms);
        return 0;
    }
    struct histogram zero = {.schema = row->histogram->schema,
                             .reset = HISTOGRAM_RESET_YES,
                             .is_integer = row->histogram->is_integer,
                             .zero_threshold = row->histogram->zero_threshold,
                             .bound_count = row->histogram->bound_count,
                             .bounds = row->histogram->bounds};
    return append_batch_add_histogram(batch, ref, &zero, row->start_ms, err);
}

void body_starts_release(struct body *body) {
    vec_release(&body->starts.items);
    map_release(&body->starts.by_key);
}
