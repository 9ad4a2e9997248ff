#include "lib/codec/number.h"
#include "promql/parse/parse.h"
#include "web/api/inside.h"

#include <math.h>

/* A node is at most two levels of JSON below its parent, its matchers two more: 64 is what the writer has. */
#define TREE_HEIGHT_MAX 28u
#define FORMATTED_MAX ((size_t)16 << 20)

/* a plain parse: what a server would evaluate only with a feature flag may be looked at without */
static bool take_expression(struct exchange *exchange, struct expr **expr) {
    struct parse_options options = {
        .experimental_functions = true, .extended_range_selectors = true, .binop_fill_modifiers = true};
    struct parse_error error;
    struct span text = web_request_param(exchange_request(exchange), "query");
    if (!promql_parse(text, &options, exchange_arena(exchange), expr, &error)) return true;
    struct buf why;
    buf_init(&why, sizeof error.text + 64);
    parse_error_write(&error, &why);
    answer_invalid(exchange, "query", buf_text(&why));
    buf_release(&why);
    return false;
}

void api_format_query(struct exchange *exchange, void *context) {
    struct expr *expr;
    struct answer answer;
    struct buf text;
    (void)context;
    if (!take_expression(exchange, &expr)) return;
    buf_init(&text, FORMATTED_MAX);
    expr_format(expr, 0, &text);
    if (text.failed) { /* so deep that it is mostly blanks */
        buf_reset(&text);
        expr_print(expr, &text);
    }
    answer_begin(&answer, exchange);
    json_string(&answer.json, buf_view(&text));
    answer_end(&answer);
    buf_release(&text);
    expr_release(expr);
}

/* ---- the tree ---- */

static void write_node(struct json_writer *json, const struct expr *expr);

static void write_child(struct json_writer *json, const char *key, const struct expr *expr) {
    json_key(json, key);
    if (expr)
        write_node(json, expr);
    else
        json_null(json);
}

static void write_text(struct json_writer *json, const char *key, const char *text) {
    json_key(json, key);
    json_cstring(json, text);
}

static void write_texts(struct json_writer *json, const char *key, const struct span *texts, size_t count) {
    json_key(json, key);
    json_array(json);
    for (size_t i = 0; i < count; i++) json_string(json, texts[i]);
    json_end_array(json);
}

static void write_shift(struct json_writer *json, const struct time_shift *shift) {
    json_key(json, "offset");
    json_int(json, shift->has_offset ? shift->offset.ms : 0);
    json_key(json, "timestamp");
    if (shift->at == AT_TIME)
        json_int(json, shift->at_ms);
    else
        json_null(json);
    json_key(json, "startOrEnd");
    if (shift->at == AT_START || shift->at == AT_END)
        json_cstring(json, shift->at == AT_START ? "start" : "end");
    else
        json_null(json);
}

static void write_selector(struct json_writer *json, const struct selector *selector) {
    write_text(json, "type", selector->is_range ? "matrixSelector" : "vectorSelector");
    json_key(json, "name");
    json_string(json, selector->name);
    json_key(json, "matchers");
    json_array(json);
    for (size_t i = 0; i < selector->matcher_count; i++) {
        const struct matcher *matcher = &selector->matchers[i];
        json_object(json);
        json_key(json, "name");
        json_string(json, matcher->name);
        json_key(json, "value");
        json_string(json, matcher->value);
        write_text(json, "type", matcher_symbol(matcher->type));
        json_end_object(json);
    }
    json_end_array(json);
    write_shift(json, &selector->shift);
    json_key(json, "anchored");
    json_bool(json, selector->edge == EDGE_ANCHORED);
    json_key(json, "smoothed");
    json_bool(json, selector->edge == EDGE_SMOOTHED);
    if (!selector->is_range) return;
    json_key(json, "range");
    json_int(json, selector->range.ms);
}

static void write_fill(struct json_writer *json, const char *key, bool has, double value) {
    json_key(json, key);
    if (has)
        json_double(json, value);
    else
        json_null(json);
}

static void write_matching(struct json_writer *json, const struct vector_matching *matching) {
    static const char *const cards[] = {
        [CARD_ONE_TO_ONE] = "one-to-one",
        [CARD_MANY_TO_ONE] = "many-to-one",
        [CARD_ONE_TO_MANY] = "one-to-many",
        [CARD_MANY_TO_MANY] = "many-to-many",
    };
    json_key(json, "matching");
    if (!matching) {
        json_null(json);
        return;
    }
    json_object(json);
    write_text(json, "card", cards[matching->card]);
    write_texts(json, "labels", matching->labels_written, matching->label_count);
    json_key(json, "on");
    json_bool(json, matching->on);
    write_texts(json, "include", matching->include, matching->include_count);
    json_key(json, "fillValues");
    json_object(json);
    write_fill(json, "lhs", matching->has_fill_left, matching->fill_left);
    write_fill(json, "rhs", matching->has_fill_right, matching->fill_right);
    json_end_object(json);
    json_end_object(json);
}

