/* Quantiles and shares of histograms, classic (series with a cumulative count per upper bound `le`) and
 * native. Rules: COMPATIBILITY 4.8, as upstream computes them. */
#include "promql/eval/call.h"
#include "promql/eval/groups.h"
#include "promql/eval/native.h"
#include "promql/histogram/stats.h"

#include "lib/codec/number.h"

#include <math.h>
#include <stdlib.h>

#define SMALL_DIFFERENCE 1e-12

struct bucket {
    double upper, count;
};

static int compare_buckets(const void *a, const void *b) {
    double x = ((const struct bucket *)a)->upper, y = ((const struct bucket *)b)->upper;
    return x < y ? -1 : x > y;
}

static size_t merge_equal_bounds(struct bucket *buckets, size_t count) {
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        if (buckets[i].upper == buckets[kept].upper)
            buckets[kept].count += buckets[i].count;
        else
            buckets[++kept] = buckets[i];
    }
    return kept + 1;
}

/* Counts of several scrapes may disagree a little: tiny differences are evened out silently, real decreases
 * are raised and reported. */
static bool make_monotonic(struct bucket *buckets, size_t count) {
    bool forced = false;
    double before = buckets[0].count;
    for (size_t i = 1; i < count; i++) {
        double now = buckets[i].count, size = fabs(now) + fabs(before);
        if (now == before) continue;
        if (size > 0 && fabs(now - before) / (size < 1.7976931348623157e308 ? size : 1.7976931348623157e308) <
                            SMALL_DIFFERENCE) {
            buckets[i].count = before;
            continue;
        }
        if (now < before) {
            buckets[i].count = before;
            forced = true;
        } else {
            before = now;
        }
    }
    return forced;
}

/* Sorts and repairs; false when the buckets make no histogram. */
static bool prepare(struct bucket *buckets, size_t *count, bool *forced) {
    if (!*count) return false;
    qsort(buckets, *count, sizeof *buckets, compare_buckets);
    if (!isinf(buckets[*count - 1].upper) || buckets[*count - 1].upper < 0) return false;
    *count = merge_equal_bounds(buckets, *count);
    *forced = make_monotonic(buckets, *count);
    return buckets[*count - 1].count != 0;
}

static double bucket_quantile(double q, struct bucket *buckets, size_t count, bool *forced) {
    if (isnan(q)) return NAN;
    if (q < 0) return -INFINITY;
    if (q > 1) return INFINITY;
    if (!prepare(buckets, &count, forced) || count < 2) return NAN;
    double total = buckets[count - 1].count, rank = q * total;
    size_t b = 0;
    while (b < count - 1 && !(buckets[b].count >= rank)) b++;
    if (b == count - 1) return buckets[count - 2].upper;
    if (b == 0 && buckets[0].upper <= 0) return buckets[0].upper;
    double lower = b ? buckets[b - 1].upper : 0, upper = buckets[b].upper, inside = buckets[b].count;
    if (b) {
        inside -= buckets[b - 1].count;
        rank -= buckets[b - 1].count;
    }
    return lower + (upper - lower) * (rank / inside);
}

/* cumulative count below x, interpolated inside its bucket */
static double count_below(double x, const struct bucket *buckets, size_t count) {
    for (size_t b = 0; b < count; b++) {
        double upper = buckets[b].upper, lower = b ? buckets[b - 1].upper : upper > 0 ? 0 : -INFINITY;
        double before = b ? buckets[b - 1].count : 0;
        if (x > upper) continue;
        if (x == upper) return buckets[b].count;
        if (x <= lower) return before;
        if (isinf(upper) || isinf(lower)) return isinf(upper) ? before : buckets[b].count;
        return before + (buckets[b].count - before) * (x - lower) / (upper - lower);
    }
    return buckets[count - 1].count;
}

static double bucket_fraction(double low, double high, struct bucket *buckets, size_t count, bool *forced) {
    if (!prepare(buckets, &count, forced) || isnan(low) || isnan(high)) return NAN;
    if (low >= high) return 0;
    return (count_below(high, buckets, count) - count_below(low, buckets, count)) / buckets[count - 1].count;
}

/* The histograms of a vector: rows with an `le`, grouped by their other labels, and native ones. */
struct histograms {
    struct sink sink;
    struct eval *ev;
    const struct expr *call, *vector;
    struct rows rows; /* with a valid le */
    VEC(double) uppers;
    struct groups groups;
    struct partition parts;
    struct rows natives;
    struct bucket *buckets; /* scratch for the largest group */
};

