#include "cmd/cmd.h"

#include "cmd/check.h"
#include "cmd/rule_test.h"
#include "lib/base/mem.h"
#include "lib/config/rule_test.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <string.h>

/*
 * test rules [--run REGEX]... [--diff] [--junit FILE] FILE...: unit tests of rules. Exit status 0 when all
 * pass, 1 when one fails or a file cannot be read.
 */

static int usage(void) {
    fprintf(stderr, "usage: server test rules [--run=REGEX]... [--diff] [--junit=FILE] FILE...\n");
    return 1;
}

static void escape_xml(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '<': buf_puts(out, "&lt;"); break;
        case '>': buf_puts(out, "&gt;"); break;
        case '&': buf_puts(out, "&amp;"); break;
        case '"': buf_puts(out, "&#34;"); break;
        default: buf_putc(out, text.ptr[i]);
        }
    }
}

/* one file: its tests, each with its complaints */
static bool run_file(const char *path, const struct rule_test_options *options, struct buf *junit) {
    static struct config_errors errors;
    struct arena arena;
    struct test_file file;
    bool good = true, failed = false;
    printf("Unit Testing:  %s\n", path);
    fflush(stdout);
    buf_printf(junit, "<testsuite name=\"%s\">", path);
    arena_init(&arena, (size_t)1 << 30, NULL);
    if (test_file_load(path, &arena, &file, &errors)) {
        printf("  FAILED:\n");
        fflush(stdout);
        check_print_errors(path, &errors);
        good = false;
    }
    for (size_t i = 0; good && i < file.tests.count; i++) {
        struct buf why;
        if (!rule_test_is_wanted(options, &file.tests.items[i])) continue;
        buf_init(&why, 16 << 20);
        rule_test_run(&file, &file.tests.items[i], options, &why);
        buf_printf(junit, "<testcase name=\"%s\">", file.tests.items[i].name ? file.tests.items[i].name : "");
        if (why.len) {
            printf("  FAILED:\n%s\n", buf_text(&why));
            buf_puts(junit, "<failure>");
            escape_xml(buf_view(&why), junit);
            buf_puts(junit, "</failure>");
        }
        buf_puts(junit, "</testcase>");
        failed |= why.len > 0;
        buf_release(&why);
    }
    good &= !failed;
    buf_puts(junit, "</testsuite>");
    if (good) printf("  SUCCESS\n\n");
    arena_release(&arena);
    return good;
}

static bool read_options(int argc, char **argv, struct rule_test_options *options, const char **junit,
                         int *files) {
    for (int i = 2; i < argc; i++) {
        bool has_next = i + 1 < argc;
        if (strcmp(argv[i], "--diff") == 0)
            options->diff = true;
        else if (strncmp(argv[i], "--run=", 6) == 0)
            options->names[options->name_count++ % RULE_TEST_MAX_NAMES] = argv[i] + 6;
        else if (strcmp(argv[i], "--run") == 0 && has_next)
            options->names[options->name_count++ % RULE_TEST_MAX_NAMES] = argv[++i];
        else if (strncmp(argv[i], "--junit=", 8) == 0)
            *junit = argv[i] + 8;
        else if (strcmp(argv[i], "--junit") == 0 && has_next)
            *junit = argv[++i];
        else if (strncmp(argv[i], "--", 2) == 0)
            return false;
        else
            argv[2 + (*files)++] = argv[i];
    }
    return *files > 0 && options->name_count <= RULE_TEST_MAX_NAMES;
}

int cmd_test(int argc, char **argv) {
    bool good = true;
    struct rule_test_options options = {0};
    const char *junit_path = NULL;
    int files = 0;
    struct buf junit;
    if (argc < 3 || strcmp(argv[1], "rules") != 0 || !read_options(argc, argv, &options, &junit_path, &files))
        return usage();
    buf_init(&junit, 256 << 20);
    buf_puts(&junit, "<testsuites>");
    for (int i = 0; i < files; i++) good &= run_file(argv[2 + i], &options, &junit);
    buf_puts(&junit, "</testsuites>\n");
    struct err err = {0};
    if (junit_path && file_write_atomic(file_system_real(), junit_path, junit.data, junit.len, &err)) {
        fprintf(stderr, "%s\n", err.text);
        good = false;
    }
    buf_release(&junit);
    return good ? 0 : 1;
}
