#include "promql/eval/plan.h"

#include "lib/codec/json.h"
#include "lib/sys/clock.h"
#include "promql/eval/eval.h"
#include "promql/eval/row.h"

#define JSON_DEPTH_MAX (JSON_MAX_DEPTH / 2 - 6) /* an object and an array each, inside of an answer */

static const char *const kinds[] = {
    [EXPR_NUMBER] = "number", [EXPR_STRING] = "string",     [EXPR_SELECTOR] = "selector",
    [EXPR_UNARY] = "unary",   [EXPR_BINARY] = "binary",     [EXPR_AGGREGATE] = "aggregation",
    [EXPR_CALL] = "call",     [EXPR_SUBQUERY] = "subquery", [EXPR_PAREN] = "parentheses",
};

/* what was since the last switch is the current node's */
static struct plan_node *switch_to(struct eval *ev, struct plan_node *node) {
    struct plan *plan = ev->query->plan;
    struct plan_node *before = plan->current;
    int64_t now_ns = clock_monotonic_ns();
    size_t bytes = atomic_load_explicit(&ev->query->budget.used_bytes, memory_order_relaxed);
    before->own_ns += now_ns - plan->since_ns;
    if (bytes > plan->since_bytes) before->bytes += bytes - plan->since_bytes;
    plan->since_ns = now_ns;
    plan->since_bytes = bytes;
    plan->current = node;
    return before;
}

struct plan *plan_begin(struct eval *ev) {
    struct plan *plan = arena_alloc(&ev->query->arena, sizeof *plan);
    struct plan_node *root = plan ? arena_alloc(&ev->query->arena, sizeof *root) : NULL;
    if (!root) return NULL;
    *root = (struct plan_node){.kind = "query", .end = (uint32_t)ev->query->text.len};
    *plan = (struct plan){.root = root, .current = root, .since_ns = clock_monotonic_ns()};
    return plan;
}

void plan_end(struct eval *ev) {
    (void)switch_to(ev, ev->query->plan->root);
}

/* the child of the current node for expr: a part may be evaluated more than once */
static struct plan_node *child_of(struct eval *ev, const struct expr *expr, struct err *err) {
    struct plan_node *parent = ev->query->plan->current, *node = parent->first;
    while (node && (node->start != expr->start || node->end != expr->end || node->kind != kinds[expr->kind]))
        node = node->next;
    if (node) return node;
    node = eval_alloc(ev, 1, sizeof *node, err);
    if (!node) return NULL;
    *node = (struct plan_node){
        .kind = kinds[expr->kind], .start = expr->start, .end = expr->end, .parent = parent};
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    return parent->last = node;
}

struct watching {
    struct sink sink, *next;
    struct eval *ev;
    struct plan_node *node;
};

static int watching_push(struct sink *sink, struct row *row, struct err *err) {
    struct watching *watching = (struct watching *)sink;
    watching->node->series++;
    struct plan_node *node = switch_to(watching->ev, watching->node->parent);
    int rc = watching->next->push(watching->next, row, err);
    (void)switch_to(watching->ev, node);
    return rc;
}

int plan_rows(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    struct watching watching = {{watching_push, sink->only_presence}, sink, ev, child_of(ev, expr, err)};
    if (!watching.node) return ERR_LIMIT;
    struct plan_node *before = switch_to(ev, watching.node);
    int rc = eval_rows_plainly(ev, expr, &watching.sink, err);
    (void)switch_to(ev, before);
    return rc;
}

int plan_scalar(struct eval *ev, const struct expr *expr, double *out, struct err *err) {
    struct plan_node *node = child_of(ev, expr, err);
    if (!node) return ERR_LIMIT;
    struct plan_node *before = switch_to(ev, node);
    int rc = eval_scalar_plainly(ev, expr, out, err);
    node->series = 1;
    (void)switch_to(ev, before);
    return rc;
}

int64_t plan_total_ns(const struct plan_node *node) {
    int64_t total_ns = node->own_ns;
    for (const struct plan_node *child = node->first; child; child = child->next)
        total_ns += plan_total_ns(child);
    return total_ns;
}

static void write_number(struct json_writer *json, const char *key, uint64_t number) {
    json_key(json, key);
    json_int(json, (int64_t)number);
}

/* below the deepest that is written the nodes are left out, their time is in "seconds" */
static void write_node(struct json_writer *json, const struct plan_node *node, struct span text, int depth) {
    json_object(json);
    json_key(json, "node");
    json_cstring(json, node->kind);
    json_key(json, "expr");
    json_string(json, span_of(text.ptr + node->start, node->end - node->start));
    write_number(json, "start", node->start);
    write_number(json, "end", node->end);
    write_number(json, "series", node->series);
    write_number(json, "samples", node->samples);
    write_number(json, "bytes", node->bytes);
    json_key(json, "ownSeconds");
    json_double(json, (double)node->own_ns * 1e-9);
    json_key(json, "seconds");
    json_double(json, (double)plan_total_ns(node) * 1e-9);
    json_key(json, "children");
    json_array(json);
    for (const struct plan_node *child = node->first; child && depth < JSON_DEPTH_MAX; child = child->next)
        write_node(json, child, text, depth + 1);
    json_end_array(json);
    json_end_object(json);
}

void plan_write(struct json_writer *json, const struct plan_node *root, struct span text) {
    write_node(json, root, text, 0);
}
