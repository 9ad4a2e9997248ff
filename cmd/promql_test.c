/*
 * promql_test.c - `server promql test FILE...`: runs promqltest files and says what differs.
 *
 * A line per failing case, a line per file, a line for all of them. Exit status 1 when a case failed or a
 * file could not be run.
 */
#include "cmd/promql.h"
#include "cmd/promql_test_run.h"
#include "promql/eval/engine.h"

#include <stdio.h>

static int usage(void) {
    fprintf(stderr, "usage: server promql test FILE...\n");
    return 1;
}

static void run_file(const char *path, struct engine *engine, struct test_counts *all) {
    struct test_counts counts = {0};
    struct err err = {0};
    if (promql_test_file(path, engine, &counts, &err)) {
        counts.failed++;
        printf("%s: %s\n", path, err.text);
    }
    printf("%s: %zu passed, %zu failed\n", path, counts.passed, counts.failed);
    fflush(stdout);
    all->passed += counts.passed;
    all->failed += counts.failed;
}

int cmd_promql_test(int argc, char **argv) {
    for (int i = 2; i < argc; i++)
        if (argv[i][0] == '-') return usage();
    if (argc < 3) return usage();
    struct engine *engine = promql_test_engine();
    struct test_counts all = {0};
    for (int i = 2; i < argc; i++) run_file(argv[i], engine, &all);
    engine_destroy(engine);
    printf("%d files: %zu passed, %zu failed\n", argc - 2, all.passed, all.failed);
    return all.failed ? 1 : 0;
}
