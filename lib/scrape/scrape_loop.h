#pragma once
/*
 * scrape_loop.h - inside of lib/scrape: a thread that scrapes the targets hashed to it.
 *
 *     timer of a target fires -> request -> body -> batch -> appender ... done (store's thread) -> back here
 *
 * add and remove may be called by any thread; the target is the loop's from then on.
 */
#include "lib/scrape/target.h"

struct failure_logs;
struct registry;
struct counter;
struct summary;

/* counters that all loops share */
struct scrape_metrics {
    struct registry *registry; /* NULL: nothing is counted */
    struct counter *exceeded_samples, *exceeded_body, *exceeded_labels, *exceeded_targets, *exceeded_buckets;
    struct counter *duplicate, *out_of_order, *out_of_bounds;
    struct counter *predicted, *unpredicted; /* lines whose series the cache foretold, and others */
};

int scrape_loop_create(struct appender *appender, const struct scrape_options *options,
                       const struct scrape_metrics *metrics, struct failure_logs *failures,
                       uint64_t offset_seed, struct scrape_loop **loop, struct err *err);
/* stops at once, waits for batches under way, frees its targets */
void scrape_loop_destroy(struct scrape_loop *loop);
/* with a predecessor, which is the same loop's: ends that one and takes over its schedule and its series */
void scrape_loop_add(struct scrape_loop *loop, struct target *target);
/* writes staleness markers when the target's series would have been due, then frees it */
void scrape_loop_remove(struct scrape_loop *loop, struct target *target);
