/*
 * reserve.c - room kept back, so that what makes room can work on a full disk.
 *
 *     made     [ data ............ | reserve ]                 samples come and go
 *     out      [ data ............ | block being written ]     no sample is logged: it would take the room
 * away
 *                                  '-- deletion, a merge, a snapshot or retention met ERR_NO_SPACE
 *     made     when there is twice as much room as it takes
 *
 * Maintenance makes it; where that is not possible at the start, it counts as out from the first look on.
 */
#include "lib/base/log.h"
#include "storage/tsdb/inside.h"

#define RESERVE_BYTES ((uint64_t)16 << 20)
#define RESERVE_PART 8u /* of the disk, at most */

static uint64_t reserve_bytes(const struct file_space *space) {
    uint64_t part = space->total / RESERVE_PART;
    return part < RESERVE_BYTES ? part : RESERVE_BYTES;
}

static int allocate(struct tsdb *tsdb, const char *path, uint64_t bytes, struct err *err) {
    struct file file;
    int rc = file_open(tsdb->fs, path, FILE_WRITE, &file, err);
    if (rc) return rc;
    rc = file_allocate(&file, bytes, err);
    if (!rc) rc = file_sync(&file, err);
    file_close(&file);
    if (rc) (void)file_remove(tsdb->fs, path, NULL);
    return rc ? rc : folder_sync(tsdb->fs, tsdb->path, err);
}

static bool is_there(struct tsdb *tsdb, const char *path, uint64_t bytes) {
    struct file file;
    uint64_t size = 0;
    if (file_open(tsdb->fs, path, FILE_READ, &file, NULL)) return false;
    if (file_size(&file, &size, NULL)) size = 0;
    file_close(&file);
    return size >= bytes;
}

static void set_out(struct tsdb *tsdb, bool is_out) {
    if (atomic_exchange(&tsdb->reserve.is_out, is_out) == is_out) return;
    if (is_out)
        LOG(LOG_WARN, "the disk is full; no samples are taken until there is room for the reserve again");
    else
        LOG(LOG_INFO, "the disk has room again");
}

bool tsdb_reserve_is_due(const struct tsdb *tsdb) {
    return !tsdb->reserve.is_made;
}

int tsdb_reserve_make(struct tsdb *tsdb, struct err *err) {
    char path[TSDB_PATH_MAX];
    struct file_space space;
    if (tsdb->reserve.is_made || !tsdb->path) return 0;
    int rc = tsdb_path(tsdb, "reserve", path, err);
    if (!rc) rc = folder_space(tsdb->fs, tsdb->path, &space, err);
    if (rc) return rc;
    uint64_t bytes = reserve_bytes(&space);
    bool is_kept = is_there(tsdb, path, bytes); /* from a run before */
    if (bytes && !is_kept) {
        rc = space.available < 2 * bytes ? ERR_NO_SPACE : allocate(tsdb, path, bytes, err);
        if (rc == ERR_NO_SPACE) set_out(tsdb, true);
        if (rc) return rc == ERR_NO_SPACE ? 0 : err_wrap(err, rc, "reserve");
    }
    tsdb->reserve.is_made = true;
    atomic_store(&tsdb->reserve.bytes, bytes);
    set_out(tsdb, false);
    return 0;
}

bool tsdb_reserve_use(struct tsdb *tsdb, int rc) {
    char path[TSDB_PATH_MAX];
    if (rc != ERR_NO_SPACE || !tsdb->reserve.is_made || !atomic_load(&tsdb->reserve.bytes)) return false;
    set_out(tsdb, true); /* first, or the log takes the room */
    tsdb->reserve.is_made = false;
    atomic_store(&tsdb->reserve.bytes, 0);
    return tsdb_path(tsdb, "reserve", path, NULL) == 0 && file_remove(tsdb->fs, path, NULL) == 0 &&
           folder_sync(tsdb->fs, tsdb->path, NULL) == 0;
}
