/*
 * retention.c - blocks that are too old, or too many, go. Whole blocks, as Prometheus does.
 */
#include "lib/base/log.h"
#include "storage/tsdb/inside.h"

#include <stdlib.h>

static int64_t newest_time(const struct tsdb *tsdb, const struct block_list *all) {
    int64_t newest = head_max_time(tsdb->head);
    for (size_t i = 0; i < all->items.count; i++)
        if (block_meta(all->items.items[i])->maxt > newest) newest = block_meta(all->items.items[i])->maxt;
    return newest;
}

static int newest_first(const void *a, const void *b) {
    int64_t left = block_meta(*(struct block *const *)a)->maxt,
            right = block_meta(*(struct block *const *)b)->maxt;
    return left > right ? -1 : left < right;
}

/* The disk may have grown since the last look; one that does not tell its size sets none. */
uint64_t tsdb_retention_bytes(const struct tsdb *tsdb) {
    double percentage = atomic_load(&tsdb->retention.percentage);
    struct file_space space;
    if (!(percentage > 0) || !tsdb->path) return atomic_load(&tsdb->retention.bytes);
    if (folder_space(tsdb->fs, tsdb->path, &space, NULL)) return 0;
    return (uint64_t)((double)space.total * percentage / 100);
}

/* The first block that is outlived, by time or by size counted from the newest; NULL: none. *why: as which.
 */
static struct block *outlived(const struct tsdb *tsdb, struct block_list *all, enum tsdb_event *why) {
    int64_t retention = atomic_load(&tsdb->retention.time_ms), newest = newest_time(tsdb, all);
    uint64_t limit = tsdb_retention_bytes(tsdb), bytes = 0;
    if (all->items.count) qsort(all->items.items, all->items.count, sizeof *all->items.items, newest_first);
    for (size_t i = 0; i < all->items.count; i++) {
        const struct block_meta *meta = block_meta(all->items.items[i]);
        bytes += meta->bytes;
        bool is_old = retention && newest > meta->maxt &&
                      (uint64_t)newest - (uint64_t)meta->maxt >= (uint64_t)retention;
        *why = is_old ? EVENT_TIME_RETENTION : EVENT_SIZE_RETENTION;
        if (is_old || (limit && bytes > limit)) return all->items.items[i];
    }
    return NULL;
}

bool tsdb_retention_is_due(const struct tsdb *tsdb) {
    struct block_list all = {0};
    enum tsdb_event why;
    sources_blocks((struct sources *)&tsdb->sources, &all);
    bool is_due = outlived(tsdb, &all, &why) != NULL;
    block_list_release(&all);
    return is_due;
}

int tsdb_retain(struct tsdb *tsdb, struct err *err) {
    (void)err;
    for (bool found = true; found;) {
        struct block_list all = {0};
        sources_blocks(&tsdb->sources, &all);
        enum tsdb_event why;
        struct block *block = outlived(tsdb, &all, &why);
        found = block != NULL;
        if (found) {
            char text[ULID_TEXT + 1];
            ulid_text(block_meta(block)->ulid, text);
            LOG(LOG_INFO, "a block is beyond the retention and goes", "block", text);
            sources_change(&tsdb->sources, NULL, &block, 1, INT64_MIN);
            tsdb_count(tsdb, why);
        }
        block_list_release(&all);
    }
    return 0;
}
