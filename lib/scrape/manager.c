#include "lib/scrape/scrape.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/vec.h"
#include "lib/instrument/instrument.h"
#include "lib/scrape/scrape_loop.h"
#include "lib/scrape/usage.h"
#include "lib/sys/clock.h"

#include <unistd.h>

#define MANAGER_MAGIC 0x6d6e6772u

#define DROPPED_ARENA_MAX ((size_t)1 << 30)
#define GROUP_ARENA_MAX ((size_t)16 << 20)

/* a target that relabelling dropped */
struct dropped {
    const struct scrape_config *job;
    struct labels discovered;
};

/* what a configuration comes to */
struct target_list {
    VEC(struct target *) all; /* by job in the configuration's order */
    VEC(size_t) active;       /* per job: how many of them, one after the other */
    VEC(size_t) dropped_counts;
    VEC(struct dropped) dropped; /* as many of each job as keep_dropped_targets says */
    struct arena dropped_arena;
};

struct scrape_manager {
    uint32_t magic;
    struct appender *appender;
    struct registry *registry;
    struct scrape_metrics metrics;
    uint64_t offset_seed;
    struct scrape_loop **loops;
    size_t loop_count;
    VEC(struct usage *) usages; /* of every job that ever was; the thread of apply only */
    struct mutex lock;          /* guards all below, for snapshots */
    struct target_list targets;
    struct config *config;
};

static void create_metrics(struct scrape_metrics *metrics, struct registry *registry) {
    *metrics = (struct scrape_metrics){.registry = registry};
    if (!registry) return;
    metrics->exceeded_samples =
        registry_counter(registry, "prometheus_target_scrapes_exceeded_sample_limit_total",
                         "Scrapes over a limit of samples.", NULL);
    metrics->exceeded_labels =
        registry_counter(registry, "prometheus_target_scrape_pool_exceeded_label_limits_total",
                         "Scrapes over a limit of labels.", NULL);
    metrics->exceeded_targets =
        registry_counter(registry, "prometheus_target_scrape_pool_exceeded_target_limit_total",
                         "Times a pool had more targets than its limit, when they were made.", NULL);
    metrics->exceeded_body =
        registry_counter(registry, "prometheus_target_scrapes_exceeded_body_size_limit_total",
                         "Scrapes over the limit of body size.", NULL);
    metrics->duplicate =
        registry_counter(registry, "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                         "Samples with a time that was there with another value.", NULL);
    metrics->out_of_order = registry_counter(registry, "prometheus_target_scrapes_sample_out_of_order_total",
                                             "Samples older than the newest of their series.", NULL);
    metrics->out_of_bounds =
        registry_counter(registry, "prometheus_target_scrapes_sample_out_of_bounds_total",
                         "Samples too far in the future or the past.", NULL);
}

/* replicas with other host names or external labels scrape at other times */
static uint64_t host_seed(void) {
    char name[256] = "";
    (void)gethostname(name, sizeof name - 1); /* without a name all hosts share one offset: harmless */
    return hash_bytes(name, strlen(name));
}

int scrape_manager_create(struct appender *appender, struct registry *registry,
                          const struct scrape_options *options, struct scrape_manager **result,
                          struct err *err) {
    struct scrape_manager *manager = mem_zalloc(sizeof *manager);
    size_t wanted = options->loops > 0 ? (size_t)options->loops : (size_t)(thread_processors() + 1) / 2;
    manager->magic = MANAGER_MAGIC;
    manager->appender = appender;
    manager->registry = registry;
    manager->offset_seed = host_seed();
    mutex_init(&manager->lock);
    create_metrics(&manager->metrics, registry);
    manager->loops = mem_array(wanted, sizeof *manager->loops);
    while (manager->loop_count < wanted) {
        int rc = scrape_loop_create(appender, options, &manager->metrics, manager->offset_seed,
                                    &manager->loops[manager->loop_count], err);
        if (rc) {
            scrape_manager_destroy(manager);
            return rc;
        }
        manager->loop_count++;
    }
    *result = manager;
    return 0;
}

/* the targets themselves belong to their loops */
static void list_release(struct target_list *list) {
    vec_release(&list->all);
    vec_release(&list->active);
    vec_release(&list->dropped_counts);
    vec_release(&list->dropped);
    arena_release(&list->dropped_arena);
}

void scrape_manager_stop(struct scrape_manager *manager) {
    if (!manager) return;
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->lock);
    list_release(&manager->targets); /* nobody looks at them any more */
    mutex_unlock(&manager->lock);
    for (size_t i = 0; i < manager->loop_count; i++)
        scrape_loop_destroy(manager->loops[i]); /* frees the targets, too */
    manager->loop_count = 0;
}

