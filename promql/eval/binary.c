#include "promql/eval/native.h"

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
    default: ASSERT(false); return NAN;
    }
}

bool binary_drops_name(const struct binary *binary) {
    bool is_trim = binary->op == OP_TRIM_UPPER || binary->op == OP_TRIM_LOWER;
    return binary->returns_bool || !(operator_is_comparison(binary->op) || is_trim);
}

/* A vector with a scalar on one side: row by row, no matching. */
struct scalar_side {
    struct sink sink;
    struct eval *ev;
    const struct expr *expr;
    const double *scalar;
    bool scalar_is_left;
    struct sink *next;
};

static int scalar_side_element(struct scalar_side *side, struct row *row, size_t step, struct err *err) {
    const struct binary *binary = &side->expr->binary;
    struct operand vector = row_operand(row, step), scalar = {side->scalar[step], NULL};
    struct binary_result result;
    int rc = side->scalar_is_left ? binary_element(side->ev, side->expr, &scalar, &vector, &result, err)
                                  : binary_element(side->ev, side->expr, &vector, &scalar, &result, err);
    if (rc) return rc;
    bit_clear(row->present, step);
    if (!result.is_known) return 0;
    if (binary->returns_bool)
        return row_set(side->ev, row, step, (struct operand){result.keep ? 1 : 0, NULL}, err);
    if (!result.keep) return 0;
    /* a filter keeps the vector's value on either side */
    return row_set(side->ev, row, step, operator_is_comparison(binary->op) ? vector : result.value, err);
}

static int scalar_side_push(struct sink *sink, struct row *row, struct err *err) {
    struct scalar_side *side = (struct scalar_side *)sink;
    for (size_t i = 0; i < side->ev->steps; i++) {
        int rc = bit_get(row->present, i) ? scalar_side_element(side, row, i, err) : 0;
        if (rc) return rc;
    }
    if (!bits_any(row->present, side->ev->words)) return 0;
    int rc = binary_drops_name(&side->expr->binary) ? row_drop_name(side->ev, row, err) : 0;
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
    bool may_collide = !ev->delayed_names && binary_drops_name(binary);
    struct collecting collecting = {{.push = collecting_push}, ev, {0}};
    double *scalar = eval_column(ev, err);
    int rc = scalar ? eval_scalar(ev, scalar_is_left ? binary->left : binary->right, scalar, err) : ERR_LIMIT;
    if (rc) return rc;
    struct scalar_side side = {{.push = scalar_side_push},           ev, expr, scalar, scalar_is_left,
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
