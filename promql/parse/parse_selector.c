#include "promql/parse/parser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int compare_names(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* A label name: an identifier (keywords too) or a quoted text. */
static bool parse_label_name(struct parser *parser, const char *context, struct span *name) {
    if (parser->token.kind == TOKEN_STRING) {
        if (!parse_string_token(parser, name)) return false;
        if (name->len && span_is_utf8(*name)) return true;
        parse_fail(parser, parser->token.start, parser->token.end, "invalid label name for %s: %.*s", context,
                   SPAN_ARG(*name));
        return false;
    }
    if (parser->token.kind != TOKEN_IDENTIFIER) return parse_unexpected(parser, context, "label") != NULL;
    *name = parse_text(parser);
    parse_advance(parser);
    return true;
}

bool parse_label_list(struct parser *parser, const char *context, struct span **names, size_t *count,
                      bool sorted) {
    if (!parse_expect(parser, TOKEN_LEFT_PAREN, context, "\"(\"")) return false;
    while (parser->token.kind != TOKEN_RIGHT_PAREN) {
        struct span name;
        void *items = *names;
        if (!parse_label_name(parser, context, &name)) return false;
        struct span *place = parse_push(parser, &items, count, sizeof *place);
        if (!place) return false;
        *names = items;
        *place = name;
        if (parser->token.kind == TOKEN_RIGHT_PAREN) break;
        if (!parse_expect(parser, TOKEN_COMMA, context, "\",\" or \")\"")) return false;
    }
    parse_advance(parser);
    if (sorted && *count) qsort(*names, *count, sizeof **names, compare_names);
    return true;
}

static bool add_matcher(struct parser *parser, struct selector *selector, enum matcher_type type,
                        struct span name, struct span value, uint32_t start) {
    struct err err = {0};
    void *items = selector->matchers;
    struct matcher matcher;
    if (matcher_init(&matcher, type, name, value, &err) != 0) {
        parse_fail(parser, start, parser->last_end, "%s", err.text);
        return false;
    }
    struct matcher *place = parse_push(parser, &items, &selector->matcher_count, sizeof *place);
    if (!place) {
        matcher_release(&matcher);
        return false;
    }
    selector->matchers = items;
    *place = matcher;
    return true;
}

static bool take_match_op(struct parser *parser, enum matcher_type *type) {
    switch (parser->token.kind) {
    case TOKEN_EQL: *type = MATCH_EQUAL; break;
    case TOKEN_NEQ: *type = MATCH_NOT_EQUAL; break;
    case TOKEN_EQL_REGEX: *type = MATCH_REGEX; break;
    case TOKEN_NEQ_REGEX: *type = MATCH_NOT_REGEX; break;
    default: return parse_unexpected(parser, "label matching", "label matching operator") != NULL;
    }
    parse_advance(parser);
    return true;
}

static bool set_name(struct parser *parser, struct selector *selector, struct span name, uint32_t start) {
    if (selector->name.len) {
        parse_fail(parser, start, parser->last_end, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
                   SPAN_ARG(selector->name), SPAN_ARG(name));
        return false;
    }
    selector->name = name;
    return add_matcher(parser, selector, MATCH_EQUAL, SPAN(LABEL_NAME), name, start);
}

/* name="value", or "name" for a metric name that is not an identifier */
static bool parse_matcher(struct parser *parser, struct selector *selector) {
    uint32_t start = parser->token.start;
    bool quoted = parser->token.kind == TOKEN_STRING;
    enum matcher_type type = MATCH_EQUAL;
    struct span name, value;
    if (!quoted && parser->token.kind != TOKEN_IDENTIFIER)
        return parse_unexpected(parser, "label matching", "identifier or \"}\"") != NULL;
    if (!parse_label_name(parser, "label matching", &name)) return false;
    if (quoted && (parser->token.kind == TOKEN_COMMA || parser->token.kind == TOKEN_RIGHT_BRACE))
        return set_name(parser, selector, name, start);
    if (!take_match_op(parser, &type)) return false;
    if (parser->token.kind != TOKEN_STRING)
        return parse_unexpected(parser, "label matching", "string") != NULL;
    if (!parse_string_token(parser, &value)) return false;
    return add_matcher(parser, selector, type, name, value, start);
}

