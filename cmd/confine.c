#include "cmd/confine.h"

#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/sys/file.h"
#include "lib/sys/sandbox.h"

#include <string.h>
#include <unistd.h>

#define PATHS_MAX 64u

/* what may be changed */
struct writable {
    const char *paths[PATHS_MAX];
    size_t count;
    struct arena arena;
};

/* the folder of a log file, as files are moved away and made anew */
static void add_folder_of(struct writable *writable, const char *file) {
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (!file || !*file || writable->count == PATHS_MAX) return;
    const char *folder = slash == NULL   ? "."
                         : slash == file ? "/"
                                         : arena_strndup(&writable->arena, file, (size_t)(slash - file));
    if (folder) writable->paths[writable->count++] = folder;
}

void confine(const struct flags *flags, const struct config *config) {
    struct writable writable = {.paths = {flags->storage_tsdb_path}, .count = 1};
    struct sandbox sandbox;
    struct err err = {0};
    if (geteuid() == 0) LOG(LOG_WARN, "running as root; a user of its own is safer");
    if (!flags->sandbox) return;
    arena_init(&writable.arena, (size_t)1 << 20, NULL);
    add_folder_of(&writable, config->global.query_log_file);
    for (size_t i = 0; i < config->scrape_configs.count; i++)
        add_folder_of(&writable, config->scrape_configs.items[i].scrape_failure_log_file);
    /* Landlock opens what is there; when the folder cannot be made, opening the database says so */
    (void)folder_make(file_system_real(), flags->storage_tsdb_path, NULL);
    if (sandbox_enter(writable.paths, writable.count, &sandbox, &err))
        LOG(LOG_WARN, "not all rights could be given up", "err", err.text);
    else
        LOG(LOG_INFO, "rights that are not needed are given up", "writable", flags->storage_tsdb_path);
    arena_release(&writable.arena);
}
