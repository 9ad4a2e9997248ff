#include "cmd/check.h"

#include "cmd/check_relabel.h"
#include "cmd/check_rules.h"
#include "cmd/cmd.h"
#include "lib/config/config.h"
#include "web/gate/gate.h"

#include <stdio.h>
#include <string.h>

/*
 * check config FILE...: the verdict that the server would come to, without starting it. Exit status 0 when
 * every file is good, 1 when one is not, also for a wrong usage. check web-config FILE...: the same for the
 * file of --web.config.file, with the certificates and tokens that it names.
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

static void print_unsupported(const struct config *config) {
    if (!config->unsupported.count) return;
    printf("  NOTE: configured but not supported yet, validated only:");
    for (size_t i = 0; i < config->unsupported.count; i++)
        printf("%s %s", i ? "," : "", config->unsupported.items[i]);
    printf("\n");
}

static int check_file(const char *path, struct config_errors *errors) {
    struct config *config;
    printf("Checking %s\n", path);
    fflush(stdout);
    if (config_load_file(path, &config, errors)) {
        check_print_errors(path, errors);
        return 1;
    }
    printf("  SUCCESS: %s is a valid Prometheus configuration\n", path);
    print_unsupported(config);
    fflush(stdout);
    int status = check_rule_files_of(config);
    config_unref(config);
    return status;
}

static int check_web_file(const char *path, struct config_errors *errors) {
    if (gate_check(path, errors)) {
        check_print_errors(path, errors);
        return 1;
    }
    printf("%s SUCCESS\n", path);
    fflush(stdout);
    return 0;
}

int cmd_check(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*check)(const char *path, struct config_errors *errors);
    } kinds[] = {{"config", check_file}, {"web-config", check_web_file}};
    static struct config_errors errors;
    if (argc > 1 && strcmp(argv[1], "relabel") == 0) return check_relabel(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "rules") == 0) return check_rules(argc - 1, argv + 1);
    for (size_t k = 0; argc >= 3 && k < sizeof kinds / sizeof *kinds; k++) {
        int status = 0;
        if (strcmp(argv[1], kinds[k].name) != 0) continue;
        for (int i = 2; i < argc; i++) status |= kinds[k].check(argv[i], &errors);
        return status;
    }
    fprintf(stderr, "usage: server check config FILE...\n"
                    "       server check web-config FILE...\n"
                    "       server check rules [--lint=...] [--lint-fatal] FILE...\n"
                    "       server check relabel --config.file=FILE --job=NAME [--metric] LABELS\n");
    return 1;
}
