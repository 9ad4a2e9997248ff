/*
 * blocks.c - the folder of blocks: opened at the start, added to later.
 *
 *     <data>/blocks/        whole blocks
 *     <data>/quarantine/    those that could not be read: everything else is served without them
 */
#include "lib/base/log.h"
#include "lib/sys/clock.h"
#include "storage/block/writer.h"
#include "storage/tsdb/inside.h"

#include <stdio.h>

static void move_aside(struct tsdb *tsdb, const char *from_folder, const char *to_folder, struct ulid ulid) {
    static const char *const kinds[] = {"index", "data", "tombstones", "meta"};
    char text[ULID_TEXT + 1];
    ulid_text(ulid, text);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char from[TSDB_PATH_MAX + 64], to[TSDB_PATH_MAX + 64];
        struct err err;
        (void)snprintf(from, sizeof from, "%s/%s.%s", from_folder, text, kinds[i]);
        (void)snprintf(to, sizeof to, "%s/%s.%s", to_folder, text, kinds[i]);
        int rc = file_rename(tsdb->fs, from, to, &err);
        if (rc && rc != ERR_NOT_FOUND)
            LOG(LOG_WARN, "a file of a damaged block was not put aside", "err", err.text);
    }
}

static void quarantine(struct tsdb *tsdb, const char *folder, struct ulid ulid, const char *why) {
    char aside[TSDB_PATH_MAX], text[ULID_TEXT + 1];
    ulid_text(ulid, text);
    tsdb->damage++;
    LOG(LOG_ERROR, "a block cannot be read and is put aside; everything else is served", "block", text, "err",
        why);
    if (tsdb_path(tsdb, "quarantine", aside, NULL) == 0 && folder_make(tsdb->fs, aside, NULL) == 0)
        move_aside(tsdb, folder, aside, ulid);
}

static int open_one(struct tsdb *tsdb, const char *folder, struct ulid ulid, int64_t *head_mint,
                    struct err *err) {
    struct block *block;
    int rc = block_open(tsdb->fs, folder, ulid, &block, err);
    tsdb_count_attempt(tsdb, EVENT_RELOAD, rc);
    if (rc == ERR_CORRUPT || rc == ERR_NOT_FOUND) {
        quarantine(tsdb, folder, ulid, err->text);
        return 0;
    }
    if (rc) return rc;
    if (block_meta(block)->head_end > *head_mint) *head_mint = block_meta(block)->head_end;
    sources_change(&tsdb->sources, block, NULL, 0, INT64_MIN);
    return 0;
}

/* A merge that was stopped between its result and the removal of what it was made of: those are in the
 * result. */
static bool is_covered(const struct block_meta *small, const struct block_meta *large) {
    if (small->level >= large->level || memcmp(&small->ulid, &large->ulid, sizeof small->ulid) == 0)
        return false;
    for (uint32_t i = 0; i < small->source_count; i++) {
        bool found = false;
        for (uint32_t j = 0; j < large->source_count; j++)
            found = found || memcmp(&small->sources[i], &large->sources[j], sizeof *small->sources) == 0;
        if (!found) return false;
    }
    return small->source_count > 0;
}

static void remove_covered(struct tsdb *tsdb) {
    struct block_list all = {0};
    sources_blocks(&tsdb->sources, &all);
    for (size_t i = 0; i < all.items.count; i++) {
        bool covered = false;
        for (size_t j = 0; j < all.items.count; j++)
            covered = covered || is_covered(block_meta(all.items.items[i]), block_meta(all.items.items[j]));
        if (covered) sources_change(&tsdb->sources, NULL, &all.items.items[i], 1, INT64_MIN);
    }
    block_list_release(&all);
}

int tsdb_open_blocks(struct tsdb *tsdb, int64_t *head_mint, struct err *err) {
    char folder[TSDB_PATH_MAX];
    struct ulids ulids = {0};
    *head_mint = INT64_MIN;
    int rc = tsdb_path(tsdb, "blocks", folder, err);
    if (!rc) rc = block_list(tsdb->fs, folder, &ulids, err);
    for (size_t i = 0; !rc && i < ulids.list.count; i++)
        rc = open_one(tsdb, folder, ulids.list.items[i], head_mint, err);
    vec_release(&ulids.list);
    if (!rc) remove_covered(tsdb);
    return rc;
}

int tsdb_block_writer(struct tsdb *tsdb, const struct block_writer_options *wanted,
                      struct block_writer **writer, struct err *err) {
    char folder[TSDB_PATH_MAX];
    struct block_writer_options options = *wanted;
    int rc = tsdb_path(tsdb, "blocks", folder, err);
    options.fs = tsdb->fs;
    if (!options.folder) options.folder = folder;
    options.now_ms = clock_wall_ms();
    return rc ? rc : block_writer_create(&options, writer, err);
}

int tsdb_open_written(struct tsdb *tsdb, const struct block_meta *meta, struct block **block,
                      struct err *err) {
    char folder[TSDB_PATH_MAX];
    *block = NULL;
    if (!meta->samples) return 0;
    int rc = tsdb_path(tsdb, "blocks", folder, err);
    if (!rc) rc = block_open(tsdb->fs, folder, meta->ulid, block, err);
    tsdb_count_attempt(tsdb, EVENT_RELOAD, rc);
    return rc;
}
