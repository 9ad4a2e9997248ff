#include "lib/sys/file.h"
#include "lib/base/log.h"
#include "lib/discovery/group_reader.h"
#include "lib/discovery/provider.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "lib/sys/glob.h"
#include "lib/sys/loop.h"
#include "lib/sys/timer.h"

#include <strings.h>
#include <uv.h>

/*
 * file_sd_configs: files of target groups, found by globs.
 *
 *     anything happens in a folder of the globs --SETTLE_MS--> look at all files; so does every
 * refresh_interval
 *
 * Only a file whose bytes have changed is parsed. One that cannot be read or parsed keeps its groups until it
 * can, or is gone.
 */

#define SETTLE_MS 100 /* a writer's several steps are looked at once */
#define FILE_MAX_BYTES ((size_t)64 << 20)

struct known_file {
    char *path;
    uint64_t hash; /* of the bytes that its groups are of */
    size_t group_count;
    bool is_read, is_seen; /* it was readable at least once; it is there this time */
};

struct folder_watch { /* freed when libuv has closed it */
    uv_fs_event_t uv;
    char *path;
};

struct files {
    struct provider *provider;
    struct loop_timer *interval, *settle;
    VEC(struct folder_watch *) watches;
    VEC(struct known_file) known;
    bool is_changed;
    struct counter *read_errors, *watch_errors;
    struct summary *scan_duration;
};

/* ---- watching ---- */

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status) {
    struct files *files = uv->data;
    (void)name, (void)events, (void)status; /* whatever it is: look again */
    if (!loop_timer_is_set(files->settle)) loop_timer_set(files->settle, SETTLE_MS);
}

static void on_closed(uv_handle_t *handle) {
    struct folder_watch *watch = (struct folder_watch *)handle;
    mem_free(watch->path);
    mem_free(watch);
}

static void add_watch(struct files *files, const char *pattern) {
    const char *slash = strrchr(pattern, '/');
    size_t len = slash ? (size_t)(slash - pattern) + (slash == pattern) : 1;
    struct span folder = span_of(slash ? pattern : ".", len);
    for (size_t i = 0; i < files->watches.count; i++)
        if (span_equal(span_from(files->watches.items[i]->path), folder)) return;
    struct folder_watch *watch = mem_zalloc(sizeof *watch);
    watch->path = mem_strndup(folder.ptr, folder.len);
    uv_fs_event_init(loop_uv(files->provider->shared->loop), &watch->uv);
    watch->uv.data = files;
    *vec_push(&files->watches) = watch;
}

/* again before each look: a folder that was away, or was replaced, is watched anew */
static void arm_watches(struct files *files) {
    for (size_t i = 0; i < files->watches.count; i++) {
        struct folder_watch *watch = files->watches.items[i];
        uv_fs_event_stop(&watch->uv);
        if (uv_fs_event_start(&watch->uv, on_event, watch->path, 0) != 0) provider_count(files->watch_errors);
    }
}

/* ---- looking ---- */

static struct known_file *know(struct files *files, const char *path) {
    for (size_t i = 0; i < files->known.count; i++)
        if (strcmp(files->known.items[i].path, path) == 0) return &files->known.items[i];
    struct known_file *file = vec_push(&files->known);
    *file = (struct known_file){.path = mem_strdup(path)};
    return file;
}

static void set_mtime(struct files *files, const char *path, double seconds) {
    struct registry *registry = files->provider->shared->registry;
    if (!registry) return;
    gauge_set(registry_gauge(registry, "prometheus_sd_file_mtime_seconds",
                             "When the files that were read were last changed; 0 for one that is gone.",
                             (const char *[]){"filename", path, NULL}),
              seconds);
}

static void note_mtime(struct files *files, const char *path) {
    uv_fs_t stat;
    if (uv_fs_stat(NULL, &stat, path, NULL) == 0) set_mtime(files, path, (double)stat.statbuf.st_mtim.tv_sec);
    uv_fs_req_cleanup(&stat);
}

static void remove_groups(struct files *files, const struct known_file *file, size_t from) {
    struct buf source;
    buf_init(&source, strlen(file->path) + 32);
    for (size_t i = from; i < file->group_count; i++) {
        buf_reset(&source);
        buf_printf(&source, "%s:%zu", file->path, i);
        provider_remove(files->provider, buf_view(&source));
    }
    buf_release(&source);
}

static int read_groups(const char *path, struct span text, struct group_list *groups, struct err *err) {
    size_t length = strlen(path);
    bool is_json = length >= 5 && strcasecmp(path + length - 5, ".json") == 0;
    struct group_origin origin = {path, "__meta_filepath", is_json};
    return group_reader_parse(text, &origin, groups, err);
}

