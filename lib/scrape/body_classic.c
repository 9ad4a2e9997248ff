/*
 * body_classic.c - lines of classic histograms in the text formats, gathered into histograms of custom
 * buckets.
 *
 *     # TYPE a histogram
 *     a_bucket{x="1",le="0.5"} 2  .
 *     a_bucket{x="1",le="+Inf"} 3  > one histogram a{x="1"}: the same name without suffix, labels without le
 *     a_sum{x="1"} 1.5            .
 *     a_count{x="1"} 3           '
 *     a_bucket{x="2",le="0.5"} 0    the next: the first is complete
 *
 * Lines are told apart by a hash of what is written, so that an unchanged series makes no labels. As in
 * Prometheus only a family with a TYPE counts, and what makes no histogram is left out.
 */
#include "lib/base/hash.h"
#include "lib/codec/number.h"
#include "lib/expose/series_scan.h"
#include "lib/scrape/body_inside.h"

#include <math.h>

enum classic_kind { NOT_CLASSIC, CLASSIC_BUCKET, CLASSIC_SUM, CLASSIC_COUNT };

struct classic_line {
    enum classic_kind kind;
    uint64_t key;
    double le;
};

/* behind the family's name; the name of a line of classic histograms is the family's with a suffix */
static enum classic_kind kind_of(struct span metric, struct span family) {
    if (!span_starts_with(metric, family)) return NOT_CLASSIC;
    struct span suffix = span_of(metric.ptr + family.len, metric.len - family.len);
    return span_is(suffix, "_bucket")  ? CLASSIC_BUCKET
           : span_is(suffix, "_sum")   ? CLASSIC_SUM
           : span_is(suffix, "_count") ? CLASSIC_COUNT
                                       : NOT_CLASSIC;
}

static struct classic_line classify(const struct expose_reader *reader, struct span series) {
    struct classic_line line = {.le = NAN};
    struct series_scan scan;
    struct span name, value;
    if (reader->type != EXPOSE_HISTOGRAM) return line;
    line.key = hash_bytes_keyed(reader->family.ptr, reader->family.len);
    series_scan_init(&scan, series);
    while (series_scan_next(&scan, &name, &value)) {
        if (span_is(name, "le")) {
            if (!number_parse(value, &line.le)) line.le = NAN;
        } else {
            line.key +=
                hash_mix(hash_bytes_keyed(name.ptr, name.len), hash_bytes_keyed(value.ptr, value.len));
        }
    }
    line.kind = kind_of(scan.metric, reader->family);
    if (line.kind == CLASSIC_BUCKET && isnan(line.le)) line.kind = NOT_CLASSIC;
    return line;
}

static void begin(struct classic_lines *classic, const struct expose_reader *reader,
                  const struct expose_entry *entry, uint64_t key) {
    classic->is_open = true;
    classic->has_too_many = false;
    classic->key = key;
    classic->series = entry->series;
    classic->family = reader->family;
    classic->type = reader->type;
    classic->histogram = (struct classic_histogram){0};
    classic->buckets.count = classic->exemplars.count = 0;
}

static void gather(struct classic_lines *classic, const struct classic_line *line,
                   const struct expose_entry *entry, double value) {
    classic->has_time = entry->has_time;
    classic->time_ms = entry->time_ms;
    if (entry->exemplar.len && classic->exemplars.count < HISTOGRAM_MAX_BUCKETS)
        *vec_push(&classic->exemplars) = entry->exemplar;
    if (line->kind == CLASSIC_SUM) classic->histogram.sum = value;
    if (line->kind == CLASSIC_COUNT) {
        classic->histogram.count = value;
        classic->histogram.has_count = true;
    }
    if (line->kind != CLASSIC_BUCKET) return;
    classic->has_too_many = classic->buckets.count == HISTOGRAM_MAX_BUCKETS;
    if (classic->has_too_many) return;
    uint32_t order = (uint32_t)classic->buckets.count;
    *vec_push(&classic->buckets) = (struct classic_bucket){line->le, value, order};
}

