#include "promql/parse/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lexer_init(struct lexer *lexer, struct span text) {
    *lexer = (struct lexer){.text = text};
}

static char peek(const struct lexer *lexer, uint32_t ahead) {
    return lexer->at + ahead < lexer->text.len ? lexer->text.ptr[lexer->at + ahead] : '\0';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static struct token make(const struct lexer *lexer, enum token_kind kind, uint32_t start) {
    return (struct token){kind, start, lexer->at};
}

static struct token fail(struct lexer *lexer, uint32_t start, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static struct token fail(struct lexer *lexer, uint32_t start, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(lexer->error, sizeof lexer->error, format, args);
    va_end(args);
    return make(lexer, TOKEN_ERROR, start);
}

static void skip_blank(struct lexer *lexer) {
    while (lexer->at < lexer->text.len) {
        char c = lexer->text.ptr[lexer->at];
        if (c == '#')
            lexer->at = (uint32_t)span_find_byte(lexer->text, '\n', lexer->at);
        else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            lexer->at++;
        else
            return;
    }
}

static struct token take_string(struct lexer *lexer) {
    uint32_t start = lexer->at;
    char quote = lexer->text.ptr[lexer->at++];
    for (; lexer->at < lexer->text.len; lexer->at++) {
        char c = lexer->text.ptr[lexer->at];
        if (c == quote) {
            lexer->at++;
            return make(lexer, TOKEN_STRING, start);
        }
        if (quote == '`') continue;
        if (c == '\n') return fail(lexer, start, "unterminated quoted string");
        if (c == '\\') lexer->at++;
    }
    lexer->at = (uint32_t)lexer->text.len;
    return fail(lexer, start, quote == '`' ? "unterminated raw string" : "unterminated quoted string");
}

static void skip_digits(struct lexer *lexer, bool (*is_one)(char)) {
    while (is_one(peek(lexer, 0)) || (peek(lexer, 0) == '_' && is_one(peek(lexer, 1)))) lexer->at++;
}

static bool is_unit_letter(char c) {
    return c != '\0' && strchr("smhdwy", c) != NULL;
}

/* 1h30m: runs of digits and unit letters; the parser judges units and order */
static bool take_duration_rest(struct lexer *lexer) {
    while (is_unit_letter(peek(lexer, 0))) {
        while (is_unit_letter(peek(lexer, 0))) lexer->at++;
        while (is_digit(peek(lexer, 0))) lexer->at++;
    }
    return !is_digit(lexer->text.ptr[lexer->at - 1]);
}

static struct token take_number(struct lexer *lexer) {
    uint32_t start = lexer->at;
    bool is_whole = true;
    if (peek(lexer, 0) == '0' && (peek(lexer, 1) | 0x20) == 'x' &&
        is_hex(peek(lexer, peek(lexer, 2) == '_' ? 3 : 2))) {
        lexer->at += 2;
        if (peek(lexer, 0) == '_') lexer->at++;
        skip_digits(lexer, is_hex);
    } else {
        skip_digits(lexer, is_digit);
        if (peek(lexer, 0) == '.') {
            is_whole = false;
            lexer->at++;
            skip_digits(lexer, is_digit);
        }
        char after = peek(lexer, 1);
        if ((peek(lexer, 0) | 0x20) == 'e' &&
            (is_digit(after) || ((after == '+' || after == '-') && is_digit(peek(lexer, 2))))) {
            is_whole = false;
            lexer->at += 2;
            skip_digits(lexer, is_digit);
        } else if (is_whole && is_unit_letter(peek(lexer, 0))) {
            if (!take_duration_rest(lexer) || is_alpha(peek(lexer, 0)))
                return fail(lexer, start, "bad number or duration syntax: \"%.*s\"", (int)(lexer->at - start),
                            lexer->text.ptr + start);
            return make(lexer, TOKEN_DURATION, start);
        }
    }
    if (is_alpha(peek(lexer, 0)) || is_digit(peek(lexer, 0))) {
        lexer->at++;
        return fail(lexer, start, "bad number or duration syntax: \"%.*s\"", (int)(lexer->at - start),
                    lexer->text.ptr + start);
    }
    return make(lexer, TOKEN_NUMBER, start);
}

static struct token take_identifier(struct lexer *lexer) {
    uint32_t start = lexer->at;
    bool has_colon = false;
    for (char c; (c = peek(lexer, 0),
                 is_alpha(c) || is_digit(c) || (c == ':' && !lexer->brackets && !lexer->in_braces));
         lexer->at++)
        has_colon |= c == ':';
    return make(lexer, has_colon ? TOKEN_METRIC : TOKEN_IDENTIFIER, start);
}

static const struct {
    const char *text;
    enum token_kind kind;
} symbols[] = {
    /* longer ones first */
    {"==", TOKEN_EQLC},         {"=~", TOKEN_EQL_REGEX},  {"!=", TOKEN_NEQ},        {"!~", TOKEN_NEQ_REGEX},
    {"<=", TOKEN_LTE},          {"</", TOKEN_TRIM_UPPER}, {">=", TOKEN_GTE},        {">/", TOKEN_TRIM_LOWER},
    {"=", TOKEN_EQL},           {"<", TOKEN_LSS},         {">", TOKEN_GTR},         {"+", TOKEN_ADD},
    {"-", TOKEN_SUB},           {"*", TOKEN_MUL},         {"/", TOKEN_DIV},         {"%", TOKEN_MOD},
    {"^", TOKEN_POW},           {",", TOKEN_COMMA},       {"@", TOKEN_AT},          {"(", TOKEN_LEFT_PAREN},
    {")", TOKEN_RIGHT_PAREN},   {"{", TOKEN_LEFT_BRACE},  {"}", TOKEN_RIGHT_BRACE}, {"[", TOKEN_LEFT_BRACKET},
    {"]", TOKEN_RIGHT_BRACKET}, {":", TOKEN_COLON},
};

static struct token take_symbol(struct lexer *lexer) {
    uint32_t start = lexer->at;
    struct span rest = span_of(lexer->text.ptr + start, lexer->text.len - start);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        if (!span_starts_with(rest, span_from(symbols[i].text))) continue;
        lexer->at += (uint32_t)strlen(symbols[i].text);
        switch (symbols[i].kind) {
        case TOKEN_LEFT_PAREN: lexer->parens++; break;
        case TOKEN_RIGHT_PAREN:
            if (!lexer->parens) return fail(lexer, start, "unexpected right parenthesis ')'");
            lexer->parens--;
            break;
        case TOKEN_LEFT_BRACE: lexer->in_braces = true; break;
        case TOKEN_RIGHT_BRACE: lexer->in_braces = false; break;
        case TOKEN_LEFT_BRACKET: lexer->brackets++; break;
        case TOKEN_RIGHT_BRACKET: lexer->brackets -= lexer->brackets > 0; break;
        default: break;
        }
        return make(lexer, symbols[i].kind, start);
    }
    size_t len = 1;
    while (len < 4 && len < rest.len && ((unsigned char)rest.ptr[len] & 0xc0) == 0x80) len++;
    lexer->at += (uint32_t)len;
    return fail(lexer, start, "unexpected character: '%.*s'", (int)len, rest.ptr);
}

struct token lexer_next(struct lexer *lexer) {
    skip_blank(lexer);
    if (lexer->error[0]) return make(lexer, TOKEN_ERROR, lexer->at);
    if (lexer->at >= lexer->text.len) {
        if (lexer->in_braces) return fail(lexer, lexer->at, "unexpected end of input inside braces");
        if (lexer->brackets) return fail(lexer, lexer->at, "unexpected end of input in brackets");
        if (lexer->parens) return fail(lexer, lexer->at, "unclosed left parenthesis");
        return make(lexer, TOKEN_END, lexer->at);
    }
    char c = peek(lexer, 0);
    if (c == '"' || c == '\'' || c == '`') return take_string(lexer);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) return take_number(lexer);
    if (is_alpha(c) || (c == ':' && !lexer->brackets && !lexer->in_braces)) return take_identifier(lexer);
    return take_symbol(lexer);
}
