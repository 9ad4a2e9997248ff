/*
 * promql.c - `server promql test|format|parse|explain`: what can be said of expressions.
 *
 *     format EXPR    the expression as it is best read; "-" takes it from standard input
 *     parse EXPR     its tree, a node a line: kind and text, type, where it stands
 *
 * Exit status 1 with the error's place when the text does not parse.
 */
#include "cmd/promql.h"

#include "cmd/cmd.h"
#include "promql/parse/parse.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)1 << 20)
#define TREE_BYTES_MAX ((size_t)256 << 20)
#define SHOWN_MAX 100u

static int usage(void) {
    fprintf(stderr, "usage: server promql test FILE...\n"
                    "       server promql format EXPR|-\n"
                    "       server promql parse EXPR|-\n"
                    "       server promql explain --url URL|--storage.tsdb.path DIR ... EXPR\n");
    return 1;
}

/* the argument, or all of standard input */
static bool take_text(const char *argument, struct buf *text) {
    char piece[4096];
    size_t got;
    if (strcmp(argument, "-") != 0) return buf_puts(text, argument);
    while ((got = fread(piece, 1, sizeof piece, stdin)) > 0) buf_append(text, piece, got);
    return !text->failed && !ferror(stdin);
}

static void print_node(const struct expr *expr, unsigned depth) {
    struct buf text;
    buf_init(&text, TEXT_MAX);
    expr_print(expr, &text);
    bool is_cut = text.failed || text.len > SHOWN_MAX;
    printf("%*s%.*s%s   %s, %u..%u\n", (int)(2 * depth), "", (int)(is_cut ? SHOWN_MAX : text.len),
           buf_text(&text), is_cut ? "..." : "", value_type_name(expr->value), expr->start, expr->end);
    buf_release(&text);
}

/* the tree's height is bounded by the parser */
static void print_tree(const struct expr *expr, unsigned depth) {
    if (!expr) return;
    print_node(expr, depth);
    switch (expr->kind) {
    case EXPR_PAREN: print_tree(expr->paren, depth + 1); break;
    case EXPR_UNARY: print_tree(expr->unary.expr, depth + 1); break;
    case EXPR_SUBQUERY: print_tree(expr->subquery.expr, depth + 1); break;
    case EXPR_AGGREGATE:
        print_tree(expr->aggregate.param, depth + 1);
        print_tree(expr->aggregate.expr, depth + 1);
        break;
    case EXPR_BINARY:
        print_tree(expr->binary.left, depth + 1);
        print_tree(expr->binary.right, depth + 1);
        break;
    case EXPR_CALL:
        for (size_t i = 0; i < expr->call.arg_count; i++) print_tree(expr->call.args[i], depth + 1);
        break;
    default: break;
    }
}

static void print_formatted(const struct expr *expr) {
    struct buf text;
    buf_init(&text, 16 * TEXT_MAX);
    expr_format(expr, 0, &text);
    if (text.failed) { /* so deep that it is mostly blanks */
        buf_reset(&text);
        expr_print(expr, &text);
    }
    puts(buf_text(&text));
    buf_release(&text);
}

static int with_expression(const char *argument, bool is_tree) {
    struct parse_options options = {
        .experimental_functions = true, .extended_range_selectors = true, .binop_fill_modifiers = true};
    struct parse_error error;
    struct arena arena;
    struct expr *expr = NULL;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    arena_init(&arena, TREE_BYTES_MAX, NULL);
    int rc = take_text(argument, &text) ? promql_parse(buf_view(&text), &options, &arena, &expr, &error) : -1;
    if (text.failed)
        fprintf(stderr, "the expression is longer than %zu bytes\n", TEXT_MAX);
    else if (rc)
        fprintf(stderr, "%u:%u: parse error: %s\n", error.line, error.column, error.text);
    else if (is_tree)
        print_tree(expr, 0);
    else
        print_formatted(expr);
    if (!rc) expr_release(expr);
    arena_release(&arena);
    buf_release(&text);
    return rc ? 1 : 0;
}

int cmd_promql(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "test") == 0) return cmd_promql_test(argc, argv);
    if (argc > 2 && strcmp(argv[1], "explain") == 0) return cmd_promql_explain(argc, argv);
    if (argc == 3 && strcmp(argv[1], "format") == 0) return with_expression(argv[2], false);
    if (argc == 3 && strcmp(argv[1], "parse") == 0) return with_expression(argv[2], true);
    return usage();
}
