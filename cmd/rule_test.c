#include "cmd/cmd.h"

#include "cmd/ask.h"
#include "cmd/check.h"
#include "cmd/rule_test.h"
#include "lib/base/mem.h"
#include "lib/config/rule_test.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <string.h>

/*
 * test rules [--run REGEX]... [--diff] [--junit FILE] [--ignore-unknown-fields] FILE...: unit tests of rules.
 * Exit status 0 when all pass, 1 when one fails or a file cannot be read.
 */

static void usage(void) {
    fprintf(stderr, "usage: server test rules [--run=REGEX]... [--diff] [--junit=FILE] "
                    "[--ignore-unknown-fields] FILE...\n");
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

struct request {
    struct rule_test_options options;
    struct buf names; /* of --run, as one expression */
    const char *junit;
    int files; /* moved to the front of argv */
};

static bool read_options(int argc, char **argv, struct request *request) {
    for (int i = 2; i < argc; i++) {
        const char *value;
        if (strcmp(argv[i], "--diff") == 0)
            request->options.diff = true;
        else if (strcmp(argv[i], "--ignore-unknown-fields") == 0)
            request->options.ignores_unknown = true;
        else if (ask_option("--run", argc, argv, &i, &value))
            buf_printf(&request->names, "%s%s", request->names.len ? "|" : "", value);
        else if (ask_option("--junit", argc, argv, &i, &value))
            request->junit = value;
        else if (strncmp(argv[i], "--", 2) == 0)
            return false;
        else
            argv[2 + request->files++] = argv[i];
    }
    return request->files > 0 && !request->names.failed;
}

static int run_files(struct request *request, char **files, struct err *err) {
    bool good = true;
    struct buf junit;
    int rc = 0;
    if (request->names.len) rc = regex_create(&request->options.names, buf_view(&request->names), err);
    if (rc) return err_wrap(err, rc, "--run");
    buf_init(&junit, 256 << 20);
    buf_puts(&junit, "<testsuites>");
    for (int i = 0; i < request->files; i++) good &= run_file(files[i], &request->options, &junit);
    buf_puts(&junit, "</testsuites>\n");
    if (request->junit)
        rc = file_write_atomic(file_system_real(), request->junit, junit.data, junit.len, err);
    buf_release(&junit);
    regex_destroy(request->options.names);
    return rc || good ? rc : err_set(err, ERR_EXECUTION, "not every test passed");
}

int cmd_test(int argc, char **argv) {
    struct request request = {0};
    struct err err = {0};
    int status = 1;
    buf_init(&request.names, 1 << 20);
    if (argc < 3 || strcmp(argv[1], "rules") != 0 || !read_options(argc, argv, &request))
        usage();
    else if (run_files(&request, argv + 2, &err))
        fprintf(stderr, "%s\n", err.text);
    else
        status = 0;
    buf_release(&request.names);
    return status;
}