static bool parse_braces(struct parser *parser, struct selector *selector) {
    parse_advance(parser);
    while (parser->token.kind != TOKEN_RIGHT_BRACE) {
        if (!parse_matcher(parser, selector)) return false;
        if (parser->token.kind == TOKEN_RIGHT_BRACE) break;
        if (!parse_expect(parser, TOKEN_COMMA, "label matching", "\",\" or \"}\"")) return false;
    }
    parse_advance(parser);
    return true;
}

static bool check_selector(struct parser *parser, const struct selector *selector, uint32_t start) {
    bool has_nonempty = false;
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct matcher *matcher = &selector->matchers[i];
        has_nonempty |= !matcher_matches_empty(matcher);
        if (i > 0 && selector->name.len && matcher->type == MATCH_EQUAL &&
            span_is(matcher->name, LABEL_NAME) && matcher->value.len &&
            !(matcher->value.ptr == selector->name.ptr)) {
            parse_fail(parser, start, parser->last_end,
                       "metric name must not be set twice: \"%.*s\" or \"%.*s\"", SPAN_ARG(selector->name),
                       SPAN_ARG(matcher->value));
            return false;
        }
    }
    if (has_nonempty || parser->allows_empty) return true;
    parse_fail(parser, start, parser->last_end,
               "vector selector must contain at least one non-empty matcher");
    return false;
}

struct expr *parse_selector(struct parser *parser) {
    uint32_t start = parser->token.start;
    struct expr *expr = parse_node(parser, EXPR_SELECTOR, VALUE_VECTOR, start);
    if (!expr) return NULL;
    struct selector *selector = &expr->selector;
    bool ok = true;
    selector->before = parser->selectors;
    parser->selectors = selector;
    if (parser->token.kind != TOKEN_LEFT_BRACE) {
        struct span name = parse_text(parser);
        parse_advance(parser);
        ok = set_name(parser, selector, name, start);
    }
    if (ok && parser->token.kind == TOKEN_LEFT_BRACE) ok = parse_braces(parser, selector);
    ok = ok && check_selector(parser, selector, start);
    expr->end = parser->last_end;
    return ok ? expr : NULL;
}

/* [range] or [range:step] behind an instant selector or any instant vector */
static struct expr *parse_range(struct parser *parser, struct expr *expr) {
    uint32_t bracket = parser->token.start;
    struct duration range, step = {0};
    parse_advance(parser);
    if (!parse_duration(parser, DURATION_RANGE, &range)) return NULL;
    bool is_subquery = parser->token.kind == TOKEN_COLON;
    if (is_subquery) {
        parse_advance(parser);
        if (parser->token.kind != TOKEN_RIGHT_BRACKET && !parse_duration(parser, DURATION_STEP, &step))
            return NULL;
    }
    if (!parse_expect(parser, TOKEN_RIGHT_BRACKET, is_subquery ? "subquery selector" : "subquery or range",
                      "\":\" or \"]\""))
        return NULL;
    if (is_subquery) {
        if (expr->value != VALUE_VECTOR)
            return parse_fail(parser, expr->start, expr->end,
                              "subquery is only allowed on instant vector, got %s instead",
                              value_type_name(expr->value));
        struct expr *subquery = parse_node(parser, EXPR_SUBQUERY, VALUE_MATRIX, expr->start);
        if (!subquery || !parse_adopt(parser, subquery, expr)) return NULL;
        subquery->subquery = (struct subquery){.expr = expr, .range = range, .step = step};
        return subquery;
    }
    if (expr->kind != EXPR_SELECTOR || expr->selector.is_range)
        return parse_fail(parser, bracket, parser->last_end, "ranges only allowed for vector selectors");
    struct time_shift *shift = &expr->selector.shift;
    if (shift->has_offset)
        return parse_fail(parser, bracket, parser->last_end, "no offset modifiers allowed before range");
    if (shift->at != AT_NONE)
        return parse_fail(parser, bracket, parser->last_end, "no @ modifiers allowed before range");
    expr->selector.is_range = true;
    expr->selector.range = range;
    expr->value = VALUE_MATRIX;
    expr->end = parser->last_end;
    return expr;
}

static struct time_shift *shift_of(struct expr *expr) {
    if (expr->kind == EXPR_SELECTOR) return &expr->selector.shift;
    return expr->kind == EXPR_SUBQUERY ? &expr->subquery.shift : NULL;
}

