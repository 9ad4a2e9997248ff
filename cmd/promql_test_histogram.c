#include "cmd/promql_test_histogram.h"

#include "lib/codec/number.h"
#include "promql/histogram/math.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-6
#define MAX_NUMBERS 1024u

struct numbers {
    double items[MAX_NUMBERS];
    uint32_t count;
};

static const char *const reset_names[] = {"unknown", "reset", "not_reset", "gauge"};

/* ---- reading ---- */

struct reading {
    struct span s;
    struct numbers positive, negative, bounds;
    int32_t offset, negative_offset;
    struct test_histogram *out;
    struct histogram made;
};

static void skip(struct span *s, size_t count) {
    s->ptr += count;
    s->len -= count;
}

static void skip_blanks(struct span *s) {
    while (s->len && strchr(" \t\n", s->ptr[0])) skip(s, 1);
}

/* up to a blank, a bracket or the end */
static struct span take_word(struct span *s) {
    size_t end = 0;
    while (end < s->len && !strchr(" \t\n[]}:", s->ptr[end])) end++;
    struct span word = span_of(s->ptr, end);
    skip(s, end);
    return word;
}

static bool take_number(struct span *s, double *number) {
    return number_parse(take_word(s), number);
}

static bool take_numbers(struct span *s, struct numbers *numbers) {
    if (!s->len || s->ptr[0] != '[') return false;
    skip(s, 1);
    for (skip_blanks(s); s->len && s->ptr[0] != ']'; skip_blanks(s))
        if (numbers->count == MAX_NUMBERS || !take_number(s, &numbers->items[numbers->count++])) return false;
    if (!s->len) return false;
    skip(s, 1);
    return true;
}

static bool take_reset(struct reading *r) {
    struct span word = take_word(&r->s);
    for (uint8_t i = 0; i < sizeof reset_names / sizeof *reset_names; i++) {
        if (!span_is(word, reset_names[i])) continue;
        r->made.reset = i;
        return r->out->has_reset = true;
    }
    return false;
}

static bool take_integer(struct span *s, int32_t *integer) {
    double number;
    if (!take_number(s, &number) || !(fabs(number) < 1e6)) return false;
    *integer = (int32_t)number;
    return true;
}

static bool take_field(struct reading *r) {
    struct span name = take_word(&r->s);
    int32_t schema;
    if (!r->s.len || r->s.ptr[0] != ':') return false;
    skip(&r->s, 1);
    if (span_is(name, "schema")) {
        bool good = take_integer(&r->s, &schema) && schema >= INT8_MIN && schema <= INT8_MAX;
        if (good) r->made.schema = (int8_t)schema;
        return good;
    }
    if (span_is(name, "sum")) return take_number(&r->s, &r->made.sum);
    if (span_is(name, "count")) return take_number(&r->s, &r->made.count);
    if (span_is(name, "z_bucket")) return take_number(&r->s, &r->made.zero_count);
    if (span_is(name, "z_bucket_w")) return take_number(&r->s, &r->made.zero_threshold);
    if (span_is(name, "buckets")) return take_numbers(&r->s, &r->positive);
    if (span_is(name, "n_buckets")) return take_numbers(&r->s, &r->negative);
    if (span_is(name, "custom_values")) return take_numbers(&r->s, &r->bounds);
    if (span_is(name, "offset")) return take_integer(&r->s, &r->offset);
    if (span_is(name, "n_offset")) return take_integer(&r->s, &r->negative_offset);
    return span_is(name, "counter_reset_hint") && take_reset(r);
}

/* one span from the offset on */
static void set_side(struct histogram_buckets *buckets, struct histogram_span *span, struct numbers *numbers,
                     int32_t offset) {
    if (!numbers->count) return;
    *span = (struct histogram_span){offset, numbers->count};
    *buckets = (struct histogram_buckets){span, numbers->items, 1, numbers->count};
}

int promql_test_histogram(struct span *rest, struct arena *arena, struct test_histogram *histogram,
                          struct err *err) {
    static _Thread_local struct reading r;
    struct histogram_span spans[2];
    memset(&r, 0, sizeof r);
    r.s = *rest;
    r.out = histogram;
    *histogram = (struct test_histogram){0};
    if (!span_starts_with(r.s, SPAN("{{")))
        return err_set(err, ERR_INVALID, "expected a histogram at \"%.*s\"", SPAN_ARG(*rest));
    skip(&r.s, 2);
    for (skip_blanks(&r.s); r.s.len && r.s.ptr[0] != '}'; skip_blanks(&r.s))
        if (!take_field(&r))
            return err_set(err, ERR_INVALID, "bad field of a histogram at \"%.*s\"", SPAN_ARG(r.s));
    if (!span_starts_with(r.s, SPAN("}}"))) return err_set(err, ERR_INVALID, "unclosed histogram");
    skip(&r.s, 2);
    set_side(&r.made.positive, &spans[0], &r.positive, r.offset);
    set_side(&r.made.negative, &spans[1], &r.negative, r.negative_offset);
    r.made.bounds = r.bounds.items;
    r.made.bound_count = r.bounds.count;
    histogram->value = histogram_copy(&r.made, arena);
    *rest = r.s;
    return histogram->value ? 0 : arena_limit(arena, "test file", err);
}

