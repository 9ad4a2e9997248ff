#include "promql/parse/parser.h"

#include "lib/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_MAX_TEXT ((size_t)256 << 10)

static void locate(struct parser *parser, uint32_t start, uint32_t end) {
    struct parse_error *error = parser->error;
    struct span text = parser->lexer.text;
    error->start = start;
    error->end = end;
    error->line = 1;
    error->column = 1;
    for (uint32_t i = 0; i < start && i < text.len; i++) {
        error->column++;
        if (text.ptr[i] != '\n') continue;
        error->line++;
        error->column = 1;
    }
}

void *parse_fail(struct parser *parser, uint32_t start, uint32_t end, const char *format, ...) {
    if (parser->rc) return NULL;
    parser->rc = ERR_INVALID;
    locate(parser, start, end);
    va_list args;
    va_start(args, format);
    vsnprintf(parser->error->text, sizeof parser->error->text, format, args);
    va_end(args);
    return NULL;
}

struct span parse_text(const struct parser *parser) {
    return token_text(&parser->lexer, parser->token);
}

/* as Prometheus names a token in its messages */
static void describe(const struct parser *parser, char *out, size_t size) {
    static const char *const kinds[] = {
        [TOKEN_IDENTIFIER] = "identifier", [TOKEN_METRIC] = "metric identifier",
        [TOKEN_NUMBER] = "number",         [TOKEN_DURATION] = "duration",
        [TOKEN_STRING] = "string",
    };
    static const char *const keywords[] = {"by",         "without",     "on",   "ignoring",
                                           "group_left", "group_right", "bool", "offset"};
    struct span text = parse_text(parser);
    enum aggregate_op op;
    enum token_kind kind = parser->token.kind;
    if (kind == TOKEN_END) {
        snprintf(out, size, "end of input");
        return;
    }
    if (kind == TOKEN_IDENTIFIER) {
        for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
            if (parse_at_keyword(parser, keywords[i])) {
                snprintf(out, size, "<%.*s>", SPAN_ARG(text));
                return;
            }
        if (parse_at_keyword(parser, "and") || parse_at_keyword(parser, "or") ||
            parse_at_keyword(parser, "unless") || parse_at_keyword(parser, "atan2")) {
            snprintf(out, size, "<op:%.*s>", SPAN_ARG(text));
            return;
        }
        if (parse_is_aggregate(text, &op)) {
            snprintf(out, size, "<aggr:%.*s>", SPAN_ARG(text));
            return;
        }
    }
    struct buf quoted;
    buf_init(&quoted, 1024);
    bool cut = text.len > 10 && kind != TOKEN_STRING;
    text_write_quoted(cut ? span_of(text.ptr, 10) : text, &quoted);
    if (kind >= TOKEN_EQL && kind <= TOKEN_POW)
        snprintf(out, size, "<op:%.*s>", SPAN_ARG(text));
    else if (kind < sizeof kinds / sizeof *kinds && kinds[kind])
        snprintf(out, size, "%s %s%s", kinds[kind], buf_text(&quoted), cut ? "..." : "");
    else
        snprintf(out, size, "%s", buf_text(&quoted));
    buf_release(&quoted);
}

void *parse_unexpected(struct parser *parser, const char *context, const char *wanted) {
    char token[160];
    if (parser->token.kind == TOKEN_ERROR)
        return parse_fail(parser, parser->token.start, parser->token.end, "%s", parser->lexer.error);
    describe(parser, token, sizeof token);
    return parse_fail(parser, parser->token.start, parser->token.end, "unexpected %s%s%s%s%s", token,
                      context ? " in " : "", context ? context : "", wanted ? ", expected " : "",
                      wanted ? wanted : "");
}

void parse_advance(struct parser *parser) {
    parser->last_end = parser->token.end;
    parser->token = lexer_next(&parser->lexer);
}

bool parse_expect(struct parser *parser, enum token_kind kind, const char *context, const char *wanted) {
    if (parser->token.kind != kind) return parse_unexpected(parser, context, wanted) != NULL;
    parse_advance(parser);
    return true;
}

bool parse_at_keyword(const struct parser *parser, const char *keyword) {
    struct span text = parse_text(parser);
    return parser->token.kind == TOKEN_IDENTIFIER && text.len == strlen(keyword) &&
           strncasecmp(text.ptr, keyword, text.len) == 0;
}

bool parse_take_keyword(struct parser *parser, const char *keyword) {
    if (!parse_at_keyword(parser, keyword)) return false;
    parse_advance(parser);
    return true;
}