/* what is asked of each histogram */
struct question {
    bool is_fraction;
    const double *params[2];  /* per step: q, or the bounds */
    struct span label, value; /* of histogram_quantiles: what the result is told apart by; else empty */
};

static struct span metric_of(const struct row *row) {
    return labels_get(row->labels, SPAN(LABEL_NAME));
}

static void warn_bad_bucket(struct histograms *all, const struct row *row, struct span le) {
    struct span name = metric_of(row);
    eval_warn(all->ev, all->vector,
              "bucket label \"le\" is missing or has a malformed value of \"%.*s\"%s%.*s%s", SPAN_ARG(le),
              name.len ? " for metric name \"" : "", SPAN_ARG(name), name.len ? "\"" : "");
}

static int keep_natives(struct histograms *all, struct row *row, struct err *err) {
    struct row natives = *row;
    bool any = false;
    natives.present = eval_alloc(all->ev, all->ev->words, sizeof *natives.present, err);
    if (!natives.present) return ERR_LIMIT;
    for (size_t i = 0; i < all->ev->steps; i++) {
        if (!bit_get(row->present, i) || !row->histograms[i]) continue;
        bit_set(natives.present, i);
        any = true;
    }
    return any ? rows_keep(all->ev, &all->natives, &natives, err) : 0;
}

static int histograms_push(struct sink *sink, struct row *row, struct err *err) {
    struct histograms *all = (struct histograms *)sink;
    struct span le = labels_get(row->labels, SPAN("le"));
    double upper;
    if (row->histograms) {
        int rc = keep_natives(all, row, err);
        if (rc) return rc;
        (void)row_drop_histograms(all->ev, row);
    }
    if (!bits_any(row->present, all->ev->words)) return 0;
    if (!number_parse(le, &upper)) {
        warn_bad_bucket(all, row, le);
        return 0;
    }
    int rc = rows_keep(all->ev, &all->rows, row, err);
    if (rc) return rc;
    *vec_push(&all->uppers) = upper;
    return 0;
}

static void say_forced(struct histograms *all) {
    eval_info(all->ev, all->vector,
              "input to histogram_quantile needed to be fixed for monotonicity (see "
              "https://prometheus.io/docs/prometheus/latest/"
              "querying/functions/#histogram_quantile)");
}

/* one group's value at a step; false when no bucket is there */
static bool classic_at(struct histograms *all, uint32_t group, size_t step, const struct question *question,
                       double *value) {
    size_t count = 0;
    bool forced = false;
    for (uint32_t m = all->parts.starts[group]; m < all->parts.starts[group + 1]; m++) {
        uint32_t i = all->parts.members[m];
        if (bit_get(all->rows.items[i].present, step))
            all->buckets[count++] = (struct bucket){all->uppers.items[i], all->rows.items[i].values[step]};
    }
    if (!count) return false;
    double first = question->params[0][step];
    *value = question->is_fraction
                 ? bucket_fraction(first, question->params[1][step], all->buckets, count, &forced)
                 : bucket_quantile(first, all->buckets, count, &forced);
    if (forced) say_forced(all);
    return true;
}

static double native_at(struct histograms *all, const struct row *row, size_t step,
                        const struct question *question) {
    const struct histogram *h = row->histograms[step];
    enum histogram_skew skew;
    if (question->is_fraction) {
        if (histogram_has_nan(h))
            eval_info(
                all->ev, all->vector,
                "input to histogram_fraction has NaN observations, which are excluded from all fractions "
                "for metric name \"%.*s\"",
                SPAN_ARG(metric_of(row)));
        return histogram_fraction(question->params[0][step], question->params[1][step], h);
    }
    double value = histogram_quantile(question->params[0][step], h, &skew);
    if (skew != SKEW_NONE)
        eval_info(all->ev, all->vector,
                  "input to histogram_quantile has NaN observations, result is %s for metric name \"%.*s\"",
                  skew == SKEW_NAN_RESULT ? "NaN" : "skewed higher", SPAN_ARG(metric_of(row)));
    return value;
}

