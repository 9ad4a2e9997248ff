#include "lib/scrape/manager.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/instrument/instrument.h"
#include "lib/scrape/failure_log.h"

#include <unistd.h>

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
    metrics->exceeded_buckets =
        registry_counter(registry, "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                         "Scrapes with a native histogram over the limit of buckets.", NULL);
    metrics->duplicate =
        registry_counter(registry, "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                         "Samples with a time that was there with another value.", NULL);
    metrics->out_of_order = registry_counter(registry, "prometheus_target_scrapes_sample_out_of_order_total",
                                             "Samples older than the newest of their series.", NULL);
    metrics->out_of_bounds =
        registry_counter(registry, "prometheus_target_scrapes_sample_out_of_bounds_total",
                         "Samples too far in the future or the past.", NULL);
    metrics->predicted = registry_counter(
        registry, "ferula_scrape_predicted_lines_total",
        "Samples that came in the order of the scrape before, up to the first that did not.", NULL);
    metrics->unpredicted = registry_counter(registry, "ferula_scrape_unpredicted_lines_total",
                                            "The other samples of scrapes.", NULL);
}

static void show_metadata(const struct scrape_manager *manager, const struct job_pool *pool) {
    instrument_labels labels = (const char *[]){"scrape_job", pool->job->job_name, NULL};
    size_t entries = 0, bytes = 0;
    for (size_t i = 0; i < pool->targets.count; i++) {
        struct target *target = pool->targets.items[i];
        mutex_lock(&target->lock);
        const struct metadata *metadata = target->state.metadata;
        entries += metadata ? metadata->count : 0;
        bytes += metadata ? metadata->text_bytes : 0;
        mutex_unlock(&target->lock);
    }
    gauge_set(registry_gauge(manager->registry, "prometheus_target_metadata_cache_entries",
                             "Entries of metadata that the targets of a job have.", labels),
              (double)entries);
    gauge_set(
        registry_gauge(
            manager->registry, "prometheus_target_metadata_cache_bytes",
            "Texts in the metadata of the targets of a job, in bytes; those that are the same are kept once.",
            labels),
        (double)bytes);
}

static void collect(void *context) {
    struct scrape_manager *manager = context;
    mutex_lock(&manager->lock);
    for (size_t i = 0; i < manager->pools.count; i++) show_metadata(manager, manager->pools.items[i]);
    mutex_unlock(&manager->lock);
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
    mutex_init(&manager->changing);
    mutex_init(&manager->lock);
    create_metrics(&manager->metrics, registry);
    manager->failures = failure_logs_create();
    manager->loops = mem_array(wanted, sizeof *manager->loops);
    while (manager->loop_count < wanted) {
        int rc = scrape_loop_create(appender, options, &manager->metrics, manager->failures,
                                    manager->offset_seed, &manager->loops[manager->loop_count], err);
        if (rc) {
            scrape_manager_destroy(manager);
            return rc;
        }
        manager->loop_count++;
    }
    if (registry) registry_on_collect(registry, collect, manager);
    *result = manager;
    return 0;
}

void scrape_manager_stop(struct scrape_manager *manager) {
    if (!manager) return;
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->lock);
    for (size_t i = 0; i < manager->pools.count; i++) { /* nobody looks at them any more */
        struct job_pool *pool = manager->pools.items[i];
        pool->targets.count = pool->dropped.count = pool->dropped_count = 0;
    }
    mutex_unlock(&manager->lock);
    for (size_t i = 0; i < manager->loop_count; i++)
        scrape_loop_destroy(manager->loops[i]); /* frees the targets, too */
    manager->loop_count = 0;
}

void scrape_manager_destroy(struct scrape_manager *manager) {
    if (!manager) return;
    if (manager->registry) registry_forget(manager->registry, manager);
    scrape_manager_stop(manager);
    mem_free(manager->loops);
    failure_logs_destroy(manager->failures);
    for (size_t i = 0; i < manager->pools.count; i++) job_pool_destroy(manager->pools.items[i]);
    for (size_t i = 0; i < manager->usages.count; i++) usage_destroy(manager->usages.items[i]);
    vec_release(&manager->pools);
    vec_release(&manager->usages);
    config_unref(manager->config);
    mutex_release(&manager->lock);
    mutex_release(&manager->changing);
    manager->magic = 0;
    mem_free(manager);
}

struct pool_list {
    VEC(struct job_pool *) all;
};

static struct job_pool *find_pool(const struct scrape_manager *manager, const char *job) {
    for (size_t i = 0; i < manager->pools.count; i++)
        if (strcmp(manager->pools.items[i]->job->job_name, job) == 0) return manager->pools.items[i];
    return NULL;
}

static void count_pools(const struct scrape_manager *manager, const struct config *config) {
    if (manager->registry)
        counter_set(registry_counter(manager->registry, "prometheus_target_scrape_pools_total",
                                     "Scrape pools made.", NULL),
                    (double)config->scrape_configs.count);
}

/* the fresh pools take the place of the old, which go */
static void exchange(struct scrape_manager *manager, struct config *config, const struct pool_list *fresh) {
    struct pool_list old = {0};
    mutex_lock(&manager->lock);
    for (size_t i = 0; i < fresh->all.count; i++)
        job_pool_take_over(manager, fresh->all.items[i],
                           find_pool(manager, fresh->all.items[i]->job->job_name));
    for (size_t i = 0; i < manager->pools.count; i++) *vec_push(&old.all) = manager->pools.items[i];
    manager->pools.count = 0;
    for (size_t i = 0; i < fresh->all.count; i++) *vec_push(&manager->pools) = fresh->all.items[i];
    for (size_t i = 0; i < old.all.count; i++) {
        job_pool_end(old.all.items[i]); /* of a job that is gone; the others have none left */
        job_pool_destroy(old.all.items[i]);
    }
    struct config *before = manager->config;
    manager->config = config_ref(config);
    mutex_unlock(&manager->lock);
    vec_release(&old.all);
    config_unref(before);
}

void scrape_manager_apply(struct scrape_manager *manager, struct config *config) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    struct pool_list fresh = {0};
    failure_logs_reopen(manager->failures);
    mutex_lock(&manager->changing);
    for (size_t i = 0; i < config->scrape_configs.count; i++) {
        const struct scrape_config *job = &config->scrape_configs.items[i];
        const struct job_pool *before = find_pool(manager, job->job_name);
        *vec_push(&fresh.all) = job_pool_create(manager, config, job, before ? before->groups : NULL);
    }
    count_pools(manager, config);
    exchange(manager, config, &fresh);
    mutex_unlock(&manager->changing);
    vec_release(&fresh.all);
}

void scrape_manager_set_groups(struct scrape_manager *manager, const char *job,
                               struct target_groups *groups) {
    CHECK_OBJ(manager, MANAGER_MAGIC);
    mutex_lock(&manager->changing);
    struct job_pool *before = find_pool(manager, job);
    if (before) {
        struct job_pool *pool = job_pool_create(manager, manager->config, before->job, groups);
        mutex_lock(&manager->lock);
        job_pool_take_over(manager, pool, before);
        for (size_t i = 0; i < manager->pools.count; i++)
            if (manager->pools.items[i] == before) manager->pools.items[i] = pool;
        mutex_unlock(&manager->lock);
        job_pool_destroy(before);
    }
    mutex_unlock(&manager->changing);
}