static void *out_of_memory(struct parser *parser) {
    parse_fail(parser, 0, 0, "expression needs more memory than its limit");
    parser->rc = ERR_LIMIT;
    return NULL;
}

struct expr *parse_node(struct parser *parser, enum expr_kind kind, enum value_type value, uint32_t start) {
    if (++parser->nodes > PARSE_MAX_NODES) {
        parse_fail(parser, start, parser->token.end, "expression has more than %d parts", PARSE_MAX_NODES);
        parser->rc = ERR_LIMIT;
        return NULL;
    }
    struct expr *expr = arena_zalloc(parser->arena, sizeof *expr);
    if (!expr) return out_of_memory(parser);
    expr->kind = kind;
    expr->value = value;
    expr->start = start;
    expr->end = parser->last_end;
    return expr;
}

bool parse_adopt(struct parser *parser, struct expr *expr, const struct expr *part) {
    if (part->height + 1 > expr->height) expr->height = part->height + 1;
    if (expr->height <= PARSE_MAX_HEIGHT) return true;
    parse_fail(parser, expr->start, expr->end, "expression is higher than %d levels", PARSE_MAX_HEIGHT);
    parser->rc = ERR_LIMIT;
    return false;
}

void *parse_push(struct parser *parser, void **items, size_t *count, size_t size) {
    /* grows at powers of two, so the count tells the room */
    if ((*count & (*count - 1)) == 0) {
        void *grown = arena_array(parser->arena, *count ? *count * 2 : 1, size);
        if (!grown) return out_of_memory(parser);
        if (*count) memcpy(grown, *items, *count * size);
        *items = grown;
    }
    return (char *)*items + (*count)++ * size;
}

static struct expr *parse_paren(struct parser *parser) {
    uint32_t start = parser->token.start;
    parse_advance(parser);
    struct expr *inner = parse_expr(parser, 0);
    if (!inner || !parse_expect(parser, TOKEN_RIGHT_PAREN, NULL, NULL)) return NULL;
    struct expr *paren = parse_node(parser, EXPR_PAREN, inner->value, start);
    if (!paren || !parse_adopt(parser, paren, inner)) return NULL;
    paren->paren = inner;
    return paren;
}

static struct expr *parse_number(struct parser *parser) {
    uint32_t start = parser->token.start;
    double value;
    if (!parse_number_token(parser, &value)) return NULL;
    struct expr *expr = parse_node(parser, EXPR_NUMBER, VALUE_SCALAR, start);
    if (expr) expr->number = value;
    return expr;
}

static struct expr *parse_string(struct parser *parser) {
    uint32_t start = parser->token.start;
    struct span text;
    if (!parse_string_token(parser, &text)) return NULL;
    struct expr *expr = parse_node(parser, EXPR_STRING, VALUE_STRING, start);
    if (expr) expr->string = text;
    return expr;
}

static bool followed_by_paren(struct parser *parser) {
    struct lexer ahead = parser->lexer;
    return lexer_next(&ahead).kind == TOKEN_LEFT_PAREN;
}

static bool is_aggregate_here(struct parser *parser) {
    struct lexer ahead = parser->lexer;
    struct token next = lexer_next(&ahead);
    struct span text = token_text(&ahead, next);
    return next.kind == TOKEN_LEFT_PAREN ||
           (next.kind == TOKEN_IDENTIFIER && ((text.len == 2 && strncasecmp(text.ptr, "by", 2) == 0) ||
                                              (text.len == 7 && strncasecmp(text.ptr, "without", 7) == 0)));
}

static struct expr *parse_name(struct parser *parser) {
    static const char *const reserved[] = {"bool", "on", "ignoring", "group_left", "group_right"};
    struct span text = parse_text(parser);
    enum aggregate_op op;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (parse_at_keyword(parser, reserved[i])) return parse_unexpected(parser, NULL, NULL);
    if (parse_is_aggregate(text, &op) && is_aggregate_here(parser)) return parse_aggregate(parser, op);
    if (parser->token.kind == TOKEN_IDENTIFIER && followed_by_paren(parser)) return parse_call(parser);
    if (parse_at_keyword(parser, "inf") || parse_at_keyword(parser, "nan")) return parse_number(parser);
    return parse_selector(parser);
}

static struct expr *parse_primary(struct parser *parser) {
    switch (parser->token.kind) {
    case TOKEN_LEFT_PAREN: return parse_paren(parser);
    case TOKEN_NUMBER:
    case TOKEN_DURATION: return parse_number(parser);
    case TOKEN_STRING: return parse_string(parser);
    case TOKEN_LEFT_BRACE: return parse_selector(parser);
    case TOKEN_METRIC:
    case TOKEN_IDENTIFIER: return parse_name(parser);
    default: return parse_unexpected(parser, NULL, NULL);
    }
}

