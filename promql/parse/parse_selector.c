#include "promql/parse/parser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT_MAX_SECONDS 9223372036854774.0 /* in milliseconds an int64_t */

static int compare_names(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* A label name of a list: an identifier (nearly all keywords too) or a quoted text. */
static bool parse_listed_label(struct parser *parser, struct span *name) {
    uint32_t start = parser->token.start, end = parser->token.end;
    bool is_word = parser->token.kind == TOKEN_IDENTIFIER || parser->token.kind == TOKEN_METRIC;
    if (parser->token.kind == TOKEN_STRING) {
        if (!parse_string_token(parser, name)) return false;
        if (name->len && span_is_utf8(*name)) return true;
        parse_fail(parser, start, end, "invalid label name for grouping: \"%.*s\"", SPAN_ARG(*name));
        return false;
    }
    if (!is_word || parse_at_keyword(parser, "without"))
        return parse_unexpected(parser, "grouping opts", "label") != NULL;
    *name = parse_text(parser);
    parse_advance(parser);
    return true;
}

bool parse_label_list(struct parser *parser, struct span **names, size_t *count) {
    if (!parse_expect(parser, TOKEN_LEFT_PAREN, "grouping opts", "\"(\"")) return false;
    while (parser->token.kind != TOKEN_RIGHT_PAREN) {
        struct span name;
        void *items = *names;
        if (!parse_listed_label(parser, &name)) return false;
        struct span *place = parse_push(parser, &items, count, sizeof *place);
        if (!place) return false;
        *names = items;
        *place = name;
        if (parser->token.kind == TOKEN_RIGHT_PAREN) break;
        if (!parse_expect(parser, TOKEN_COMMA, "grouping opts", "\",\" or \")\"")) return false;
    }
    parse_advance(parser);
    return true;
}

struct span *parse_sorted_labels(struct parser *parser, const struct span *names, size_t count) {
    if (!count) return NULL;
    struct span *sorted = arena_array(parser->arena, count, sizeof *sorted);
    if (!sorted) return parse_fail(parser, 0, 0, "expression needs more memory than its limit");
    memcpy(sorted, names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    return sorted;
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

static bool at_match_op(const struct parser *parser) {
    enum token_kind kind = parser->token.kind;
    return kind == TOKEN_EQL || kind == TOKEN_NEQ || kind == TOKEN_EQL_REGEX || kind == TOKEN_NEQ_REGEX;
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

/* name="value", or "name" for a metric name that is not an identifier */
static bool parse_matcher(struct parser *parser, struct selector *selector) {
    uint32_t start = parser->token.start;
    bool quoted = parser->token.kind == TOKEN_STRING;
    enum matcher_type type = MATCH_EQUAL;
    struct span name, value;
    if (!quoted && parser->token.kind != TOKEN_IDENTIFIER)
        return parse_unexpected(parser, "label matching", "identifier or \"}\"") != NULL;
    if (!quoted) {
        name = parse_text(parser);
        parse_advance(parser);
    } else if (!parse_string_token(parser, &name)) {
        return false;
    }
    if (quoted && !at_match_op(parser))
        return add_matcher(parser, selector, MATCH_EQUAL, SPAN(LABEL_NAME), name, start);
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

struct expr *parse_selector(struct parser *parser) {
    uint32_t start = parser->token.start;
    struct expr *expr = parse_node(parser, EXPR_SELECTOR, VALUE_VECTOR, start);
    if (!expr) return NULL;
    struct selector *selector = &expr->selector;
    bool ok = true;
    selector->before = parser->selectors;
    parser->selectors = selector;
    if (parser->token.kind != TOKEN_LEFT_BRACE) {
        selector->name = parse_text(parser);
        parse_advance(parser);
        ok = add_matcher(parser, selector, MATCH_EQUAL, SPAN(LABEL_NAME), selector->name, start);
    }
    if (ok && parser->token.kind == TOKEN_LEFT_BRACE) ok = parse_braces(parser, selector);
    expr->end = parser->last_end;
    return ok ? expr : NULL;
}

static struct expr *subquery_of(struct parser *parser, struct expr *expr, const struct duration *range,
                                const struct duration *step) {
    struct expr *subquery = parse_node(parser, EXPR_SUBQUERY, VALUE_MATRIX, expr->start);
    if (!subquery || !parse_adopt(parser, subquery, expr)) return NULL;
    subquery->subquery = (struct subquery){.expr = expr, .range = *range, .step = *step};
    return subquery;
}

static struct expr *range_of(struct parser *parser, struct expr *expr, const struct duration *range,
                             uint32_t bracket) {
    struct selector *selector = &expr->selector;
    const char *reason = NULL;
    if (expr->kind != EXPR_SELECTOR || selector->is_range)
        reason = "ranges only allowed for vector selectors";
    else if (selector->shift.has_offset)
        reason = "no offset modifiers allowed before range";
    else if (selector->shift.at != AT_NONE)
        reason = "no @ modifiers allowed before range";
    if (reason) return parse_fail(parser, bracket, parser->last_end, "%s", reason);
    selector->is_range = true;
    selector->range = *range;
    expr->value = VALUE_MATRIX;
    expr->end = parser->last_end;
    return expr;
}

/* [range] or [range:step] behind an instant selector or any instant vector */
static struct expr *parse_range(struct parser *parser, struct expr *expr) {
    uint32_t bracket = parser->token.start;
    struct duration range, step = {0};
    bool is_subquery, has_step = false;
    parse_advance(parser);
    if (!parse_duration(parser, DURATION_RANGE, &range)) return NULL;
    is_subquery = parser->token.kind == TOKEN_COLON;
    if (is_subquery) {
        parse_advance(parser);
        has_step = parser->token.kind != TOKEN_RIGHT_BRACKET;
        if (has_step && !parse_duration(parser, DURATION_STEP, &step)) return NULL;
    }
    if (!parse_expect(parser, TOKEN_RIGHT_BRACKET, is_subquery ? "subquery selector" : "subquery or range",
                      has_step ? "\"]\"" : "\":\" or \"]\""))
        return NULL;
    return is_subquery ? subquery_of(parser, expr, &range, &step) : range_of(parser, expr, &range, bracket);
}

static struct time_shift *shift_of(struct expr *expr) {
    if (expr->kind == EXPR_SELECTOR) return &expr->selector.shift;
    return expr->kind == EXPR_SUBQUERY ? &expr->subquery.shift : NULL;
}

static struct expr *parse_offset(struct parser *parser, struct expr *expr) {
    struct time_shift *shift = shift_of(expr);
    struct duration offset;
    parse_advance(parser);
    if (!parse_duration(parser, DURATION_OFFSET, &offset)) return NULL;
    if (!shift)
        return parse_fail(parser, expr->start, expr->end,
                          "offset modifier must be preceded by an instant vector selector or range vector "
                          "selector or a subquery");
    if (shift->has_offset)
        return parse_fail(parser, expr->start, expr->end, "offset may not be set multiple times");
    shift->has_offset = offset.expr || offset.ms; /* 0 is none */
    shift->offset = offset;
    expr->end = parser->last_end;
    return expr;
}

/* start() or end() */
static bool parse_at_edge(struct parser *parser, struct time_shift *shift) {
    shift->at = parse_at_keyword(parser, "start") ? AT_START : AT_END;
    parse_advance(parser);
    return parse_expect(parser, TOKEN_LEFT_PAREN, "@", "timestamp") &&
           parse_expect(parser, TOKEN_RIGHT_PAREN, "@", "timestamp");
}

/* seconds with a sign; range names the expression in an error */
static bool parse_at_time(struct parser *parser, const struct expr *range, struct time_shift *shift) {
    double seconds;
    bool negative = parser->token.kind == TOKEN_SUB;
    if (negative || parser->token.kind == TOKEN_ADD) parse_advance(parser);
    if (parser->token.kind != TOKEN_NUMBER && parser->token.kind != TOKEN_DURATION)
        return parse_unexpected(parser, "@", "timestamp") != NULL;
    if (!parse_number_token(parser, &seconds)) return false;
    if (negative) seconds = -seconds;
    shift->at = AT_TIME;
    shift->at_ms = 0;
    if (fabs(seconds) < AT_MAX_SECONDS) {
        shift->at_ms = (int64_t)llround(seconds * 1000);
        return true;
    }
    if (isfinite(seconds))
        parse_fail(parser, range->start, range->end, "timestamp out of bounds for @ modifier: %f", seconds);
    else
        parse_fail(parser, range->start, range->end, "timestamp out of bounds for @ modifier: %s",
                   isnan(seconds) ? "NaN"
                   : seconds > 0  ? "+Inf"
                                  : "-Inf");
    return false;
}

static struct expr *parse_at(struct parser *parser, struct expr *expr) {
    struct time_shift *shift = shift_of(expr), given = {0};
    parse_advance(parser);
    bool is_edge = parse_at_keyword(parser, "start") || parse_at_keyword(parser, "end");
    if (!(is_edge ? parse_at_edge(parser, &given) : parse_at_time(parser, expr, &given))) return NULL;
    if (!shift)
        return parse_fail(parser, expr->start, expr->end,
                          "@ modifier must be preceded by an instant vector selector or range vector "
                          "selector or a subquery");
    if (shift->at != AT_NONE)
        return parse_fail(parser, expr->start, expr->end, "@ <timestamp> may not be set multiple times");
    shift->at = given.at;
    shift->at_ms = given.at_ms;
    expr->end = parser->last_end;
    return expr;
}

static struct expr *parse_edge(struct parser *parser, struct expr *expr, enum range_edge edge) {
    const char *word = edge == EDGE_ANCHORED ? "anchored" : "smoothed";
    parse_advance(parser);
    if (!parser->options->extended_range_selectors)
        return parse_fail(parser, expr->start, expr->end, "%s modifier is experimental and not enabled",
                          word);
    if (expr->kind == EXPR_SUBQUERY)
        return parse_fail(parser, expr->start, expr->end, "%s modifier is not supported for subqueries",
                          word);
    if (expr->kind != EXPR_SELECTOR)
        return parse_fail(parser, expr->start, expr->end, "%s modifier not implemented", word);
    if (expr->selector.edge != EDGE_NONE && expr->selector.edge != edge)
        return parse_fail(parser, expr->start, expr->end,
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
