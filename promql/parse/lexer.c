#include "promql/parse/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void lexer_init(struct lexer *lexer, struct span text) {
    *lexer = (struct lexer){.text = text};
}

char lexer_peek(const struct lexer *lexer, uint32_t ahead) {
    return lexer->at + ahead < lexer->text.len ? lexer->text.ptr[lexer->at + ahead] : '\0';
}

bool lexer_is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool lexer_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct token lexer_token(const struct lexer *lexer, enum token_kind kind, uint32_t start) {
    return (struct token){kind, start, lexer->at, false};
}

struct token lexer_fail(struct lexer *lexer, uint32_t start, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(lexer->error, sizeof lexer->error, format, args);
    va_end(args);
    return (struct token){TOKEN_ERROR, start, (uint32_t)lexer->text.len, false};
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* spaces and, but in front of a duration, comments */
static void skip_blank(struct lexer *lexer) {
    while (lexer->at < lexer->text.len) {
        char c = lexer->text.ptr[lexer->at];
        if (is_space(c)) {
            lexer->at++;
        } else if (c == '#' && !lexer->in_duration) {
            while (lexer->at < lexer->text.len && lexer_peek(lexer, 0) != '\n' &&
                   lexer_peek(lexer, 0) != '\r')
                lexer->at++;
        } else {
            return;
        }
    }
}

static struct token take_word(struct lexer *lexer, bool with_colons) {
    uint32_t start = lexer->at;
    bool has_colon = false;
    for (char c;
         (c = lexer_peek(lexer, 0), lexer_is_alpha(c) || lexer_is_digit(c) || (with_colons && c == ':'));
         lexer->at++)
        has_colon |= c == ':';
    struct token token = lexer_token(lexer, has_colon ? TOKEN_METRIC : TOKEN_IDENTIFIER, start);
    const char *word = lexer->text.ptr + start;
    token.in_braces = lexer->in_braces;
    if (!lexer->in_braces && lexer->at - start == 3 &&
        (strncasecmp(word, "inf", 3) == 0 || strncasecmp(word, "nan", 3) == 0))
        token.kind = TOKEN_NUMBER;
    return token;
}

/* step, range, min_of or max_of; false leaves the lexer where it was */
static bool take_duration_word(struct lexer *lexer, struct token *token) {
    static const char *const words[] = {"step", "range", "min_of", "max_of"};
    uint32_t start = lexer->at, len = 0;
    while (lexer_is_alpha(lexer_peek(lexer, len))) len++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (len != strlen(words[i]) || strncasecmp(lexer->text.ptr + start, words[i], len) != 0) continue;
        lexer->at += len;
        lexer->after_operand = true;
        *token = lexer_token(lexer, TOKEN_IDENTIFIER, start);
        return true;
    }
    return false;
}

static struct token take(struct lexer *lexer, enum token_kind kind, uint32_t len) {
    uint32_t start = lexer->at;
    lexer->at += len;
    return lexer_token(lexer, kind, start);
}

/* '=', '!', '<' and '>', alone or with what follows */
static struct token take_comparison(struct lexer *lexer) {
    uint32_t start = lexer->at;
    char next = lexer_peek(lexer, 1);
    switch (lexer_peek(lexer, 0)) {
    case '=':
        if (next == '~')
            return lexer_fail_at(lexer, start, start + 1, "unexpected character after '=': ", "");
        return next == '=' ? take(lexer, TOKEN_EQLC, 2) : take(lexer, TOKEN_EQL, 1);
    case '!':
        if (next != '=')
            return lexer_fail_at(lexer, start, start + 1, "unexpected character after '!': ", "");
        return take(lexer, TOKEN_NEQ, 2);
    case '<':
        if (next == '/') return take(lexer, TOKEN_TRIM_UPPER, 2);
        return next == '=' ? take(lexer, TOKEN_LTE, 2) : take(lexer, TOKEN_LSS, 1);
    default:
        if (next == '/') return take(lexer, TOKEN_TRIM_LOWER, 2);
        return next == '=' ? take(lexer, TOKEN_GTE, 2) : take(lexer, TOKEN_GTR, 1);
    }
}

static struct token take_paren(struct lexer *lexer) {
    if (lexer_peek(lexer, 0) == '(') {
        lexer->parens++;
        return take(lexer, TOKEN_LEFT_PAREN, 1);
    }
    struct token token = take(lexer, TOKEN_RIGHT_PAREN, 1);
    if (lexer->parens == 0) return lexer_fail(lexer, lexer->at, "unexpected right parenthesis ')'");
    lexer->parens--;
    return token;
}

static struct token take_bracket(struct lexer *lexer) {
    bool opens = lexer_peek(lexer, 0) == '[';
    if (opens == lexer->in_brackets)
        return lexer_fail(lexer, lexer->at, "unexpected %s bracket '%c'", opens ? "left" : "right",
                          opens ? '[' : ']');
    lexer->in_brackets = lexer->in_duration = opens;
    lexer->after_operand = lexer->after_colon = false;
    return take(lexer, opens ? TOKEN_LEFT_BRACKET : TOKEN_RIGHT_BRACKET, 1);
}

