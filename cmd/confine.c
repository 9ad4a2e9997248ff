#include "cmd/confine.h"

#include "lib/base/log.h"
#include "lib/sys/file.h"
#include "lib/sys/sandbox.h"

#include <unistd.h>

void confine(const struct flags *flags) {
    const char *const writable[] = {flags->storage_tsdb_path};
    struct sandbox sandbox;
    struct err err = {0};
    if (geteuid() == 0) LOG(LOG_WARN, "running as root; a user of its own is safer");
    if (!flags->sandbox) return;
    /* Landlock opens what is there; when the folder cannot be made, opening the database says so */
    (void)folder_make(file_system_real(), flags->storage_tsdb_path, NULL);
    if (sandbox_enter(writable, 1, &sandbox, &err))
        LOG(LOG_WARN, "not all rights could be given up", "err", err.text);
    else
        LOG(LOG_INFO, "rights that are not needed are given up", "writable", flags->storage_tsdb_path);
}
