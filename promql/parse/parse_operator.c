#include "promql/parse/parser.h"

#include <string.h>

static const struct {
    const char *text;
    int precedence;
    enum token_kind token; /* TOKEN_IDENTIFIER: a keyword */
} operators[] = {
    [OP_OR] = {"or", 1, TOKEN_IDENTIFIER},
    [OP_AND] = {"and", 2, TOKEN_IDENTIFIER},
    [OP_UNLESS] = {"unless", 2, TOKEN_IDENTIFIER},
    [OP_EQL] = {"==", 3, TOKEN_EQLC},
    [OP_NEQ] = {"!=", 3, TOKEN_NEQ},
    [OP_LTE] = {"<=", 3, TOKEN_LTE},
    [OP_LSS] = {"<", 3, TOKEN_LSS},
    [OP_GTE] = {">=", 3, TOKEN_GTE},
    [OP_GTR] = {">", 3, TOKEN_GTR},
    [OP_TRIM_UPPER] = {"</", 3, TOKEN_TRIM_UPPER},
    [OP_TRIM_LOWER] = {">/", 3, TOKEN_TRIM_LOWER},
    [OP_ADD] = {"+", 4, TOKEN_ADD},
    [OP_SUB] = {"-", 4, TOKEN_SUB},
    [OP_MUL] = {"*", 5, TOKEN_MUL},
    [OP_DIV] = {"/", 5, TOKEN_DIV},
    [OP_MOD] = {"%", 5, TOKEN_MOD},
    [OP_ATAN2] = {"atan2", 5, TOKEN_IDENTIFIER},
    [OP_POW] = {"^", 6, TOKEN_POW}, /* to the right */
};
#define OPERATOR_COUNT (sizeof operators / sizeof *operators)

const char *operator_text(enum operator op) {
    return operators[op].text;
}

bool operator_is_comparison(enum operator op) {
    return op >= OP_EQL && op <= OP_GTR;
}

bool operator_is_set(enum operator op) {
    return op == OP_OR || op == OP_AND || op == OP_UNLESS;
}

static enum operator operator_here(const struct parser *parser) {
    for (size_t i = 1; i < OPERATOR_COUNT; i++) {
        if (operators[i].token != parser->token.kind) continue;
        if (operators[i].token != TOKEN_IDENTIFIER || parse_at_keyword(parser, operators[i].text))
            return (enum operator)i;
    }
    return OP_NONE;
}

/* group_left, group_right, and the labels to include */
static bool parse_group(struct parser *parser, struct vector_matching *matching) {
    bool left = parse_at_keyword(parser, "group_left"), right = parse_at_keyword(parser, "group_right");
    if (!left && !right) return true;
    matching->card = left ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
    parse_advance(parser);
    if (parser->token.kind != TOKEN_LEFT_PAREN) return true;
    return parse_label_list(parser, "grouping opts", &matching->include, &matching->include_count, false);
}

static bool parse_fill_value(struct parser *parser, double *value) {
    parse_advance(parser);
    if (!parse_expect(parser, TOKEN_LEFT_PAREN, "fill modifier", "\"(\"")) return false;
    bool negative = parser->token.kind == TOKEN_SUB;
    if (negative || parser->token.kind == TOKEN_ADD) parse_advance(parser);
    bool is_word = parse_at_keyword(parser, "inf") || parse_at_keyword(parser, "nan");
    if (parser->token.kind != TOKEN_NUMBER && parser->token.kind != TOKEN_DURATION && !is_word)
        return parse_unexpected(parser, "fill modifier", "number") != NULL;
    if (!parse_number_token(parser, value)) return false;
    if (negative) *value = -*value;
    return parse_expect(parser, TOKEN_RIGHT_PAREN, "fill modifier", "\")\"");
}

static bool is_fill(struct parser *parser, const char *keyword) {
    if (!parse_at_keyword(parser, keyword)) return false;
    struct lexer ahead = parser->lexer;
    return lexer_next(&ahead).kind == TOKEN_LEFT_PAREN;
}

static bool parse_fill(struct parser *parser, struct vector_matching *matching) {
    for (;;) {
        uint32_t start = parser->token.start;
        double value;
        bool both = is_fill(parser, "fill"), left = is_fill(parser, "fill_left"),
             right = is_fill(parser, "fill_right");
        if (!both && !left && !right) return true;
        if (!parser->options->binop_fill_modifiers) {
            parse_fail(parser, start, parser->token.end,
                       "binop fill modifiers are experimental and not enabled");
            return false;
        }
        if (!parse_fill_value(parser, &value)) return false;
        if (both || left) matching->has_fill_left = true, matching->fill_left = value;
        if (both || right) matching->has_fill_right = true, matching->fill_right = value;
    }
}