const struct histogram *promql_test_histogram_add(const struct histogram *from, const struct histogram *delta,
                                                  double sign, struct arena *arena) {
    struct work work;
    unsigned notes = 0;
    work_init(&work, arena);
    work_set(&work, from);
    work_add(&work, delta, sign, &notes);
    work.shape.reset = from->reset;
    return notes & WORK_INCOMPATIBLE ? NULL : work_finish(&work);
}

/* ---- comparing ---- */

bool promql_test_numbers_agree(double a, double b) {
    if (value_is_stale(a) || value_is_stale(b)) return value_is_stale(a) && value_is_stale(b);
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (a == b) return true;
    double sum = fabs(a) + fabs(b), difference = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN) return difference < TOLERANCE * DBL_MIN;
    return difference / fmin(sum, DBL_MAX) < TOLERANCE;
}

static bool sides_agree(const struct histogram_buckets *a, const struct histogram_buckets *b) {
    if (a->count != b->count || a->span_count != b->span_count) return false;
    for (uint32_t i = 0; i < a->span_count; i++)
        if (a->spans[i].offset != b->spans[i].offset || a->spans[i].length != b->spans[i].length)
            return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!promql_test_numbers_agree(a->counts[i], b->counts[i])) return false;
    return true;
}

bool promql_test_histogram_agrees(const struct test_histogram *expected, const struct histogram *histogram,
                                  struct arena *arena) {
    struct work work;
    work_init(&work, arena);
    work_set(&work, expected->value);
    const struct histogram *a = work_finish(&work);
    work_set(&work, histogram);
    const struct histogram *b = work_finish(&work);
    if (!a || !b || a->schema != b->schema || a->bound_count != b->bound_count) return false;
    for (uint32_t i = 0; i < a->bound_count; i++)
        if (!promql_test_numbers_agree(a->bounds[i], b->bounds[i])) return false;
    return promql_test_numbers_agree(a->count, b->count) && promql_test_numbers_agree(a->sum, b->sum) &&
           promql_test_numbers_agree(a->zero_count, b->zero_count) &&
           promql_test_numbers_agree(a->zero_threshold, b->zero_threshold) &&
           sides_agree(&a->positive, &b->positive) && sides_agree(&a->negative, &b->negative) &&
           (!expected->has_reset || a->reset == b->reset);
}

/* ---- showing ---- */

static void show_number(struct buf *out, const char *name, double value) {
    buf_printf(out, " %s:", name);
    buf_number(out, value);
}

static void show_side(struct buf *out, const char *offset, const char *name,
                      const struct histogram_buckets *buckets) {
    if (!buckets->count) return;
    buf_printf(out, " %s:%d %s:[", offset, buckets->spans[0].offset, name);
    uint32_t at = 0;
    for (uint32_t i = 0; i < buckets->span_count; i++) {
        for (int32_t gap = 0; i && gap < buckets->spans[i].offset; gap++) buf_puts(out, "0 ");
        for (uint32_t k = 0; k < buckets->spans[i].length; k++) {
            buf_number(out, buckets->counts[at++]);
            buf_puts(out, at < buckets->count ? " " : "]");
        }
    }
}

void promql_test_histogram_show(struct buf *out, const struct histogram *h) {
    buf_printf(out, "{{schema:%d", h->schema);
    show_number(out, "count", h->count);
    show_number(out, "sum", h->sum);
    if (h->zero_count != 0) show_number(out, "z_bucket", h->zero_count);
    if (h->zero_threshold != 0) show_number(out, "z_bucket_w", h->zero_threshold);
    for (uint32_t i = 0; i < h->bound_count; i++) {
        buf_puts(out, i ? " " : " custom_values:[");
        buf_number(out, h->bounds[i]);
        if (i + 1 == h->bound_count) buf_putc(out, ']');
    }
    show_side(out, "offset", "buckets", &h->positive);
    show_side(out, "n_offset", "n_buckets", &h->negative);
    if (h->reset) buf_printf(out, " counter_reset_hint:%s", reset_names[h->reset]);
    buf_puts(out, "}}");
}

/* ---- custom buckets of classic histograms ---- */

struct classic {
    const struct test_series *series;
    double upper;
};

static int compare_classic(const void *a, const void *b) {
    double x = ((const struct classic *)a)->upper, y = ((const struct classic *)b)->upper;
    return x < y ? -1 : x > y;
}