void scrape_manager_destroy(struct scrape_manager *manager) {
    if (!manager) return;
    scrape_manager_stop(manager);
    mem_free(manager->loops);
    for (size_t i = 0; i < manager->usages.count; i++) usage_destroy(manager->usages.items[i]);
    vec_release(&manager->usages);
    list_release(&manager->targets);
    config_unref(manager->config);
    mutex_release(&manager->lock);
    manager->magic = 0;
    mem_free(manager);
}

static struct usage *usage_of(struct scrape_manager *manager, const struct scrape_config *job) {
    for (size_t i = 0; i < manager->usages.count; i++)
        if (strcmp(manager->usages.items[i]->job, job->job_name) == 0) return manager->usages.items[i];
    return *vec_push(&manager->usages) = usage_create(job->job_name, manager->registry);
}

/* one that relabelling has dropped; also without memory for its labels it is counted */
static void note_dropped(struct target_list *list, const struct scrape_config *job,
                         struct labels discovered) {
    struct labels labels;
    size_t *count = &list->dropped_counts.items[list->dropped_counts.count - 1];
    bool is_kept = !job->keep_dropped_targets || *count < job->keep_dropped_targets;
    (*count)++;
    if (is_kept && scrape_discovered_labels(job, discovered, &list->dropped_arena, &labels, NULL) == 0)
        *vec_push(&list->dropped) = (struct dropped){job, labels};
}

static void log_left_out(const struct scrape_config *job, struct span address, const struct err *err) {
    LOG(LOG_ERROR, "target left out", "scrape_pool", job->job_name, "target",
        log_text("%.*s", SPAN_ARG(address)), "err", err->text);
}

/* what discovery found, into the list */
static void add_target(struct config *config, const struct scrape_config *job, struct labels discovered,
                       struct usage *usage, struct target_list *list) {
    struct target *target;
    struct err err = {0};
    if (target_create(config, job, discovered, &target, &err)) {
        log_left_out(job, labels_get(discovered, SPAN("__address__")), &err);
    } else if (target) {
        target->usage = usage;
        *vec_push(&list->all) = target;
    } else {
        note_dropped(list, job, discovered);
    }
}

static void add_group(struct config *config, const struct scrape_config *job,
                      const struct static_config *group, struct usage *usage, struct target_list *list) {
    for (size_t i = 0; i < group->targets.count; i++) {
        struct arena arena;
        struct label_builder builder;
        struct labels discovered;
        struct err err = {0};
        struct span address = span_from(group->targets.items[i]);
        arena_init(&arena, GROUP_ARENA_MAX, NULL);
        label_builder_init(&builder, &arena, group->labels);
        label_builder_set(&builder, SPAN("__address__"), address);
        if (label_builder_finish(&builder, &discovered, &err))
            log_left_out(job, address, &err);
        else
            add_target(config, job, discovered, usage, list);
        arena_release(&arena);
    }
}

static void make_job_targets(struct scrape_manager *manager, struct config *config,
                             const struct scrape_config *job, struct target_list *list) {
    struct usage *usage = usage_of(manager, job);
    usage_configure(usage, job);
    *vec_push(&list->dropped_counts) = 0;
    for (size_t i = 0; i < job->discovery.static_configs.count; i++)
        add_group(config, job, &job->discovery.static_configs.items[i], usage, list);
}

static uint64_t key_hash(uint32_t index, const void *context) {
    const struct target_list *list = context;
    return hash_bytes(list->all.items[index]->key.ptr, list->all.items[index]->key.len);
}

static bool key_equal(uint32_t index, const void *key, const void *context) {
    const struct target_list *list = context;
    return !list->all.items[index]->is_wanted &&
           span_equal(list->all.items[index]->key, *(const struct span *)key);
}

