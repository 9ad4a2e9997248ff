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

static bool is_one_of(struct span word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (word.len == strlen(words[i]) && strncasecmp(word.ptr, words[i], word.len) == 0) return true;
    return false;
}
#define IS_ONE_OF(word, ...)                                                                                 \
    is_one_of(word, (const char *const[]){__VA_ARGS__},                                                      \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool followed_by_paren(const struct parser *parser) {
    struct lexer ahead = parser->lexer;
    return lexer_next(&ahead).kind == TOKEN_LEFT_PAREN;
}

/* fill and its like are keywords only before a parenthesis */
static bool is_fill_here(const struct parser *parser) {
    return IS_ONE_OF(parse_text(parser), "fill", "fill_left", "fill_right") && followed_by_paren(parser);
}

static void describe_word(const struct parser *parser, struct buf *out) {
    struct span word = parse_text(parser);
    enum aggregate_op op;
    const char *form = NULL;
    if (parser->token.in_braces) {
        form = NULL;
    } else if (IS_ONE_OF(word, "by", "without", "on", "ignoring", "group_left", "group_right", "bool",
                         "offset", "anchored", "smoothed") ||
               is_fill_here(parser)) {
        form = "<%.*s>";
    } else if (IS_ONE_OF(word, "and", "or", "unless", "atan2")) {
        form = "<op:%.*s>";
    } else if (parse_is_aggregate(word, &op)) {
        form = "<aggr:%.*s>";
    } else if (IS_ONE_OF(word, "start", "end", "step", "range", "min_of", "max_of")) {
        form = "\"%.*s\"";
    }
    if (form) {
        buf_printf(out, form, SPAN_ARG(word));
        return;
    }
    buf_puts(out, parser->token.kind == TOKEN_METRIC ? "metric identifier " : "identifier ");
    text_write_quoted(word, out);
}

/* at most ten characters, quoted, with dots behind when that is not all */
static void describe_literal(struct span text, struct buf *out) {
    size_t len = 0;
    for (int count = 0; len < text.len && (text.len <= 10 || count < 10); count++) do
            len++;
        while (len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80);
    text_write_quoted(span_of(text.ptr, len), out);
    if (text.len > 10) buf_puts(out, "...");
}

/* as Prometheus names a token in its messages */
static void describe(const struct parser *parser, struct buf *out) {
    struct span text = parse_text(parser);
    enum token_kind kind = parser->token.kind;
    switch (kind) {
    case TOKEN_END: buf_puts(out, "end of input"); return;
    case TOKEN_IDENTIFIER:
    case TOKEN_METRIC: describe_word(parser, out); return;
    case TOKEN_NUMBER: buf_puts(out, "number "); break;
    case TOKEN_DURATION: buf_puts(out, "duration "); break;
    case TOKEN_STRING: buf_puts(out, "string "); break;
    default: break;
    }
    if (kind >= TOKEN_AT)
        buf_printf(out, "<op:%.*s>", SPAN_ARG(text));
    else
        describe_literal(text, out);
}

void *parse_unexpected(struct parser *parser, const char *context, const char *wanted) {
    struct buf token;
    if (parser->token.kind == TOKEN_ERROR)
        return parse_fail(parser, parser->token.start, parser->token.end, "%s", parser->lexer.error);
    if (!context && parser->aggregates) context = "aggregation";
    buf_init(&token, (size_t)512 << 10);
    describe(parser, &token);
    parse_fail(parser, parser->token.start, parser->token.end, "unexpected %s%s%s%s%s", buf_text(&token),
               context ? " in " : "", context ? context : "", wanted ? ", expected " : "",
               wanted ? wanted : "");
    buf_release(&token);
    return NULL;
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

struct expr *parse_number(struct parser *parser) {
    uint32_t start = parser->token.start;
    bool is_duration = parser->token.kind == TOKEN_DURATION;
    double value;
    if (!parse_number_token(parser, &value)) return NULL;
    struct expr *expr = parse_node(parser, EXPR_NUMBER, VALUE_SCALAR, start);
    if (!expr) return NULL;
    expr->number = value;
    expr->is_duration = is_duration;
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

static bool is_aggregate_here(const struct parser *parser) {
    struct lexer ahead = parser->lexer;
    struct token next = lexer_next(&ahead);
    return next.kind == TOKEN_LEFT_PAREN ||
           (next.kind == TOKEN_IDENTIFIER && IS_ONE_OF(token_text(&ahead, next), "by", "without"));
}

/* Most keywords may be metrics, a few may not. */
static struct expr *parse_name(struct parser *parser) {
    struct span word = parse_text(parser);
    enum aggregate_op op;
    if (parser->token.kind == TOKEN_METRIC) return parse_selector(parser);
    if (IS_ONE_OF(word, "bool", "on", "ignoring", "group_left", "group_right", "atan2") ||
        is_fill_here(parser))
        return parse_unexpected(parser, NULL, NULL);
    if (IS_ONE_OF(word, "and", "or", "unless", "by", "without", "offset", "anchored", "smoothed"))
        return parse_selector(parser);
    if (parse_is_aggregate(word, &op))
        return is_aggregate_here(parser) ? parse_aggregate(parser, op) : parse_selector(parser);
    return followed_by_paren(parser) ? parse_call(parser) : parse_selector(parser);
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

void expr_each_selector(struct expr *expr, void (*each)(struct selector *selector, void *context),
                        void *context) {
    if (!expr) return;
    switch (expr->kind) {
    case EXPR_NUMBER:
    case EXPR_STRING: break;
    case EXPR_SELECTOR: each(&expr->selector, context); break;
    case EXPR_SUBQUERY: expr_each_selector(expr->subquery.expr, each, context); break;
    case EXPR_UNARY: expr_each_selector(expr->unary.expr, each, context); break;
    case EXPR_BINARY:
        expr_each_selector(expr->binary.left, each, context);
        expr_each_selector(expr->binary.right, each, context);
        break;
    case EXPR_AGGREGATE:
        expr_each_selector(expr->aggregate.param, each, context);
        expr_each_selector(expr->aggregate.expr, each, context);
        break;
    case EXPR_CALL:
        for (size_t i = 0; i < expr->call.arg_count; i++)
            expr_each_selector(expr->call.args[i], each, context);
        break;
    case EXPR_PAREN: expr_each_selector(expr->paren, each, context); break;
    }
}

static void release_selector(struct selector *selector, void *context) {
    (void)context;
    release_matchers(selector);
}

void expr_release(struct expr *expr) {
    expr_each_selector(expr, release_selector, NULL);
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
    parse_advance(&parser);
    if (parser.token.kind == TOKEN_END) {
        parse_fail(&parser, 0, 0, "no expression found in input");
        if (!text.len) error->line = error->column = 0;
        return parser.rc;
    }
    struct expr *expr = parse_expr(&parser, 0);
    if (expr && parser.token.kind != TOKEN_END) parse_unexpected(&parser, NULL, NULL);
    if (!parser.rc) parse_check(&parser, expr);
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
    if (error->line)
        buf_printf(out, "%u:%u: parse error: %s", error->line, error->column, error->text);
    else
        buf_printf(out, "unknown position: parse error: %s", error->text);
}
