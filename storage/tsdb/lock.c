/*
 * lock.c - one process a data folder.
 *
 * <data>/lock is locked while the database is open; the system drops the lock with the process, however it
 * ends. The file holds the process id meanwhile and is emptied at a clean end: content found at the start
 * tells of a crash. It is never removed, so nobody can hold a lock on a file that is no longer the folder's.
 */
#include <stdio.h>
#include <unistd.h>

#include "storage/tsdb/inside.h"

int tsdb_lock(struct tsdb *tsdb, const char *folder, int *clean_start, struct err *err) {
    char path[4096], id[32];
    (void)snprintf(path, sizeof path, "%s/lock", folder); /* the caller has checked the length */
    struct file lock;
    uint64_t size;
    int rc = file_open(tsdb->fs, path, FILE_WRITE, &lock, err);
    if (rc) return rc;
    rc = file_lock(&lock, err);
    if (rc == ERR_BUSY)
        rc = err_set(err, ERR_BUSY, "data folder \"%s\" is in use by another process", folder);
    if (!rc) rc = file_size(&lock, &size, err);
    int id_len = snprintf(id, sizeof id, "%ld\n", (long)getpid());
    if (!rc) rc = file_truncate(&lock, 0, err);
    if (!rc) rc = file_write(&lock, id, (size_t)id_len, 0, err);
    if (rc) {
        file_close(&lock);
        return rc;
    }
    tsdb->lock = lock;
    *clean_start = size == 0;
    return 0;
}

void tsdb_unlock(struct tsdb *tsdb) {
    if (!file_is_open(&tsdb->lock)) return;
    (void)file_truncate(&tsdb->lock, 0, NULL); /* at worst the next start is not called clean */
    file_close(&tsdb->lock);
}
