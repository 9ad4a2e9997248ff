/* Quantiles and shares of classic histograms: series with a cumulative count per upper bound `le`. Rules:
 * COMPATIBILITY 4.8, as upstream computes them. */
#include "promql/eval/call.h"
#include "promql/eval/groups.h"

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

/* The histograms of a vector: rows with an `le`, grouped by their other labels. */
struct histograms {
    struct sink sink;
    struct eval *ev;
    const struct expr *call;
    struct rows rows; /* with a valid le */
    VEC(double) uppers;
    struct groups groups;
    struct partition parts;
};

static int histograms_push(struct sink *sink, struct row *row, struct err *err) {
    struct histograms *all = (struct histograms *)sink;
    struct span le = labels_get(row->labels, SPAN("le"));
    double upper;
    if (!number_parse(le, &upper)) {
        eval_warn(all->ev, all->call->call.args[all->call->call.arg_count - 1],
                  "bucket label \"le\" is missing or has a malformed value of \"%.*s\"%s%.*s%s", SPAN_ARG(le),
                  labels_has(row->labels, SPAN(LABEL_NAME)) ? " for metric name \"" : "",
                  SPAN_ARG(labels_get(row->labels, SPAN(LABEL_NAME))),
                  labels_has(row->labels, SPAN(LABEL_NAME)) ? "\"" : "");
        return 0;
    }
    int rc = rows_keep(all->ev, &all->rows, row, err);
    if (rc) return rc;
    *vec_push(&all->uppers) = upper;
    return 0;
}

static void say_forced(struct histograms *all) {
    const struct expr *vector = all->call->call.args[all->call->call.arg_count - 1];
    eval_info(all->ev, vector,
              "input to histogram_quantile needed to be fixed for monotonicity (see "
              "https://prometheus.io/docs/prometheus/latest/"
              "querying/functions/#histogram_quantile)");
}

/* one group's value at a step; false when no bucket is there */
static bool value_at(struct histograms *all, uint32_t group, size_t step, const double *const *params,
                     struct bucket *buckets, double *value) {
    size_t count = 0;
    bool forced = false;
    for (uint32_t m = all->parts.starts[group]; m < all->parts.starts[group + 1]; m++) {
        uint32_t i = all->parts.members[m];
        if (bit_get(all->rows.items[i].present, step))
            buckets[count++] = (struct bucket){all->uppers.items[i], all->rows.items[i].values[step]};
    }
    if (!count) return false;
    *value = all->call->call.function->id == FN_histogram_quantile
                 ? bucket_quantile(params[0][step], buckets, count, &forced)
                 : bucket_fraction(params[0][step], params[1][step], buckets, count, &forced);
    if (forced) say_forced(all);
    return true;
}

/* the labels of a histogram: its series' without le and the name; a delayed name stays until the end */
static int labels_of(struct histograms *all, uint32_t group, struct row *row, struct err *err) {
    struct label_builder builder;
    label_builder_init(&builder, &all->ev->query->arena, all->groups.firsts.items[group]);
    label_builder_set(&builder, SPAN("le"), span_of(NULL, 0));
    int rc = label_builder_finish(&builder, &row->labels, err);
    return rc ? rc : row_drop_name(all->ev, row, err);
}

static int push_values(struct histograms *all, const double *const *params, struct sink *sink,
                       struct err *err) {
    struct eval *ev = all->ev;
    struct bucket *buckets = eval_alloc(ev, all->parts.largest, sizeof *buckets, err);
    struct row row;
    int rc = buckets ? row_init(ev, &row, err) : ERR_LIMIT;
    for (uint32_t group = 0; group < all->groups.firsts.count && !rc; group++) {
        row_clear(ev, &row);
        for (size_t step = 0; step < ev->steps; step++)
            if (value_at(all, group, step, params, buckets, &row.values[step])) bit_set(row.present, step);
        rc = labels_of(all, group, &row, err);
        if (!rc && bits_any(row.present, ev->words)) rc = sink->push(sink, &row, err);
        if (!rc) rc = eval_tick(ev, err);
    }
    return rc;
}

static int fn_histogram(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    static const struct span le[] = {{"le", 2}};
    const struct call *call = &expr->call;
    const double *params[2];
    struct histograms all = {.sink = {.push = histograms_push}, .ev = ev, .call = expr};
    int rc = 0;
    for (size_t i = 0; i + 1 < call->arg_count && !rc; i++) {
        double *column = eval_column(ev, err);
        rc = column ? eval_scalar(ev, call->args[i], column, err) : ERR_LIMIT;
        params[i] = column;
    }
    groups_init(&all.groups, le, 1, true);
    if (!rc) rc = eval_rows(ev, call->args[call->arg_count - 1], &all.sink, err);
    for (size_t i = 0; i < ev->steps && !rc && all.rows.count && call->function->id == FN_histogram_quantile;
         i++)
        if (!(params[0][i] >= 0 && params[0][i] <= 1))
            eval_warn(ev, call->args[0], "quantile value should be between 0 and 1, got %g", params[0][i]);
    if (!rc) rc = groups_partition(&all.groups, ev, &all.rows, &all.parts, err);
    if (!rc) rc = push_values(&all, params, sink, err);
    groups_release(&all.groups);
    vec_release(&all.uppers);
    return rc;
}

vector_function *histogram_function_of(enum function_id id) {
    return id == FN_histogram_quantile || id == FN_histogram_fraction ? fn_histogram : NULL;
}
