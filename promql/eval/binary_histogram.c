/* One element with another, when at least one is a native histogram. Rules: COMPATIBILITY 4.2. */
#include "promql/eval/native.h"

static const char *type_of(const struct operand *operand) {
    return operand->histogram ? "histogram" : "float";
}

static void say_incompatible(struct eval *ev, const struct expr *expr, const struct operand *left,
                             const struct operand *right) {
    const char *op = operator_text(expr->binary.op);
    eval_info(ev, expr, "incompatible sample types encountered for binary operator \"%s\": %s %s %s", op,
              type_of(left), op, type_of(right));
}

int native_finish(struct eval *ev, struct work *work, const struct histogram **histogram, struct err *err) {
    *histogram = work_finish(work);
    return *histogram ? 0 : arena_limit(&ev->query->arena, "histograms", err);
}

void native_notes(struct eval *ev, const struct expr *at, unsigned notes, const char *operation) {
    if (notes & WORK_RECONCILED)
        eval_info(ev, at, "mismatched custom buckets were reconciled during %s", operation);
    if (notes & WORK_RESET_CONFLICT)
        eval_warn(ev, at, "conflicting counter resets during histogram %s", operation);
}

struct work *native_work(struct eval *ev) {
    struct query_state *query = ev->query;
    if (!query->work) {
        query->work = arena_alloc(&query->arena, sizeof *query->work);
        if (query->work) work_init(query->work, &query->arena);
    }
    return query->work;
}

/* as if every bucket were as full as all of them */
static bool would_overflow(const struct work *work, const struct histogram *h) {
    return __builtin_isinf(work->count + h->count) || __builtin_isinf(work->sum + h->sum);
}

/* also beside gauges, with which the sum is one */
static unsigned reset_conflict(struct native_mean *mean, const struct histogram *histogram) {
    mean->has_reset |= histogram->reset == HISTOGRAM_RESET_YES;
    mean->has_none |= histogram->reset == HISTOGRAM_RESET_NO;
    return mean->has_reset && mean->has_none ? WORK_RESET_CONFLICT : 0;
}

void native_mean_add(struct native_mean *mean, const struct histogram *histogram, unsigned *notes) {
    mean->count++;
    *notes |= reset_conflict(mean, histogram);
    if (mean->count == 1) {
        work_set(mean->work, histogram);
        return;
    }
    bool is_finite = !__builtin_isinf(histogram->count) && !__builtin_isinf(histogram->sum);
    if (mean->is_mean && !mean->is_incremental && is_finite && would_overflow(mean->work, histogram)) {
        mean->is_incremental = true;
        work_divide(mean->work, mean->count - 1);
    }
    if (!mean->is_incremental) {
        work_add(mean->work, histogram, 1, notes);
        return;
    }
    work_scale(mean->work, (mean->count - 1) / mean->count);
    work_add_part(mean->work, histogram, mean->count, notes);
}

void native_mean_end(struct native_mean *mean) {
    if (mean->is_mean && !mean->is_incremental) work_divide(mean->work, mean->count);
}

static int add(struct eval *ev, const struct expr *expr, struct work *work, struct binary_result *result,
               const struct operand *left, const struct operand *right, struct err *err) {
    bool is_sum = expr->binary.op == OP_ADD;
    unsigned notes = 0;
    work_set(work, left->histogram);
    work_add(work, right->histogram, is_sum ? 1 : -1, &notes);
    native_notes(ev, expr, notes, is_sum ? "addition" : "subtraction");
    if (notes & WORK_INCOMPATIBLE) {
        eval_warn(ev, expr, "incompatible bucket layout encountered for binary operator %s",
                  operator_text(expr->binary.op));
        result->keep = false;
        return 0;
    }
    if (!is_sum) work->shape.reset = HISTOGRAM_RESET_GAUGE;
    return native_finish(ev, work, &result->value.histogram, err);
}

static int scale(struct eval *ev, struct work *work, const struct histogram *histogram, double by,
                 bool is_division, struct binary_result *result, struct err *err) {
    work_set(work, histogram);
    if (is_division)
        work_divide(work, by);
    else
        work_scale(work, by);
    return native_finish(ev, work, &result->value.histogram, err);
}

static int apply(struct eval *ev, const struct expr *expr, struct work *work, const struct operand *left,
                 const struct operand *right, struct binary_result *result, struct err *err) {
    enum operator op = expr->binary.op;
    const struct histogram *l = left->histogram, *r = right->histogram;
    if (l && r) {
        if (op == OP_ADD || op == OP_SUB) return add(ev, expr, work, result, left, right, err);
        if (op == OP_EQL || op == OP_NEQ) {
            result->keep = histogram_same(work, l, r) == (op == OP_EQL);
            return 0;
        }
    } else if (l) {
        if (op == OP_MUL || op == OP_DIV) return scale(ev, work, l, right->value, op == OP_DIV, result, err);
        if (op == OP_TRIM_UPPER || op == OP_TRIM_LOWER) {
            result->value.histogram = histogram_trim(work, l, right->value, op == OP_TRIM_UPPER);
            return result->value.histogram ? 0 : arena_limit(&ev->query->arena, "histograms", err);
        }
    } else if (r && op == OP_MUL) {
        return scale(ev, work, r, left->value, false, result, err);
    }
    say_incompatible(ev, expr, left, right);
    result->keep = result->is_known = false;
    return 0;
}

int binary_element(struct eval *ev, const struct expr *expr, const struct operand *left,
                   const struct operand *right, struct binary_result *result, struct err *err) {
    enum operator op = expr->binary.op;
    *result = (struct binary_result){.value = *left, .keep = true, .is_known = true};
    bool is_trim = op == OP_TRIM_UPPER || op == OP_TRIM_LOWER;
    if (!left->histogram && !right->histogram && !is_trim) {
        result->value.value = binary_scalar(op, left->value, right->value, &result->keep);
        return 0;
    }
    struct work *work = native_work(ev);
    if (!work) return arena_limit(&ev->query->arena, "histograms", err);
    int rc = apply(ev, expr, work, left, right, result, err);
    if (result->value.histogram) result->value.value = result->value.histogram->sum;
    return rc;
}