static void write_binary(struct json_writer *json, const struct binary *binary) {
    write_text(json, "type", "binaryExpr");
    write_text(json, "op", operator_text(binary->op));
    write_child(json, "lhs", binary->left);
    write_child(json, "rhs", binary->right);
    write_matching(json, binary->matching);
    json_key(json, "bool");
    json_bool(json, binary->returns_bool);
}

static void write_aggregate(struct json_writer *json, const struct aggregate *aggregate) {
    write_text(json, "type", "aggregation");
    write_text(json, "op", aggregate_text(aggregate->op));
    write_child(json, "expr", aggregate->expr);
    write_child(json, "param", aggregate->param);
    write_texts(json, "grouping", aggregate->grouping_written, aggregate->grouping_count);
    json_key(json, "without");
    json_bool(json, aggregate->without);
}

/* the types as Prometheus names them */
static const char *type_name(enum value_type type) {
    static const char *const names[] = {
        [VALUE_NONE] = "none",     [VALUE_SCALAR] = "scalar", [VALUE_VECTOR] = "vector",
        [VALUE_MATRIX] = "matrix", [VALUE_STRING] = "string",
    };
    return names[type];
}

static enum value_type argument_type(char letter) {
    return letter == 'v'   ? VALUE_VECTOR
           : letter == 'r' ? VALUE_MATRIX
           : letter == 's' ? VALUE_SCALAR
                           : VALUE_STRING;
}

static void write_call(struct json_writer *json, const struct call *call) {
    write_text(json, "type", "call");
    json_key(json, "func");
    json_object(json);
    write_text(json, "name", call->function->name);
    json_key(json, "argTypes");
    json_array(json);
    for (const char *letter = call->function->args; *letter; letter++)
        json_cstring(json, type_name(argument_type(*letter)));
    json_end_array(json);
    json_key(json, "variadic");
    json_int(json, call->function->optional);
    write_text(json, "returnType", type_name(call->function->result));
    json_end_object(json);
    json_key(json, "args");
    json_array(json);
    for (size_t i = 0; i < call->arg_count; i++) write_node(json, call->args[i]);
    json_end_array(json);
}

static void write_subquery(struct json_writer *json, const struct subquery *subquery) {
    write_text(json, "type", "subquery");
    write_child(json, "expr", subquery->expr);
    json_key(json, "range");
    json_int(json, subquery->range.ms);
    json_key(json, "step");
    json_int(json, subquery->step.ms);
    write_shift(json, &subquery->shift);
}

static void write_number(struct json_writer *json, double number) {
    char text[NUMBER_MAX_TEXT];
    write_text(json, "type", "numberLiteral");
    json_key(json, "val");
    json_string(json, span_of(text, number_write_plain(number, text)));
}

/* the height is bounded by TREE_HEIGHT_MAX */
static void write_node(struct json_writer *json, const struct expr *expr) {
    json_object(json);
    switch (expr->kind) {
    case EXPR_NUMBER: write_number(json, expr->number); break;
    case EXPR_STRING:
        write_text(json, "type", "stringLiteral");
        json_key(json, "val");
        json_string(json, expr->string);
        break;
    case EXPR_SELECTOR: write_selector(json, &expr->selector); break;
    case EXPR_SUBQUERY: write_subquery(json, &expr->subquery); break;
    case EXPR_UNARY:
        write_text(json, "type", "unaryExpr");
        write_text(json, "op", operator_text(expr->unary.op));
        write_child(json, "expr", expr->unary.expr);
        break;
    case EXPR_BINARY: write_binary(json, &expr->binary); break;
    case EXPR_AGGREGATE: write_aggregate(json, &expr->aggregate); break;
    case EXPR_CALL: write_call(json, &expr->call); break;
    case EXPR_PAREN:
        write_text(json, "type", "parenExpr");
        write_child(json, "expr", expr->paren);
        break;
    }
    /* ours: where the node stands in the text, in bytes */
    json_key(json, "start");
    json_int(json, expr->start);
    json_key(json, "end");
    json_int(json, expr->end);
    json_end_object(json);
}

void api_parse_query(struct exchange *exchange, void *context) {
    struct expr *expr;
    struct answer answer;
    (void)context;
    if (!take_expression(exchange, &expr)) return;
    if (expr->height > TREE_HEIGHT_MAX) {
        answer_error(exchange, ANSWER_EXECUTION,
                     "the expression is nested deeper than %u, the most a tree is given for",
                     TREE_HEIGHT_MAX);
    } else {
        answer_begin(&answer, exchange);
        write_node(&answer.json, expr);
        answer_end(&answer);
    }
    expr_release(expr);
}
