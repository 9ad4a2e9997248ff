#pragma once
/*
 * ast.h - a PromQL expression as a typed tree.
 *
 *     sum by (job) (rate(x[5m]))      aggregate --expr--> call(rate) --args[0]--> selector(x, range 5m)
 *
 * All nodes and texts live in the arena given to promql_parse; compiled regular expressions are outside of
 * it, so a tree is dropped by expr_release before its arena. Positions are byte offsets into the text,
 * half-open. A tree does not change after parsing and may be evaluated by several threads.
 */
#include "lib/base/arena.h"
#include "lib/base/span.h"
#include "lib/model/matcher.h"

#include <stdbool.h>
#include <stdint.h>

enum value_type { VALUE_NONE, VALUE_SCALAR, VALUE_VECTOR, VALUE_MATRIX, VALUE_STRING };

enum expr_kind {
    EXPR_NUMBER,
    EXPR_STRING,
    EXPR_SELECTOR, /* instant or range */
    EXPR_SUBQUERY,
    EXPR_UNARY,
    EXPR_BINARY,
    EXPR_AGGREGATE,
    EXPR_CALL,
    EXPR_PAREN,
};

/* Operators in the order of operator_table (parse_operator.c), which holds their text and precedence. */
enum operator{
    OP_NONE,
    OP_OR,
    OP_AND,
    OP_UNLESS,
    OP_EQL,
    OP_NEQ,
    OP_LTE,
    OP_LSS,
    OP_GTE,
    OP_GTR,
    OP_TRIM_UPPER,
    OP_TRIM_LOWER,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_ATAN2,
    OP_POW,
};

enum aggregate_op {
    AGG_SUM,
    AGG_AVG,
    AGG_MIN,
    AGG_MAX,
    AGG_COUNT,
    AGG_GROUP,
    AGG_STDDEV,
    AGG_STDVAR,
    AGG_TOPK,
    AGG_BOTTOMK,
    AGG_QUANTILE,
    AGG_COUNT_VALUES,
    AGG_LIMITK,
    AGG_LIMIT_RATIO,
};

enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };

/* A duration: known at once, or an expression with step() or range() in it that waits for the query
 * (duration_resolve). */
struct duration {
    int64_t ms;
    struct expr *expr; /* in seconds; NULL when ms is the whole truth and nothing else has to be printed */
    bool needs_query;  /* expr holds step() or range(); ms is not set */
};

/* @ and offset of a selector or subquery */
struct time_shift {
    enum at_kind at;
    int64_t at_ms; /* AT_TIME */
    bool has_offset;
    struct duration offset;
};

enum range_edge { EDGE_NONE, EDGE_ANCHORED, EDGE_SMOOTHED };

struct selector {
    struct selector *before;  /* the parser's list of all selectors */
    struct span name;         /* in front of the braces, also among the matchers; empty when not given */
    struct matcher *matchers; /* __name__ included */
    size_t matcher_count;
    struct time_shift shift;
    bool is_range;
    struct duration range;
    enum range_edge edge;
};

struct subquery {
    struct expr *expr;
    struct time_shift shift;
    struct duration range, step; /* step without expr and 0 ms: the default interval */
};

enum match_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY, CARD_MANY_TO_MANY };

struct vector_matching {
    enum match_card card;
    bool on;             /* labels are the only ones (on) or the ones left out (ignoring) */
    struct span *labels; /* sorted */
    struct span *labels_written;
    size_t label_count;
    struct span *include; /* of group_left and group_right, as written */
    size_t include_count;
    bool has_fill_left, has_fill_right;
    bool is_one_fill; /* both were given by fill(x) */
    double fill_left, fill_right;
};

struct binary {
    enum operator op;
    bool returns_bool;
    struct expr *left, *right;
    struct vector_matching *matching; /* NULL unless both sides are vectors */
};

struct aggregate {
    enum aggregate_op op;
    struct expr *expr, *param; /* param NULL when the operation takes none */
    struct span *grouping;     /* sorted */
    struct span *grouping_written;
    size_t grouping_count;
    bool without;
};

struct call {
    const struct function *function;
    struct expr **args;
    size_t arg_count;
};

struct expr {
    enum expr_kind kind;
    enum value_type value;
    uint32_t start, end;
    uint32_t height;  /* longest way down to a leaf, at most PARSE_MAX_HEIGHT: walks may recurse */
    bool is_duration; /* EXPR_NUMBER: written as one (5m), and printed as one */
    union {
        double number;
        struct span string; /* unescaped */
        struct selector selector;
        struct subquery subquery;
        struct {
            enum operator op; /* OP_ADD or OP_SUB */
            struct expr *expr;
        } unary;
        struct binary binary;
        struct aggregate aggregate;
        struct call call;
        struct expr *paren;
    };
};

/* from left to right; expr may be NULL */
void expr_each_selector(struct expr *expr, void (*each)(struct selector *selector, void *context),
                        void *context);
/* releases what is outside the arena */
void expr_release(struct expr *expr);
