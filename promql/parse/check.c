/* What a whole expression must keep to: types of operands and arguments, modifiers that fit their operator.
 * Done behind the parse, since upstream tells an error of syntax first wherever it stands. */
#include "promql/parse/parser.h"

#include <string.h>

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* the operator of a binary expression with its modifiers: what is between the two sides */
static void operator_range(const struct parser *parser, const struct binary *binary, uint32_t *start,
                           uint32_t *end) {
    const char *text = parser->lexer.text.ptr;
    *start = binary->left->end;
    *end = binary->right->start - 1;
    while (*start < *end && is_space(text[*start])) ++*start;
    while (*end > *start && is_space(text[*end])) --*end;
}

static bool fail_at_operator(struct parser *parser, const struct binary *binary, const char *message) {
    uint32_t start, end;
    operator_range(parser, binary, &start, &end);
    return parse_fail(parser, start, end, "%s", message) != NULL;
}

static bool fail_at(struct parser *parser, const struct expr *expr, const char *message) {
    return parse_fail(parser, expr->start, expr->end, "%s", message) != NULL;
}

static bool is_operand(const struct expr *expr) {
    return expr->value == VALUE_SCALAR || expr->value == VALUE_VECTOR;
}

static bool check_include(struct parser *parser, const struct binary *binary) {
    const struct vector_matching *matching = binary->matching;
    uint32_t start, end;
    for (size_t i = 0; matching && matching->on && i < matching->label_count; i++)
        for (size_t k = 0; k < matching->include_count; k++) {
            if (!span_equal(matching->labels_written[i], matching->include[k])) continue;
            operator_range(parser, binary, &start, &end);
            parse_fail(parser, start, end, "label \"%.*s\" must not occur in ON and GROUP clause at once",
                       SPAN_ARG(matching->include[k]));
            return false;
        }
    return true;
}

static bool check_matching(struct parser *parser, struct expr *expr) {
    struct binary *binary = &expr->binary;
    const struct vector_matching *matching = binary->matching;
    bool has_fill = matching && (matching->has_fill_left || matching->has_fill_right);
    if (binary->left->value != VALUE_VECTOR || binary->right->value != VALUE_VECTOR) {
        if (matching && matching->label_count)
            return fail_at(parser, expr, "vector matching only allowed between instant vectors");
        if (has_fill)
            return fail_at(parser, expr, "filling in missing series only allowed between instant vectors");
        binary->matching = NULL;
    } else if (operator_is_set(binary->op)) {
        if (matching->card != CARD_MANY_TO_MANY)
            return parse_fail(parser, expr->start, expr->end, "no grouping allowed for \"%s\" operation",
                              operator_text(binary->op)) != NULL;
        if (has_fill) return fail_at(parser, expr, "filling in missing series not allowed for set operators");
    }
    if (!operator_is_set(binary->op) || binary->matching) return true;
    parse_fail(parser, expr->start, expr->end, "set operator \"%s\" not allowed in binary scalar expression",
               operator_text(binary->op));
    return false;
}

static bool check_binary(struct parser *parser, struct expr *expr) {
    struct binary *binary = &expr->binary;
    bool compares = operator_is_comparison(binary->op);
    if (!parse_check(parser, binary->left) || !parse_check(parser, binary->right)) return false;
    if (binary->returns_bool && !compares)
        return fail_at_operator(parser, binary, "bool modifier can only be used on comparison operators");
    if (compares && !binary->returns_bool && binary->left->value == VALUE_SCALAR &&
        binary->right->value == VALUE_SCALAR)
        return fail_at_operator(parser, binary, "comparisons between scalars must use BOOL modifier");
    if (!check_include(parser, binary)) return false;
    if (!is_operand(binary->left) || !is_operand(binary->right))
        return fail_at(parser, is_operand(binary->left) ? binary->right : binary->left,
                       "binary expression must contain only scalar and instant vector types");
    return check_matching(parser, expr);
}

static enum value_type type_of_letter(char letter) {
    switch (letter) {
    case 'v': return VALUE_VECTOR;
    case 'r': return VALUE_MATRIX;
    case 's': return VALUE_SCALAR;
    default: return VALUE_STRING;
    }
}

static bool check_type(struct parser *parser, struct expr *expr, char letter, const char *context,
                       const char *name) {
    enum value_type wanted = type_of_letter(letter);
    if (!parse_check(parser, expr)) return false;
    if (expr->value == wanted) return true;
    parse_fail(parser, expr->start, expr->end, "expected type %s in %s%s%s%s, got %s",
               value_type_name(wanted), context, name ? "\"" : "", name ? name : "", name ? "\"" : "",
               value_type_name(expr->value));
    return false;
}

