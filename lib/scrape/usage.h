#pragma once
/*
 * usage.h - inside of lib/scrape: how many series the targets of a job have at the moment, all together, and
 * the job's limit on that (series_limit).
 *
 * A target takes one for each series that it has not told before and gives back what has ended. There is one
 * object per name of a job, as long as the manager lives, so that a reload neither loses nor doubles any.
 * Any thread.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct counter;
struct gauge;
struct registry;
struct scrape_config;

struct usage {
    char *job;
    atomic_size_t active, limit; /* limit 0: none */
    atomic_bool drops;           /* at the limit: new series are left out; else the scrape fails */
    struct gauge *active_gauge, *limit_gauge;
    struct counter *refused,
        *exceeded; /* series left out; scrapes failed. NULL without a registry, as above */
};

struct usage *usage_create(const char *job, struct registry *registry);
void usage_destroy(struct usage *usage);
/* takes the limit and what becomes of those beyond it */
void usage_configure(struct usage *usage, const struct scrape_config *job);
bool usage_is_full(const struct usage *usage);
/* false when the limit is reached */
bool usage_take(struct usage *usage);
void usage_give(struct usage *usage, size_t count);
