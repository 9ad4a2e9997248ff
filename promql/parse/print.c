#include "promql/parse/parse.h"

#include "lib/base/vec.h"
#include "lib/codec/number.h"
#include "lib/model/duration.h"

#include <math.h>
#include <stdlib.h>

const char *value_type_name(enum value_type type) {
    static const char *const names[] = {"none", "scalar", "instant vector", "range vector", "string"};
    return names[type];
}

static void print_number(double value, struct buf *out) {
    if (buf_reserve(out, NUMBER_MAX_TEXT)) out->len += number_write_plain(value, out->data + out->len);
}

static void print_literal(const struct expr *expr, struct buf *out) {
    if (expr->is_duration)
        duration_write((int64_t)llround(expr->number * 1000), out);
    else
        print_number(expr->number, out);
}

/* a duration expression: bare numbers are seconds */
static void print_duration_expr(const struct expr *expr, struct buf *out) {
    switch (expr->kind) {
    case EXPR_NUMBER: print_literal(expr, out); break;
    case EXPR_PAREN:
        buf_putc(out, '(');
        print_duration_expr(expr->paren, out);
        buf_putc(out, ')');
        break;
    case EXPR_UNARY:
        buf_puts(out, operator_text(expr->unary.op));
        print_duration_expr(expr->unary.expr, out);
        break;
    case EXPR_CALL:
        buf_printf(out, "%s(", expr->call.function->name);
        for (size_t i = 0; i < expr->call.arg_count; i++) {
            if (i) buf_puts(out, ", ");
            print_duration_expr(expr->call.args[i], out);
        }
        buf_putc(out, ')');
        break;
    default:
        print_duration_expr(expr->binary.left, out);
        buf_printf(out, " %s ", operator_text(expr->binary.op));
        print_duration_expr(expr->binary.right, out);
    }
}

static void print_duration(const struct duration *duration, struct buf *out) {
    if (duration->expr)
        print_duration_expr(duration->expr, out);
    else
        duration_write(duration->ms, out);
}

static void print_at(const struct time_shift *shift, struct buf *out) {
    if (shift->at == AT_START) buf_puts(out, " @ start()");
    if (shift->at == AT_END) buf_puts(out, " @ end()");
    if (shift->at == AT_TIME) {
        int64_t ms = shift->at_ms;
        uint64_t magnitude = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
        buf_printf(out, " @ %s%llu.%03u", ms < 0 ? "-" : "", (unsigned long long)(magnitude / 1000),
                   (unsigned)(magnitude % 1000));
    }
}

static void print_offset(const struct time_shift *shift, struct buf *out) {
    if (!shift->has_offset) return;
    buf_puts(out, " offset ");
    print_duration(&shift->offset, out);
}

static void print_name(struct span name, struct buf *out) {
    if (label_name_is_legacy(name))
        buf_span(out, name);
    else
        text_write_quoted(name, out);
}

static void print_names(const struct span *names, size_t count, struct buf *out) {
    buf_putc(out, '(');
    for (size_t i = 0; i < count; i++) {
        if (i) buf_puts(out, ", ");
        print_name(names[i], out);
    }
    buf_putc(out, ')');
}

static void print_matcher(const struct matcher *matcher, struct buf *out) {
    print_name(matcher->name, out);
    buf_puts(out, matcher_symbol(matcher->type));
    text_write_quoted(matcher->value, out);
}