static uint32_t find_target(const struct map *by_key, const struct target_list *list,
                            const struct target *target) {
    return map_find(by_key, hash_bytes(target->key.ptr, target->key.len), &target->key, key_equal, list);
}

/* A target that a job names twice is one target. */
static void drop_repeated(struct target_list *list) {
    struct map by_key = {0};
    size_t kept = 0;
    for (size_t i = 0; i < list->all.count; i++) {
        struct target *target = list->all.items[i];
        if (find_target(&by_key, list, target) != MAP_NONE) {
            target_destroy(target);
            continue;
        }
        list->all.items[kept] = target;
        map_insert(&by_key, key_hash((uint32_t)kept, list), (uint32_t)kept);
        kept++;
    }
    list->all.count = kept;
    map_release(&by_key);
}

static void count_active(struct target_list *list, const struct config *config) {
    for (size_t i = 0, k = 0; i < config->scrape_configs.count; i++) {
        size_t begin = k;
        while (k < list->all.count && list->all.items[k]->job == &config->scrape_configs.items[i]) k++;
        *vec_push(&list->active) = k - begin;
    }
}

/* all targets of a job that has more of them than its target_limit fail without being scraped */
static void limit_targets(const struct scrape_manager *manager, const struct config *config,
                          struct target_list *list) {
    for (size_t i = 0, k = 0; i < config->scrape_configs.count; k += list->active.items[i], i++) {
        size_t limit = (size_t)config->scrape_configs.items[i].target_limit, count = list->active.items[i];
        if (!limit || count <= limit) continue;
        if (manager->registry) counter_inc(manager->metrics.exceeded_targets);
        for (size_t t = k; t < k + count; t++)
            snprintf(list->all.items[t]->state.forced_error, sizeof list->all.items[t]->state.forced_error,
                     "target_limit exceeded (number of targets: %zu, limit: %zu)", count, limit);
    }
}

static void observe_pools(struct scrape_manager *manager, const struct config *config,
                          const struct target_list *list, double seconds) {
    struct registry *registry = manager->registry;
    if (!registry) return;
    counter_set(
        registry_counter(registry, "prometheus_target_scrape_pools_total", "Scrape pools made.", NULL),
        (double)config->scrape_configs.count);
    for (size_t i = 0; i < config->scrape_configs.count; i++) {
        const char *name = config->scrape_configs.items[i].job_name;
        size_t count = list->active.items[i];
        instrument_labels pool = (const char *[]){"scrape_job", name, NULL};
        gauge_set(
            registry_gauge(registry, "prometheus_target_scrape_pool_targets", "Targets of a pool.", pool),
            (double)count);
        gauge_set(registry_gauge(registry, "prometheus_target_scrape_pool_target_limit",
                                 "Most targets a pool may have; 0: no limit.", pool),
                  (double)config->scrape_configs.items[i].target_limit);
        counter_inc(registry_counter(registry, "prometheus_target_scrape_pool_sync_total",
                                     "Times the targets of a pool were made.", pool));
        summary_observe(registry_summary(registry, "prometheus_target_sync_length_seconds",
                                         "Time to make the targets of a pool.", pool),
                        seconds);
        gauge_set(registry_gauge(registry, "prometheus_sd_discovered_targets", "Targets discovered.",
                                 (const char *[]){"name", "scrape", "config", name, NULL}),
                  (double)(count + list->dropped_counts.items[i]));
    }
}

/* Puts the old target in a new one's place where they are the same; starts the rest of the new, ends the rest
 * of the old. */
static void exchange(struct scrape_manager *manager, struct target_list *old, struct target_list *fresh) {
    struct map by_key = {0};
    for (size_t i = 0; i < old->all.count; i++) {
        old->all.items[i]->is_wanted = false;
        map_insert(&by_key, key_hash((uint32_t)i, old), (uint32_t)i);
    }
    for (size_t i = 0; i < fresh->all.count; i++) {
        struct target *target = fresh->all.items[i];
        uint32_t index = find_target(&by_key, old, target);
        if (index != MAP_NONE) {
            target_take_over(old->all.items[index], target);
            target_destroy(target);
            fresh->all.items[i] = old->all.items[index];
            fresh->all.items[i]->is_wanted = true;
        } else {
            target->is_wanted = true;
            scrape_loop_add(manager->loops[target->hash % manager->loop_count], target);
        }
    }
    for (size_t i = 0; i < old->all.count; i++)
        if (!old->all.items[i]->is_wanted) scrape_loop_remove(old->all.items[i]->loop, old->all.items[i]);
    map_release(&by_key);
}

