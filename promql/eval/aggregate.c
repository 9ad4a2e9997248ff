/* Aggregations that take rows as they come: memory is groups times steps, however many series there are. */
#include "promql/eval/groups.h"
#include "promql/eval/range.h"

#include <math.h>

/* A group's columns over the steps. Which are used depends on the operation. */
struct accumulator {
    double *a, *b; /* sum and rest; mean and squares */
    double *counts;
    struct mean *means; /* avg */
    uint64_t *present;
    bool drop_name;
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

static double final_value(enum aggregate_op op, const struct accumulator *acc, size_t i) {
    switch (op) {
    case AGG_SUM: return sum_total(acc->a[i], acc->b[i]);
    case AGG_AVG: return mean_total(&acc->means[i]);
    case AGG_STDDEV: return sqrt(acc->b[i] / acc->counts[i]);
    case AGG_STDVAR: return acc->b[i] / acc->counts[i];
    default: return acc->a[i];
    }
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
    for (size_t w = 0; w < agg->ev->words; w++)
        for (uint64_t bits = row->present[w]; bits; bits &= bits - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            add_value(agg->aggregate->op, acc, i, row->values[i]);
        }
    return eval_tick(agg->ev, err);
}

static int push_groups(struct aggregation *agg, struct sink *sink, struct err *err) {
    struct row row;
    int rc = row_init(agg->ev, &row, err);
    for (size_t g = 0; g < agg->accumulators.count && !rc; g++) {
        const struct accumulator *acc = &agg->accumulators.items[g];
        for (size_t w = 0; w < agg->ev->words; w++) row.present[w] = acc->present[w];
        for (size_t i = 0; i < agg->ev->steps; i++)
            if (bit_get(row.present, i)) row.values[i] = final_value(agg->aggregate->op, acc, i);
        row.drop_name = acc->drop_name;
        rc = groups_labels(&agg->groups, (uint32_t)g, &agg->ev->query->arena, &row.labels, err);
        if (!rc) rc = sink->push(sink, &row, err);
    }
    return rc;
}

int eval_aggregate(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct aggregate *aggregate = &expr->aggregate;
    if (aggregate->param) return eval_aggregate_rank(ev, expr, sink, err);
    struct aggregation agg = {.sink = {.push = aggregation_push}, .ev = ev, .aggregate = aggregate};
    groups_init(&agg.groups, aggregate->grouping, aggregate->grouping_count, aggregate->without);
    int rc = eval_rows(ev, aggregate->expr, &agg.sink, err);
    if (!rc) rc = push_groups(&agg, sink, err);
    groups_release(&agg.groups);
    vec_release(&agg.accumulators);
    return rc;
}
