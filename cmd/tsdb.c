/*
 * tsdb.c - `server tsdb ...`: bringing history in from elsewhere, and looking into blocks.
 *
 * Exit status 0 when all was well, 1 when not, also for a wrong usage.
 */
#include "cmd/tsdb.h"

#include "cmd/backfill.h"
#include "cmd/cmd.h"
#include "lib/sys/clock.h"
#include "storage/foreign/import.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMPORT_BYTES ((size_t)8 << 30)

static void show_made(const struct block_meta *meta, void *context) {
    const struct foreign_target *target = context;
    char ulid[ULID_TEXT + 1];
    ulid_text(meta->ulid, ulid);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu blocks, %llu samples (%s)\033[K", (unsigned long long)target->counts.blocks,
                (unsigned long long)target->counts.samples, ulid);
}

static void show_warning(const char *text, void *context) {
    (void)context;
    fprintf(stderr, "%swarning: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text);
}

int tsdb_show_result(const struct foreign_counts *counts, int rc, const struct err *err) {
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
    printf("%llu blocks, %llu series, %llu samples, %llu histograms, %llu bytes, %llu warnings\n",
           (unsigned long long)counts->blocks, (unsigned long long)counts->series,
           (unsigned long long)counts->samples, (unsigned long long)counts->histograms,
           (unsigned long long)counts->bytes, (unsigned long long)counts->warnings);
    if (rc) fprintf(stderr, "error: %s\n", err->text);
    return rc ? 1 : 0;
}

void tsdb_output_init(struct tsdb_output *output, const char *dir) {
    *output = (struct tsdb_output){0};
    buf_init(&output->folder, 4096);
    buf_printf(&output->folder, "%s/blocks", dir);
    output->target = (struct foreign_target){.fs = file_system_real(),
                                             .folder = buf_text(&output->folder),
                                             .now_ms = clock_wall_ms(),
                                             .made = show_made,
                                             .context = &output->target};
}

int tsdb_output_open(struct tsdb_output *output, const char *out, struct err *err) {
    struct file_system *fs = file_system_real();
    struct buf path;
    tsdb_output_init(output, out);
    buf_init(&path, 4096);
    buf_printf(&path, "%s/lock", out);
    int rc = folder_make(fs, out, err);
    if (!rc) rc = file_open(fs, buf_text(&path), FILE_WRITE, &output->lock, err);
    if (!rc) rc = file_lock(&output->lock, err);
    if (rc == ERR_BUSY) rc = err_set(err, rc, "data folder \"%s\" is in use by another process", out);
    buf_release(&path);
    return rc;
}

void tsdb_output_close(struct tsdb_output *output) {
    if (file_is_open(&output->lock)) file_close(&output->lock);
    buf_release(&output->folder);
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
