/*
 * tsdb.c - `server tsdb ...`: bringing history in from elsewhere, and looking into blocks.
 *
 * Exit status 0 when all was well, 1 when not, also for a wrong usage.
 */
#include "cmd/tsdb.h"

#include "cmd/backfill.h"
#include "cmd/cmd.h"
#include "storage/foreign/import.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMPORT_BYTES ((size_t)8 << 30)

static void show_warning(const char *text, void *context) {
    (void)context;
    fprintf(stderr, "%swarning: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text);
}

static int run_import(int argc, char **argv) {
    struct foreign_import_options options = {.max_bytes = IMPORT_BYTES, .warn = show_warning};
    const char *out = "data/";
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--storage.tsdb.path=", 20) == 0)
            out = argv[i] + 20;
        else if (argv[i][0] == '-' || options.source)
            return tsdb_usage();
        else
            options.source = argv[i];
    }
    if (!options.source) return tsdb_usage();
    struct tsdb_output output;
    struct err err = {0};
    int rc = tsdb_output_open(&output, out, &err);
    if (!rc) rc = foreign_import(&options, &output.target, &err);
    tsdb_output_close(&output);
    return tsdb_show_result(&output.target.counts, rc, &err);
}

static int run_create(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "rules") == 0)
        return backfill_run(argc - 1, argv + 1, "http://localhost:9090"); /* as promtool has it */
    if (argc < 3 || argc > 4 || strcmp(argv[1], "openmetrics") != 0) return tsdb_usage();
    struct tsdb_output output;
    struct err err = {0};
    int rc = tsdb_output_open(&output, argc == 4 ? argv[3] : "data/", &err);
    if (!rc) rc = foreign_openmetrics(output.target.fs, argv[2], IMPORT_BYTES, &output.target, &err);
    tsdb_output_close(&output);
    return tsdb_show_result(&output.target.counts, rc, &err);
}

int tsdb_usage(void) {
    fprintf(stderr,
            "usage: server tsdb import PROMETHEUS_DATA_DIR [--storage.tsdb.path=OUT]\n"
            "       server tsdb create-blocks-from openmetrics FILE [OUT]\n"
            "       server tsdb create-blocks-from rules --start=TIME ... FILE...\n"
            "       server tsdb list [-r] [DIR]\n"
            "       server tsdb analyze [--limit=20] [DIR [BLOCK]]\n"
            "       server tsdb dump [--min-time=MS] [--max-time=MS] [--match=SELECTOR] [DIR]\n"
            "       server tsdb verify [DIR]\n"
            "       server tsdb bench write [--out=benchout] [--metrics=10000] [--scrapes=3000] [FILE]\n"
            "DIR and OUT are data folders, data/ unless given; their blocks are in DIR/blocks.\n");
    return 1;
}

int cmd_tsdb(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"import", run_import}, {"create-blocks-from", run_create},
                    {"list", tsdb_list},    {"analyze", tsdb_analyze},
                    {"dump", tsdb_dump},    {"verify", tsdb_verify},
                    {"bench", tsdb_bench}};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    return tsdb_usage();
}
