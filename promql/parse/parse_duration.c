/* Durations in ranges, steps and offsets: literals, and arithmetic over them with step(), range(), min_of and
 * max_of. */
#include "promql/parse/parser.h"

#include <math.h>

#define DURATION_MAX_SECONDS 9223372036.0

static struct expr *parse_sum(struct parser *parser, int min_precedence);

/* What may not stand here is said of the whole: upstream's grammar recovers at the bracket or at "offset". */
static void *unexpected(struct parser *parser) {
    static const struct {
        const char *context, *wanted;
    } places[] = {
        [DURATION_RANGE] = {"subquery or range selector", "number, duration, step(), or range()"},
        [DURATION_STEP] = {"subquery selector", "number, duration, step(), range(), or \"]\""},
        [DURATION_OFFSET] = {"offset", "number, duration, step(), or range()"},
    };
    enum duration_place place = parser->duration_place;
    return parse_unexpected(parser, places[place].context, places[place].wanted);
}

static bool expect(struct parser *parser, enum token_kind kind) {
    if (parser->token.kind != kind) return unexpected(parser) != NULL;
    parse_advance(parser);
    return true;
}

static void *out_of_range(struct parser *parser, uint32_t start, uint32_t end) {
    return parse_fail(parser, start, end, "duration out of range");
}

static struct expr *parse_literal(struct parser *parser) {
    struct expr *expr = parse_number(parser);
    if (!expr || fabs(expr->number) < DURATION_MAX_SECONDS) return expr;
    return out_of_range(parser, expr->start, expr->end);
}

static struct expr *parse_group(struct parser *parser) {
    uint32_t start = parser->token.start;
    parse_advance(parser);
    struct expr *inner = parse_sum(parser, 0);
    if (!inner || !expect(parser, TOKEN_RIGHT_PAREN)) return NULL;
    struct expr *expr = parse_node(parser, EXPR_PAREN, VALUE_SCALAR, start);
    if (expr) expr->paren = inner;
    return expr;
}

/* step(), range(), min_of and max_of are known in any case here */
static const struct function *find_function(struct span name) {
    char lower[8];
    if (name.len > sizeof lower) return NULL;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] | 0x20 : name.ptr[i]);
    return function_find(span_of(lower, name.len));
}

static struct expr *parse_function(struct parser *parser) {
    uint32_t start = parser->token.start;
    const struct function *function = find_function(parse_text(parser));
    bool is_two = function && (function->id == FN_min_of || function->id == FN_max_of);
    if (!is_two && !(function && (function->id == FN_step || function->id == FN_range)))
        return unexpected(parser);
    struct expr *args[2] = {0};
    parse_advance(parser);
    if (!expect(parser, TOKEN_LEFT_PAREN)) return NULL;
    if (is_two && (!(args[0] = parse_sum(parser, 0)) || !expect(parser, TOKEN_COMMA) ||
                   !(args[1] = parse_sum(parser, 0))))
        return NULL;
    if (!expect(parser, TOKEN_RIGHT_PAREN)) return NULL;
    struct expr *expr = parse_node(parser, EXPR_CALL, VALUE_SCALAR, start);
    if (!expr) return NULL;
    expr->call.function = function;
    void *items = NULL;
    for (int i = 0; is_two && i < 2; i++) {
        struct expr **place = parse_push(parser, &items, &expr->call.arg_count, sizeof *place);
        if (!place) return NULL;
        *place = args[i];
        expr->call.args = items;
    }
    return expr;
}

/* One operand. With a sign it takes in what binds tighter than the sign, unless it stands alone: behind
 * offset, x offset -2 ^ 2 is (x offset -2) ^ 2. */
static struct expr *parse_term(struct parser *parser, bool alone) {
    uint32_t start = parser->token.start;
    switch (parser->token.kind) {
    case TOKEN_NUMBER:
    case TOKEN_DURATION: return parse_literal(parser);
    case TOKEN_LEFT_PAREN: return parse_group(parser);
    case TOKEN_IDENTIFIER: return parse_function(parser);
    case TOKEN_ADD:
    case TOKEN_SUB: break;
    default: return unexpected(parser);
    }
    enum operator op = parser->token.kind == TOKEN_SUB ? OP_SUB : OP_ADD;
    parse_advance(parser);
    if (parser->depth++ >= PARSE_MAX_DEPTH)
        return parse_fail(parser, start, parser->token.end, "expression nests too deeply");
    struct expr *inner = alone ? parse_term(parser, true)
                               : parse_sum(parser, 6); /* binds as in PromQL: tighter than everything but ^ */
    parser->depth--;
    if (inner && inner->kind == EXPR_NUMBER) {
        if (op == OP_SUB) inner->number = -inner->number;
        inner->start = start;
        return inner;
    }
    if (op == OP_ADD) return inner;
    struct expr *expr = inner ? parse_node(parser, EXPR_UNARY, VALUE_SCALAR, start) : NULL;
    if (expr) expr->unary.op = op, expr->unary.expr = inner;
    return expr;
}

