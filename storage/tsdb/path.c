/* path.c - names below the data folder. */
#include "storage/tsdb/inside.h"

#include <stdio.h>

int tsdb_path(const struct tsdb *tsdb, const char *name, char path[TSDB_PATH_MAX], struct err *err) {
    if (snprintf(path, TSDB_PATH_MAX, "%s/%s", tsdb->path, name) >= TSDB_PATH_MAX)
        return err_set(err, ERR_LIMIT, "path of the data folder is too long");
    return 0;
}
