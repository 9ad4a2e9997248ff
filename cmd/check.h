#pragma once
/*
 * check.h - what the commands behind "check" have in common.
 *
 * Exit statuses are promtool's: 0, 1 for an error (also of usage), 3 for a finding that --lint-fatal or the
 * command makes count.
 */
#include "lib/base/buf.h"

#include <stdbool.h>

enum { CHECK_GOOD = 0, CHECK_BAD = 1, CHECK_LINT = 3 };

struct config_errors;

struct check_lint {
    bool finds_duplicates; /* duplicate-rules */
    bool finds_long_waits; /* too-long-scrape-interval */
    bool is_fatal;         /* --lint-fatal */
    bool ignores_unknown;  /* --ignore-unknown-fields of rule files */
    int status;            /* so far */
};

/* --lint=LIST, --lint-fatal, --no-lint-fatal, --ignore-unknown-fields; false: another option. An unknown name
 * is a warning. */
bool check_lint_option(struct check_lint *lint, const char *option);
void check_bad(struct check_lint *lint);
void check_found(struct check_lint *lint);

/* to standard error, a line each */
void check_print_errors(const char *path, const struct config_errors *errors);
/* all of standard input; false: it cannot be read, or is too long for buf */
bool check_read_input(struct buf *text);
