#include "lib/expose/composite.h"

#include "lib/base/hash.h"
#include "lib/codec/number.h"

#include <math.h>

#define GIVEN_MAX 64u /* exemplars that are looked for in the buckets */

enum part {
    COUNT,
    SUM,
    GCOUNT,
    GSUM,
    SCHEMA,
    ZERO_THRESHOLD,
    ZERO_COUNT,
    NEGATIVE_SPANS,
    NEGATIVE_BUCKETS,
    POSITIVE_SPANS,
    POSITIVE_BUCKETS,
    BUCKET,
    QUANTILE,
    PART_COUNT
};

#define BIT(part) (1u << (part))
#define NATIVE                                                                                               \
    (BIT(SCHEMA) | BIT(ZERO_THRESHOLD) | BIT(ZERO_COUNT) | BIT(NEGATIVE_SPANS) | BIT(NEGATIVE_BUCKETS) |     \
     BIT(POSITIVE_SPANS) | BIT(POSITIVE_BUCKETS))

static const char *const names[PART_COUNT] = {
    [COUNT] = "count",
    [SUM] = "sum",
    [GCOUNT] = "gcount",
    [GSUM] = "gsum",
    [SCHEMA] = "schema",
    [ZERO_THRESHOLD] = "zero_threshold",
    [ZERO_COUNT] = "zero_count",
    [NEGATIVE_SPANS] = "negative_spans",
    [NEGATIVE_BUCKETS] = "negative_buckets",
    [POSITIVE_SPANS] = "positive_spans",
    [POSITIVE_BUCKETS] = "positive_buckets",
    [BUCKET] = "bucket",
    [QUANTILE] = "quantile",
};

/* what a type may say, and what it has to */
static const struct {
    unsigned allowed, needed;
} rules[] = {
    [EXPOSE_SUMMARY] = {BIT(COUNT) | BIT(SUM) | BIT(QUANTILE), BIT(COUNT) | BIT(SUM) | BIT(QUANTILE)},
    [EXPOSE_HISTOGRAM] = {BIT(COUNT) | BIT(SUM) | BIT(BUCKET) | NATIVE, BIT(COUNT) | BIT(SUM)},
    [EXPOSE_GAUGE_HISTOGRAM] = {BIT(GCOUNT) | BIT(GSUM) | BIT(BUCKET) | NATIVE, BIT(GCOUNT) | BIT(GSUM)},
};

struct composite {
    const struct expose_reader *reader;
    struct arena *arena;
    struct err *err;
    struct span parts[PART_COUNT];
    unsigned seen;
};

static int fail(struct composite *c, const char *what, struct span where) {
    return err_set(c->err, ERR_INVALID, "line %u: %s: \"%.*s\"", c->reader->line, what,
                   (int)(where.len < 40 ? where.len : 40), where.ptr ? where.ptr : "");
}

static bool has(const struct composite *c, enum part part) {
    return c->seen >> part & 1;
}

/* what stands before the next `byte`, which is taken off, too */
static struct span cut(struct span *rest, char byte) {
    size_t end = span_find_byte(*rest, byte, 0);
    struct span taken = span_of(rest->ptr, end);
    size_t used = end < rest->len ? end + 1 : end;
    *rest = span_of(rest->ptr + used, rest->len - used);
    return taken;
}

/* a list ends with its bracket, anything else with a comma */
static struct span cut_value(struct span *rest) {
    size_t end = 0;
    if (rest->len && rest->ptr[0] == '[') end = span_find_byte(*rest, ']', 0);
    end = span_find_byte(*rest, ',', end);
    struct span taken = span_of(rest->ptr, end);
    size_t used = end < rest->len ? end + 1 : end;
    *rest = span_of(rest->ptr + used, rest->len - used);
    return taken;
}

static int take_parts(struct composite *c, struct span rest, unsigned allowed) {
    while (rest.len) {
        struct span whole = rest, name = cut(&rest, ':');
        int part = 0;
        while (part < PART_COUNT && !span_is(name, names[part])) part++;
        if (part == PART_COUNT || !(allowed >> part & 1)) return fail(c, "unknown composite field", whole);
        if (has(c, (enum part)part)) return fail(c, "duplicate composite field", whole);
        c->parts[part] = cut_value(&rest);
        c->seen |= BIT(part);
        if (rest.len == 0 && whole.ptr[whole.len - 1] == ',')
            return fail(c, "a comma at the end of a composite value", whole);
    }
    return 0;
}

