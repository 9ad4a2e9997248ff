/*
 * tsdb_bench.c - `tsdb bench write`: how much this machine ingests.
 *
 * Every scrape of every group goes through the appender port as a scrape of a target does: one batch, logged,
 * applied, cut into blocks while it goes on. Scrapes are SCRAPE_STEP_MS apart and end now. At the end the
 * store is closed, so the processor time holds all that ingestion brought about; the bytes are those of a
 * snapshot, which is everything as blocks.
 */
#include "cmd/bench_series.h"
#include "cmd/tsdb.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/process.h"
#include "lib/sys/thread.h"
#include "storage/tsdb/tsdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRAPE_STEP_MS 15000
#define MAX_METRICS 100000000u
#define MAX_SCRAPES 10000000u
#define SHOW_EVERY_MS 200

struct bench {
    const char *out, *file;
    size_t metrics, scrapes;
    struct tsdb *tsdb;
    struct bench_series series;
    /* what came back, from the store's thread */
    struct mutex lock;
    struct condition idle;
    size_t under_way;
    uint64_t stored, refused;
    struct err failure; /* of the first batch that failed as a whole */
    int64_t shown_ms;
};

/* ---- arguments ---- */

static bool take_count(const char *text, size_t most, size_t *count) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > most) return false;
    *count = (size_t)value;
    return true;
}

/* the value of "--name=value" or "--name value", which moves *i; NULL: another argument, or no value */
static const char *option(const char *name, int argc, char **argv, int *i) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return NULL;
    if (argv[*i][len] == '=') return argv[*i] + len + 1;
    return argv[*i][len] == 0 && *i + 1 < argc ? argv[++*i] : NULL;
}

static bool take_arguments(struct bench *bench, int argc, char **argv) {
    *bench = (struct bench){.out = "benchout", .metrics = 10000, .scrapes = 3000};
    if (argc < 2 || strcmp(argv[1], "write") != 0) return false;
    for (int i = 2; i < argc; i++) {
        const char *value;
        if ((value = option("--out", argc, argv, &i)))
            bench->out = value;
        else if ((value = option("--metrics", argc, argv, &i))) {
            if (!take_count(value, MAX_METRICS, &bench->metrics)) return false;
        } else if ((value = option("--scrapes", argc, argv, &i))) {
            if (!take_count(value, MAX_SCRAPES, &bench->scrapes)) return false;
        } else if (argv[i][0] == '-' || bench->file)
            return false;
        else
            bench->file = argv[i];
    }
    return true;
}

/* ---- ingesting ---- */

static void batch_done(struct append_batch *batch) {
    struct bench *bench = batch->context;
    uint64_t stored = 0;
    for (size_t i = 0; !batch->rc && i < batch->count; i++) stored += batch->results[i] == APPEND_STORED;
    mutex_lock(&bench->lock);
    if (batch->rc && !bench->failure.code)
        err_set(&bench->failure, batch->rc, "the store refused a batch (%s)", err_name(batch->rc));
    bench->stored += stored;
    bench->refused += batch->count - stored;
    if (--bench->under_way == 0) condition_signal(&bench->idle);
    mutex_unlock(&bench->lock);
    append_batch_destroy(batch);
}

static void ingest_group(struct bench *bench, const struct bench_group *group, size_t scrape,
                         int64_t time_ms) {
    struct append_batch *batch = append_batch_create(group->count, false, batch_done, bench);
    batch->time_ms = time_ms;
    for (size_t i = 0; i < group->count; i++)
        append_batch_add(batch, group->refs[i],
                         bench_series_value(group, i, scrape, time_ms / SCRAPE_STEP_MS), 0);
    mutex_lock(&bench->lock);
    bench->under_way++;
    mutex_unlock(&bench->lock);
    appender_append(tsdb_appender(bench->tsdb), batch);
}

static void show_progress(struct bench *bench, size_t scrape, int64_t started_ms) {
    int64_t now_ms = clock_monotonic_ms();
    if (!isatty(STDERR_FILENO) || now_ms - bench->shown_ms < SHOW_EVERY_MS) return;
    bench->shown_ms = now_ms;
    double samples = (double)scrape * (double)bench->series.count;
    fprintf(stderr, "\r%zu of %zu scrapes, %.0f samples/s\033[K", scrape, bench->scrapes,
            samples * 1000 / (double)(now_ms - started_ms + 1));
}

