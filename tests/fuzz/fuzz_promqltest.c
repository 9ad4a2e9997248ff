/*
 * fuzz_promqltest.c - any text as a promqltest file: commands or an error, within its arena.
 */
// links: cmd_parts
#include "cmd/promql_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    arena_init(&arena, 8 << 20, NULL);
    struct err err = {0};
    struct test_command *commands = NULL;
    int rc = promql_test_parse(span_of((const char *)data, size), &arena, &commands, &err);
    if (rc && (commands || err.text[0] == '\0')) __builtin_trap();
    arena_release(&arena);
    return 0;
}
