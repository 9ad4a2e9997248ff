/* Aggregations that take rows as they come: memory is groups times steps, however many series there are. */
#include "promql/eval/groups.h"
#include "promql/eval/native.h"
#include "promql/eval/range.h"

#include <math.h>

/* A group's columns over the steps. Which are used depends on the operation. */
struct accumulator {
    double *a, *b; /* sum and rest; mean and squares */
    double *counts;
    struct mean *means; /* avg */
    uint64_t *present;
    struct native_sum *natives; /* sum and avg of histograms; NULL until there is one */
    bool drop_name;
};

/* of one group at one step */
struct native_sum {
    struct native_mean mean;        /* its work NULL: none yet */
    bool is_mixed, is_incompatible; /* with floats; with other buckets */
};

struct aggregation {
    struct sink sink;
    struct eval *ev;
    const struct aggregate *aggregate;
    struct groups groups;
    VEC(struct accumulator) accumulators; /* per group */
};

static int accumulator_init(struct aggregation *agg, struct accumulator *acc, struct err *err) {
    struct eval *ev = agg->ev;
    enum aggregate_op op = agg->aggregate->op;
    *acc = (struct accumulator){.present = eval_alloc(ev, ev->words, sizeof *acc->present, err)};
    if (!acc->present) return ERR_LIMIT;
    if (op == AGG_AVG) {
        acc->means = eval_alloc(ev, ev->steps, sizeof *acc->means, err);
        return acc->means ? 0 : ERR_LIMIT;
    }
    acc->a = eval_column(ev, err);
    if (acc->a && (op == AGG_SUM || op == AGG_STDDEV || op == AGG_STDVAR)) acc->b = eval_column(ev, err);
    if (acc->a && (op == AGG_STDDEV || op == AGG_STDVAR)) acc->counts = eval_column(ev, err);
    return acc->a && (acc->b || (op != AGG_SUM && op != AGG_STDDEV && op != AGG_STDVAR)) &&
                   (acc->counts || (op != AGG_STDDEV && op != AGG_STDVAR))
               ? 0
               : ERR_LIMIT;
}

static void add_value(enum aggregate_op op, struct accumulator *acc, size_t i, double value) {
    bool is_first = !bit_get(acc->present, i);
    bit_set(acc->present, i);
    switch (op) {
    case AGG_SUM: sum_add(value, &acc->a[i], &acc->b[i]); break;
    case AGG_AVG: mean_add(&acc->means[i], value); break;
    case AGG_MIN:
        if (is_first || value < acc->a[i] || isnan(acc->a[i])) acc->a[i] = value;
        break;
    case AGG_MAX:
        if (is_first || value > acc->a[i] || isnan(acc->a[i])) acc->a[i] = value;
        break;
    case AGG_COUNT: acc->a[i]++; break;
    case AGG_GROUP: acc->a[i] = 1; break;
    case AGG_STDDEV:
    case AGG_STDVAR: {
        acc->counts[i]++;
        double delta = value - acc->a[i];
        acc->a[i] += delta / acc->counts[i];
        acc->b[i] += delta * (value - acc->a[i]);
        break;
    }
    default: break;
    }
}

/* Most rows have a value at each step: then sums and counts go over the columns without asking. */
static bool add_full(enum aggregate_op op, struct accumulator *acc, const double *values, size_t from,
                     size_t to) {
    if (op == AGG_SUM)
        sum_add_columns(values + from, to - from, acc->a + from, acc->b + from);
    else if (op == AGG_COUNT)
        for (size_t i = from; i < to; i++) acc->a[i]++;
    else
        return false;
    return true;
}

static void add_floats(struct aggregation *agg, struct accumulator *acc, const struct row *row) {
    enum aggregate_op op = agg->aggregate->op;
    for (size_t w = 0; w < agg->ev->words; w++) {
        uint64_t bits = row->present[w];
        if (bits == ~(uint64_t)0 && add_full(op, acc, row->values, w * 64, w * 64 + 64)) {
            acc->present[w] = bits;
            continue;
        }
        for (; bits; bits &= bits - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            add_value(op, acc, i, row->values[i]);
        }
    }
}

static double final_value(enum aggregate_op op, const struct accumulator *acc, size_t i) {
    switch (op) {
    case AGG_SUM: return sum_total(acc->a[i], acc->b[i]);
    case AGG_AVG: return mean_total(&acc->means[i]);
    case AGG_STDDEV: return sqrt(acc->b[i] / acc->counts[i]);
    case AGG_STDVAR: return acc->b[i] / acc->counts[i];
    default: return acc->a[i];
    }
}

/* ---- histograms ---- */

/* How an operation treats them: sum and avg add them up, count and group count everything, the others leave
 * them out. */
static bool adds_histograms(enum aggregate_op op) {
    return op == AGG_SUM || op == AGG_AVG;
}

static bool counts_histograms(enum aggregate_op op) {
    return op == AGG_COUNT || op == AGG_GROUP;
}

static struct native_sum *native_sum_at(struct aggregation *agg, struct accumulator *acc, size_t step,
                                        struct err *err) {
    if (!acc->natives) acc->natives = eval_alloc(agg->ev, agg->ev->steps, sizeof *acc->natives, err);
    return acc->natives ? &acc->natives[step] : NULL;
}

