#include "promql/parse/parser.h"

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

char parse_aggregate_param(enum aggregate_op op) {
    return aggregates[op].param ? aggregates[op].param[0] : '\0';
}

/* may an expression begin with the current token? */
static bool at_expr(const struct parser *parser) {
    switch (parser->token.kind) {
    case TOKEN_IDENTIFIER:
    case TOKEN_METRIC:
    case TOKEN_NUMBER:
    case TOKEN_DURATION:
    case TOKEN_STRING:
    case TOKEN_LEFT_PAREN:
    case TOKEN_LEFT_BRACE:
    case TOKEN_ADD:
    case TOKEN_SUB:
    case TOKEN_ERROR: return true; /* parse_expr says what is wrong */
    default: return false;
    }
}

/* ( expr, expr ... ); no comma at the end */
static bool parse_args(struct parser *parser, struct expr ***args, size_t *count) {
    if (!parse_expect(parser, TOKEN_LEFT_PAREN, NULL, NULL)) return false;
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
        if (!at_expr(parser)) {
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
    if (!parse_label_list(parser, &aggregate->grouping_written, &aggregate->grouping_count)) return false;
    aggregate->grouping = parse_sorted_labels(parser, aggregate->grouping_written, aggregate->grouping_count);
    return aggregate->grouping || !aggregate->grouping_count;
}

static bool parse_aggregate_parts(struct parser *parser, struct aggregate *aggregate, struct expr ***args,
                                  size_t *count) {
    bool is_given;
    parse_advance(parser);
    if (!parse_grouping(parser, aggregate, &is_given) || !parse_args(parser, args, count)) return false;
    if (is_given) return true;
    /* upstream looks at the next token before it judges the arguments */
    if (parser->token.kind == TOKEN_ERROR) return parse_unexpected(parser, NULL, NULL) != NULL;
    return parse_grouping(parser, aggregate, &is_given);
}

static bool check_parts(struct parser *parser, uint32_t start, enum aggregate_op op, size_t count) {
    size_t wanted = aggregates[op].param ? 2 : 1;
    if (!count)
        parse_fail(parser, start, parser->last_end, "no arguments for aggregate expression provided");
    else if ((op == AGG_LIMITK || op == AGG_LIMIT_RATIO) && !parser->options->experimental_functions)
        parse_fail(
            parser, start, parser->last_end,
            "%s() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
            aggregates[op].name);
    else if (count != wanted)
        parse_fail(parser, start, parser->last_end,
                   "wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
                   wanted, count);
    return parser->rc == 0;
}

struct expr *parse_aggregate(struct parser *parser, enum aggregate_op op) {
    uint32_t start = parser->token.start;
    struct aggregate aggregate = {.op = op};
    struct expr **args = NULL;
    size_t count = 0;
    parser->aggregates++;
    bool ok = parse_aggregate_parts(parser, &aggregate, &args, &count);
    parser->aggregates--;
    if (!ok || !check_parts(parser, start, op, count)) return NULL;
    aggregate.expr = args[count - 1];
    if (count == 2) aggregate.param = args[0];
    struct expr *expr = parse_node(parser, EXPR_AGGREGATE, VALUE_VECTOR, start);
    if (!expr || !parse_adopt(parser, expr, aggregate.expr) ||
        (aggregate.param && !parse_adopt(parser, expr, aggregate.param)))
        return NULL;
    expr->aggregate = aggregate;
    return expr;
}

struct expr *parse_call(struct parser *parser) {
    uint32_t start = parser->token.start, name_end = parser->token.end;
    struct span name = parse_text(parser);
    const struct function *function = function_find(name);
    struct expr **args = NULL;
    size_t count = 0;
    parse_advance(parser);
    if (!parse_args(parser, &args, &count)) return NULL;
    if (!function)
        return parse_fail(parser, start, name_end, "unknown function with name \"%.*s\"", SPAN_ARG(name));
    if (function->state == FUNCTION_EXPERIMENTAL && !parser->options->experimental_functions)
        return parse_fail(parser, start, name_end, "function \"%s\" is not enabled", function->name);
    struct expr *expr = parse_node(parser, EXPR_CALL, function->result, start);
    for (size_t i = 0; expr && i < count; i++)
        if (!parse_adopt(parser, expr, args[i])) return NULL;
    if (expr) expr->call = (struct call){function, args, count};
    return expr;
}
