#include "promql/eval/queried.h"

#include "promql/parse/parse.h"
#include "tests/check_main.h"

static struct queried *queried;

static void note(const char *text) {
    struct parse_options options = {0};
    struct parse_error error;
    struct arena arena;
    struct expr *expr;
    arena_init(&arena, 1 << 20, NULL);
    ck_assert_int_eq(promql_parse(span_from(text), &options, &arena, &expr, &error), 0);
    queried_note(queried, expr);
    expr_release(expr);
    arena_release(&arena);
}

START_TEST(names_in_selectors_are_remembered) {
    queried = queried_create();
    note("sum(rate(a[5m])) / on(job) (b offset 5m) + max_over_time(c[1h:])");
    note("{__name__=\"d\"} or {__name__=~\"e|f\"} or {\"g.h\"}");
    note("count({__name__=~\"node_.+\"}) + count({job=\"x\"}) + count({__name__!=\"i\", job=\"x\"})");
    for (const char *name = "abcdef"; *name; name++)
        ck_assert_msg(queried_has(queried, span_of(name, 1)), "%c", *name);
    ck_assert(queried_has(queried, SPAN("g.h")));
    static const char *const others[] = {"i", "x", "job", "node_.+", "node_load1", "e|f", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!queried_has(queried, span_from(others[i])), "%s", others[i]);
    queried_destroy(queried);
}
END_TEST

CHECK_MAIN("queried", names_in_selectors_are_remembered)
