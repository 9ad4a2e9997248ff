#pragma once
/*
 * scrape.h - asking the targets, on time, and handing what they say to an appender.
 *
 *     configuration -> jobs -+
 *     discovery -> groups ---+-> targets --hashed to--> loops (threads) --batch per scrape--> struct appender
 *                                         |
 *                                         +-- per target: schedule, cache of the last scrape, metadata, last
 * error
 *
 * A target has a stable offset in its interval, from the hash of its labels and URL, so restarts keep the
 * cadence. A reload keeps the schedule and the cache of every target whose labels, URL and settings did not
 * change. A slow target delays nobody.
 *
 * Threads: apply and stop belong to one thread; groups and snapshots are for any.
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/model/appender.h"
#include "lib/model/labels.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct registry;
struct scrape_manager;
struct target_groups;

/* What holds for every body where the job sets no limit of its own; 0: none. And what features make of it. */
struct scrape_limits {
    size_t body_bytes; /* decompressed */
    size_t samples;    /* of one scrape, before relabelling; a larger sample_limit of the job counts */
    size_t labels, label_name_bytes, label_value_bytes; /* of one series */
    size_t label_bytes;                                 /* names and values of a series together */
    bool adds_type_and_unit;                            /* as labels __type__ and __unit__ */
    bool adds_zeros; /* where a counter, histogram or summary began, if that is told */
};

/* A body that this process writes, where others are fetched. */
struct scrape_source {
    const char *content_type;
    /* on a loop's thread; out->failed: it is too large */
    void (*write)(void *context, struct buf *out);
    void *context;
};

struct scrape_options {
    int loops;              /* threads; 0: one per two processors, at least 1 */
    const char *user_agent; /* "Prometheus/3.14.0" in form; NULL: Ferula/<version> */
    struct scrape_limits limits;
    const struct scrape_source
        *source; /* of all targets, none of which is asked then; outlives the manager */
};

/* Starts the loops, without targets. registry may be NULL. */
int scrape_manager_create(struct appender *appender, struct registry *registry,
                          const struct scrape_options *options, struct scrape_manager **manager,
                          struct err *err);
/* Takes the jobs of a configuration; keeps a reference to it. A job goes on with the groups that one of its
 * name had. May be called again. */
void scrape_manager_apply(struct scrape_manager *manager, struct config *config);
/* The targets of a job from now on; keeps a reference. A job that is not there is passed over. Not after
 * stop. Costs the targets of this job, old and new. */
void scrape_manager_set_groups(struct scrape_manager *manager, const char *job, struct target_groups *groups);
/* Stops scraping and waits for what the appender still has; no staleness markers are written. Snapshots may
 * still be taken, and are empty. */
void scrape_manager_stop(struct scrape_manager *manager);
/* Stops, if need be, and frees all. NULL is fine. */
void scrape_manager_destroy(struct scrape_manager *manager);

enum target_health { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN };

struct target_info { /* all text in the caller's arena */
    struct labels discovered_labels, labels;
    struct span scrape_pool, scrape_url, global_url, last_error;
    int64_t last_scrape_ms; /* since the epoch; INT64_MIN before the first */
    double last_duration_seconds;
    enum target_health health;
    int64_t interval_ms, timeout_ms;
};

/* What discovery says of a target (__address__, __meta_..., its group's labels) with the job's defaults where
 * it says nothing: the labels that relabelling begins with. Copied into arena, but for what is the
 * configuration's. */
struct scrape_config;
int scrape_discovered_labels(const struct scrape_config *job, struct labels discovered, struct arena *arena,
                             struct labels *labels, struct err *err);
/* What would become of such a target; nothing is scraped. *kept false: relabelling drops it, and *info is as
 * it was. ERR_INVALID in upstream's words for one that cannot be. */
int scrape_preview(struct config *config, const struct scrape_config *job, struct labels discovered,
                   struct arena *arena, struct target_info *info, bool *kept, struct err *err);

/* All active targets, by job in the configuration's order. 0 or ERR_LIMIT. */
int scrape_manager_targets(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                           size_t *count, struct err *err);

struct metadata_info {
    size_t target; /* index into the targets of the same snapshot */
    struct span metric, type, help, unit;
};

/* What the targets said of their metrics in the last scrape, with the targets it refers to. */
int scrape_manager_metadata(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                            size_t *target_count, struct metadata_info **metadata, size_t *count,
                            struct err *err);

struct pool_info {
    struct span name;
    size_t dropped; /* targets, also those beyond keep_dropped_targets */
};

/* The jobs, in the configuration's order. */
int scrape_manager_pools(struct scrape_manager *manager, struct arena *arena, struct pool_info **pools,
                         size_t *count, struct err *err);

struct dropped_info {
    struct labels discovered_labels;
    struct span scrape_pool;
};

/* Targets that relabelling dropped, as many of each job as keep_dropped_targets says. */
int scrape_manager_dropped(struct scrape_manager *manager, struct arena *arena, struct dropped_info **dropped,
                           size_t *count, struct err *err);