static int check_needed(struct composite *c, unsigned needed) {
    if (needed != rules[EXPOSE_SUMMARY].needed)
        needed |= has(c, SCHEMA) ? BIT(ZERO_THRESHOLD) | BIT(ZERO_COUNT) : BIT(BUCKET);
    for (int part = 0; part < PART_COUNT; part++)
        if (needed >> part & 1 && !has(c, (enum part)part))
            return fail(c, "missing required field", span_from(names[part]));
    return 0;
}

static int take_number(struct composite *c, struct span text, double *value) {
    return number_parse(text, value) ? 0 : fail(c, "bad number in a composite value", text);
}

/* the inside of [a,b,c], and how many there are */
static int open_list(struct composite *c, enum part part, struct span *inside, uint32_t *count) {
    struct span text = c->parts[part];
    *count = 0;
    *inside = (struct span){0};
    if (!has(c, part)) return 0;
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return fail(c, "expected a list in brackets", text);
    *inside = span_of(text.ptr + 1, text.len - 2);
    if (inside->len) *count = 1;
    for (size_t i = 0; i < inside->len; i++) *count += inside->ptr[i] == ',';
    return 0;
}

static int take_points(struct composite *c, enum part part, struct expose_metric *metric) {
    struct span rest;
    uint32_t count;
    int rc = open_list(c, part, &rest, &count);
    if (rc || !count) return rc;
    struct expose_point *points = arena_array(c->arena, count, sizeof *points);
    if (!points) return arena_limit(c->arena, "a composite value", c->err);
    for (uint32_t i = 0; i < count && !rc; i++) {
        struct span item = cut(&rest, ','), at = cut(&item, ':');
        rc = take_number(c, at, &points[i].at);
        if (!rc) rc = take_number(c, item, &points[i].value);
        if (!rc && isnan(points[i].at)) rc = fail(c, "a bound that is no number", at);
        if (!rc && points[i].value < 0 && metric->type == EXPOSE_HISTOGRAM)
            rc = fail(c, "value of a bucket must not be negative", item);
    }
    metric->points = points;
    metric->point_count = count;
    return rc;
}

static int check_infinite(struct composite *c, const struct expose_metric *metric) {
    for (uint32_t i = 0; i < metric->point_count; i++)
        if (isinf(metric->points[i].at) && metric->points[i].at > 0) return 0;
    return fail(c, "classic histogram buckets must include a +Inf threshold", c->parts[BUCKET]);
}

/* ---- native ---- */

static int take_spans(struct composite *c, enum part part, struct histogram_buckets *buckets) {
    struct span rest;
    int rc = open_list(c, part, &rest, &buckets->span_count);
    struct histogram_span *spans = arena_array(c->arena, (size_t)buckets->span_count + 1, sizeof *spans);
    if (!spans) return arena_limit(c->arena, "a composite value", c->err);
    for (uint32_t i = 0; i < buckets->span_count && !rc; i++) {
        struct span item = cut(&rest, ','), first = cut(&item, ':');
        int64_t offset;
        uint64_t length;
        if (!number_parse_int(first, &offset) || offset < INT32_MIN || offset > INT32_MAX ||
            !number_parse_uint(item, &length) || length > UINT32_MAX)
            return fail(c, "bad span of a native histogram", first);
        spans[i] = (struct histogram_span){(int32_t)offset, (uint32_t)length};
    }
    buckets->spans = spans;
    return rc;
}

static int take_counts(struct composite *c, enum part part, struct histogram_buckets *buckets) {
    struct span rest;
    int rc = open_list(c, part, &rest, &buckets->count);
    double *counts = arena_array(c->arena, (size_t)buckets->count + 1, sizeof *counts);
    if (!counts) return arena_limit(c->arena, "a composite value", c->err);
    for (uint32_t i = 0; i < buckets->count && !rc; i++) {
        rc = take_number(c, cut(&rest, ','), &counts[i]);
        if (!rc && !isfinite(counts[i])) rc = fail(c, "bad count of a bucket", c->parts[part]);
    }
    buckets->counts = counts;
    return rc;
}

/* floats are written with a point or an exponent */
static bool has_floats(struct span list) {
    for (size_t i = 0; i < list.len; i++)
        if (strchr(".eE", list.ptr[i])) return true;
    return false;
}

static bool is_whole(double value) {
    return value == trunc(value) && value < 0x1p64;
}

