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
    return parse_label_list(parser, &matching->include, &matching->include_count);
}

static bool parse_fill_value(struct parser *parser, double *value) {
    parse_advance(parser);
    if (!parse_expect(parser, TOKEN_LEFT_PAREN, NULL, NULL)) return false;
    bool negative = parser->token.kind == TOKEN_SUB;
    if (negative || parser->token.kind == TOKEN_ADD) parse_advance(parser);
    if (parser->token.kind != TOKEN_NUMBER && parser->token.kind != TOKEN_DURATION)
        return parse_unexpected(parser, NULL, NULL) != NULL;
    if (!parse_number_token(parser, value)) return false;
    if (negative) *value = -*value;
    return parse_expect(parser, TOKEN_RIGHT_PAREN, NULL, NULL);
}

static bool is_fill(struct parser *parser, const char *keyword) {
    if (!parse_at_keyword(parser, keyword)) return false;
    struct lexer ahead = parser->lexer;
    return lexer_next(&ahead).kind == TOKEN_LEFT_PAREN;
}

/* fill(x), or one or both of fill_left(x) and fill_right(x) */
static bool parse_fill(struct parser *parser, struct vector_matching *matching) {
    if (is_fill(parser, "fill")) {
        if (!parse_fill_value(parser, &matching->fill_left)) return false;
        matching->fill_right = matching->fill_left;
        matching->has_fill_left = matching->has_fill_right = matching->is_one_fill = true;
        return true;
    }
    for (;;) {
        bool left = !matching->has_fill_left && is_fill(parser, "fill_left");
        if (!left && (matching->has_fill_right || !is_fill(parser, "fill_right"))) return true;
        if (!parse_fill_value(parser, left ? &matching->fill_left : &matching->fill_right)) return false;
        *(left ? &matching->has_fill_left : &matching->has_fill_right) = true;
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
        if (!parse_label_list(parser, &matching->labels_written, &matching->label_count)) return false;
        matching->labels = parse_sorted_labels(parser, matching->labels_written, matching->label_count);
        if (!matching->labels && matching->label_count) return false;
        if (!parse_group(parser, matching)) return false;
    }
    return parse_fill(parser, matching);
}

/* kept also where it does not belong, for parse_check to refuse */
static bool keep_matching(struct parser *parser, struct expr *expr, const struct vector_matching *matching) {
    expr->binary.matching = arena_alloc(parser->arena, sizeof *matching);
    if (!expr->binary.matching)
        return parse_fail(parser, 0, 0, "expression needs more memory than its limit") != NULL;
    *expr->binary.matching = *matching;
    if (parser->options->binop_fill_modifiers || (!matching->has_fill_left && !matching->has_fill_right))
        return true;
    parse_fail(parser, expr->start, expr->end, "binop fill modifiers are experimental and not enabled");
    return false;
}

static struct expr *parse_one_binary(struct parser *parser, struct expr *left, enum operator op) {
    struct vector_matching matching = {0};
    struct binary binary = {.op = op, .left = left};
    parse_advance(parser);
    if (!parse_modifiers(parser, &binary, &matching)) return NULL;
    binary.right = parse_expr(parser, operators[op].precedence + (op != OP_POW));
    if (!binary.right) return NULL;
    bool is_scalar = left->value == VALUE_SCALAR && binary.right->value == VALUE_SCALAR;
    struct expr *expr = parse_node(parser, EXPR_BINARY, is_scalar ? VALUE_SCALAR : VALUE_VECTOR, left->start);
    if (!expr || !parse_adopt(parser, expr, left) || !parse_adopt(parser, expr, binary.right)) return NULL;
    expr->binary = binary;
    return keep_matching(parser, expr, &matching) ? expr : NULL;
}

struct expr *parse_binary(struct parser *parser, struct expr *left, int min_precedence) {
    while (left) {
        enum operator op = operator_here(parser);
        if (op == OP_NONE || operators[op].precedence < min_precedence) return left;
        left = parse_one_binary(parser, left, op);
    }
    return NULL;
}