static int compare_texts(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

#define MATCHERS_MAX_TEXT ((size_t)4 << 20)

/* {a="b",c=~"d"} sorted as texts, without the name that stands in front */
static void print_matchers(const struct matcher *matchers, size_t count, struct buf *out) {
    VEC(struct span) items = {0};
    struct buf texts;
    size_t at = 0;
    buf_init(&texts, MATCHERS_MAX_TEXT);
    for (size_t i = 0; i < count; i++) {
        size_t before = texts.len;
        print_matcher(&matchers[i], &texts);
        *vec_push(&items) = span_of(NULL, texts.len - before);
    }
    for (size_t i = 0; i < count; i++) {
        items.items[i].ptr = texts.data + at;
        at += items.items[i].len;
    }
    qsort(items.items, count, sizeof *items.items, compare_texts);
    for (size_t i = 0; i < count; i++) {
        buf_putc(out, i ? ',' : '{');
        buf_span(out, items.items[i]);
    }
    buf_putc(out, '}');
    out->failed |= texts.failed;
    buf_release(&texts);
    vec_release(&items);
}

static void print_edge(const struct selector *selector, struct buf *out) {
    if (selector->edge != EDGE_NONE)
        buf_puts(out, selector->edge == EDGE_ANCHORED ? " anchored" : " smoothed");
}

/* upstream writes the edge before @ in a range and behind it elsewhere */
static void print_selector(const struct selector *selector, struct buf *out) {
    size_t named = selector->name.len > 0; /* its matcher is the first */
    buf_span(out, selector->name);
    if (selector->matcher_count == 0)
        buf_puts(out, "{}"); /* info's second argument may be that */
    else if (selector->matcher_count > named)
        print_matchers(selector->matchers + named, selector->matcher_count - named, out);
    if (selector->is_range) {
        buf_putc(out, '[');
        print_duration(&selector->range, out);
        buf_putc(out, ']');
        print_edge(selector, out);
    }
    print_at(&selector->shift, out);
    if (!selector->is_range) print_edge(selector, out);
    print_offset(&selector->shift, out);
}

void expr_print_subquery_tail(const struct subquery *subquery, struct buf *out) {
    buf_putc(out, '[');
    print_duration(&subquery->range, out);
    buf_putc(out, ':');
    if (subquery->step.expr || subquery->step.ms) print_duration(&subquery->step, out);
    buf_putc(out, ']');
    print_at(&subquery->shift, out);
    print_offset(&subquery->shift, out);
}

static void print_subquery(const struct subquery *subquery, struct buf *out) {
    expr_print(subquery->expr, out);
    expr_print_subquery_tail(subquery, out);
}

static void print_fill(const char *name, double value, struct buf *out) {
    buf_printf(out, "%s (", name);
    print_number(value, out);
    buf_puts(out, ") ");
}

static void print_matching(const struct vector_matching *matching, struct buf *out) {
    bool is_grouped = matching->card == CARD_MANY_TO_ONE || matching->card == CARD_ONE_TO_MANY;
    if (matching->on || matching->label_count || is_grouped) {
        buf_puts(out, matching->on ? "on " : "ignoring ");
        print_names(matching->labels_written, matching->label_count, out);
        buf_putc(out, ' ');
    }
    if (is_grouped) {
        buf_puts(out, matching->card == CARD_MANY_TO_ONE ? "group_left " : "group_right ");
        print_names(matching->include, matching->include_count, out);
        buf_putc(out, ' ');
    }
    if (matching->is_one_fill) {
        print_fill("fill", matching->fill_left, out);
        return;
    }
    if (matching->has_fill_left) print_fill("fill_left", matching->fill_left, out);
    if (matching->has_fill_right) print_fill("fill_right", matching->fill_right, out);
}

void expr_print_operator(const struct binary *binary, struct buf *out) {
    buf_printf(out, "%s ", operator_text(binary->op));
    if (binary->returns_bool) buf_puts(out, "bool ");
    if (binary->matching) print_matching(binary->matching, out);
    if (out->len && out->data[out->len - 1] == ' ') out->len--;
}

static void print_binary(const struct binary *binary, struct buf *out) {
    expr_print(binary->left, out);
    buf_putc(out, ' ');
    expr_print_operator(binary, out);
    buf_putc(out, ' ');
    expr_print(binary->right, out);
}

void expr_print_aggregate_head(const struct aggregate *aggregate, struct buf *out) {
    buf_puts(out, aggregate_text(aggregate->op));
    if (aggregate->without || aggregate->grouping_count) {
        buf_puts(out, aggregate->without ? " without " : " by ");
        print_names(aggregate->grouping_written, aggregate->grouping_count, out);
        buf_putc(out, ' ');
    }
}

static void print_aggregate(const struct aggregate *aggregate, struct buf *out) {
    expr_print_aggregate_head(aggregate, out);
    buf_putc(out, '(');
    if (aggregate->param) {
        expr_print(aggregate->param, out);
        buf_puts(out, ", ");
    }
    expr_print(aggregate->expr, out);
    buf_putc(out, ')');
}

static void print_call(const struct call *call, struct buf *out) {
    buf_printf(out, "%s(", call->function->name);
    for (size_t i = 0; i < call->arg_count; i++) {
        if (i) buf_puts(out, ", ");
        expr_print(call->args[i], out);
    }
    buf_putc(out, ')');
}

void expr_print(const struct expr *expr, struct buf *out) {
    switch (expr->kind) {
    case EXPR_NUMBER: print_literal(expr, out); break;
    case EXPR_STRING: text_write_quoted(expr->string, out); break;
    case EXPR_SELECTOR: print_selector(&expr->selector, out); break;
    case EXPR_SUBQUERY: print_subquery(&expr->subquery, out); break;
    case EXPR_UNARY:
        buf_puts(out, operator_text(expr->unary.op));
        expr_print(expr->unary.expr, out);
        break;
    case EXPR_BINARY: print_binary(&expr->binary, out); break;
    case EXPR_AGGREGATE: print_aggregate(&expr->aggregate, out); break;
    case EXPR_CALL: print_call(&expr->call, out); break;
    case EXPR_PAREN:
        buf_putc(out, '(');
        expr_print(expr->paren, out);
        buf_putc(out, ')');
        break;
    }
}
