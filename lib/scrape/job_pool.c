#include "lib/scrape/manager.h"

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"

#include <stdio.h>

#define DROPPED_ARENA_MAX ((size_t)1 << 30)

/* ---- making targets ---- */

static struct usage *usage_of(struct scrape_manager *manager, const struct scrape_config *job) {
    for (size_t i = 0; i < manager->usages.count; i++)
        if (strcmp(manager->usages.items[i]->job, job->job_name) == 0) return manager->usages.items[i];
    return *vec_push(&manager->usages) = usage_create(job->job_name, manager->registry);
}

/* one that relabelling has dropped; also without memory for its labels it is counted */
static void note_dropped(struct job_pool *pool, struct labels discovered) {
    struct labels labels;
    uint64_t most = pool->job->keep_dropped_targets;
    bool is_kept = !most || pool->dropped_count < most;
    pool->dropped_count++;
    if (is_kept && scrape_discovered_labels(pool->job, discovered, &pool->dropped_arena, &labels, NULL) == 0)
        *vec_push(&pool->dropped) = labels;
}

static struct counter *sync_failures(struct registry *registry, const struct scrape_config *job) {
    return registry_counter(registry, "prometheus_target_sync_failed_total",
                            "Targets left out, because they cannot be.",
                            (const char *[]){"scrape_job", job->job_name, NULL});
}

static void note_left_out(const struct scrape_manager *manager, const struct scrape_config *job,
                          struct labels discovered, const struct err *err) {
    struct span address = labels_get(discovered, SPAN("__address__"));
    LOG(LOG_ERROR, "target left out", "scrape_pool", job->job_name, "target",
        log_text("%.*s", SPAN_ARG(address)), "err", err->text);
    if (manager->registry) counter_inc(sync_failures(manager->registry, job));
}

static void add_target(struct scrape_manager *manager, struct config *config, struct job_pool *pool,
                       struct labels discovered) {
    struct target *target;
    struct err err = {0};
    if (target_create(config, pool->job, discovered, &target, &err)) {
        note_left_out(manager, pool->job, discovered, &err);
    } else if (target) {
        target->usage = pool->usage;
        *vec_push(&pool->targets) = target;
    } else {
        note_dropped(pool, discovered);
    }
}

static uint64_t key_hash(uint32_t index, const void *context) {
    const struct job_pool *pool = context;
    return hash_bytes(pool->targets.items[index]->series_key.ptr, pool->targets.items[index]->series_key.len);
}

static bool key_equal(uint32_t index, const void *key, const void *context) {
    const struct job_pool *pool = context;
    const struct target *target = pool->targets.items[index];
    return target && span_equal(target->series_key, *(const struct span *)key);
}

static uint32_t find_target(const struct map *by_key, const struct job_pool *pool,
                            const struct target *target) {
    return map_find(by_key, hash_bytes(target->series_key.ptr, target->series_key.len), &target->series_key,
                    key_equal, pool);
}

/* A target that a job names twice is one target. */
static void drop_repeated(struct job_pool *pool) {
    struct map by_key = {0};
    size_t kept = 0;
    for (size_t i = 0; i < pool->targets.count; i++) {
        struct target *target = pool->targets.items[i];
        if (find_target(&by_key, pool, target) != MAP_NONE) {
            target_destroy(target);
            continue;
        }
        pool->targets.items[kept] = target;
        map_insert(&by_key, key_hash((uint32_t)kept, pool), (uint32_t)kept);
        kept++;
    }
    pool->targets.count = kept;
    map_release(&by_key);
}

/* all targets of a job that has more of them than its target_limit fail without being scraped */
static void limit_targets(const struct scrape_manager *manager, struct job_pool *pool) {
    size_t limit = (size_t)pool->job->target_limit, count = pool->targets.count;
    if (!limit || count <= limit) return;
    if (manager->registry) counter_inc(manager->metrics.exceeded_targets);
    for (size_t i = 0; i < count; i++) {
        struct target_state *state = &pool->targets.items[i]->state;
        snprintf(state->forced_error, sizeof state->forced_error,
                 "target_limit exceeded (number of targets: %zu, limit: %zu)", count, limit);
    }
}

static void observe(const struct scrape_manager *manager, const struct job_pool *pool, double seconds) {
    struct registry *registry = manager->registry;
    instrument_labels labels = (const char *[]){"scrape_job", pool->job->job_name, NULL};
    if (!registry) return;
    gauge_set(registry_gauge(registry, "prometheus_target_scrape_pool_targets", "Targets of a pool.", labels),
              (double)pool->targets.count);
    gauge_set(registry_gauge(registry, "prometheus_target_scrape_pool_target_limit",
                             "Most targets a pool may have; 0: no limit.", labels),
              (double)pool->job->target_limit);
    (void)sync_failures(registry, pool->job); /* shown as 0 from the start */
    counter_inc(registry_counter(registry, "prometheus_target_scrape_pool_sync_total",
                                 "Times the targets of a pool were made.", labels));
    summary_observe(registry_summary(registry, "prometheus_target_sync_length_seconds",
                                     "Time to make the targets of a pool.", labels),
                    seconds);
}

struct job_pool *job_pool_create(struct scrape_manager *manager, struct config *config,
                                 const struct scrape_config *job, struct target_groups *groups) {
    struct job_pool *pool = mem_zalloc(sizeof *pool);
    int64_t begin_ns = clock_monotonic_ns();
    pool->job = job;
    pool->usage = usage_of(manager, job);
    pool->groups = groups ? target_groups_ref(groups) : NULL;
    arena_init(&pool->dropped_arena, DROPPED_ARENA_MAX, NULL);
    usage_configure(pool->usage, job);
    for (size_t i = 0; groups && i < groups->count; i++)
        for (size_t k = 0; k < groups->items[i]->count; k++)
            add_target(manager, config, pool, groups->items[i]->targets[k]);
    drop_repeated(pool);
    limit_targets(manager, pool);
    observe(manager, pool, (double)(clock_monotonic_ns() - begin_ns) * 1e-9);
    return pool;
}

/* ---- changing places ---- */

void job_pool_end(struct job_pool *pool) {
    for (size_t i = 0; i < pool->targets.count; i++)
        if (pool->targets.items[i]) scrape_loop_remove(pool->targets.items[i]->loop, pool->targets.items[i]);
    pool->targets.count = 0;
}

void job_pool_take_over(struct scrape_manager *manager, struct job_pool *pool, struct job_pool *before) {
    struct map by_key = {0};
    for (size_t i = 0; before && i < before->targets.count; i++)
        map_insert(&by_key, key_hash((uint32_t)i, before), (uint32_t)i);
    for (size_t i = 0; i < pool->targets.count; i++) {
        struct target *target = pool->targets.items[i];
        uint32_t index = before ? find_target(&by_key, before, target) : MAP_NONE;
        struct target *old = index == MAP_NONE ? NULL : before->targets.items[index];
        if (old) before->targets.items[index] = NULL; /* as a predecessor it may end at any moment */
        if (old && span_equal(old->key, target->key)) {
            target_take_over(old, target);
            target_destroy(target);
            pool->targets.items[i] = old;
        } else {
            target->predecessor = old;
            scrape_loop_add(manager->loops[target->hash % manager->loop_count], target);
        }
    }
    if (before) job_pool_end(before);
    map_release(&by_key);
}

void job_pool_destroy(struct job_pool *pool) {
    target_groups_unref(pool->groups);
    vec_release(&pool->targets);
    vec_release(&pool->dropped);
    arena_release(&pool->dropped_arena);
    mem_free(pool);
}
