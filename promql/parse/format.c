/* An expression over several lines: what fits into one stays there, what does not is opened up, a level
 * deeper by two blanks (as promtool's formatter lays it out). */
#include "promql/parse/parse.h"

#include "lib/codec/number.h"

#define LINE_MAX_BYTES 100u

static void indent(unsigned level, struct buf *out) {
    for (unsigned i = 0; i < level; i++) buf_puts(out, "  ");
}

/* A text that is longer than a line breaks off soon, so a deep tree is not printed again at each level. */
static bool fits(const struct expr *expr) {
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES + NUMBER_MAX_TEXT); /* as much as is asked for before a number */
    expr_print(expr, &line);
    bool is_short = !line.failed && line.len <= LINE_MAX_BYTES;
    buf_release(&line);
    return is_short;
}

static void format_args(struct expr *const *args, size_t count, unsigned level, struct buf *out) {
    for (size_t i = 0; i < count; i++) {
        expr_format(args[i], level + 1, out);
        buf_puts(out, i + 1 < count ? ",\n" : "\n");
    }
    indent(level, out);
    buf_putc(out, ')');
}

static void format_aggregate(const struct aggregate *aggregate, unsigned level, struct buf *out) {
    struct expr *args[2] = {aggregate->param, aggregate->expr};
    size_t first = aggregate->param ? 0 : 1;
    indent(level, out);
    expr_print_aggregate_head(aggregate, out);
    buf_puts(out, "(\n");
    format_args(args + first, 2 - first, level, out);
}

static void format_binary(const struct binary *binary, unsigned level, struct buf *out) {
    expr_format(binary->left, level + 1, out);
    buf_putc(out, '\n');
    indent(level, out);
    expr_print_operator(binary, out);
    buf_putc(out, '\n');
    expr_format(binary->right, level + 1, out);
}

void expr_format(const struct expr *expr, unsigned level, struct buf *out) {
    bool is_open = !fits(expr);
    if (is_open && expr->kind == EXPR_AGGREGATE) {
        format_aggregate(&expr->aggregate, level, out);
    } else if (is_open && expr->kind == EXPR_BINARY) {
        format_binary(&expr->binary, level, out);
    } else if (is_open && expr->kind == EXPR_CALL && expr->call.arg_count) {
        indent(level, out);
        buf_printf(out, "%s(\n", expr->call.function->name);
        format_args(expr->call.args, expr->call.arg_count, level, out);
    } else if (is_open && expr->kind == EXPR_PAREN) {
        indent(level, out);
        buf_puts(out, "(\n");
        format_args(&(struct expr *){expr->paren}, 1, level, out);
    } else if (is_open && expr->kind == EXPR_SUBQUERY) {
        expr_format(expr->subquery.expr, level, out);
        expr_print_subquery_tail(&expr->subquery, out);
    } else {
        indent(level, out);
        expr_print(expr, out);
    }
}