/* what may stand between an operator and its right side */
static bool parse_modifiers(struct parser *parser, struct binary *binary, struct vector_matching *matching) {
    binary->returns_bool = parse_take_keyword(parser, "bool");
    bool on = parse_at_keyword(parser, "on"), ignoring = parse_at_keyword(parser, "ignoring");
    matching->card = operator_is_set(binary->op) ? CARD_MANY_TO_MANY : CARD_ONE_TO_ONE;
    if (on || ignoring) {
        matching->on = on;
        parse_advance(parser);
        if (!parse_label_list(parser, "grouping opts", &matching->labels, &matching->label_count, true))
            return false;
        if (!parse_group(parser, matching)) return false;
    }
    return parse_fill(parser, matching);
}

static bool is_explicit(const struct vector_matching *matching) {
    return matching->on || matching->label_count || matching->include_count ||
           matching->card == CARD_MANY_TO_ONE || matching->card == CARD_ONE_TO_MANY ||
           matching->has_fill_left || matching->has_fill_right;
}

static bool check_include(struct parser *parser, const struct expr *expr,
                          const struct vector_matching *matching) {
    for (size_t i = 0; matching->on && i < matching->label_count; i++)
        for (size_t k = 0; k < matching->include_count; k++)
            if (span_equal(matching->labels[i], matching->include[k])) {
                parse_fail(parser, expr->start, expr->end,
                           "label \"%.*s\" must not occur in ON and GROUP clause at once",
                           SPAN_ARG(matching->labels[i]));
                return false;
            }
    return true;
}

static bool check_binary(struct parser *parser, const struct expr *expr, uint32_t op_start, uint32_t op_end,
                         const struct vector_matching *matching) {
    const struct binary *binary = &expr->binary;
    enum value_type left = binary->left->value, right = binary->right->value;
    bool both_vectors = left == VALUE_VECTOR && right == VALUE_VECTOR;
    if ((left != VALUE_SCALAR && left != VALUE_VECTOR) || (right != VALUE_SCALAR && right != VALUE_VECTOR)) {
        const struct expr *bad = left != VALUE_SCALAR && left != VALUE_VECTOR ? binary->left : binary->right;
        parse_fail(parser, bad->start, bad->end,
                   "binary expression must contain only scalar and instant vector types");
    } else if (binary->returns_bool && !operator_is_comparison(binary->op)) {
        parse_fail(parser, op_start, op_end, "bool modifier can only be used on comparison operators");
    } else if (operator_is_comparison(binary->op) && !binary->returns_bool && left == VALUE_SCALAR &&
               right == VALUE_SCALAR) {
        parse_fail(parser, op_start, op_end, "comparisons between scalars must use BOOL modifier");
    } else if (operator_is_set(binary->op) && !both_vectors) {
        parse_fail(parser, expr->start, expr->end,
                   "set operator \"%s\" not allowed in binary scalar expression", operator_text(binary->op));
    } else if (operator_is_set(binary->op) &&
               (matching->card == CARD_MANY_TO_ONE || matching->card == CARD_ONE_TO_MANY)) {
        parse_fail(parser, expr->start, expr->end, "no grouping allowed for \"%s\" operation",
                   operator_text(binary->op));
    } else if (operator_is_set(binary->op) && (matching->has_fill_left || matching->has_fill_right)) {
        parse_fail(parser, expr->start, expr->end, "filling in missing series not allowed for set operators");
    } else if (!both_vectors && is_explicit(matching)) {
        parse_fail(parser, expr->start, expr->end, "vector matching only allowed between instant vectors");
    } else {
        return check_include(parser, expr, matching);
    }
    return false;
}

static struct expr *parse_one_binary(struct parser *parser, struct expr *left, enum operator op) {
    struct vector_matching matching = {0};
    struct binary binary = {.op = op, .left = left};
    uint32_t op_start = parser->token.start, op_end = parser->token.end;
    parse_advance(parser);
    if (!parse_modifiers(parser, &binary, &matching)) return NULL;
    binary.right = parse_expr(parser, operators[op].precedence + (op != OP_POW));
    if (!binary.right) return NULL;
    bool is_scalar = left->value == VALUE_SCALAR && binary.right->value == VALUE_SCALAR;
    struct expr *expr = parse_node(parser, EXPR_BINARY, is_scalar ? VALUE_SCALAR : VALUE_VECTOR, left->start);
    if (!expr || !parse_adopt(parser, expr, left) || !parse_adopt(parser, expr, binary.right)) return NULL;
    expr->binary = binary;
    if (!check_binary(parser, expr, op_start, op_end, &matching)) return NULL;
    if (left->value == VALUE_VECTOR && binary.right->value == VALUE_VECTOR) {
        expr->binary.matching = arena_alloc(parser->arena, sizeof matching);
        if (!expr->binary.matching)
            return parse_fail(parser, 0, 0, "expression needs more memory than its limit");
        *expr->binary.matching = matching;
    }
    return expr;
}

struct expr *parse_binary(struct parser *parser, struct expr *left, int min_precedence) {
    while (left) {
        enum operator op = operator_here(parser);
        if (op == OP_NONE || operators[op].precedence < min_precedence) return left;
        left = parse_one_binary(parser, left, op);
    }
    return NULL;
}