#define UNARY_PRECEDENCE 5 /* as * and /: -2^2 is -(2^2) */

static struct expr *parse_unary(struct parser *parser) {
    uint32_t start = parser->token.start;
    enum operator op = parser->token.kind == TOKEN_SUB ? OP_SUB : OP_ADD;
    parse_advance(parser);
    struct expr *inner = parse_expr(parser, UNARY_PRECEDENCE + 1);
    if (!inner) return NULL;
    if (inner->value != VALUE_SCALAR && inner->value != VALUE_VECTOR)
        return parse_fail(
            parser, start, parser->last_end,
            "unary expression only allowed on expressions of type scalar or instant vector, got \"%s\"",
            value_type_name(inner->value));
    if (inner->kind == EXPR_NUMBER) {
        if (op == OP_SUB) inner->number = -inner->number;
        inner->start = start;
        return inner;
    }
    struct expr *expr = parse_node(parser, EXPR_UNARY, inner->value, start);
    if (!expr || !parse_adopt(parser, expr, inner)) return NULL;
    expr->unary.op = op;
    expr->unary.expr = inner;
    return expr;
}

struct expr *parse_expr(struct parser *parser, int min_precedence) {
    if (parser->depth >= PARSE_MAX_DEPTH) {
        parse_fail(parser, parser->token.start, parser->token.end, "expression nests deeper than %d levels",
                   PARSE_MAX_DEPTH);
        parser->rc = ERR_LIMIT;
        return NULL;
    }
    parser->depth++;
    bool is_unary = parser->token.kind == TOKEN_ADD || parser->token.kind == TOKEN_SUB;
    struct expr *expr = is_unary ? parse_unary(parser) : parse_primary(parser);
    if (expr && !is_unary) expr = parse_postfix(parser, expr);
    if (expr) expr = parse_binary(parser, expr, min_precedence);
    parser->depth--;
    return expr;
}

static void release_matchers(struct selector *selector) {
    for (size_t i = 0; i < selector->matcher_count; i++) matcher_release(&selector->matchers[i]);
    selector->matcher_count = 0;
}

void expr_release(struct expr *expr) {
    if (!expr) return;
    switch (expr->kind) {
    case EXPR_NUMBER:
    case EXPR_STRING: break;
    case EXPR_SELECTOR: release_matchers(&expr->selector); break;
    case EXPR_SUBQUERY: expr_release(expr->subquery.expr); break;
    case EXPR_UNARY: expr_release(expr->unary.expr); break;
    case EXPR_BINARY:
        expr_release(expr->binary.left);
        expr_release(expr->binary.right);
        break;
    case EXPR_AGGREGATE:
        expr_release(expr->aggregate.param);
        expr_release(expr->aggregate.expr);
        break;
    case EXPR_CALL:
        for (size_t i = 0; i < expr->call.arg_count; i++) expr_release(expr->call.args[i]);
        break;
    case EXPR_PAREN: expr_release(expr->paren); break;
    }
}

int promql_parse(struct span text, const struct parse_options *options, struct arena *arena,
                 struct expr **result, struct parse_error *error) {
    static const struct parse_options plain = {0};
    struct parser parser = {.arena = arena, .options = options ? options : &plain, .error = error};
    size_t max_text = parser.options->max_text_bytes ? parser.options->max_text_bytes : DEFAULT_MAX_TEXT;
    *error = (struct parse_error){.line = 1, .column = 1};
    lexer_init(&parser.lexer, text);
    if (text.len > max_text) {
        snprintf(error->text, sizeof error->text, "expression is longer than %zu bytes", max_text);
        return ERR_LIMIT;
    }
    if (!span_is_utf8(text)) {
        snprintf(error->text, sizeof error->text, "invalid UTF-8 in expression");
        return ERR_INVALID;
    }
    parse_advance(&parser);
    if (parser.token.kind == TOKEN_END) {
        parse_fail(&parser, 0, 0, "no expression found in input");
        return parser.rc;
    }
    struct expr *expr = parse_expr(&parser, 0);
    if (expr && parser.token.kind != TOKEN_END) parse_unexpected(&parser, NULL, NULL);
    if (parser.rc) {
        for (struct selector *selector = parser.selectors; selector; selector = selector->before)
            release_matchers(selector);
        return parser.rc;
    }
    ASSERT(expr != NULL);
    *result = expr;
    return 0;
}

void parse_error_write(const struct parse_error *error, struct buf *out) {
    buf_printf(out, "%u:%u: parse error: %s", error->line, error->column, error->text);
}
