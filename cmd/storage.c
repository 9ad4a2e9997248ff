#include "cmd/storage.h"

#include "cmd/flags.h"
#include "lib/config/config.h"
#include "lib/model/duration.h"
#include "lib/sys/process.h"
#include "storage/tsdb/tsdb.h"

#include <stdio.h>
#include <string.h>

#define EXEMPLARS_MOST 100000000
#define GATHER_MS 50 /* scrapes are written and seen so much later */
#define RETENTION_DEFAULT_MS ((int64_t)15 * 24 * 3600 * 1000)
/* the part of the memory that series may take, so that there is some for requests and queries */
#define SERIES_PERCENT 70u

/* the file is preferred; without any limit fifteen days */
static struct tsdb_retention retention_of(const struct flags *flags, const struct config *config) {
    struct tsdb_retention retention = {.time_ms = flags->storage_retention_time_ms,
                                       .bytes = flags->storage_retention_size_bytes};
    const struct retention_config *file = config ? config->storage.tsdb.retention : NULL;
    if (file) retention = (struct tsdb_retention){file->time_ms, file->size_bytes, file->percentage};
    if (!retention.time_ms && !retention.bytes && !(retention.percentage > 0))
        retention.time_ms = RETENTION_DEFAULT_MS;
    return retention;
}

uint64_t storage_memory_max(const struct flags *flags) {
    return flags->memory_max_bytes ? flags->memory_max_bytes : process_memory_bytes() / 5 * 4;
}

void storage_memory_init(struct storage_memory *memory, const struct flags *flags) {
    size_t bytes = (size_t)storage_memory_max(flags);
    budget_init(&memory->all, "memory of the server", bytes, NULL);
    budget_init(&memory->series, "memory of series", bytes / 100 * SERIES_PERCENT, &memory->all);
}

static enum tsdb_sync sync_of(const char *choice) {
    if (strcmp(choice, "off") == 0) return TSDB_SYNC_OFF;
    return strcmp(choice, "1s") == 0 ? TSDB_SYNC_INTERVAL : TSDB_SYNC_ACK;
}

/* 0 or less: none */
static size_t max_exemplars(const struct config *config) {
    int64_t max = config->storage.exemplars.max_exemplars;
    return max < 0 ? 0 : max > EXEMPLARS_MOST ? (size_t)EXEMPLARS_MOST : (size_t)max;
}

void storage_options(const struct flags *flags, const struct config *config, struct tsdb_options *options) {
    *options = (struct tsdb_options){
        .gather_ms = GATHER_MS,
        .path = flags->storage_tsdb_path,
        .no_lockfile = flags->storage_no_lockfile,
        .sync = sync_of(flags->storage_wal_sync),
        .max_exemplars = config ? max_exemplars(config) : 0,
        .late_window_ms = config ? config->storage.tsdb.out_of_order_time_window_ms : 0,
        .block_range_ms = flags->storage_min_block_duration_ms,
        .retention = retention_of(flags, config),
    };
}

void storage_apply(struct tsdb *tsdb, const struct flags *flags, const struct config *config) {
    struct tsdb_retention retention = retention_of(flags, config);
    tsdb_set_retention(tsdb, &retention);
    tsdb_set_max_exemplars(tsdb, max_exemplars(config));
    tsdb_set_late_window(tsdb, config->storage.tsdb.out_of_order_time_window_ms);
}

void storage_retention_text(const struct flags *flags, const struct config *config, char out[64]) {
    struct tsdb_retention retention = retention_of(flags, config);
    struct buf text;
    buf_init(&text, 63);
    if (retention.time_ms) duration_write(retention.time_ms, &text);
    if (retention.percentage > 0)
        buf_printf(&text, "%s%g%%", text.len ? " or " : "", retention.percentage);
    else if (retention.bytes)
        buf_printf(&text, "%s%lluB", text.len ? " or " : "", (unsigned long long)retention.bytes);
    (void)snprintf(out, 64, "%s", buf_text(&text));
    buf_release(&text);
}
