#include "lib/scrape/usage.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/instrument/instrument.h"

#include <string.h>

struct usage *usage_create(const char *job, struct registry *registry) {
    struct usage *usage = mem_zalloc(sizeof *usage);
    usage->job = mem_strdup(job);
    if (!registry) return usage;
    instrument_labels labels = (const char *[]){"scrape_job", job, NULL};
    usage->active_gauge = registry_gauge(registry, "ferula_scrape_series_active",
                                         "Series that the targets of a job have at the moment.", labels);
    usage->limit_gauge =
        registry_gauge(registry, "ferula_scrape_series_limit",
                       "Most series that the targets of a job may have; 0: no limit.", labels);
    usage->refused = registry_counter(registry, "ferula_scrape_series_refused_total",
                                      "New series left out because their job was at its series_limit, "
                                      "counted in each scrape.",
                                      labels);
    usage->exceeded =
        registry_counter(registry, "ferula_scrapes_exceeded_series_limit_total",
                         "Scrapes that failed because their job was at its series_limit.", labels);
    return usage;
}

void usage_destroy(struct usage *usage) {
    if (!usage) return;
    mem_free(usage->job);
    mem_free(usage);
}

void usage_configure(struct usage *usage, const struct scrape_config *job) {
    atomic_store(&usage->limit, (size_t)job->series_limit);
    atomic_store(&usage->drops, job->series_limit_policy && strcmp(job->series_limit_policy, "drop") == 0);
    if (usage->limit_gauge) gauge_set(usage->limit_gauge, (double)job->series_limit);
}

static void show(const struct usage *usage) {
    if (usage->active_gauge) gauge_set(usage->active_gauge, (double)atomic_load(&usage->active));
}

bool usage_is_full(const struct usage *usage) {
    size_t limit = atomic_load_explicit(&usage->limit, memory_order_relaxed);
    return limit && atomic_load_explicit(&usage->active, memory_order_relaxed) >= limit;
}

bool usage_take(struct usage *usage) {
    size_t limit = atomic_load_explicit(&usage->limit, memory_order_relaxed);
    size_t before = atomic_fetch_add_explicit(&usage->active, 1, memory_order_relaxed);
    if (limit && before >= limit) {
        atomic_fetch_sub_explicit(&usage->active, 1, memory_order_relaxed);
        return false;
    }
    show(usage);
    return true;
}

void usage_give(struct usage *usage, size_t count) {
    size_t before = atomic_fetch_sub_explicit(&usage->active, count, memory_order_relaxed);
    ASSERT(before >= count);
    show(usage);
}
