/*
 * tsdb_output.c - blocks that a subcommand makes: in a data folder that is locked meanwhile, with progress.
 */
#include "cmd/tsdb.h"
#include "lib/sys/clock.h"

#include <stdio.h>
#include <unistd.h>

static void show_made(const struct block_meta *meta, void *context) {
    const struct foreign_target *target = context;
    char ulid[ULID_TEXT + 1];
    ulid_text(meta->ulid, ulid);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu blocks, %llu samples (%s)\033[K", (unsigned long long)target->counts.blocks,
                (unsigned long long)target->counts.samples, ulid);
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