static bool check_aggregate(struct parser *parser, struct aggregate *aggregate) {
    return check_type(parser, aggregate->expr, 'v', "aggregation expression", NULL) &&
           (!aggregate->param || check_type(parser, aggregate->param, parse_aggregate_param(aggregate->op),
                                            "aggregation parameter", NULL));
}

static bool check_count(struct parser *parser, const struct expr *expr) {
    const struct function *function = expr->call.function;
    size_t most = strlen(function->args), count = expr->call.arg_count;
    size_t least = function->optional < 0 ? most - 1 : most - (size_t)function->optional;
    if (function->optional == 0 && count != most)
        parse_fail(parser, expr->start, expr->end, "expected %zu argument(s) in call to \"%s\", got %zu",
                   most, function->name, count);
    else if (count < least)
        parse_fail(parser, expr->start, expr->end,
                   "expected at least %zu argument(s) in call to \"%s\", got %zu", least, function->name,
                   count);
    else if (function->optional > 0 && count > most)
        parse_fail(parser, expr->start, expr->end,
                   "expected at most %zu argument(s) in call to \"%s\", got %zu", most, function->name,
                   count);
    return parser->rc == 0;
}

/* the second argument of info names labels only, and may name none */
static bool check_info(struct parser *parser, const struct expr *expr) {
    const struct expr *filter = expr->call.args[1];
    if (filter->value != VALUE_VECTOR)
        return parse_fail(parser, expr->start, expr->end,
                          "expected type instant vector in call to function \"info\", got %s",
                          value_type_name(filter->value)) != NULL;
    if (filter->kind != EXPR_SELECTOR) return fail_at(parser, filter, "expected label selectors only");
    if (filter->selector.name.len)
        return fail_at(parser, filter, "expected label selectors only, got vector selector instead");
    return true;
}

static bool check_call(struct parser *parser, struct expr *expr) {
    const struct call *call = &expr->call;
    size_t most = strlen(call->function->args);
    bool is_info = call->function->id == FN_info && call->arg_count > 1;
    if (!check_count(parser, expr) || (is_info && !check_info(parser, expr))) return false;
    for (size_t i = 0; i < call->arg_count - is_info; i++)
        if (!check_type(parser, call->args[i], call->function->args[i < most ? i : most - 1],
                        "call to function ", call->function->name))
            return false;
    return true;
}

static bool check_selector(struct parser *parser, const struct expr *expr) {
    const struct selector *selector = &expr->selector;
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct matcher *matcher = &selector->matchers[i];
        if (!selector->name.len) {
            if (!matcher_matches_empty(matcher)) return true;
        } else if (i > 0 && span_is(matcher->name, LABEL_NAME)) { /* the first is the name itself */
            parse_fail(parser, expr->start, expr->end,
                       "metric name must not be set twice: \"%.*s\" or \"%.*s\"", SPAN_ARG(selector->name),
                       SPAN_ARG(matcher->value));
            return false;
        }
    }
    if (selector->name.len) return true;
    return fail_at(parser, expr, "vector selector must contain at least one non-empty matcher");
}

/* here with the engine's word for the type */
static bool check_subquery(struct parser *parser, const struct expr *expr) {
    static const char *const names[] = {"none", "scalar", "vector", "matrix", "string"};
    struct expr *inner = expr->subquery.expr;
    if (!parse_check(parser, inner)) return false;
    if (inner->value == VALUE_VECTOR) return true;
    parse_fail(parser, expr->start, expr->end, "subquery is only allowed on instant vector, got %s instead",
               names[inner->value]);
    return false;
}

static bool check_unary(struct parser *parser, const struct expr *expr) {
    if (!parse_check(parser, expr->unary.expr)) return false;
    if (is_operand(expr->unary.expr)) return true;
    parse_fail(parser, expr->start, expr->end,
               "unary expression only allowed on expressions of type scalar or instant vector, got \"%s\"",
               value_type_name(expr->unary.expr->value));
    return false;
}

bool parse_check(struct parser *parser, struct expr *expr) {
    switch (expr->kind) {
    case EXPR_NUMBER:
    case EXPR_STRING: return true;
    case EXPR_SELECTOR: return check_selector(parser, expr);
    case EXPR_SUBQUERY: return check_subquery(parser, expr);
    case EXPR_UNARY: return check_unary(parser, expr);
    case EXPR_BINARY: return check_binary(parser, expr);
    case EXPR_AGGREGATE: return check_aggregate(parser, &expr->aggregate);
    case EXPR_CALL: return check_call(parser, expr);
    case EXPR_PAREN: return parse_check(parser, expr->paren);
    }
    return true;
}
