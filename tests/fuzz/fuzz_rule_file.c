// links: promql_rules
/* fuzz_rule_file.c - any text as a rule file, and what of it is an expression. */
#include "lib/base/mem.h"
#include "promql/rules/rule_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    struct rule_file file;
    struct arena arena;
    arena_init(&arena, (size_t)256 << 20, NULL);
    if (!rule_file_load_text(span_of((const char *)data, size), "fuzz.yml", false, &arena, &file, errors)) {
        for (size_t i = 0; i < file.groups.count; i++)
            for (size_t k = 0; k < file.groups.items[i].rules.count; k++) {
                struct parse_error error;
                struct expr *expr;
                const char *text = file.groups.items[i].rules.items[k].expr;
                if (!promql_parse(span_from(text), NULL, &arena, &expr, &error)) expr_release(expr);
            }
    }
    arena_release(&arena);
    mem_free(errors);
    return 0;
}
