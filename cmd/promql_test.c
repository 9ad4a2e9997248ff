/*
 * promql_test.c - `server promql test [--list-skipped] FILE...`: runs promqltest files and says what differs.
 *
 * A line per failing case, a line per file, a line for all of them. Exit status 1 when a case failed or a
 * file could not be run.
 */
#include "cmd/promql.h"
#include "cmd/promql_test_run.h"
#include "promql/eval/engine.h"

#include <stdio.h>
#include <string.h>

static int usage(void) {
    fprintf(stderr, "usage: server promql test [--list-skipped] FILE...\n");
    return 1;
}

static void run_file(const char *path, struct engine *engine, bool list_skipped, struct test_counts *all) {
    struct test_counts counts = {0};
    struct err err = {0};
    if (promql_test_file(path, engine, list_skipped, &counts, &err)) {
        counts.failed++;
        printf("%s: %s\n", path, err.text);
    }
    printf("%s: %zu passed, %zu failed, %zu skipped\n", path, counts.passed, counts.failed, counts.skipped);
    fflush(stdout);
    all->passed += counts.passed;
    all->failed += counts.failed;
    all->skipped += counts.skipped;
}

int cmd_promql_test(int argc, char **argv) {
    bool list_skipped = false;
    int files = 0;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--list-skipped") == 0)
            list_skipped = true;
        else if (argv[i][0] == '-')
            return usage();
        else
            files++;
    }
    if (files == 0) return usage();
    struct engine *engine = promql_test_engine();
    struct test_counts all = {0};
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] != '-') run_file(argv[i], engine, list_skipped, &all);
    }
    engine_destroy(engine);
    printf("%d files: %zu passed, %zu failed, %zu skipped\n", files, all.passed, all.failed, all.skipped);
    return all.failed ? 1 : 0;
}