static int add_histogram(struct aggregation *agg, struct accumulator *acc, size_t step, const struct row *row,
                         struct err *err) {
    const struct histogram *histogram = row->histograms[step];
    struct native_sum *sum = native_sum_at(agg, acc, step, err);
    unsigned notes = 0;
    if (!sum) return ERR_LIMIT;
    sum->is_mixed |= bit_get(acc->present, step);
    if (!sum->mean.work) {
        sum->mean.work = eval_alloc(agg->ev, 1, sizeof *sum->mean.work, err);
        if (!sum->mean.work) return ERR_LIMIT;
        work_init(sum->mean.work, &agg->ev->query->arena);
        sum->mean.is_mean = agg->aggregate->op == AGG_AVG;
    }
    if (sum->is_incompatible) return 0;
    native_mean_add(&sum->mean, histogram, &notes);
    if (sum->mean.count == 1) work_own_bounds(sum->mean.work);
    native_notes(agg->ev, agg->aggregate->expr, notes, "aggregation");
    if (!(notes & WORK_INCOMPATIBLE)) return 0;
    sum->is_incompatible = true;
    eval_warn(
        agg->ev, agg->aggregate->expr,
        "vector contains a mix of histograms with exponential and custom buckets schemas for metric name "
        "\"%.*s\"",
        SPAN_ARG(labels_get(row->labels, SPAN(LABEL_NAME))));
    return 0;
}

static int add_element(struct aggregation *agg, struct accumulator *acc, size_t step, const struct row *row,
                       struct err *err) {
    enum aggregate_op op = agg->aggregate->op;
    bool is_histogram = row->histograms && row->histograms[step];
    if (is_histogram && adds_histograms(op)) return add_histogram(agg, acc, step, row, err);
    if (is_histogram && !counts_histograms(op)) {
        eval_info(agg->ev, agg->aggregate->expr, "ignored histogram in %s aggregation", aggregate_text(op));
        return 0;
    }
    if (acc->natives && acc->natives[step].mean.work) acc->natives[step].is_mixed = true;
    add_value(op, acc, step, row->values[step]);
    return 0;
}

static int aggregation_push(struct sink *sink, struct row *row, struct err *err) {
    struct aggregation *agg = (struct aggregation *)sink;
    uint32_t group = groups_add(&agg->groups, row->labels);
    if (group == agg->accumulators.count) {
        int rc = accumulator_init(agg, vec_push(&agg->accumulators), err);
        if (rc) return rc;
    }
    struct accumulator *acc = &agg->accumulators.items[group];
    acc->drop_name |= row->drop_name;
    if (!row->histograms && !acc->natives) {
        add_floats(agg, acc, row);
        return eval_tick(agg->ev, err);
    }
    for (size_t w = 0; w < agg->ev->words; w++)
        for (uint64_t bits = row->present[w]; bits; bits &= bits - 1) {
            int rc = add_element(agg, acc, w * 64 + (size_t)__builtin_ctzll(bits), row, err);
            if (rc) return rc;
        }
    return eval_tick(agg->ev, err);
}

/* the sums of histograms take their steps of the row */
static int put_natives(struct aggregation *agg, const struct accumulator *acc, struct row *row,
                       struct err *err) {
    for (size_t i = 0; i < agg->ev->steps; i++) {
        struct native_sum *sum = &acc->natives[i];
        struct operand result;
        if (!sum->mean.work) continue;
        bit_clear(row->present, i);
        if (sum->is_mixed)
            eval_warn(agg->ev, agg->aggregate->expr,
                      "encountered a mix of histograms and floats for aggregation");
        if (sum->is_mixed || sum->is_incompatible) continue;
        native_mean_end(&sum->mean);
        int rc = native_finish(agg->ev, sum->mean.work, &result.histogram, err);
        if (rc) return rc;
        result.value = result.histogram->sum;
        rc = row_set(agg->ev, row, i, result, err);
        if (rc) return rc;
    }
    return 0;
}

static int push_groups(struct aggregation *agg, struct sink *sink, struct err *err) {
    struct row row;
    int rc = row_init(agg->ev, &row, err);
    for (size_t g = 0; g < agg->accumulators.count && !rc; g++) {
        const struct accumulator *acc = &agg->accumulators.items[g];
        row.histograms = NULL;
        for (size_t w = 0; w < agg->ev->words; w++) row.present[w] = acc->present[w];
        for (size_t i = 0; i < agg->ev->steps; i++)
            if (bit_get(row.present, i)) row.values[i] = final_value(agg->aggregate->op, acc, i);
        row.drop_name = acc->drop_name;
        rc = acc->natives ? put_natives(agg, acc, &row, err) : 0;
        if (!rc) rc = groups_labels(&agg->groups, (uint32_t)g, &agg->ev->query->arena, &row.labels, err);
        if (!rc && bits_any(row.present, agg->ev->words)) rc = sink->push(sink, &row, err);
    }
    return rc;
}

int eval_aggregate(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct aggregate *aggregate = &expr->aggregate;
    if (aggregate->param) return eval_aggregate_rank(ev, expr, sink, err);
    struct aggregation agg = {
        .sink = {aggregation_push, counts_histograms(aggregate->op)}, .ev = ev, .aggregate = aggregate};
    groups_init(&agg.groups, aggregate->grouping, aggregate->grouping_count, aggregate->without);
    int rc = eval_rows(ev, aggregate->expr, &agg.sink, err);
    if (!rc) rc = push_groups(&agg, sink, err);
    groups_release(&agg.groups);
    vec_release(&agg.accumulators);
    return rc;
}
