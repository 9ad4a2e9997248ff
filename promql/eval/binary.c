#include "promql/eval/row.h"

#include "lib/base/assert.h"

#include <math.h>

/* keep is changed by comparisons only: false drops the element */
double binary_scalar(enum operator op, double left, double right, bool *keep) {
    switch (op) {
    case OP_ADD: return left + right;
    case OP_SUB: return left - right;
    case OP_MUL: return left * right;
    case OP_DIV: return left / right;
    case OP_MOD: return fmod(left, right);
    case OP_POW: return pow(left, right);
    case OP_ATAN2: return atan2(left, right);
    case OP_EQL: *keep = left == right; return left;
    case OP_NEQ: *keep = left != right; return left;
    case OP_LTE: *keep = left <= right; return left;
    case OP_LSS: *keep = left < right; return left;
    case OP_GTE: *keep = left >= right; return left;
    case OP_GTR: *keep = left > right; return left;
    case OP_TRIM_UPPER:
    case OP_TRIM_LOWER: *keep = false; return left; /* only histograms can be trimmed */
    default: ASSERT(false); return NAN;
    }
}

/* A vector with a scalar on one side: row by row, no matching. */
struct scalar_side {
    struct sink sink;
    struct eval *ev;
    const struct binary *binary;
    const double *scalar;
    bool scalar_is_left;
    struct sink *next;
};

static int scalar_side_push(struct sink *sink, struct row *row, struct err *err) {
    struct scalar_side *side = (struct scalar_side *)sink;
    const struct binary *binary = side->binary;
    bool is_filter = operator_is_comparison(binary->op) && !binary->returns_bool;
    for (size_t i = 0; i < side->ev->steps; i++) {
        if (!bit_get(row->present, i)) continue;
        bool keep = true;
        double vector = row->values[i], scalar = side->scalar[i];
        double value = side->scalar_is_left ? binary_scalar(binary->op, scalar, vector, &keep)
                                            : binary_scalar(binary->op, vector, scalar, &keep);
        if (binary->returns_bool)
            row->values[i] = keep ? 1 : 0;
        else if (!keep)
            bit_clear(row->present, i);
        else
            row->values[i] =
                is_filter ? vector : value; /* a filter keeps the vector's value on either side */
    }
    if (!bits_any(row->present, side->ev->words)) return 0;
    int rc = is_filter ? 0 : row_drop_name(side->ev, row, err);
    return rc ? rc : side->next->push(side->next, row, err);
}

struct collecting {
    struct sink sink;
    struct eval *ev;
    struct rows rows;
};

static int collecting_push(struct sink *sink, struct row *row, struct err *err) {
    struct collecting *collecting = (struct collecting *)sink;
    return rows_keep(collecting->ev, &collecting->rows, row, err);
}

static int eval_with_scalar(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct binary *binary = &expr->binary;
    bool scalar_is_left = binary->left->value == VALUE_SCALAR;
    const struct expr *vector = scalar_is_left ? binary->right : binary->left;
    bool may_collide = !ev->delayed_names && (!operator_is_comparison(binary->op) || binary->returns_bool);
    struct collecting collecting = {{.push = collecting_push}, ev, {0}};
    double *scalar = eval_column(ev, err);
    int rc = scalar ? eval_scalar(ev, scalar_is_left ? binary->left : binary->right, scalar, err) : ERR_LIMIT;
    if (rc) return rc;
    struct scalar_side side = {{.push = scalar_side_push},           ev, binary, scalar, scalar_is_left,
                               may_collide ? &collecting.sink : sink};
    rc = eval_rows(ev, vector, &side.sink, err);
    if (rc || !may_collide) return rc;
    rc = rows_merge(ev, &collecting.rows, err);
    return rc ? rc : rows_push(&collecting.rows, sink, err);
}

int eval_binary(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct binary *binary = &expr->binary;
    if (binary->left->value == VALUE_SCALAR || binary->right->value == VALUE_SCALAR)
        return eval_with_scalar(ev, expr, sink, err);
    return operator_is_set(binary->op) ? eval_set(ev, expr, sink, err)
                                       : eval_vector_match(ev, expr, sink, err);
}