static int take_native(struct composite *c, struct expose_metric *metric) {
    struct histogram *h = &metric->native;
    int64_t schema;
    int rc = take_number(c, c->parts[ZERO_THRESHOLD], &h->zero_threshold);
    if (!rc) rc = take_number(c, c->parts[ZERO_COUNT], &h->zero_count);
    if (rc) return rc;
    if (!number_parse_int(c->parts[SCHEMA], &schema) || schema < HISTOGRAM_SCHEMA_MIN ||
        schema > HISTOGRAM_SCHEMA_MAX)
        return fail(c, "schema must be between -4 and 8", c->parts[SCHEMA]);
    if (!(h->zero_threshold >= 0) || isinf(h->zero_threshold))
        return fail(c, "zero_threshold must be a non-negative, finite number", c->parts[ZERO_THRESHOLD]);
    if (!(metric->count >= 0) || !(h->zero_count >= 0))
        return fail(c, "counts of a native histogram must not be negative", c->parts[ZERO_COUNT]);
    rc = take_spans(c, NEGATIVE_SPANS, &h->negative);
    if (!rc) rc = take_counts(c, NEGATIVE_BUCKETS, &h->negative);
    if (!rc) rc = take_spans(c, POSITIVE_SPANS, &h->positive);
    if (!rc) rc = take_counts(c, POSITIVE_BUCKETS, &h->positive);
    h->schema = (int8_t)schema;
    h->count = metric->count;
    h->sum = metric->sum;
    h->is_integer = is_whole(h->count) && is_whole(h->zero_count) &&
                    !has_floats(c->parts[NEGATIVE_BUCKETS]) && !has_floats(c->parts[POSITIVE_BUCKETS]);
    if (metric->type == EXPOSE_GAUGE_HISTOGRAM) h->reset = HISTOGRAM_RESET_GAUGE;
    metric->has_native = true;
    return rc;
}

/* ---- exemplars: of all of them the last that falls into a bucket is that bucket's, too ---- */

static int take_exemplars(struct composite *c, struct span rest, struct expose_metric *metric) {
    uint32_t room = 0;
    for (size_t i = 0; i < rest.len; i++) room += rest.ptr[i] == '{';
    struct exemplar *exemplars = arena_array(c->arena, (size_t)room + 1, sizeof *exemplars);
    if (!exemplars) return arena_limit(c->arena, "exemplars", c->err);
    metric->exemplars = exemplars;
    while (rest.len) {
        struct exemplar *exemplar = &exemplars[metric->exemplar_count];
        int rc = expose_exemplar(&rest, EXPOSE_NO_TIME, c->arena, exemplar, c->err);
        if (rc) return rc;
        metric->exemplar_count++;
    }
    return 0;
}

static void give_exemplars(struct expose_metric *metric, struct expose_point *points) {
    uint32_t count = metric->exemplar_count < GIVEN_MAX ? metric->exemplar_count : GIVEN_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct expose_point *best = NULL;
        for (uint32_t k = 0; k < metric->point_count; k++)
            if (metric->exemplars[i].value <= points[k].at && (!best || points[k].at < best->at))
                best = &points[k];
        if (best) best->exemplar = &metric->exemplars[i];
    }
}

int expose_composite(const struct expose_reader *reader, const struct expose_entry *entry,
                     struct arena *arena, struct expose_metric *metric, struct err *err) {
    struct composite c = {.reader = reader, .arena = arena, .err = err};
    enum expose_type type = reader->type;
    if (type != EXPOSE_SUMMARY && type != EXPOSE_HISTOGRAM && type != EXPOSE_GAUGE_HISTOGRAM)
        return fail(&c, "composite value not supported for metrics of this type", entry->series);
    *metric = (struct expose_metric){.type = type,
                                     .name = reader->family,
                                     .labels = entry->series,
                                     .key = hash_bytes_keyed(entry->series.ptr, entry->series.len),
                                     .has_time = entry->has_time,
                                     .time_ms = entry->time_ms,
                                     .has_start = entry->has_start,
                                     .start_ms = entry->start_ms};
    bool is_gauge = type == EXPOSE_GAUGE_HISTOGRAM;
    int rc = take_parts(&c, entry->value, rules[type].allowed);
    if (!rc) rc = check_needed(&c, rules[type].needed);
    if (!rc) rc = take_number(&c, c.parts[is_gauge ? GCOUNT : COUNT], &metric->count);
    if (!rc) rc = take_number(&c, c.parts[is_gauge ? GSUM : SUM], &metric->sum);
    if (!rc) rc = take_points(&c, type == EXPOSE_SUMMARY ? QUANTILE : BUCKET, metric);
    if (!rc && has(&c, BUCKET)) rc = check_infinite(&c, metric);
    if (!rc && has(&c, SCHEMA)) rc = take_native(&c, metric);
    if (!rc) rc = take_exemplars(&c, entry->exemplar, metric);
    if (!rc && type != EXPOSE_SUMMARY) give_exemplars(metric, (struct expose_point *)metric->points);
    return rc;
}