/* A histogram that is there both as buckets and native has no value. */
static void drop_doubles(struct histograms *all) {
    for (size_t n = 0; n < all->natives.count; n++) {
        struct row *native = &all->natives.items[n];
        uint32_t group = groups_find(&all->groups, native->labels);
        if (group == GROUP_NONE) continue;
        for (size_t step = 0; step < all->ev->steps; step++) {
            bool is_double = false;
            for (uint32_t m = all->parts.starts[group]; m < all->parts.starts[group + 1]; m++) {
                struct row *classic = &all->rows.items[all->parts.members[m]];
                if (!bit_get(native->present, step) || !bit_get(classic->present, step)) continue;
                bit_clear(classic->present, step);
                is_double = true;
            }
            if (!is_double) continue;
            bit_clear(native->present, step);
            eval_warn(all->ev, all->vector,
                      "vector contains a mix of classic and native histograms for metric name \"%.*s\"",
                      SPAN_ARG(metric_of(native)));
        }
    }
}

/* Labels without le and the name, which goes at the end when it is delayed, and with that of the question. */
static int set_labels(struct histograms *all, struct labels labels, const struct question *question,
                      struct row *row, struct err *err) {
    struct label_builder builder;
    if (question->label.len && labels_has(labels, question->label))
        return err_set(err, ERR_EXECUTION, "label \"%.*s\" of histogram_quantiles is there already",
                       SPAN_ARG(question->label));
    label_builder_init(&builder, &all->ev->query->arena, labels);
    label_builder_set(&builder, SPAN("le"), span_of(NULL, 0));
    if (question->label.len) label_builder_set(&builder, question->label, question->value);
    int rc = label_builder_finish(&builder, &row->labels, err);
    return rc ? rc : row_drop_name(all->ev, row, err);
}

static int push_classic(struct histograms *all, const struct question *question, struct sink *sink,
                        struct row *row, struct err *err) {
    int rc = 0;
    for (uint32_t group = 0; group < all->groups.firsts.count && !rc; group++) {
        row_clear(all->ev, row);
        for (size_t step = 0; step < all->ev->steps; step++)
            if (classic_at(all, group, step, question, &row->values[step])) bit_set(row->present, step);
        if (bits_any(row->present, all->ev->words)) {
            rc = set_labels(all, all->groups.firsts.items[group], question, row, err);
            if (!rc) rc = sink->push(sink, row, err);
        }
        if (!rc) rc = eval_tick(all->ev, err);
    }
    return rc;
}

static int push_natives(struct histograms *all, const struct question *question, struct sink *sink,
                        struct row *row, struct err *err) {
    int rc = 0;
    for (size_t n = 0; n < all->natives.count && !rc; n++) {
        const struct row *native = &all->natives.items[n];
        row_clear(all->ev, row);
        for (size_t step = 0; step < all->ev->steps; step++) {
            if (!bit_get(native->present, step)) continue;
            row->values[step] = native_at(all, native, step, question);
            bit_set(row->present, step);
        }
        if (bits_any(row->present, all->ev->words)) {
            rc = set_labels(all, native->labels, question, row, err);
            if (!rc) rc = sink->push(sink, row, err);
        }
        if (!rc) rc = eval_tick(all->ev, err);
    }
    return rc;
}

static int param(struct eval *ev, const struct expr *arg, const double **column, struct err *err) {
    double *values = eval_column(ev, err);
    *column = values;
    return values ? eval_scalar(ev, arg, values, err) : ERR_LIMIT;
}

/* "0.5", "1.0": as label values of quantiles are written */
static int quantile_text(struct eval *ev, double q, struct span *text, struct err *err) {
    char digits[NUMBER_MAX_TEXT + 2];
    size_t len = number_write_general(q, digits);
    bool is_whole = isfinite(q) && span_find_byte(span_of(digits, len), '.', 0) == len &&
                    span_find_byte(span_of(digits, len), 'e', 0) == len;
    if (is_whole) {
        digits[len++] = '.';
        digits[len++] = '0';
    }
    const char *copy = arena_strndup(&ev->query->arena, digits, len);
    *text = span_of(copy, len);
    return copy ? 0 : arena_limit(&ev->query->arena, "query", err);
}

/* one question, or with histogram_quantiles as many as it has quantiles */
static int ask(struct histograms *all, struct sink *sink, struct err *err) {
    struct eval *ev = all->ev;
    const struct call *call = &all->call->call;
    bool is_many = call->function->id == FN_histogram_quantiles;
    struct row row;
    int rc = row_init(ev, &row, err);
    for (size_t i = is_many ? 2 : 0; i < (is_many ? call->arg_count : 1) && !rc; i++) {
        struct question question = {.is_fraction = call->function->id == FN_histogram_fraction};
        rc = param(ev, call->args[i], &question.params[0], err);
        if (!rc && question.is_fraction) rc = param(ev, call->args[1], &question.params[1], err);
        if (!rc && is_many) {
            question.label = expr_inside(call->args[1])->string;
            rc = quantile_text(ev, question.params[0][0], &question.value, err);
        }
        if (!rc && !question.is_fraction) eval_check_quantile(ev, call->args[i], question.params[0]);
        if (!rc) rc = push_classic(all, &question, sink, &row, err);
        if (!rc) rc = push_natives(all, &question, sink, &row, err);
    }
    return rc;
}

