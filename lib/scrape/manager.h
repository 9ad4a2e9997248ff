#pragma once
/*
 * manager.h - inside of lib/scrape: the manager and its pools, one for each job.
 *
 *     configuration --apply---------> pools   (jobs, limits, relabelling)
 *     discovery     --set_groups----> pool    (target groups) --> targets, dropped targets
 *
 * A pool is made anew from its job and its groups whenever one of them changes, and takes over from the pool
 * before what is the same. That costs the targets of this pool only.
 */
#include "lib/base/vec.h"
#include "lib/model/target_group.h"
#include "lib/scrape/scrape_loop.h"
#include "lib/scrape/usage.h"

#define MANAGER_MAGIC 0x6d6e6772u

struct job_pool {
    const struct scrape_config *job; /* of the manager's configuration */
    struct usage *usage;
    struct target_groups *groups; /* NULL before the first */
    VEC(struct target *) targets; /* they belong to their loops; NULL, during a change: it has a successor */
    VEC(struct labels) dropped;   /* by relabelling; as many as keep_dropped_targets says */
    size_t dropped_count;
    struct arena dropped_arena;
};

struct scrape_manager {
    uint32_t magic;
    struct appender *appender;
    struct registry *registry;
    struct scrape_metrics metrics;
    struct failure_logs *failures;
    uint64_t offset_seed;
    struct scrape_loop **loops;
    size_t loop_count;
    struct mutex changing;        /* one change at a time; guards the usages, too */
    VEC(struct usage *) usages;   /* of every job that ever was */
    struct mutex lock;            /* guards all below, for snapshots; taken inside of changing */
    VEC(struct job_pool *) pools; /* in the configuration's order */
    struct config *config;
};

/* The targets of a job from its groups (referenced; may be NULL), none of them started. */
struct job_pool *job_pool_create(struct scrape_manager *manager, struct config *config,
                                 const struct scrape_config *job, struct target_groups *groups);
/* Puts the targets of `before` (NULL: none) in the place of those that are the same, hands the series of
 * those over where only other settings changed, starts the rest and ends the rest of before, which then has
 * none. */
void job_pool_take_over(struct scrape_manager *manager, struct job_pool *pool, struct job_pool *before);
/* ends its targets */
void job_pool_end(struct job_pool *pool);
/* its targets must have ended, or be their loops' business */
void job_pool_destroy(struct job_pool *pool);