/* one character that means the same in and out of brackets */
static bool take_single(struct lexer *lexer, struct token *token) {
    static const char texts[] = "+-*/%^,";
    static const enum token_kind kinds[] = {TOKEN_ADD, TOKEN_SUB, TOKEN_MUL,  TOKEN_DIV,
                                            TOKEN_MOD, TOKEN_POW, TOKEN_COMMA};
    char c = lexer_peek(lexer, 0);
    const char *found = c ? strchr(texts, c) : NULL;
    if (found) *token = take(lexer, kinds[found - texts], 1);
    return found != NULL;
}

/* [ up to the first number */
static struct token next_in_duration(struct lexer *lexer) {
    char c = lexer_peek(lexer, 0);
    uint32_t start = lexer->at;
    struct token token;
    if (take_single(lexer, &token) || take_duration_word(lexer, &token)) return token;
    if (c == '(' || c == ')') return take_paren(lexer);
    if (c == ']') return take_bracket(lexer);
    if (lexer_is_digit(c) || (c == '.' && lexer_is_digit(lexer_peek(lexer, 1)))) {
        lexer->in_duration = false;
        return lexer_take_number(lexer);
    }
    if (c != ':')
        return lexer_fail_at(lexer, start, start, "unexpected character in duration expression: ", "");
    token = take(lexer, TOKEN_COLON, 1);
    if (!lexer->after_operand)
        return lexer_fail(lexer, lexer->at, "unexpected colon before duration in duration expression");
    if (lexer->after_colon)
        return lexer_fail(lexer, lexer->at, "unexpected repeated colon in duration expression");
    lexer->after_colon = true;
    return token;
}

/* a letter or a colon in brackets, behind the first number */
static struct token next_word_in_brackets(struct lexer *lexer) {
    struct token token;
    if (lexer_peek(lexer, 0) == ':') {
        if (lexer->after_colon) return lexer_fail(lexer, lexer->at, "unexpected colon ':'");
        lexer->after_colon = true;
        return take(lexer, TOKEN_COLON, 1);
    }
    if (take_duration_word(lexer, &token)) return token;
    return lexer_fail_at(lexer, lexer->at, lexer->at, "unexpected character: ", ", expected ':'");
}

static struct token next_in_braces(struct lexer *lexer) {
    char c = lexer_peek(lexer, 0), next = lexer_peek(lexer, 1);
    uint32_t start = lexer->at;
    if (lexer_is_alpha(c)) return take_word(lexer, false);
    switch (c) {
    case '"':
    case '\'':
    case '`': return lexer_take_string(lexer);
    case ',': return take(lexer, TOKEN_COMMA, 1);
    case '=': return next == '~' ? take(lexer, TOKEN_EQL_REGEX, 2) : take(lexer, TOKEN_EQL, 1);
    case '!':
        if (next == '~') return take(lexer, TOKEN_NEQ_REGEX, 2);
        if (next == '=') return take(lexer, TOKEN_NEQ, 2);
        return lexer_fail_at(lexer, start, start + 1, "unexpected character after '!' inside braces: ", "");
    case '{': return lexer_fail(lexer, start, "unexpected left brace '{'");
    case '}': lexer->in_braces = false; return take(lexer, TOKEN_RIGHT_BRACE, 1);
    default: return lexer_fail_at(lexer, start, start, "unexpected character inside braces: ", "");
    }
}

static struct token next_anywhere(struct lexer *lexer) {
    char c = lexer_peek(lexer, 0);
    struct token token;
    if (lexer_is_digit(c) || (c == '.' && lexer_is_digit(lexer_peek(lexer, 1))))
        return lexer_take_number(lexer);
    if (lexer_is_alpha(c) || c == ':')
        return lexer->in_brackets ? next_word_in_brackets(lexer) : take_word(lexer, true);
    if (take_single(lexer, &token)) return token;
    switch (c) {
    case '"':
    case '\'':
    case '`': return lexer_take_string(lexer);
    case '(':
    case ')': return take_paren(lexer);
    case '[':
    case ']': return take_bracket(lexer);
    case '{': lexer->in_braces = true; return take(lexer, TOKEN_LEFT_BRACE, 1);
    case '@': return take(lexer, TOKEN_AT, 1);
    case '=':
    case '!':
    case '<':
    case '>': return take_comparison(lexer);
    default: return lexer_fail_at(lexer, lexer->at, lexer->at, "unexpected character: ", "");
    }
}

static struct token at_end(struct lexer *lexer) {
    if (lexer->in_braces) return lexer_fail(lexer, lexer->at, "unexpected end of input inside braces");
    if (lexer->in_duration)
        return lexer_fail(lexer, lexer->at, "unexpected end of input in duration expression");
    if (lexer->parens) return lexer_fail(lexer, lexer->at, "unclosed left parenthesis");
    if (lexer->in_brackets) return lexer_fail(lexer, lexer->at, "unclosed left bracket");
    return lexer_token(lexer, TOKEN_END, lexer->at);
}

struct token lexer_next(struct lexer *lexer) {
    if (lexer->error[0]) return lexer_token(lexer, TOKEN_ERROR, lexer->at);
    skip_blank(lexer);
    if (lexer->at >= lexer->text.len) return at_end(lexer);
    if (lexer->in_braces) return next_in_braces(lexer);
    return lexer->in_duration ? next_in_duration(lexer) : next_anywhere(lexer);
}
