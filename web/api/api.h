#pragma once
/*
 * api.h - the Prometheus HTTP API and its neighbours, as one table of routes.
 *
 *     cmd: api_create(context) -> api_router -> http_server_create ... start       /-/healthy and /metrics
 * answer database open       -> api_set_ready(queryable, tsdb, scrape)            everything answers stopping
 * -> api_set_stopping, http_server_stop, THEN the parts may be destroyed, api_destroy
 *
 * Before api_set_ready and after api_set_stopping the API answers 503 with X-Prometheus-Stopping, but for
 * what needs no database: notifications, the replay's progress, its own description.
 *
 * Threads: the callbacks are called by any worker; api_set_ready and api_set_stopping by any thread.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "web/http/router.h"

#include <stdbool.h>
#include <stdint.h>

struct api;
struct config;
struct engine;
struct intake;
struct push_store;
struct queryable;
struct notifier;
struct registry;
struct rules_manager;
struct scrape_manager;
struct tsdb;
struct tsdb_progress;

struct api_build { /* literals, or outliving the api */
    const char *version, *revision, *branch, *build_user, *build_date, *compiler;
};

/* Copied by api_create; what it points to outlives the api. Callbacks may be NULL: what they serve then says
   nothing. */
struct api_context {
    struct engine *engine;
    struct registry *registry;
    struct api_build build;
    int64_t start_time_ms;                /* wall clock */
    bool has_lifecycle;                   /* --web.enable-lifecycle: /-/reload and /-/quit */
    bool is_agent;                        /* --agent: there are no queries, rules and alerts */
    bool has_admin;                       /* --web.enable-admin-api: /api/v1/admin/tsdb */
    bool has_step_stats;                  /* feature promql-per-step-stats: stats=all tells of each step */
    struct intake *intake;                /* of remote write; NULL: it is not enabled */
    struct push_store *push;              /* of the push endpoint; NULL: it is not enabled */
    uint64_t read_samples_max;            /* of one query of a remote read; 0: no limit */
    size_t reads_max;                     /* remote reads at once; 0: no limit */
    size_t read_frame_bytes;              /* of a streamed remote read; 0: 1 MiB */
    size_t max_subscribers;               /* of live notifications */
    size_t search_limit_max;              /* of one search; 0: none */
    const struct tsdb_progress *progress; /* of opening the database; may be NULL */
    const char *data_path;                /* only shown */
    const char *page_title;               /* NULL: the page's own */

    /* how long and how much is kept, as runtimeinfo shows it: "15d" */
    void (*retention)(void *context, char out[64]);
    /* the configuration in force with a reference for the caller, or NULL */
    struct config *(*current_config)(void *context);
    /* how the last reload went, when one last went well and when one last did not (0: never) */
    bool (*reload_state)(void *context, int64_t *last_success_ms, int64_t *last_failure_ms);
    /* flags: name and value in force of flag i, in any order */
    size_t flag_count;
    const char *(*flag_name)(size_t i);
    void (*flag_value)(void *context, size_t i, struct buf *out);
    int (*reload)(void *context, struct err *err); /* may wait */
    void (*quit)(void *context);
    void *context;
};

struct api *api_create(const struct api_context *context);
void api_destroy(struct api *api);
/* lives as long as the api */
const struct router *api_router(const struct api *api);

/* before api_set_ready; without it there are no rules, alerts and Alertmanagers */
void api_set_rules(struct api *api, struct rules_manager *rules, struct notifier *notifier);
/* tsdb and scrape may be NULL: their endpoints are then empty */
void api_set_ready(struct api *api, struct queryable *queryable, struct tsdb *tsdb,
                   struct scrape_manager *scrape);
void api_set_stopping(struct api *api);
