/*
 * promql_test_need.c - walks over the tree of a case's expression.
 */
#include "cmd/promql_test_need.h"

#include "promql/parse/function.h"

typedef bool visitor(struct expr *expr, void *context);

static bool walk(struct expr *expr, visitor *visit, void *context);

static bool walk_all(struct expr **exprs, size_t count, visitor *visit, void *context) {
    for (size_t i = 0; i < count; i++) {
        if (!walk(exprs[i], visit, context)) return false;
    }
    return true;
}

/* parents first, until visit says false; visit looks after the insides of subqueries itself */
static bool walk(struct expr *expr, visitor *visit, void *context) {
    if (!expr) return true;
    if (!visit(expr, context)) return false;
    switch (expr->kind) {
    case EXPR_UNARY: return walk(expr->unary.expr, visit, context);
    case EXPR_PAREN: return walk(expr->paren, visit, context);
    case EXPR_CALL: return walk_all(expr->call.args, expr->call.arg_count, visit, context);
    case EXPR_BINARY:
        return walk(expr->binary.left, visit, context) && walk(expr->binary.right, visit, context);
    case EXPR_AGGREGATE:
        return walk(expr->aggregate.param, visit, context) && walk(expr->aggregate.expr, visit, context);
    default: return true;
    }
}

/* ---- what is special about the loaded series ---- */

static int note_special(struct labels labels, struct arena *arena, struct test_special **specials,
                        struct err *err) {
    struct test_special *special = arena_alloc(arena, sizeof *special);
    if (!special) return arena_limit(arena, "test file", err);
    *special = (struct test_special){labels, *specials};
    *specials = special;
    return 0;
}

int promql_test_note_specials(const struct test_command *command, struct arena *arena,
                              struct test_special **specials, struct err *err) {
    int rc = 0;
    for (const struct test_series *series = command->series; series && rc == 0; series = series->next) {
        if (series->is_start_times) rc = note_special(series->labels, arena, specials, err);
    }
    return rc;
}

/* ---- reasons ---- */

struct search {
    const struct test_special *specials;
    struct arena *arena;
    const char *reason;
    bool has_subquery;
};

static bool find_reason(struct expr *expr, void *context) {
    struct search *search = context;
    if (expr->kind == EXPR_SUBQUERY) {
        search->has_subquery = true;
        return walk(expr->subquery.expr, find_reason, search);
    }
    if (expr->kind == EXPR_CALL && expr->call.function->state == FUNCTION_LATER) {
        search->reason = arena_printf(search->arena, "function %s", expr->call.function->name);
        return false;
    }
    if (expr->kind != EXPR_SELECTOR) return true;
    for (const struct test_special *special = search->specials; special; special = special->next) {
        if (!matchers_match(expr->selector.matchers, expr->selector.matcher_count, special->labels)) continue;
        search->reason = "start timestamps";
        return false;
    }
    return true;
}

const char *promql_test_reason(const struct expr *expr, const struct test_special *specials,
                               struct arena *arena) {
    struct search search = {.specials = specials, .arena = arena};
    (void)walk((struct expr *)expr, find_reason, &search);
    return search.reason;
}

const char *promql_test_unsupported(const struct expr *expr, const char *text, struct arena *arena) {
    struct search search = {.arena = arena};
    (void)walk((struct expr *)expr, find_reason, &search);
    if (search.reason) return search.reason;
    if (search.has_subquery) return "subqueries";
    const char *copy = arena_strndup(arena, text, strlen(text));
    return copy ? copy : "unsupported";
}

/* ---- the same expression, its time nailed down ---- */

static bool depends_on_time(enum function_id id) {
    switch (id) {
    case FN_time:
    case FN_timestamp:
    case FN_predict_linear:
    case FN_minute:
    case FN_hour:
    case FN_day_of_week:
    case FN_day_of_month:
    case FN_day_of_year:
    case FN_days_in_month:
    case FN_month:
    case FN_year:
    case FN_start:
    case FN_end:
    case FN_step:
    case FN_range: return true;
    default: return false;
    }
}

static void pin_shift(struct time_shift *shift, int64_t at_ms) {
    if (shift->at != AT_NONE) return;
    shift->at = AT_TIME;
    shift->at_ms = at_ms;
}

static bool pin(struct expr *expr, void *context) {
    const int64_t *at_ms = context;
    if (expr->kind == EXPR_CALL) return !depends_on_time(expr->call.function->id);
    if (expr->kind == EXPR_SELECTOR) pin_shift(&expr->selector.shift, *at_ms);
    if (expr->kind == EXPR_SUBQUERY) pin_shift(&expr->subquery.shift, *at_ms);
    return true;
}

bool promql_test_pin(struct expr *expr, int64_t at_ms) {
    return walk(expr, pin, &at_ms);
}
