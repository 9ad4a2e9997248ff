// links: promql_parse
/* fuzz_promql.c - what parses is printed, and the print parses to the same print. */
#include "lib/base/assert.h"
#include "promql/parse/parse.h"

static bool print_form(struct span text, struct buf *out) {
    static const struct parse_options options = {
        .experimental_functions = true, .extended_range_selectors = true, .binop_fill_modifiers = true};
    struct arena arena;
    struct expr *expr;
    struct parse_error error;
    arena_init(&arena, 256 << 20, NULL);
    bool good = promql_parse(text, &options, &arena, &expr, &error) == 0;
    if (good) {
        expr_print(expr, out);
        expr_release(expr);
    }
    arena_release(&arena);
    return good && !out->failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf first, second;
    buf_init(&first, 200000);
    buf_init(&second, 400000);
    if (print_form(span_of((const char *)data, size), &first)) {
        ASSERT(print_form(buf_view(&first), &second));
        ASSERT(span_equal(buf_view(&first), buf_view(&second)));
    }
    buf_release(&first);
    buf_release(&second);
    return 0;
}
