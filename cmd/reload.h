#pragma once
/*
 * reload.h - the configuration in force, and its replacement.
 *
 *     reload_now: load the file -> good: hand it to `apply`, keep it; bad: keep the old one, say why
 *
 * Metrics: prometheus_config_last_reload_successful, prometheus_config_last_reload_success_timestamp_seconds.
 * One thread reloads (the main loop); reload_current and reload_last
 * may be called by any.
 */
#include "lib/config/config.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/thread.h"

struct reload {
    const char *path;
    struct mutex lock; /* guards config and the values down to the failure */
    struct config *config;
    bool is_last_good;
    int64_t last_success_ms, last_failure_ms;
    struct gauge *successful, *success_time;
    uint64_t file_hash; /* of what was last tried; the reloading thread's */
    /* takes the new configuration into use; may refuse it. Called by the reloading thread. */
    int (*apply)(void *context, struct config *config, struct err *err);
    void *context;
    struct config_errors errors; /* the reloading thread's */
};

void reload_init(struct reload *reload, const char *path, struct registry *registry);
void reload_release(struct reload *reload);
/* Reads the file; on failure logs each error and keeps what is. err gets the first one, for an answer over
 * HTTP. */
int reload_now(struct reload *reload, struct err *err);
/* with a reference for the caller; NULL before the first success */
struct config *reload_current(struct reload *reload);
/* whether the last attempt was good, when one last was and when one last was not (0: never); any thread */
bool reload_last(struct reload *reload, int64_t *last_success_ms, int64_t *last_failure_ms);
/* the file has changed since it was last tried (its text, not its time) */
bool reload_is_due(struct reload *reload);
