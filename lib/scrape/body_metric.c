/*
 * body_metric.c - what a metric with all its parts becomes in the store.
 *
 *     exposed          scrape_native_histograms    else
 *     native only      native                      _count, _sum, the +Inf bucket; or converted
 *     classic only     _count, _sum, buckets; or converted
 *     both             native                      as classic only
 *
 * Converted means custom buckets, with convert_classic_histograms_to_nhcb. always_scrape_classic_histograms
 * keeps the classic series beside a native one that was made or taken.
 */
#include "lib/scrape/body_inside.h"

#include "lib/base/hash.h"

#include <math.h>

#define WORK_KEPT ((size_t)64 << 10)

/* a series of a metric, in its key */
enum row_kind { ROW_VALUE, ROW_COUNT, ROW_SUM, ROW_POINT, ROW_NATIVE };

struct row_name {
    enum row_kind kind;
    const char *suffix, *extra; /* extra: the label that has `at`; NULL: none */
    double at;
};

void body_tidy(struct body *body) {
    if (body->work.used_bytes > WORK_KEPT) arena_release(&body->work);
}

static int add(struct body *body, const struct expose_metric *metric, const struct row_name *name,
               const struct body_row *given, struct err *err) {
    struct body_row row = *given;
    bool is_new;
    uint64_t hash = hash_mix(hash_mix(metric->key, name->kind), double_bits(name->at));
    int rc = body_count(body, err);
    if (rc) return rc;
    struct cache_entry *entry = cache_take_hashed(&body->target->cache, hash, &is_new);
    if (!cache_entry_is_known(entry))
        rc =
            expose_metric_series(metric, name->suffix, name->extra, name->at, &body->arena, &row.series, err);
    if (rc) return rc;
    row.has_time = metric->has_time;
    row.time_ms = metric->time_ms;
    row.has_start = metric->has_start && metric->type != EXPOSE_GAUGE_HISTOGRAM;
    row.start_ms = metric->start_ms;
    return body_add_row(body, entry, &row, err);
}

static int add_value(struct body *body, const struct expose_metric *metric, const struct row_name *name,
                     double value, const struct exemplar *exemplar, struct err *err) {
    struct body_row row = {.value = value, .exemplars = exemplar, .exemplar_count = exemplar != NULL};
    return add(body, metric, name, &row, err);
}

/* _count, _sum, and a series for each point */
static int add_flat(struct body *body, const struct expose_metric *metric, struct err *err) {
    bool is_histogram = metric->type != EXPOSE_SUMMARY, has_infinity = false;
    bool is_gauge = metric->type == EXPOSE_GAUGE_HISTOGRAM && !metric->is_wire;
    struct row_name count = {.kind = ROW_COUNT, .suffix = is_gauge ? "_gcount" : "_count"};
    struct row_name sum = {.kind = ROW_SUM, .suffix = is_gauge ? "_gsum" : "_sum"};
    struct row_name point = {.kind = ROW_POINT,
                             .suffix = is_histogram ? "_bucket" : "",
                             .extra = is_histogram ? "le" : "quantile"};
    int rc = add_value(body, metric, &count, metric->count, NULL, err);
    if (!rc) rc = add_value(body, metric, &sum, metric->sum, NULL, err);
    for (uint32_t i = 0; i < metric->point_count && !rc; i++) {
        point.at = metric->points[i].at;
        has_infinity = has_infinity || (isinf(point.at) && point.at > 0);
        rc = add_value(body, metric, &point, metric->points[i].value, metric->points[i].exemplar, err);
    }
    if (rc || !is_histogram || has_infinity) return rc;
    point.at = INFINITY;
    return add_value(body, metric, &point, metric->count, NULL, err);
}

/* ---- native ---- */

/* the finest schema whose buckets grow by at least that factor */
static int8_t schema_of_factor(double factor) {
    if (factor <= 1) return HISTOGRAM_SCHEMA_MAX;
    double schema = floor(-log2(log2(factor)));
    return schema >= HISTOGRAM_SCHEMA_MAX   ? HISTOGRAM_SCHEMA_MAX
           : schema <= HISTOGRAM_SCHEMA_MIN ? HISTOGRAM_SCHEMA_MIN
                                            : (int8_t)schema;
}