void scrape_manager_apply(struct scrape_manager *manager, struct config *config) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    struct target_list fresh = {0}, old;
    int64_t begin_ns = clock_monotonic_ns();
    arena_init(&fresh.dropped_arena, DROPPED_ARENA_MAX, NULL);
    for (size_t i = 0; i < config->scrape_configs.count; i++)
        make_job_targets(manager, config, &config->scrape_configs.items[i], &fresh);
    drop_repeated(&fresh);
    count_active(&fresh, config);
    limit_targets(manager, config, &fresh);
    observe_pools(manager, config, &fresh, (double)(clock_monotonic_ns() - begin_ns) * 1e-9);
    mutex_lock(&manager->lock);
    old = manager->targets;
    exchange(manager, &old, &fresh);
    manager->targets = fresh;
    struct config *before = manager->config;
    manager->config = config_ref(config);
    mutex_unlock(&manager->lock);
    config_unref(before);
    list_release(&old);
}

/* ---- snapshots
 * ------------------------------------------------------------------------------------------------------ */

static struct span copy_span(struct arena *arena, struct span text, bool *failed) {
    const char *copy = arena_strndup(arena, text.ptr, text.len);
    *failed |= copy == NULL;
    return span_of(copy, copy ? text.len : 0);
}

/* localhost as others see it */
static struct span global_url(struct arena *arena, const char *url, bool *failed) {
    static const char *const locals[] = {"://localhost", "://127.0.0.1", "://[::1]"};
    char name[256] = "localhost";
    (void)gethostname(name, sizeof name - 1);
    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++) {
        const char *found = strstr(url, locals[i]), *behind = found ? found + strlen(locals[i]) : NULL;
        if (!found || !(*behind == ':' || *behind == '/' || *behind == '\0')) continue;
        const char *text = arena_printf(arena, "%.*s://%s%s", (int)(found - url), url, name, behind);
        *failed |= text == NULL;
        return span_from(text);
    }
    return copy_span(arena, span_from(url), failed);
}

static int describe(struct target *target, struct arena *arena, struct target_info *info, struct err *err) {
    bool failed = false;
    mutex_lock(&target->lock);
    info->last_error = copy_span(arena, span_from(target->state.last_error), &failed);
    info->last_scrape_ms = target->state.last_scrape_ms;
    info->last_duration_seconds = target->state.last_duration_seconds;
    info->health = target->state.health;
    mutex_unlock(&target->lock);
    info->scrape_pool = copy_span(arena, span_from(target->job->job_name), &failed);
    info->scrape_url = copy_span(arena, span_from(target->url), &failed);
    info->global_url = global_url(arena, target->url, &failed);
    info->interval_ms = target->interval_ms;
    info->timeout_ms = target->timeout_ms;
    int rc = labels_copy(target->discovered, arena, &info->discovered_labels, err);
    if (!rc) rc = labels_copy(target->labels, arena, &info->labels, err);
    if (!rc && failed) rc = arena_limit(arena, "the list of targets", err);
    return rc;
}

static int describe_all(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                        size_t *count, struct err *err) {
    struct target_info *infos = arena_array(arena, manager->targets.all.count, sizeof *infos);
    int rc = infos ? 0 : arena_limit(arena, "the list of targets", err);
    for (size_t i = 0; i < manager->targets.all.count && !rc; i++)
        rc = describe(manager->targets.all.items[i], arena, &infos[i], err);
    if (rc) return rc;
    *targets = infos;
    *count = manager->targets.all.count;
    return 0;
}

int scrape_manager_targets(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                           size_t *count, struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->lock);
    int rc = describe_all(manager, arena, targets, count, err);
    mutex_unlock(&manager->lock);
    return rc;
}