/* histograms of several metrics may come out with the same labels */
struct out_rows {
    struct sink sink;
    struct eval *ev;
    struct rows rows;
};

static int out_push(struct sink *sink, struct row *row, struct err *err) {
    struct out_rows *out = (struct out_rows *)sink;
    return rows_keep(out->ev, &out->rows, row, err);
}

static int fn_histogram(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    static const struct span le[] = {{"le", 2}};
    const struct call *call = &expr->call;
    bool is_many = call->function->id == FN_histogram_quantiles;
    struct histograms all = {.sink = {.push = histograms_push}, .ev = ev, .call = expr};
    all.vector = call->args[is_many ? 0 : call->arg_count - 1];
    struct out_rows out = {{.push = out_push}, ev, {0}};
    groups_init(&all.groups, le, 1, true);
    all.groups.with_name = true;
    int rc = eval_rows(ev, all.vector, &all.sink, err);
    if (!rc) rc = groups_partition(&all.groups, ev, &all.rows, &all.parts, err);
    if (!rc) {
        all.buckets = eval_alloc(ev, all.parts.largest, sizeof *all.buckets, err);
        rc = all.buckets ? 0 : ERR_LIMIT;
    }
    if (!rc) drop_doubles(&all);
    if (!rc) rc = ask(&all, &out.sink, err);
    groups_release(&all.groups);
    vec_release(&all.uppers);
    if (!rc) rc = rows_merge(ev, &out.rows, err);
    return rc ? rc : rows_push(&out.rows, sink, err);
}

/* ---- numbers out of native histograms ---- */

struct of_natives {
    struct sink sink, *next;
    struct eval *ev;
    enum function_id id;
    struct rows rows; /* kept when dropping the name may make two rows equal */
};

static double number_of(enum function_id id, const struct histogram *h) {
    switch (id) {
    case FN_histogram_avg: return h->sum / h->count;
    case FN_histogram_count: return h->count;
    case FN_histogram_sum: return h->sum;
    case FN_histogram_stddev: return sqrt(histogram_variance(h));
    default: return histogram_variance(h);
    }
}

static int of_natives_push(struct sink *sink, struct row *row, struct err *err) {
    struct of_natives *of = (struct of_natives *)sink;
    for (size_t i = 0; i < of->ev->steps; i++) {
        if (!bit_get(row->present, i)) continue;
        if (row->histograms && row->histograms[i])
            row->values[i] = number_of(of->id, row->histograms[i]);
        else
            bit_clear(row->present, i);
    }
    row->histograms = NULL;
    if (!bits_any(row->present, of->ev->words)) return eval_tick(of->ev, err);
    int rc = row_drop_name(of->ev, row, err);
    if (rc) return rc;
    return of->ev->delayed_names ? of->next->push(of->next, row, err)
                                 : rows_keep(of->ev, &of->rows, row, err);
}

static int fn_of_natives(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    struct of_natives of = {.sink = {.push = of_natives_push}, .next = sink, .ev = ev};
    of.id = expr->call.function->id;
    bool tells_before = ev->query->tells_resets;
    ev->query->tells_resets = of.id != FN_histogram_stddev && of.id != FN_histogram_stdvar;
    int rc = eval_rows(ev, expr->call.args[0], &of.sink, err);
    ev->query->tells_resets = tells_before;
    if (!rc) rc = rows_merge(ev, &of.rows, err);
    return rc ? rc : rows_push(&of.rows, sink, err);
}

vector_function *histogram_function_of(enum function_id id) {
    switch (id) {
    case FN_histogram_quantile:
    case FN_histogram_quantiles:
    case FN_histogram_fraction: return fn_histogram;
    case FN_histogram_avg:
    case FN_histogram_count:
    case FN_histogram_sum:
    case FN_histogram_stddev:
    case FN_histogram_stdvar: return fn_of_natives;
    default: return NULL;
    }
}
