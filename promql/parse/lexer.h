#pragma once
/*
 * lexer.h - PromQL text to tokens, one at a time.
 *
 * Inside of promql/parse. Keywords are told from identifiers by the parser, because most of them may be
 * metric names. A token's text is the text as written; a string's quotes are included. An error ends the
 * text: token.kind is TOKEN_ERROR and lexer.error says why.
 */
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum token_kind {
    TOKEN_END,
    TOKEN_ERROR,
    TOKEN_IDENTIFIER, /* [a-zA-Z_][a-zA-Z0-9_]* */
    TOKEN_METRIC,     /* an identifier with a colon */
    TOKEN_NUMBER,
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
    TOKEN_AT,
    TOKEN_EQL /* = */,
    TOKEN_EQLC /* == */,
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
};

struct lexer {
    struct span text;
    uint32_t at;
    int parens, brackets; /* a colon between brackets separates, elsewhere it belongs to names */
    bool in_braces;
    char error[128];
};

void lexer_init(struct lexer *lexer, struct span text);
struct token lexer_next(struct lexer *lexer);
static inline struct span token_text(const struct lexer *lexer, struct token token) {
    return span_of(lexer->text.ptr + token.start, token.end - token.start);
}