/* under the target's lock */
static int copy_metadata(const struct target_state *state, size_t target, struct arena *arena,
                         struct metadata_info *out, struct err *err) {
    bool failed = false;
    for (size_t i = 0; i < state->metadata_count; i++) {
        const struct metadata_entry *entry = &state->metadata[i];
        out[i] = (struct metadata_info){
            target, copy_span(arena, entry->metric, &failed), copy_span(arena, entry->type, &failed),
            copy_span(arena, entry->help, &failed), copy_span(arena, entry->unit, &failed)};
    }
    return failed ? arena_limit(arena, "metadata", err) : 0;
}

static int collect_metadata(struct scrape_manager *manager, struct arena *arena,
                            struct metadata_info **metadata, size_t *count, struct err *err) {
    struct metadata_info *all = NULL;
    size_t used = 0, capacity = 0;
    for (size_t i = 0; i < manager->targets.all.count; i++) {
        struct target *target = manager->targets.all.items[i];
        mutex_lock(&target->lock);
        size_t more = target->state.metadata_count;
        if (used + more > capacity) {
            size_t grown = (used + more) * 2;
            struct metadata_info *bigger = arena_array(arena, grown, sizeof *bigger);
            if (bigger && used) memcpy(bigger, all, used * sizeof *bigger);
            all = bigger;
            capacity = grown;
        }
        int rc = more && !all ? arena_limit(arena, "metadata", err)
                              : copy_metadata(&target->state, i, arena, all + used, err);
        used += more;
        mutex_unlock(&target->lock);
        if (rc) return rc;
    }
    *metadata = all;
    *count = used;
    return 0;
}

int scrape_manager_metadata(struct scrape_manager *manager, struct arena *arena, struct target_info **targets,
                            size_t *target_count, struct metadata_info **metadata, size_t *count,
                            struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->lock);
    int rc = describe_all(manager, arena, targets, target_count, err);
    if (!rc) rc = collect_metadata(manager, arena, metadata, count, err);
    mutex_unlock(&manager->lock);
    return rc;
}

int scrape_manager_pools(struct scrape_manager *manager, struct arena *arena, struct pool_info **pools,
                         size_t *count, struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    bool failed = false;
    mutex_lock(&manager->lock);
    size_t jobs = manager->config ? manager->config->scrape_configs.count : 0;
    struct pool_info *infos = arena_array(arena, jobs, sizeof *infos);
    for (size_t i = 0; i < jobs && infos; i++) {
        infos[i].name =
            copy_span(arena, span_from(manager->config->scrape_configs.items[i].job_name), &failed);
        /* a manager that was stopped has none left */
        infos[i].dropped =
            i < manager->targets.dropped_counts.count ? manager->targets.dropped_counts.items[i] : 0;
    }
    mutex_unlock(&manager->lock);
    if (!infos || failed) return arena_limit(arena, "the list of pools", err);
    *pools = infos;
    *count = jobs;
    return 0;
}

int scrape_manager_dropped(struct scrape_manager *manager, struct arena *arena, struct dropped_info **dropped,
                           size_t *count, struct err *err) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    bool failed = false;
    mutex_lock(&manager->lock);
    size_t all = manager->targets.dropped.count;
    struct dropped_info *infos = arena_array(arena, all, sizeof *infos);
    int rc = infos ? 0 : arena_limit(arena, "the list of dropped targets", err);
    for (size_t i = 0; i < all && !rc; i++) {
        const struct dropped *item = &manager->targets.dropped.items[i];
        infos[i].scrape_pool = copy_span(arena, span_from(item->job->job_name), &failed);
        rc = labels_copy(item->discovered, arena, &infos[i].discovered_labels, err);
    }
    mutex_unlock(&manager->lock);
    if (!rc && failed) rc = arena_limit(arena, "the list of dropped targets", err);
    if (rc) return rc;
    *dropped = infos;
    *count = all;
    return 0;
}

int scrape_preview(struct config *config, const struct scrape_config *job, struct labels discovered,
                   struct arena *arena, struct target_info *info, bool *kept, struct err *err) {
    struct target *target;
    struct target_info made = {0};
    int rc = target_create(config, job, discovered, &target, err);
    if (rc) return rc;
    if (target) rc = describe(target, arena, &made, err);
    if (!rc) *kept = target != NULL;
    if (!rc && target) *info = made;
    target_destroy(target);
    return rc;
}
