#include "cmd/reload.h"

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"

void reload_init(struct reload *reload, const char *path, struct registry *registry) {
    *reload = (struct reload){.path = path};
    mutex_init(&reload->lock);
    reload->successful =
        registry_gauge(registry, "prometheus_config_last_reload_successful",
                       "Whether the last configuration reload attempt was successful.", NULL);
    reload->success_time = registry_gauge(registry, "prometheus_config_last_reload_success_timestamp_seconds",
                                          "Timestamp of the last successful configuration reload.", NULL);
}

void reload_release(struct reload *reload) {
    config_unref(reload->config);
    reload->config = NULL;
    mutex_release(&reload->lock);
}

static void log_errors(const struct config_errors *errors) {
    struct buf line;
    buf_init(&line, 1 << 16);
    for (size_t i = 0; i < errors->count; i++) {
        buf_reset(&line);
        config_error_write(&errors->items[i], &line);
        LOG(LOG_ERROR, "the configuration is refused", "err", buf_text(&line));
    }
    if (errors->more)
        LOG(LOG_ERROR, "more errors in the configuration", "count", log_text("%zu", errors->more));
    buf_release(&line);
}

static void log_unsupported(const struct config *config) {
    struct buf names;
    if (!config->unsupported.count) return;
    buf_init(&names, 1 << 16);
    for (size_t i = 0; i < config->unsupported.count; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", config->unsupported.items[i]);
    LOG(LOG_WARN, "configured but not supported yet, validated only", "settings", buf_text(&names));
    buf_release(&names);
}

static int refuse(struct reload *reload, int rc) {
    mutex_lock(&reload->lock);
    reload->is_last_good = false;
    reload->last_failure_ms = clock_wall_ms();
    mutex_unlock(&reload->lock);
    gauge_set(reload->successful, 0);
    return rc;
}

static void keep(struct reload *reload, struct config *config) {
    int64_t now_ms = clock_wall_ms();
    mutex_lock(&reload->lock);
    struct config *old = reload->config;
    reload->config = config;
    reload->is_last_good = true;
    reload->last_success_ms = now_ms;
    mutex_unlock(&reload->lock);
    config_unref(old);
    gauge_set(reload->successful, 1);
    gauge_set(reload->success_time, (double)now_ms / 1000);
}

/* the first error as one line, for whoever asked for the reload */
static int first_error(const struct config_errors *errors, int rc, struct err *err) {
    struct buf line;
    buf_init(&line, 4096);
    config_error_write(&errors->items[0], &line);
    err_set(err, rc, "couldn't load configuration: %s", buf_text(&line));
    buf_release(&line);
    return rc;
}

static bool hash_file(const char *path, uint64_t *hash) {
    struct buf text;
    buf_init(&text, CONFIG_MAX_FILE_BYTES);
    bool is_read = file_read_all(file_system_real(), path, &text, NULL) == 0;
    if (is_read) *hash = hash_bytes(text.data, text.len);
    buf_release(&text);
    return is_read;
}

int reload_now(struct reload *reload, struct err *err) {
    struct config *config;
    (void)hash_file(reload->path, &reload->file_hash); /* an unreadable file is reported just below */
    int rc = config_load_file(reload->path, &config, &reload->errors);
    if (rc) {
        log_errors(&reload->errors);
        return refuse(reload, first_error(&reload->errors, rc, err));
    }
    struct err reason = {0};
    rc = reload->apply ? reload->apply(reload->context, config, &reason) : 0;
    if (rc) {
        LOG(LOG_ERROR, "the configuration cannot be taken into use", "file", reload->path, "err",
            reason.text);
        config_unref(config);
        err_set(err, rc, "%s", reason.text);
        return refuse(reload, rc);
    }
    log_unsupported(config);
    LOG(LOG_INFO, "the configuration is loaded", "file", reload->path);
    keep(reload, config);
    return 0;
}

struct config *reload_current(struct reload *reload) {
    mutex_lock(&reload->lock);
    struct config *config = reload->config ? config_ref(reload->config) : NULL;
    mutex_unlock(&reload->lock);
    return config;
}

bool reload_last(struct reload *reload, int64_t *last_success_ms, int64_t *last_failure_ms) {
    mutex_lock(&reload->lock);
    bool is_good = reload->is_last_good;
    *last_success_ms = reload->last_success_ms;
    *last_failure_ms = reload->last_failure_ms;
    mutex_unlock(&reload->lock);
    return is_good;
}

bool reload_is_due(struct reload *reload) {
    uint64_t hash;
    return hash_file(reload->path, &hash) && hash != reload->file_hash;
}
