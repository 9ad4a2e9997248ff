/*
 * admin.c - what an operator asks for: deletion, cleaning, a copy.
 *
 * Deletion from the head: the series leave it as quiet ones do, with what is to be kept written into a block.
 * From blocks: tombstones.
 */
#include "lib/base/assert.h"
#include "lib/sys/clock.h"
#include "storage/block/writer.h"
#include "storage/head/slots.h"
#include "storage/tsdb/inside.h"

#include <stdio.h>
#include <time.h>

#define TRIES 20

static int delete_from_blocks(struct tsdb *tsdb, const struct matcher *matchers, size_t matcher_count,
                              int64_t mint, int64_t maxt, struct err *err) {
    struct block_list all = {0};
    uint64_t deleted;
    int rc = 0;
    sources_blocks(&tsdb->sources, &all);
    for (size_t i = 0; !rc && i < all.items.count; i++)
        rc = block_delete(all.items.items[i], matchers, matcher_count, mint, maxt, &deleted, err);
    block_list_release(&all);
    return rc;
}

static int delete_all(struct tsdb *tsdb, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                      int64_t maxt, struct err *err) {
    int rc = 0;
    bool is_left = true;
    for (int i = 0; !rc && is_left && i < TRIES; i++)
        rc = tsdb_expel(tsdb, matchers, matcher_count, mint, maxt, &is_left, err);
    if (!rc && is_left) rc = err_set(err, ERR_BUSY, "the series are written to all the time, try again");
    if (!rc) rc = delete_from_blocks(tsdb, matchers, matcher_count, mint, maxt, err);
    return !rc && tsdb->writer ? tsdb_snapshot_alone(tsdb, err) : rc;
}

int tsdb_delete(struct tsdb *tsdb, const struct matcher *matchers, size_t matcher_count, int64_t mint,
                int64_t maxt, struct err *err) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    mutex_lock(&tsdb->maintenance.work);
    int rc = delete_all(tsdb, matchers, matcher_count, mint, maxt, err);
    if (tsdb_reserve_use(tsdb, rc)) rc = delete_all(tsdb, matchers, matcher_count, mint, maxt, err);
    mutex_unlock(&tsdb->maintenance.work);
    return rc ? err_wrap(err, rc, "deleting series") : 0;
}

static int clean_all(struct tsdb *tsdb, struct err *err) {
    struct block_list all = {0};
    int rc = 0;
    sources_blocks(&tsdb->sources, &all);
    for (size_t i = 0; !rc && i < all.items.count; i++)
        if (block_has_tombstones(all.items.items[i])) rc = tsdb_merge(tsdb, &all.items.items[i], 1, err);
    block_list_release(&all);
    return rc;
}

int tsdb_clean_tombstones(struct tsdb *tsdb, struct err *err) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    mutex_lock(&tsdb->maintenance.work);
    int rc = clean_all(tsdb, err);
    if (tsdb_reserve_use(tsdb, rc)) rc = clean_all(tsdb, err);
    mutex_unlock(&tsdb->maintenance.work);
    return rc ? err_wrap(err, rc, "cleaning tombstones") : 0;
}

/* ---- a copy ---- */

static int link_block(struct tsdb *tsdb, const char *folder, const struct block *block, struct err *err) {
    static const char *const kinds[] = {"data", "index", "tombstones", "meta"};
    char text[ULID_TEXT + 1], blocks[TSDB_PATH_MAX];
    ulid_text(block_meta(block)->ulid, text);
    int rc = tsdb_path(tsdb, "blocks", blocks, err);
    for (size_t i = 0; !rc && i < sizeof kinds / sizeof *kinds; i++) {
        char from[TSDB_PATH_MAX + 64], to[TSDB_PATH_MAX + 64];
        (void)snprintf(from, sizeof from, "%s/%s.%s", blocks, text, kinds[i]);
        (void)snprintf(to, sizeof to, "%s/%s.%s", folder, text, kinds[i]);
        rc = file_link(tsdb->fs, from, to, err);
        if (rc == ERR_NOT_FOUND && i == 2) rc = 0; /* nothing was deleted of it */
    }
    return rc;
}

/* <data>/snapshots/<time>-<random>, as Prometheus names them */
static int make_folder(struct tsdb *tsdb, char name[64], char folder[TSDB_PATH_MAX], struct err *err) {
    char relative[128], stamp[32];
    struct tm utc;
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct ulid random = ulid_make(now_ms);
    gmtime_r(&seconds, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    (void)snprintf(name, 64, "%s-%02x%02x%02x%02x%02x%02x%02x%02x", stamp, random.bytes[8], random.bytes[9],
                   random.bytes[10], random.bytes[11], random.bytes[12], random.bytes[13], random.bytes[14],
                   random.bytes[15]);
    (void)snprintf(relative, sizeof relative, "snapshots/%s/blocks", name);
    int rc = tsdb_path(tsdb, relative, folder, err);
    return rc ? rc : folder_make(tsdb->fs, folder, err);
}

int tsdb_snapshot_to(struct tsdb *tsdb, bool with_head, char name[64], struct err *err) {
    CHECK_OBJ(tsdb, TSDB_MAGIC);
    char folder[TSDB_PATH_MAX];
    struct block_list all = {0};
    mutex_lock(&tsdb->maintenance.work);
    int rc = make_folder(tsdb, name, folder, err);
    if (!rc && with_head) rc = tsdb_copy_head(tsdb, folder, err);
    if (!rc) sources_blocks(&tsdb->sources, &all);
    for (size_t i = 0; !rc && i < all.items.count; i++)
        rc = link_block(tsdb, folder, all.items.items[i], err);
    if (!rc) rc = folder_sync(tsdb->fs, folder, err);
    block_list_release(&all);
    mutex_unlock(&tsdb->maintenance.work);
    return rc ? err_wrap(err, rc, "snapshot") : 0;
}
