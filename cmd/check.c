#include "cmd/check.h"

#include "cmd/check_config.h"
#include "cmd/check_metrics.h"
#include "cmd/check_relabel.h"
#include "cmd/check_rules.h"
#include "cmd/cmd.h"
#include "lib/config/config.h"
#include "web/gate/gate.h"

#include <stdio.h>
#include <string.h>

/*
 * check ...: verdicts without a server. check web-config FILE...: on the file of --web.config.file, with the
 * certificates and tokens that it names; the others have files of their own.
 */

void check_print_errors(const char *path, const struct config_errors *errors) {
    struct buf line;
    buf_init(&line, 1 << 16);
    for (size_t i = 0; i < errors->count; i++) {
        buf_reset(&line);
        config_error_write(&errors->items[i], &line);
        fprintf(stderr, "  FAILED: %s\n", buf_text(&line));
    }
    if (errors->more) fprintf(stderr, "  FAILED: %s: and %zu more\n", path, errors->more);
    buf_release(&line);
}

bool check_read_input(struct buf *text) {
    char piece[16384];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, stdin)) > 0) buf_append(text, piece, got);
    return !text->failed && !ferror(stdin);
}

/* ---- findings ---- */

static void read_names(struct check_lint *lint, struct span names) {
    lint->finds_duplicates = lint->finds_long_waits = false;
    for (size_t from = 0; from <= names.len;) {
        size_t comma = span_find_byte(names, ',', from);
        struct span name = span_of(names.ptr + from, comma - from);
        bool is_all = span_is(name, "all");
        if (is_all || span_is(name, "duplicate-rules")) lint->finds_duplicates = true;
        if (is_all || span_is(name, "too-long-scrape-interval")) lint->finds_long_waits = true;
        if (!is_all && !span_is(name, "none") && !span_is(name, "duplicate-rules") &&
            !span_is(name, "too-long-scrape-interval"))
            printf("WARNING: unknown lint option %.*s\n", SPAN_ARG(name));
        from = comma + 1;
    }
}

bool check_lint_option(struct check_lint *lint, const char *option) {
    if (strcmp(option, "--lint-fatal") == 0)
        lint->is_fatal = true;
    else if (strcmp(option, "--no-lint-fatal") == 0)
        lint->is_fatal = false;
    else if (strcmp(option, "--ignore-unknown-fields") == 0)
        lint->ignores_unknown = true;
    else if (strncmp(option, "--lint=", 7) == 0)
        read_names(lint, span_from(option + 7));
    else
        return false;
    return true;
}

void check_bad(struct check_lint *lint) {
    lint->status = CHECK_BAD;
}

void check_found(struct check_lint *lint) {
    if (lint->is_fatal && lint->status == CHECK_GOOD) lint->status = CHECK_LINT;
}

/* ---- commands ---- */

static int check_web_config(int argc, char **argv) {
    static struct config_errors errors;
    int status = CHECK_GOOD;
    for (int i = 1; i < argc; i++) {
        if (gate_check(argv[i], &errors)) {
            check_print_errors(argv[i], &errors);
            status = CHECK_BAD;
            continue;
        }
        printf("%s SUCCESS\n", argv[i]);
        fflush(stdout);
    }
    return status;
}

int cmd_check(int argc, char **argv) {
    static const struct {
        const char *name;
        int fewest; /* arguments behind the name */
        int (*run)(int argc, char **argv);
    } kinds[] = {{"config", 1, check_config},
                 {"web-config", 1, check_web_config},
                 {"rules", 0, check_rules},
                 {"metrics", 0, check_metrics},
                 {"relabel", 0, check_relabel}};
    for (size_t k = 0; argc >= 2 && k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(argv[1], kinds[k].name) == 0 && argc - 2 >= kinds[k].fewest)
            return kinds[k].run(argc - 1, argv + 1);
    fprintf(stderr,
            "usage: server check config [--syntax-only] [--agent] [--lint=...] [--lint-fatal] FILE...\n"
            "       server check web-config FILE...\n"
            "       server check rules [--lint=...] [--lint-fatal] [FILE]...\n"
            "       server check metrics [--extended] < METRICS\n"
            "       server check relabel --config.file=FILE --job=NAME [--metric] LABELS\n");
    return CHECK_BAD;
}
