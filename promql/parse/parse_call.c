#include "promql/parse/parser.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *param; /* letter of the parameter's type, as in function.def, or NULL */
} aggregates[] = {
    [AGG_SUM] = {"sum", NULL},          [AGG_AVG] = {"avg", NULL},
    [AGG_MIN] = {"min", NULL},          [AGG_MAX] = {"max", NULL},
    [AGG_COUNT] = {"count", NULL},      [AGG_GROUP] = {"group", NULL},
    [AGG_STDDEV] = {"stddev", NULL},    [AGG_STDVAR] = {"stdvar", NULL},
    [AGG_TOPK] = {"topk", "s"},         [AGG_BOTTOMK] = {"bottomk", "s"},
    [AGG_QUANTILE] = {"quantile", "s"}, [AGG_COUNT_VALUES] = {"count_values", "t"},
    [AGG_LIMITK] = {"limitk", "s"},     [AGG_LIMIT_RATIO] = {"limit_ratio", "s"},
};

const char *aggregate_text(enum aggregate_op op) {
    return aggregates[op].name;
}

bool parse_is_aggregate(struct span name, enum aggregate_op *op) {
    for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++) {
        if (name.len != strlen(aggregates[i].name) ||
            strncasecmp(name.ptr, aggregates[i].name, name.len) != 0)
            continue;
        *op = (enum aggregate_op)i;
        return true;
    }
    return false;
}

static enum value_type type_of_letter(char letter) {
    switch (letter) {
    case 'v': return VALUE_VECTOR;
    case 'r': return VALUE_MATRIX;
    case 's': return VALUE_SCALAR;
    default: return VALUE_STRING;
    }
}

static bool check_type(struct parser *parser, const struct expr *expr, char letter, const char *context) {
    enum value_type wanted = type_of_letter(letter);
    if (expr->value == wanted) return true;
    parse_fail(parser, expr->start, expr->end, "expected type %s in %s, got %s", value_type_name(wanted),
               context, value_type_name(expr->value));
    return false;
}

/* ( expr, expr ... ); no comma at the end */
static bool parse_args(struct parser *parser, const char *context, struct expr ***args, size_t *count) {
    if (!parse_expect(parser, TOKEN_LEFT_PAREN, context, NULL)) return false;
    if (parser->token.kind == TOKEN_RIGHT_PAREN) {
        parse_advance(parser);
        return true;
    }
    for (;;) {
        struct expr *arg = parse_expr(parser, 0);
        if (!arg) return false;
        void *items = *args;
        struct expr **place = parse_push(parser, &items, count, sizeof *place);
        if (!place) return false;
        *args = items;
        *place = arg;
        if (parser->token.kind != TOKEN_COMMA) break;
        uint32_t comma = parser->token.start;
        parse_advance(parser);
        if (parser->token.kind == TOKEN_RIGHT_PAREN) {
            parse_fail(parser, comma, comma + 1, "trailing commas not allowed in function call args");
            return false;
        }
    }
    return parse_expect(parser, TOKEN_RIGHT_PAREN, NULL, NULL);
}

static bool parse_grouping(struct parser *parser, struct aggregate *aggregate, bool *is_given) {
    bool by = parse_at_keyword(parser, "by"), without = parse_at_keyword(parser, "without");
    *is_given = by || without;
    if (!*is_given) return true;
    aggregate->without = without;
    parse_advance(parser);
    return parse_label_list(parser, "grouping opts", &aggregate->grouping, &aggregate->grouping_count, true);
}

struct expr *parse_aggregate(struct parser *parser, enum aggregate_op op) {
    uint32_t start = parser->token.start;
    struct aggregate aggregate = {.op = op};
    struct expr **args = NULL;
    size_t count = 0;
    bool is_given;
    parse_advance(parser);
    if (!parse_grouping(parser, &aggregate, &is_given)) return NULL;
    if (!parse_args(parser, "aggregation", &args, &count)) return NULL;
    if (!is_given && !parse_grouping(parser, &aggregate, &is_given)) return NULL;
    size_t wanted = aggregates[op].param ? 2 : 1;
    if (!count)
        return parse_fail(parser, start, parser->last_end, "no arguments for aggregate expression provided");
    if (count != wanted)
        return parse_fail(
            parser, start, parser->last_end,
            "wrong number of arguments for aggregate expression provided, expected %zu, got %zu", wanted,
            count);
    if ((op == AGG_LIMITK || op == AGG_LIMIT_RATIO) && !parser->options->experimental_functions)
        return parse_fail(
            parser, start, parser->last_end,
            "%s() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
            aggregates[op].name);
    aggregate.expr = args[count - 1];
    if (!check_type(parser, aggregate.expr, 'v', "aggregation expression")) return NULL;
    if (count == 2) {
        aggregate.param = args[0];
        if (!check_type(parser, aggregate.param, aggregates[op].param[0], "aggregation parameter"))
            return NULL;
    }
    struct expr *expr = parse_node(parser, EXPR_AGGREGATE, VALUE_VECTOR, start);
    if (!expr || !parse_adopt(parser, expr, aggregate.expr) ||
        (aggregate.param && !parse_adopt(parser, expr, aggregate.param)))
        return NULL;
    expr->aggregate = aggregate;
    return expr;
}

static bool check_count(struct parser *parser, uint32_t start, const struct function *function,
                        size_t count) {
    size_t most = strlen(function->args);
    if (function->optional == 0 && count != most) {
        parse_fail(parser, start, parser->last_end, "expected %zu argument(s) in call to \"%s\", got %zu",
                   most, function->name, count);
        return false;
    }
    size_t least = function->optional < 0 ? most - 1 : most - (size_t)function->optional;
    if (count < least) {
        parse_fail(parser, start, parser->last_end,
                   "expected at least %zu argument(s) in call to \"%s\", got %zu", least, function->name,
                   count);
        return false;
    }
    if (function->optional > 0 && count > most) {
        parse_fail(parser, start, parser->last_end,
                   "expected at most %zu argument(s) in call to \"%s\", got %zu", most, function->name,
                   count);
        return false;
    }
    return true;
}

struct expr *parse_call(struct parser *parser) {
    uint32_t start = parser->token.start, name_end = parser->token.end;
    struct span name = parse_text(parser);
    const struct function *function = function_find(name);
    if (!function)
        return parse_fail(parser, start, name_end, "unknown function with name \"%.*s\"", SPAN_ARG(name));
    if (function->state == FUNCTION_EXPERIMENTAL && !parser->options->experimental_functions)
        return parse_fail(parser, start, name_end,
                          "function \"%s\" is not enabled, it is experimental: use "
                          "--enable-feature=promql-experimental-functions",
                          function->name);
    struct expr **args = NULL;
    size_t count = 0, most = strlen(function->args);
    parse_advance(parser);
    parser->allows_empty = function->id == FN_info; /* its second argument is a filter, not a selection */
    if (!parse_args(parser, "function call", &args, &count)) return NULL;
    parser->allows_empty = false;
    if (!check_count(parser, start, function, count)) return NULL;
    char context[80];
    snprintf(context, sizeof context, "call to function \"%s\"", function->name);
    for (size_t i = 0; i < count; i++)
        if (!check_type(parser, args[i], function->args[i < most ? i : most - 1], context)) return NULL;
    struct expr *expr = parse_node(parser, EXPR_CALL, function->result, start);
    for (size_t i = 0; expr && i < count; i++)
        if (!parse_adopt(parser, expr, args[i])) return NULL;
    if (expr) expr->call = (struct call){function, args, count};
    return expr;
}