int body_collect(struct body *body, const struct expose_reader *reader, const struct expose_entry *entry,
                 bool *is_taken, struct err *err) {
    struct classic_lines *classic = &body->classic;
    struct classic_line line = {NOT_CLASSIC, 0, 0};
    double value;
    if (entry->kind == EXPOSE_SERIES && !entry->is_composite) line = classify(reader, entry->series);
    bool is_same = line.kind != NOT_CLASSIC && classic->is_open && line.key == classic->key;
    int rc = is_same ? 0 : body_collected(body, err);
    if (!rc && line.kind != NOT_CLASSIC) rc = expose_value(reader, entry->value, &value, err);
    if (rc || line.kind == NOT_CLASSIC) return rc;
    if (!classic->is_open) begin(classic, reader, entry, line.key);
    gather(classic, &line, entry, value);
    *is_taken = !body->target->always_scrape_classic_histograms;
    return 0;
}

/* the series of the histogram: labels of its first line without le */
static int write_series(struct body *body, struct span *series, struct err *err) {
    struct classic_lines *classic = &body->classic;
    struct labels labels;
    struct label_builder builder;
    int rc = expose_labels(classic->series, classic->type, &body->arena, &labels, err);
    if (rc) return rc;
    struct span name = labels_get(labels, SPAN(LABEL_NAME));
    while (name.len && name.ptr[name.len - 1] != '_') name.len--; /* the suffix begins at the last _ */
    name.len -= name.len > 0;
    label_builder_init(&builder, &body->arena, labels);
    label_builder_set(&builder, SPAN("le"), SPAN(""));
    rc = label_builder_finish(&builder, &labels, err);
    return rc ? rc : expose_series_text(name, "", labels, &body->arena, series, err);
}

static int add_exemplars(struct body *body, struct body_row *row, struct err *err) {
    const struct classic_lines *classic = &body->classic;
    struct exemplar *exemplars = arena_array(&body->work, classic->exemplars.count, sizeof *exemplars);
    if (!exemplars) return arena_limit(&body->work, "exemplars", err);
    row->exemplars = exemplars;
    for (size_t i = 0; i < classic->exemplars.count; i++) {
        struct span rest = classic->exemplars.items[i];
        int rc = expose_exemplar(&rest, EXPOSE_NO_TIME, &body->work, &exemplars[row->exemplar_count], err);
        if (rc) return rc;
        row->exemplar_count++;
    }
    return 0;
}

static int add_histogram(struct body *body, const struct histogram *histogram, struct err *err) {
    struct classic_lines *classic = &body->classic;
    struct histogram shaped;
    struct body_row row = {.histogram = &shaped, .has_time = classic->has_time, .time_ms = classic->time_ms};
    bool is_new;
    int rc = body_shape(body, histogram, &shaped, err);
    if (!rc) rc = body_count(body, err);
    if (!rc) rc = add_exemplars(body, &row, err);
    if (rc) return rc;
    struct cache_entry *entry = cache_take_hashed(&body->target->cache, hash_mix(classic->key, 1), &is_new);
    if (cache_entry_is(entry, CACHE_DROPPED)) return 0;
    body_give_start(body, classic->type, classic->family, classic->series, entry, &row);
    if (!cache_entry_is_known(entry)) rc = body_make_room(body, err);
    if (!rc && !cache_entry_is_known(entry)) rc = write_series(body, &row.series, err);
    return rc ? rc : body_add_row(body, entry, &row, err);
}

int body_collected(struct body *body, struct err *err) {
    struct classic_lines *classic = &body->classic;
    struct histogram custom;
    if (!classic->is_open) return 0;
    classic->is_open = false;
    if (classic->has_too_many) return 0;
    (void)vec_push(&classic->buckets); /* room for +Inf */
    classic->histogram.bucket_count = (uint32_t)--classic->buckets.count;
    classic->histogram.buckets = classic->buckets.items;
    int rc = histogram_of_classic(&classic->histogram, &body->work, &custom, err);
    bool is_none = rc == ERR_INVALID;
    if (!rc) rc = add_histogram(body, &custom, err);
    body_tidy(body);
    return is_none ? 0 : rc;
}

void body_classic_release(struct body *body) {
    vec_release(&body->classic.buckets);
    vec_release(&body->classic.exemplars);
}
