#include "cmd/promql_test_pin.h"

#include "promql/parse/function.h"

typedef bool visitor(struct expr *expr, void *context);

static bool walk(struct expr *expr, visitor *visit, void *context);

static bool walk_all(struct expr **exprs, size_t count, visitor *visit, void *context) {
    for (size_t i = 0; i < count; i++) {
        if (!walk(exprs[i], visit, context)) return false;
    }
    return true;
}

/* parents first, until visit says false; visit looks after the insides of subqueries itself */
static bool walk(struct expr *expr, visitor *visit, void *context) {
    if (!expr) return true;
    if (!visit(expr, context)) return false;
    switch (expr->kind) {
    case EXPR_UNARY: return walk(expr->unary.expr, visit, context);
    case EXPR_PAREN: return walk(expr->paren, visit, context);
    case EXPR_CALL: return walk_all(expr->call.args, expr->call.arg_count, visit, context);
    case EXPR_BINARY:
        return walk(expr->binary.left, visit, context) && walk(expr->binary.right, visit, context);
    case EXPR_AGGREGATE:
        return walk(expr->aggregate.param, visit, context) && walk(expr->aggregate.expr, visit, context);
    default: return true;
    }
}

static bool depends_on_time(enum function_id id) {
    switch (id) {
    case FN_time:
    case FN_timestamp:
    case FN_predict_linear:
    case FN_minute:
    case FN_hour:
    case FN_day_of_week:
    case FN_day_of_month:
    case FN_day_of_year:
    case FN_days_in_month:
    case FN_month:
    case FN_year:
    case FN_start:
    case FN_end:
    case FN_step:
    case FN_range: return true;
    default: return false;
    }
}

static void pin_shift(struct time_shift *shift, int64_t at_ms) {
    if (shift->at != AT_NONE) return;
    shift->at = AT_TIME;
    shift->at_ms = at_ms;
}

static bool pin(struct expr *expr, void *context) {
    const int64_t *at_ms = context;
    if (expr->kind == EXPR_CALL) return !depends_on_time(expr->call.function->id);
    if (expr->kind == EXPR_SELECTOR) pin_shift(&expr->selector.shift, *at_ms);
    if (expr->kind == EXPR_SUBQUERY) pin_shift(&expr->subquery.shift, *at_ms);
    return true;
}

bool promql_test_pin(struct expr *expr, int64_t at_ms) {
    return walk(expr, pin, &at_ms);
}