static struct expr *parse_offset(struct parser *parser, struct expr *expr) {
    struct time_shift *shift = shift_of(expr);
    uint32_t start = parser->token.start;
    struct duration offset;
    parse_advance(parser);
    if (!parse_duration(parser, DURATION_OFFSET, &offset)) return NULL;
    if (!shift)
        return parse_fail(parser, start, parser->last_end,
                          "offset modifier must be preceded by an instant vector selector or range vector "
                          "selector or a subquery");
    if (shift->has_offset)
        return parse_fail(parser, start, parser->last_end, "offset may not be set multiple times");
    shift->has_offset = true;
    shift->offset = offset;
    expr->end = parser->last_end;
    return expr;
}

/* start(), end(), or seconds with a sign */
static bool parse_at_time(struct parser *parser, struct time_shift *shift) {
    bool is_start = parse_at_keyword(parser, "start"), negative;
    double seconds;
    if (is_start || parse_at_keyword(parser, "end")) {
        parse_advance(parser);
        shift->at = is_start ? AT_START : AT_END;
        return parse_expect(parser, TOKEN_LEFT_PAREN, "@ modifier", "\"(\"") &&
               parse_expect(parser, TOKEN_RIGHT_PAREN, "@ modifier", "\")\"");
    }
    uint32_t start = parser->token.start;
    negative = parser->token.kind == TOKEN_SUB;
    if (negative || parser->token.kind == TOKEN_ADD) parse_advance(parser);
    bool is_word = parse_at_keyword(parser, "inf") || parse_at_keyword(parser, "nan");
    if (parser->token.kind != TOKEN_NUMBER && parser->token.kind != TOKEN_DURATION && !is_word)
        return parse_unexpected(parser, "@ modifier", "timestamp") != NULL;
    if (!parse_number_token(parser, &seconds)) return false;
    if (!(fabs(seconds) < 9223372036854774.0)) {
        parse_fail(parser, start, parser->last_end, "timestamp out of bounds for @ modifier: %f",
                   negative ? -seconds : seconds);
        return false;
    }
    shift->at = AT_TIME;
    shift->at_ms = (int64_t)llround((negative ? -seconds : seconds) * 1000);
    return true;
}

static struct expr *parse_at(struct parser *parser, struct expr *expr) {
    struct time_shift *shift = shift_of(expr), given = {0};
    uint32_t start = parser->token.start;
    parse_advance(parser);
    if (!parse_at_time(parser, &given)) return NULL;
    if (!shift)
        return parse_fail(parser, start, parser->last_end,
                          "@ modifier must be preceded by an instant vector selector or range vector "
                          "selector or a subquery");
    if (shift->at != AT_NONE)
        return parse_fail(parser, start, parser->last_end, "@ <timestamp> may not be set multiple times");
    shift->at = given.at;
    shift->at_ms = given.at_ms;
    expr->end = parser->last_end;
    return expr;
}

static struct expr *parse_edge(struct parser *parser, struct expr *expr, enum range_edge edge) {
    const char *word = edge == EDGE_ANCHORED ? "anchored" : "smoothed";
    uint32_t start = parser->token.start;
    parse_advance(parser);
    if (!parser->options->extended_range_selectors)
        return parse_fail(parser, start, parser->last_end, "%s modifier is experimental and not enabled",
                          word);
    if (expr->kind == EXPR_SUBQUERY)
        return parse_fail(parser, start, parser->last_end, "%s modifier is not supported for subqueries",
                          word);
    if (expr->kind != EXPR_SELECTOR)
        return parse_fail(parser, start, parser->last_end, "%s modifier not implemented", word);
    if (expr->selector.edge != EDGE_NONE && expr->selector.edge != edge)
        return parse_fail(parser, start, parser->last_end,
                          "anchored and smoothed modifiers cannot be used together");
    expr->selector.edge = edge;
    expr->end = parser->last_end;
    return expr;
}

struct expr *parse_postfix(struct parser *parser, struct expr *expr) {
    while (expr) {
        if (parser->token.kind == TOKEN_LEFT_BRACKET)
            expr = parse_range(parser, expr);
        else if (parser->token.kind == TOKEN_AT)
            expr = parse_at(parser, expr);
        else if (parse_at_keyword(parser, "offset"))
            expr = parse_offset(parser, expr);
        else if (parse_at_keyword(parser, "anchored"))
            expr = parse_edge(parser, expr, EDGE_ANCHORED);
        else if (parse_at_keyword(parser, "smoothed"))
            expr = parse_edge(parser, expr, EDGE_SMOOTHED);
        else
            return expr;
    }
    return NULL;
}
