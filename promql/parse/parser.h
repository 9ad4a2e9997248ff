#pragma once
/*
 * parser.h - inside of promql/parse: the state of one parse, and what its files give each other.
 *
 * A function that fails has called parse_fail, which keeps the first error, and answers NULL or false.
 */
#include "promql/parse/lexer.h"
#include "promql/parse/parse.h"

enum duration_place { DURATION_RANGE, DURATION_STEP, DURATION_OFFSET };

struct parser {
    struct lexer lexer;
    struct token token; /* the current one */
    uint32_t last_end;  /* end of the token before it */
    struct arena *arena;
    const struct parse_options *options;
    struct parse_error *error;
    struct selector *selectors; /* newest first, so that a failed parse can release their expressions */
    int rc;
    int depth;
    int aggregates; /* open aggregations: they are named as the context of what is unexpected in them */
    enum duration_place duration_place; /* the one being parsed */
    size_t nodes;
};

/* parser.c */
void *parse_fail(struct parser *parser, uint32_t start, uint32_t end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "unexpected <token> in <context>, expected <wanted>"; both may be NULL. What the lexer refused comes first.
 */
void *parse_unexpected(struct parser *parser, const char *context, const char *wanted);
void parse_advance(struct parser *parser);
struct span parse_text(const struct parser *parser);
bool parse_expect(struct parser *parser, enum token_kind kind, const char *context, const char *wanted);
/* is the current token this keyword (any case)? */
bool parse_at_keyword(const struct parser *parser, const char *keyword);
bool parse_take_keyword(struct parser *parser, const char *keyword);
struct expr *parse_node(struct parser *parser, enum expr_kind kind, enum value_type value, uint32_t start);
/* notes a part of expr; false when the tree gets too high */
bool parse_adopt(struct parser *parser, struct expr *expr, const struct expr *part);
/* a growing array in the arena: room for one more item of `size` bytes */
void *parse_push(struct parser *parser, void **items, size_t *count, size_t size);
struct expr *parse_expr(struct parser *parser, int min_precedence);
/* a number or duration token */
struct expr *parse_number(struct parser *parser);

/* check.c: types and what else only a whole expression shows; false when refused */
bool parse_check(struct parser *parser, struct expr *expr);

/* parse_literal.c */
bool parse_number_token(struct parser *parser, double *value);
bool parse_duration_token(struct parser *parser, int64_t *ms);
bool parse_string_token(struct parser *parser, struct span *text);

/* parse_selector.c */
struct expr *parse_selector(struct parser *parser);
/* [..], @, offset, anchored, smoothed behind an expression */
struct expr *parse_postfix(struct parser *parser, struct expr *expr);
/* ( name, "name" ... ) as written */
bool parse_label_list(struct parser *parser, struct span **names, size_t *count);
/* a sorted copy */
struct span *parse_sorted_labels(struct parser *parser, const struct span *names, size_t count);

/* parse_duration.c */
bool parse_duration(struct parser *parser, enum duration_place place, struct duration *duration);

/* parse_call.c */
bool parse_is_aggregate(struct span name, enum aggregate_op *op);
/* the letter of its parameter's type, or 0 */
char parse_aggregate_param(enum aggregate_op op);
struct expr *parse_aggregate(struct parser *parser, enum aggregate_op op);
struct expr *parse_call(struct parser *parser);

/* parse_operator.c */
struct expr *parse_binary(struct parser *parser, struct expr *left, int min_precedence);