int body_shape(struct body *body, const struct histogram *histogram, struct histogram *shaped,
               struct err *err) {
    const struct scrape_config *job = body->target->job;
    uint64_t limit = job->native_histogram_bucket_limit;
    int8_t schema = schema_of_factor(job->native_histogram_min_bucket_factor);
    int rc = histogram_reduce(histogram, schema, &body->work, shaped, err);
    if (rc || !limit) return rc;
    while (!rc && (uint64_t)shaped->positive.count + shaped->negative.count > limit) {
        struct histogram finer = *shaped;
        if (finer.schema <= HISTOGRAM_SCHEMA_MIN) { /* or custom */
            body->counts.over = BODY_OVER_BUCKETS;
            return err_set(err, ERR_LIMIT, "histogram bucket limit exceeded");
        }
        rc = histogram_reduce(&finer, (int8_t)(finer.schema - 1), &body->work, shaped, err);
    }
    return rc;
}

/* finer schemas than the store has are known, and made coarser: everything else has to be right */
static int check(const struct histogram *histogram, struct err *err) {
    struct histogram judged = *histogram;
    if (judged.schema > HISTOGRAM_SCHEMA_MAX && judged.schema <= HISTOGRAM_SCHEMA_FINEST)
        judged.schema = HISTOGRAM_SCHEMA_MAX;
    int rc = histogram_check(&judged, err);
    return rc ? rc : histogram_check_count(&judged, err);
}

/* of all exemplars of a histogram those that have a time of their own */
static int collect_exemplars(struct body *body, const struct expose_metric *metric, struct body_row *row,
                             struct err *err) {
    size_t most = metric->exemplar_count ? metric->exemplar_count : metric->point_count;
    struct exemplar *kept = arena_array(&body->work, most, sizeof *kept);
    if (!kept) return arena_limit(&body->work, "exemplars", err);
    for (size_t i = 0; i < most; i++) {
        const struct exemplar *exemplar =
            metric->exemplar_count ? &metric->exemplars[i] : metric->points[i].exemplar;
        if (exemplar && exemplar->time_ms != EXPOSE_NO_TIME) kept[row->exemplar_count++] = *exemplar;
    }
    row->exemplars = kept;
    return 0;
}

static int add_histogram(struct body *body, const struct expose_metric *metric,
                         const struct histogram *histogram, struct err *err) {
    static const struct row_name name = {.kind = ROW_NATIVE, .suffix = ""};
    struct histogram shaped;
    struct body_row row = {.histogram = &shaped};
    int rc = body_shape(body, histogram, &shaped, err);
    if (!rc) rc = collect_exemplars(body, metric, &row, err);
    return rc ? rc : add(body, metric, &name, &row, err);
}

/* one that makes no histogram is left out, as in text */
static int add_converted(struct body *body, const struct expose_metric *metric, struct err *err) {
    struct histogram custom;
    struct classic_histogram classic = {.has_count = true, .count = metric->count, .sum = metric->sum};
    classic.buckets = arena_array(&body->work, (size_t)metric->point_count + 1, sizeof *classic.buckets);
    if (!classic.buckets) return arena_limit(&body->work, "a histogram", err);
    for (uint32_t i = 0; i < metric->point_count; i++)
        classic.buckets[classic.bucket_count++] =
            (struct classic_bucket){metric->points[i].at, metric->points[i].value, i};
    int rc = histogram_of_classic(&classic, &body->work, &custom, err);
    if (rc == ERR_INVALID) return 0;
    if (metric->type == EXPOSE_GAUGE_HISTOGRAM) custom.reset = HISTOGRAM_RESET_GAUGE;
    return rc ? rc : add_histogram(body, metric, &custom, err);
}

static int add_by_switches(struct body *body, const struct expose_metric *metric, struct err *err) {
    const struct target *target = body->target;
    bool takes_native = metric->has_native && target->scrape_native_histograms;
    bool keeps_classic = target->always_scrape_classic_histograms;
    int rc = 0;
    if (takes_native) {
        rc = check(&metric->native, err);
        if (!rc) rc = add_histogram(body, metric, &metric->native, err);
        keeps_classic = keeps_classic && metric->point_count;
    } else if (target->convert_classic_histograms_to_nhcb) {
        rc = add_converted(body, metric, err);
    } else {
        keeps_classic = true;
    }
    return rc || !keeps_classic ? rc : add_flat(body, metric, err);
}

int body_add_metric(struct body *body, const struct expose_metric *metric, struct err *err) {
    static const struct row_name value = {.kind = ROW_VALUE, .suffix = ""};
    const struct exemplar *exemplar = metric->exemplar_count ? metric->exemplars : NULL;
    switch (metric->type) {
    case EXPOSE_SUMMARY: return add_flat(body, metric, err);
    case EXPOSE_HISTOGRAM:
    case EXPOSE_GAUGE_HISTOGRAM: return add_by_switches(body, metric, err);
    default: return add_value(body, metric, &value, metric->value, exemplar, err);
    }
}
