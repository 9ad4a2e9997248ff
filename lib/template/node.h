#pragma once
/*
 * node.h - inside of lib/template: tokens and tree.
 *
 *     {{if gt $value 0.5}}high{{end}}     IF pipe: PIPE [COMMAND [IDENT gt, VARIABLE $value, NUMBER 0.5]]
 *                                            body: LIST [TEXT "high"]
 *
 * The whole text is cut into tokens first, so that the parser looks ahead by index. All is in the template's
 * arena. `at` is the byte in the text that error texts count lines and columns from.
 */
#include "lib/template/template.h"

#include <stdbool.h>

#define TEMPLATE_MAX_DEPTH 100 /* of nested actions and parentheses */

enum token_kind {
    TOKEN_EOF,
    TOKEN_ERROR, /* text: what is wrong */
    TOKEN_TEXT,
    TOKEN_LEFT,
    TOKEN_RIGHT,
    TOKEN_SPACE,
    TOKEN_IDENT,
    TOKEN_FIELD, /* text with its dot */
    TOKEN_VARIABLE,
    TOKEN_STRING, /* text as written, quotes included */
    TOKEN_RAW,
    TOKEN_CHAR,
    TOKEN_NUMBER,
    TOKEN_BOOL,
    TOKEN_PIPE,
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_ASSIGN,
    TOKEN_DECLARE,
    TOKEN_OTHER, /* one character, as the comma */
    TOKEN_KEYWORD_FIRST,
    TOKEN_DOT = TOKEN_KEYWORD_FIRST,
    TOKEN_BLOCK,
    TOKEN_BREAK,
    TOKEN_CONTINUE,
    TOKEN_DEFINE,
    TOKEN_ELSE,
    TOKEN_END,
    TOKEN_IF,
    TOKEN_NIL,
    TOKEN_RANGE,
    TOKEN_TEMPLATE,
    TOKEN_WITH,
};

struct token {
    enum token_kind kind;
    uint32_t at;
    struct span text;
};

/* Ends with TOKEN_EOF or TOKEN_ERROR; ERR_LIMIT when the arena is full. (lexer.c) */
int template_lex(struct span text, struct arena *arena, struct token **tokens);

enum node_kind {
    NODE_LIST,
    NODE_TEXT,
    NODE_ACTION,
    NODE_PIPE,
    NODE_COMMAND,
    NODE_IF,
    NODE_RANGE,
    NODE_WITH,
    NODE_CALL_TEMPLATE,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_END,  /* only while parsing */
    NODE_ELSE, /* only while parsing */
    NODE_DOT,
    NODE_NIL,
    NODE_FIELD,
    NODE_VARIABLE,
    NODE_CHAIN, /* fields of what pipe says */
    NODE_IDENT,
    NODE_BOOL,
    NODE_NUMBER,
    NODE_STRING,
};

struct function;

struct node {
    enum node_kind kind;
    uint32_t at;
    struct span text;    /* of TEXT; value of STRING; name of VARIABLE, IDENT, CALL_TEMPLATE */
    struct span written; /* of literals */
    struct node **items; /* of LIST; commands of PIPE; words of COMMAND */
    size_t count, capacity;
    struct node **decls; /* variables of PIPE */
    size_t decl_count;
    bool is_assign;
    struct node *pipe, *body, *otherwise;
    struct span *fields; /* of FIELD, VARIABLE, CHAIN */
    size_t field_count;
    const struct function *function; /* of IDENT */
    double number;
    int64_t integer;
    bool is_int, is_float, flag;
};

struct template_part { /* the main one first, then those of define and block */
    struct span name;
    struct node *body;
};

struct template {
    struct span name, text;
    struct template_part *parts;
    size_t part_count;
};

/* as Go prints it in error texts: .Labels.job | title */
void node_print(const struct node *node, struct buf *out);
/* "name:1" or "name:1:14" */
void template_place(const struct template *template, uint32_t at, bool with_column, struct buf *out);
const struct template_part *template_find(const struct template *template, struct span name);