/* x_suffix{le="1", a="b"} -> x{a="b"}; false: it is none */
static bool base_of(const struct test_series *series, struct span suffix, struct arena *arena,
                    struct labels *base) {
    struct label_builder builder;
    struct span name = labels_get(series->labels, SPAN(LABEL_NAME));
    if (!span_ends_with(name, suffix)) return false;
    label_builder_init(&builder, arena, series->labels);
    label_builder_set(&builder, SPAN("le"), SPAN(""));
    label_builder_set(&builder, SPAN(LABEL_NAME), span_of(name.ptr, name.len - suffix.len));
    return label_builder_finish(&builder, base, NULL) == 0;
}

static const struct test_series *sibling(const struct test_command *load, struct labels base,
                                         struct span suffix, struct arena *arena) {
    struct labels other;
    for (const struct test_series *series = load->series; series; series = series->next)
        if (base_of(series, suffix, arena, &other) && labels_equal(other, base)) return series;
    return NULL;
}

static double value_of(const struct test_series *series, size_t k, double otherwise) {
    bool is_there = series && k < series->count && series->values[k].kind == TEST_VALUE_FLOAT;
    return is_there ? series->values[k].number : otherwise;
}

/* the histogram of one time; a bucket that is missing then has nothing of its own */
static const struct histogram *of_time(const struct classic *buckets, uint32_t count,
                                       const struct test_series *sum, const struct test_series *total,
                                       size_t k, struct arena *arena) {
    double bounds[MAX_NUMBERS], counts[MAX_NUMBERS], below = 0;
    uint32_t bound_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        double upto = value_of(buckets[i].series, k, below);
        counts[i] = upto - below;
        below = upto;
        if (isfinite(buckets[i].upper)) bounds[bound_count++] = buckets[i].upper;
    }
    struct histogram_span span = {0, count};
    struct histogram h = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                          .bounds = bounds,
                          .bound_count = bound_count,
                          .count = value_of(total, k, below),
                          .sum = value_of(sum, k, 0),
                          .positive = {&span, counts, 1, count}};
    if (bound_count == count && h.count > below) { /* what no bucket has seen is above all */
        counts[count] = h.count - below;
        h.positive.count = span.length = count + 1;
    }
    return histogram_copy(&h, arena);
}

static int make_series(const struct test_command *load, struct labels base, struct arena *arena,
                       struct test_series **made, struct err *err) {
    struct classic buckets[MAX_NUMBERS];
    struct labels other;
    uint32_t count = 0;
    size_t times = 0;
    for (const struct test_series *series = load->series; series && count + 1 < MAX_NUMBERS;
         series = series->next) {
        double upper;
        if (!base_of(series, SPAN("_bucket"), arena, &other) || !labels_equal(other, base)) continue;
        if (!number_parse(labels_get(series->labels, SPAN("le")), &upper)) continue;
        buckets[count++] = (struct classic){series, upper};
        if (series->count > times) times = series->count;
    }
    qsort(buckets, count, sizeof *buckets, compare_classic);
    struct test_series *series = arena_alloc(arena, sizeof *series);
    struct test_value *values = series ? arena_array(arena, times + 1, sizeof *values) : NULL;
    if (!values) return arena_limit(arena, "test file", err);
    const struct test_series *sum = sibling(load, base, SPAN("_sum"), arena),
                             *total = sibling(load, base, SPAN("_count"), arena);
    for (size_t k = 0; k < times; k++) {
        bool any = false;
        for (uint32_t i = 0; i < count; i++) any |= !isnan(value_of(buckets[i].series, k, NAN));
        if (!any) continue;
        values[k].kind = TEST_VALUE_HISTOGRAM;
        values[k].histogram.value = of_time(buckets, count, sum, total, k, arena);
        if (!values[k].histogram.value) return arena_limit(arena, "test file", err);
    }
    *series = (struct test_series){
        .labels = base, .values = values, .count = times, .line = load->line, .has_histogram = true};
    *made = series;
    return 0;
}

int promql_test_histograms_of_classic(struct test_command *load, struct arena *arena, struct err *err) {
    struct test_series *made = NULL, **last = &load->series;
    struct labels base;
    for (const struct test_series *series = load->series; series; series = series->next) {
        struct test_series *one = NULL;
        bool is_known =
            !base_of(series, SPAN("_bucket"), arena, &base) || !labels_has(series->labels, SPAN("le"));
        for (one = made; one && !is_known; one = one->next) is_known = labels_equal(one->labels, base);
        if (is_known) continue;
        int rc = make_series(load, base, arena, &one, err);
        if (rc) return rc;
        one->next = made;
        made = one;
    }
    while (*last) last = &(*last)->next;
    *last = made;
    return 0;
}