int discovery_check_file(const char *path, struct err *err) {
    struct group_list groups = {0};
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    int rc = file_read_all(file_system_real(), path, &text, err);
    if (!rc) rc = read_groups(path, buf_view(&text), &groups, err);
    group_list_release(&groups);
    buf_release(&text);
    return rc;
}

static int parse(struct files *files, struct known_file *file, struct span text, struct err *err) {
    struct group_list groups = {0};
    int rc = read_groups(file->path, text, &groups, err);
    if (rc) return rc;
    remove_groups(files, file, groups.all.count);
    for (size_t i = 0; i < groups.all.count; i++)
        provider_put(files->provider, target_group_ref(groups.all.items[i]));
    file->group_count = groups.all.count;
    group_list_release(&groups);
    return 0;
}

static void on_file(const char *path, void *context) {
    struct files *files = context;
    struct known_file *file = know(files, path);
    struct buf text;
    struct err err = {0};
    if (file->is_seen) return; /* two globs name it */
    file->is_seen = true;
    buf_init(&text, FILE_MAX_BYTES);
    int rc = file_read_all(file_system_real(), path, &text, &err);
    uint64_t hash = hash_bytes(text.data, text.len);
    if (!rc && !(file->is_read && file->hash == hash)) {
        rc = parse(files, file, buf_view(&text), &err);
        files->is_changed = true;
        if (!rc) note_mtime(files, path);
        file->is_read = !rc;
        file->hash = hash;
    }
    buf_release(&text);
    if (!rc) return;
    provider_count(files->read_errors);
    LOG(LOG_ERROR, "a file of targets could not be read; its targets stay as they are", "config",
        files->provider->set, "path", path, "err", err.text);
}

static void forget_gone(struct files *files) {
    size_t kept = 0;
    for (size_t i = 0; i < files->known.count; i++) {
        struct known_file *file = &files->known.items[i];
        if (file->is_seen) {
            files->known.items[kept++] = *file;
            continue;
        }
        remove_groups(files, file, 0);
        set_mtime(files, file->path, 0);
        mem_free(file->path);
        files->is_changed = true;
    }
    files->known.count = kept;
}

static void look(void *context) {
    struct files *files = context;
    const struct file_sd_config *config = files->provider->config;
    int64_t begin_ns = clock_monotonic_ns();
    bool can_list = true;
    arm_watches(files);
    for (size_t i = 0; i < files->known.count; i++) files->known.items[i].is_seen = false;
    for (size_t i = 0; i < config->files.count; i++) {
        struct err err = {0};
        if (!glob_each(file_system_real(), config->files.items[i], on_file, files, &err)) continue;
        can_list = false;
        provider_count(files->read_errors);
        LOG(LOG_ERROR, "files of targets could not be listed", "config", files->provider->set, "path",
            config->files.items[i], "err", err.text);
    }
    if (can_list) forget_gone(files);
    if (files->scan_duration)
        summary_observe(files->scan_duration, (double)(clock_monotonic_ns() - begin_ns) * 1e-9);
    if (files->is_changed || !files->provider->has_spoken) provider_spoke(files->provider);
    files->is_changed = false;
    loop_timer_set(files->interval, config->refresh_interval_ms);
}

static void *start(struct provider *provider) {
    const struct file_sd_config *config = provider->config;
    struct files *files = mem_zalloc(sizeof *files);
    files->provider = provider;
    files->read_errors = provider_counter(provider, 0);
    files->watch_errors = provider_counter(provider, 1);
    if (provider->shared->registry)
        files->scan_duration =
            registry_summary(provider->shared->registry, "prometheus_sd_file_scan_duration_seconds",
                             "Time to look at all files.", NULL);
    for (size_t i = 0; i < config->files.count; i++) add_watch(files, config->files.items[i]);
    files->interval = loop_timer_create(provider->shared->loop, look, files);
    files->settle = loop_timer_create(provider->shared->loop, look, files);
    look(files);
    return files;
}

static void stop(void *state) {
    struct files *files = state;
    for (size_t i = 0; i < files->watches.count; i++)
        uv_close((uv_handle_t *)&files->watches.items[i]->uv, on_closed);
    for (size_t i = 0; i < files->known.count; i++) {
        set_mtime(files, files->known.items[i].path, 0);
        mem_free(files->known.items[i].path);
    }
    vec_release(&files->watches);
    vec_release(&files->known);
    loop_timer_destroy(files->interval);
    loop_timer_destroy(files->settle);
    mem_free(files);
}

const struct provider_kind file_kind = {
    .name = "file",
    .start = start,
    .stop = stop,
    .counters = {{"prometheus_sd_file_read_errors_total", "Files that could not be read."},
                 {"prometheus_sd_file_watcher_errors_total", "Folders that could not be watched."}}};
