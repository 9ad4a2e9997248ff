#pragma once
/*
 * promql_test_run.h - one promqltest file: its loads go into a store in memory, its evals through the engine.
 */
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct engine;

struct test_counts {
    size_t passed, failed;
};

/* Prints a line per failed case ("FILE:LINE: expr: expected ..., got ..."); adds to counts. An error: the
   file cannot be read, is not of the language, or its data cannot be loaded. */
int promql_test_file(const char *path, struct engine *engine, struct test_counts *counts, struct err *err);
/* an engine set up as promqltest wants it */
struct engine *promql_test_engine(void);