static int ingest(struct bench *bench, struct err *err) {
    int64_t started_ms = clock_monotonic_ms();
    int64_t first_ms =
        clock_wall_ms() / SCRAPE_STEP_MS * SCRAPE_STEP_MS - ((int64_t)bench->scrapes - 1) * SCRAPE_STEP_MS;
    for (size_t scrape = 0; scrape < bench->scrapes && !bench->failure.code; scrape++) {
        for (size_t i = 0; i < bench->series.groups.count; i++)
            ingest_group(bench, bench->series.groups.items[i], scrape,
                         first_ms + (int64_t)scrape * SCRAPE_STEP_MS);
        show_progress(bench, scrape + 1, started_ms);
    }
    mutex_lock(&bench->lock);
    while (bench->under_way) condition_wait(&bench->idle, &bench->lock);
    mutex_unlock(&bench->lock);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
    return bench->failure.code ? err_set(err, bench->failure.code, "%s", bench->failure.text) : 0;
}

/* ---- counting bytes ---- */

struct adding {
    const char *folder;
    uint64_t bytes;
};

static void add_file(const char *name, void *context) {
    struct adding *adding = context;
    struct file file;
    struct buf path;
    uint64_t bytes = 0;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/%s", adding->folder, name);
    if (!file_open(file_system_real(), buf_text(&path), FILE_READ, &file, NULL)) {
        if (!file_size(&file, &bytes, NULL)) adding->bytes += bytes;
        file_close(&file);
    }
    buf_release(&path);
}

/* bytes of the blocks of a snapshot of everything, which is left beside the rest */
static int count_bytes(struct bench *bench, uint64_t *bytes, struct err *err) {
    char name[64];
    struct buf folder;
    struct adding adding = {0};
    int rc = tsdb_snapshot_to(bench->tsdb, true, name, err);
    if (rc) return rc;
    buf_init(&folder, 4096);
    buf_printf(&folder, "%s/snapshots/%s/blocks", bench->out, name);
    adding.folder = buf_text(&folder);
    rc = folder_list(file_system_real(), adding.folder, add_file, &adding, err);
    buf_release(&folder);
    *bytes = adding.bytes;
    return rc;
}

/* ---- the whole ---- */

static void count_name(const char *name, void *context) {
    (void)name;
    ++*(size_t *)context;
}

/* an existing store would be measured with what it holds, and grow by made-up data */
static int open_store(struct bench *bench, struct err *err) {
    size_t names = 0;
    if (!folder_list(file_system_real(), bench->out, count_name, &names, NULL) && names)
        return err_set(err, ERR_EXISTS, "folder \"%s\" is not empty", bench->out);
    struct tsdb_options options = {.path = bench->out, .take_any_time = true};
    return tsdb_open(&options, NULL, &bench->tsdb, err);
}

static double cpu_seconds(void) {
    struct process_info info = {0};
    process_info_read(&info);
    return info.cpu_seconds;
}

static int measure(struct bench *bench, struct err *err) {
    uint64_t bytes = 0;
    int64_t start_ns = clock_monotonic_ns();
    double start_cpu = cpu_seconds();
    int rc = ingest(bench, err);
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    if (!rc) rc = count_bytes(bench, &bytes, err);
    if (rc) return rc;
    tsdb_close(bench->tsdb);
    bench->tsdb = NULL;
    double cpu = cpu_seconds() - start_cpu, stored = (double)bench->stored;
    printf("%-30s%zu\n%-30s%llu\n", "series", bench->series.count, "samples",
           (unsigned long long)bench->stored);
    if (bench->refused) printf("%-30s%llu\n", "refused", (unsigned long long)bench->refused);
    if (!bench->stored) return err_set(err, ERR_INVALID, "no sample was stored");
    printf("%-30s%.3f\n%-30s%.0f\n", "seconds", seconds, "samples/s", stored / seconds);
    printf("%-30s%.3f\n%-30s%.3f\n", "CPU seconds per million", cpu / stored * 1e6,
           "bytes on disk per sample", (double)bytes / stored);
    return 0;
}

int tsdb_bench(int argc, char **argv) {
    struct bench bench;
    struct err err = {0};
    if (!take_arguments(&bench, argc, argv)) return tsdb_usage();
    mutex_init(&bench.lock);
    condition_init(&bench.idle);
    int rc = open_store(&bench, &err);
    if (!rc)
        rc = bench_series_open(&bench.series, bench.file, bench.metrics, tsdb_appender(bench.tsdb), &err);
    if (!rc) rc = measure(&bench, &err);
    bench_series_close(&bench.series);
    tsdb_close(bench.tsdb);
    condition_release(&bench.idle);
    mutex_release(&bench.lock);
    if (rc) fprintf(stderr, "error: %s\n", err.text);
    return rc || bench.refused ? 1 : 0;
}