static enum operator arithmetic_here(const struct parser *parser, int *precedence) {
    switch (parser->token.kind) {
    case TOKEN_ADD: *precedence = 4; return OP_ADD;
    case TOKEN_SUB: *precedence = 4; return OP_SUB;
    case TOKEN_MUL: *precedence = 5; return OP_MUL;
    case TOKEN_DIV: *precedence = 5; return OP_DIV;
    case TOKEN_MOD: *precedence = 5; return OP_MOD;
    case TOKEN_POW: *precedence = 6; return OP_POW;
    default: return OP_NONE;
    }
}

static struct expr *parse_sum(struct parser *parser, int min_precedence) {
    if (parser->depth >= PARSE_MAX_DEPTH)
        return parse_fail(parser, parser->token.start, parser->token.end,
                          "expression nests deeper than %d levels", PARSE_MAX_DEPTH);
    parser->depth++;
    struct expr *left = parse_term(parser, false);
    int precedence = 0;
    for (enum operator op;
         left && (op = arithmetic_here(parser, &precedence)) != OP_NONE && precedence >= min_precedence;) {
        uint32_t op_start = parser->token.start, op_end = parser->token.end;
        parse_advance(parser);
        struct expr *right = parse_sum(parser, precedence + (op != OP_POW));
        if (right && right->kind == EXPR_NUMBER && right->number == 0 && (op == OP_DIV || op == OP_MOD))
            return parse_fail(parser, op_start, op_end, op == OP_DIV ? "division by zero" : "modulo by zero");
        struct expr *expr = right ? parse_node(parser, EXPR_BINARY, VALUE_SCALAR, left->start) : NULL;
        if (expr) expr->binary = (struct binary){.op = op, .left = left, .right = right};
        left = expr;
    }
    parser->depth--;
    return left;
}

/* Seconds; false when step() or range() is needed and `step` is NULL. Depth is bounded by the parse. */
static bool evaluate(const struct expr *expr, const double *step, const double *range, double *seconds,
                     bool *by_zero) {
    double a, b;
    switch (expr->kind) {
    case EXPR_NUMBER: *seconds = expr->number; return true;
    case EXPR_PAREN: return evaluate(expr->paren, step, range, seconds, by_zero);
    case EXPR_UNARY:
        if (!evaluate(expr->unary.expr, step, range, &a, by_zero)) return false;
        *seconds = expr->unary.op == OP_SUB ? -a : a;
        return true;
    case EXPR_CALL:
        if (!expr->call.arg_count) {
            const double *given = expr->call.function->id == FN_step ? step : range;
            if (given) *seconds = *given;
            return given != NULL;
        }
        if (!evaluate(expr->call.args[0], step, range, &a, by_zero) ||
            !evaluate(expr->call.args[1], step, range, &b, by_zero))
            return false;
        *seconds = expr->call.function->id == FN_min_of ? fmin(a, b) : fmax(a, b);
        return true;
    default: break;
    }
    if (!evaluate(expr->binary.left, step, range, &a, by_zero) ||
        !evaluate(expr->binary.right, step, range, &b, by_zero))
        return false;
    switch (expr->binary.op) {
    case OP_ADD: *seconds = a + b; break;
    case OP_SUB: *seconds = a - b; break;
    case OP_MUL: *seconds = a * b; break;
    case OP_POW: *seconds = pow(a, b); break;
    default:
        if (b == 0) *by_zero = true;
        *seconds = expr->binary.op == OP_DIV ? a / b : fmod(a, b);
    }
    return true;
}

static const char *refusal(double seconds, bool must_be_positive, bool by_zero) {
    if (by_zero) return "division by zero";
    if (must_be_positive && !(seconds > 0)) return "duration must be greater than 0";
    if (!(fabs(seconds) < DURATION_MAX_SECONDS)) return "duration out of range";
    return NULL;
}

bool parse_duration(struct parser *parser, enum duration_place place, struct duration *duration) {
    uint32_t start = parser->token.start;
    double seconds = 0;
    bool by_zero = false;
    parser->duration_place = place;
    /* behind offset only one term is taken: "x offset 5m + y" adds y */
    struct expr *expr = place == DURATION_OFFSET ? parse_term(parser, true) : parse_sum(parser, 0);
    if (!expr) return false;
    *duration = (struct duration){.expr = expr->kind == EXPR_NUMBER ? NULL : expr};
    if (!evaluate(expr, NULL, NULL, &seconds, &by_zero)) {
        duration->needs_query = true;
        return true;
    }
    const char *reason = refusal(seconds, place != DURATION_OFFSET, by_zero);
    if (reason) return parse_fail(parser, start, parser->last_end, "%s", reason) != NULL;
    duration->ms = (int64_t)llround(seconds * 1000);
    return true;
}

int duration_resolve(const struct duration *duration, bool must_be_positive, int64_t step_ms,
                     int64_t range_ms, int64_t *ms, struct err *err) {
    double step = (double)step_ms / 1000, range = (double)range_ms / 1000, seconds = 0;
    bool by_zero = false;
    if (!duration->needs_query) {
        *ms = duration->ms;
        return 0;
    }
    (void)evaluate(duration->expr, &step, &range, &seconds,
                   &by_zero); /* with step and range given nothing is missing */
    const char *reason = refusal(seconds, must_be_positive, by_zero);
    if (reason) return err_set(err, ERR_EXECUTION, "%s", reason);
    *ms = (int64_t)llround(seconds * 1000);
    return 0;
}
