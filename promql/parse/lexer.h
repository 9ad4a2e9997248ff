#pragma once
/*
 * lexer.h - PromQL text to tokens, one at a time.
 *
 * Inside of promql/parse. Which characters may come depends on where the lexer is, as upstream has it,
 * because the words of an error depend on it too:
 *
 *     anywhere     foo + sum(          words with colons, numbers, strings, operators
 *     {...}        a="b", c=~"d"       words without colons, strings, the four matching operators
 *     [...         5m + step()         up to its first number a duration: operators, parentheses, four words
 *
 * Keywords are told from identifiers by the parser, because most of them may be metric names. A token's text
 * is the text as written; a string's quotes are included. An error ends the text: token.kind is TOKEN_ERROR
 * and lexer.error says why.
 */
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum token_kind {
    TOKEN_END,
    TOKEN_ERROR,
    TOKEN_IDENTIFIER, /* [a-zA-Z_][a-zA-Z0-9_]* */
    TOKEN_METRIC,     /* an identifier with a colon */
    TOKEN_NUMBER,     /* also inf and nan */
    TOKEN_DURATION,
    TOKEN_STRING,
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_EQL, /* = */
    /* from here on operators: shown as <op:...> */
    TOKEN_AT,
    TOKEN_EQLC, /* == */
    TOKEN_NEQ,
    TOKEN_EQL_REGEX,
    TOKEN_NEQ_REGEX,
    TOKEN_LTE,
    TOKEN_LSS,
    TOKEN_GTE,
    TOKEN_GTR,
    TOKEN_TRIM_UPPER,
    TOKEN_TRIM_LOWER,
    TOKEN_ADD,
    TOKEN_SUB,
    TOKEN_MUL,
    TOKEN_DIV,
    TOKEN_MOD,
    TOKEN_POW,
};

struct token {
    enum token_kind kind;
    uint32_t start, end;
    bool in_braces; /* words are names there, never keywords */
};

struct lexer {
    struct span text;
    uint32_t at;
    int parens;
    bool in_braces, in_brackets;
    bool in_duration;                /* in brackets, before the first number */
    bool after_operand, after_colon; /* in these brackets */
    char error[160];
};

void lexer_init(struct lexer *lexer, struct span text);
struct token lexer_next(struct lexer *lexer);
static inline struct span token_text(const struct lexer *lexer, struct token token) {
    return span_of(lexer->text.ptr + token.start, token.end - token.start);
}

/* inside: what lexer.c and lex_literal.c give each other */
char lexer_peek(const struct lexer *lexer, uint32_t ahead); /* '\0' behind the end */
struct token lexer_token(const struct lexer *lexer, enum token_kind kind, uint32_t start);
/* the error's range goes on to the end of the text, as upstream's do */
struct token lexer_fail(struct lexer *lexer, uint32_t start, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* fails with the character at `at` behind the message, quoted as Go's %q does: "unexpected character: '$'" */
struct token lexer_fail_at(struct lexer *lexer, uint32_t start, uint32_t at, const char *message,
                           const char *rest);
struct token lexer_take_string(struct lexer *lexer);
struct token lexer_take_number(struct lexer *lexer);
bool lexer_is_digit(char c);
bool lexer_is_alpha(char c); /* or underscore */
