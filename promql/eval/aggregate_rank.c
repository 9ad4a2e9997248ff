/* Aggregations that need their elements side by side: topk, bottomk, limitk, limit_ratio, quantile,
 * count_values. */
#include "promql/eval/groups.h"
#include "promql/eval/native.h"
#include "promql/eval/range.h"

#include "lib/base/hash.h"
#include "lib/codec/number.h"
#include "lib/model/histogram_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All rows of the argument, sorted into groups. */
struct ranking {
    struct eval *ev;
    const struct expr *expr;
    const struct aggregate *aggregate;
    struct rows rows;
    struct groups groups;
    struct partition parts;
};

static size_t group_count(const struct ranking *ranking) {
    return ranking->groups.firsts.count;
}

struct candidate {
    double value;
    uint32_t row;
};

/* the best first; NaN always last; equal values in the order of rows */
static int compare_best_largest(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (isnan(x->value) != isnan(y->value)) return isnan(x->value) ? 1 : -1;
    if (x->value > y->value) return -1;
    if (x->value < y->value) return 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int compare_best_smallest(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (isnan(x->value) != isnan(y->value)) return isnan(x->value) ? 1 : -1;
    if (x->value < y->value) return -1;
    if (x->value > y->value) return 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* k as an element count at a step, or an error in Prometheus' words */
static int count_of(double k, size_t most, size_t *count, struct err *err) {
    if (isnan(k)) return err_set(err, ERR_EXECUTION, "Parameter value is NaN");
    if (k >= 9223372036854775808.0) return err_set(err, ERR_EXECUTION, "Scalar value %g overflows int64", k);
    if (k < -9223372036854775808.0) return err_set(err, ERR_EXECUTION, "Scalar value %g underflows int64", k);
    *count = k < 1 ? 0 : k > (double)most ? most : (size_t)k;
    return 0;
}

/* limit_ratio takes a series by the hash of its labels, so that it takes the same ones always; r < 0 takes
   the others. The hash is unkeyed: stable over restarts. */
static bool ratio_takes(struct labels labels, double ratio) {
    uint64_t hash = 0;
    for (uint32_t i = 0; i < labels.count; i++) {
        hash = hash_mix(hash, hash_bytes(labels.items[i].name.ptr, labels.items[i].name.len));
        hash = hash_mix(hash, hash_bytes(labels.items[i].value.ptr, labels.items[i].value.len));
    }
    double place = (double)hash / 18446744073709551616.0;
    return ratio >= 0 ? place < ratio : place >= 1 + ratio;
}

/* Clears what is not taken at a step; for topk and bottomk leaves the candidates in order. */
static int take_step(struct ranking *ranking, size_t step, double param, struct candidate *candidates,
                     size_t g, struct err *err) {
    enum aggregate_op op = ranking->aggregate->op;
    size_t count = 0, wanted = 0;
    for (uint32_t m = ranking->parts.starts[g]; m < ranking->parts.starts[g + 1]; m++) {
        const struct row *row = &ranking->rows.items[ranking->parts.members[m]];
        if (bit_get(row->present, step))
            candidates[count++] = (struct candidate){row->values[step], ranking->parts.members[m]};
    }
    if (op == AGG_LIMIT_RATIO) {
        for (size_t i = 0; i < count; i++)
            if (!ratio_takes(ranking->rows.items[candidates[i].row].labels, param))
                bit_clear(ranking->rows.items[candidates[i].row].present, step);
        return 0;
    }
    int rc = count_of(param, count, &wanted, err);
    if (rc) return rc;
    if (op != AGG_LIMITK && wanted < count)
        qsort(candidates, count, sizeof *candidates,
              op == AGG_TOPK ? compare_best_largest : compare_best_smallest);
    for (size_t i = wanted; i < count; i++) bit_clear(ranking->rows.items[candidates[i].row].present, step);
    return 0;
}

/* an instant topk answers best first, group by group */
static int push_ordered(struct ranking *ranking, struct candidate *candidates, struct sink *sink,
                        struct err *err) {
    int rc = 0;
    for (size_t g = 0; g < group_count(ranking) && !rc; g++) {
        size_t count = 0;
        for (uint32_t m = ranking->parts.starts[g]; m < ranking->parts.starts[g + 1]; m++) {
            const struct row *row = &ranking->rows.items[ranking->parts.members[m]];
            if (bit_get(row->present, 0))
                candidates[count++] = (struct candidate){row->values[0], ranking->parts.members[m]};
        }
        if (ranking->aggregate->op == AGG_TOPK)
            qsort(candidates, count, sizeof *candidates, compare_best_largest);
        if (ranking->aggregate->op == AGG_BOTTOMK)
            qsort(candidates, count, sizeof *candidates, compare_best_smallest);
        for (size_t i = 0; i < count && !rc; i++)
            rc = sink->push(sink, &ranking->rows.items[candidates[i].row], err);
    }
    return rc;
}

static int take(struct ranking *ranking, const double *params, struct sink *sink, struct err *err) {
    struct candidate *candidates = eval_alloc(ranking->ev, ranking->parts.largest, sizeof *candidates, err);
    int rc = candidates ? 0 : ERR_LIMIT;
    for (size_t step = 0; step < ranking->ev->steps && !rc; step++) {
        double param = params[step];
        if (ranking->aggregate->op == AGG_LIMIT_RATIO && !(param >= -1 && param <= 1)) {
            if (isnan(param)) return err_set(err, ERR_EXECUTION, "Ratio value is NaN");
            eval_warn(ranking->ev, ranking->aggregate->param,
                      "ratio value should be between -1 and 1, got %g, capping to %g", param,
                      param > 0 ? 1.0 : -1.0);
            param = param > 0 ? 1 : -1;
        }
        size_t none; /* a parameter that cannot be is an error over an empty vector too */
        if (ranking->aggregate->op != AGG_LIMIT_RATIO) rc = count_of(param, 0, &none, err);
        for (size_t g = 0; g < group_count(ranking) && !rc; g++)
            rc = take_step(ranking, step, param, candidates, g, err);
        if (!rc) rc = eval_tick(ranking->ev, err);
    }
    if (rc) return rc;
    if (ranking->ev->steps == 1) return push_ordered(ranking, candidates, sink, err);
    for (size_t i = 0; i < ranking->rows.count && !rc; i++)
        if (bits_any(ranking->rows.items[i].present, ranking->ev->words))
            rc = sink->push(sink, &ranking->rows.items[i], err);
    return rc;
}

static int quantiles(struct ranking *ranking, const double *params, struct sink *sink, struct err *err) {
    struct eval *ev = ranking->ev;
    double *values = eval_alloc(ev, ranking->parts.largest, sizeof *values, err);
    struct row out;
    int rc = values ? row_init(ev, &out, err) : ERR_LIMIT;
    if (!rc && group_count(ranking)) eval_check_quantile(ev, ranking->aggregate->param, params);
    for (size_t g = 0; g < group_count(ranking) && !rc; g++) {
        row_clear(ev, &out);
        for (size_t step = 0; step < ev->steps; step++) {
            size_t count = 0;
            for (uint32_t m = ranking->parts.starts[g]; m < ranking->parts.starts[g + 1]; m++) {
                const struct row *row = &ranking->rows.items[ranking->parts.members[m]];
                out.drop_name |= row->drop_name;
                if (bit_get(row->present, step)) values[count++] = row->values[step];
            }
            if (!count) continue;
            out.values[step] = quantile_of(values, count, params[step]);
            bit_set(out.present, step);
        }
        rc = groups_labels(&ranking->groups, (uint32_t)g, &ev->query->arena, &out.labels, err);
        if (!rc) rc = sink->push(sink, &out, err);
        if (!rc) rc = eval_tick(ev, err);
    }
    return rc;
}

#define LABEL_VALUE_MAX ((size_t)1 << 20)

static void write_number(struct buf *out, double value) {
    char text[NUMBER_MAX_TEXT];
    buf_span(out, span_of(text, number_write_plain(value, text)));
}

/* {count:2, sum:3.5, (0.5,1]:1, (1,2]:1} */
static void write_value(struct operand value, struct buf *out) {
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    if (!value.histogram) {
        write_number(out, value.value);
        return;
    }
    buf_puts(out, "{count:");
    write_number(out, value.histogram->count);
    buf_puts(out, ", sum:");
    write_number(out, value.histogram->sum);
    histogram_walk_init(&walk, value.histogram);
    while (histogram_walk_next(&walk, &bucket)) {
        if (bucket.count == 0) continue;
        buf_puts(out, bucket.lower_inclusive ? ", [" : ", (");
        write_number(out, bucket.lower);
        buf_putc(out, ',');
        write_number(out, bucket.upper);
        buf_puts(out, bucket.upper_inclusive ? "]:" : "):");
        write_number(out, bucket.count);
    }
    buf_putc(out, '}');
}

/* count_values: a row per group and value; the value's text becomes a label */
static int count_value(struct ranking *ranking, struct groups *by_value, struct rows *out,
                       const struct labels *base, struct operand value, size_t step, struct span name,
                       struct err *err) {
    struct label_builder builder;
    struct labels labels;
    struct buf text;
    buf_init_budget(&text, LABEL_VALUE_MAX, &ranking->ev->query->budget);
    write_value(value, &text);
    size_t len = text.len;
    const char *copy = text.failed ? NULL : arena_strndup(&ranking->ev->query->arena, text.data, len);
    buf_release(&text);
    if (!copy) return arena_limit(&ranking->ev->query->arena, "query", err);
    label_builder_init(&builder, &ranking->ev->query->arena, *base);
    label_builder_set(&builder, name, span_of(copy, len));
    int rc = label_builder_finish(&builder, &labels, err);
    if (rc) return rc;
    uint32_t index = groups_add(by_value, labels);
    if (index == out->count) {
        struct row *row;
        rc = rows_add(ranking->ev, out, &row, err);
        if (rc) return rc;
        row->labels = labels;
    }
    struct row *row = &out->items[index];
    if (!bit_get(row->present, step)) row->values[step] = 0;
    bit_set(row->present, step);
    row->values[step]++;
    return 0;
}

static int bad_name(struct span name, struct err *err) {
    struct buf text;
    buf_init(&text, 256);
    text_write_quoted(name, &text);
    err_set(err, ERR_EXECUTION, "invalid label name %s", buf_text(&text));
    buf_release(&text);
    return ERR_EXECUTION;
}

static int count_values(struct ranking *ranking, struct sink *sink, struct err *err) {
    struct eval *ev = ranking->ev;
    struct span name = expr_inside(ranking->aggregate->param)->string;
    struct groups by_value;
    struct rows out = {0};
    struct span own[1] = {{"\xff", 1}}; /* no label has this name: every label counts */
    int rc = 0;
    if (!name.len || !span_is_utf8(name)) return bad_name(name, err);
    groups_init(&by_value, own, 1, true);
    for (size_t g = 0; g < group_count(ranking) && !rc; g++) {
        struct labels base;
        rc = groups_labels(&ranking->groups, (uint32_t)g, &ev->query->arena, &base, err);
        for (uint32_t m = ranking->parts.starts[g]; m < ranking->parts.starts[g + 1] && !rc; m++) {
            const struct row *row = &ranking->rows.items[ranking->parts.members[m]];
            for (size_t step = 0; step < ev->steps && !rc; step++)
                if (bit_get(row->present, step))
                    rc =
                        count_value(ranking, &by_value, &out, &base, row_operand(row, step), step, name, err);
            if (!rc) rc = eval_tick(ev, err);
        }
    }
    groups_release(&by_value);
    return rc ? rc : rows_push(&out, sink, err);
}

int eval_aggregate_rank(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct aggregate *aggregate = &expr->aggregate;
    struct ranking ranking = {.ev = ev, .expr = expr, .aggregate = aggregate};
    double *params = eval_column(ev, err);
    int rc = params ? 0 : ERR_LIMIT;
    if (!rc && aggregate->param->value == VALUE_SCALAR) rc = eval_scalar(ev, aggregate->param, params, err);
    if (!rc) rc = rows_collect(ev, aggregate->expr, &ranking.rows, err);
    bool is_of_floats =
        aggregate->op == AGG_TOPK || aggregate->op == AGG_BOTTOMK || aggregate->op == AGG_QUANTILE;
    for (size_t i = 0; i < ranking.rows.count && !rc && is_of_floats; i++)
        if (row_drop_histograms(ev, &ranking.rows.items[i]))
            eval_info(ev, aggregate->expr, "ignored histogram in %s aggregation",
                      aggregate_text(aggregate->op));
    groups_init(&ranking.groups, aggregate->grouping, aggregate->grouping_count, aggregate->without);
    if (!rc) rc = groups_partition(&ranking.groups, ev, &ranking.rows, &ranking.parts, err);
    if (!rc && aggregate->op == AGG_QUANTILE)
        rc = quantiles(&ranking, params, sink, err);
    else if (!rc && aggregate->op == AGG_COUNT_VALUES)
        rc = count_values(&ranking, sink, err);
    else if (!rc)
        rc = take(&ranking, params, sink, err);
    groups_release(&ranking.groups);
    return rc;
}
