#pragma once
/*
 * body.h - inside of lib/scrape: an exposition into a batch, through the target's cache.
 */
#include "lib/expose/expose.h"
#include "lib/scrape/target.h"

struct body_counts {
    size_t scraped, added;
    size_t refused;       /* new series that the store did not take: their rows are left out */
    bool is_over_buckets; /* failed because of native_histogram_bucket_limit */
};

/* Parses the body whole or not at all: on failure the batch is as it was (the cache is not: the caller clears
 * it). Adds staleness markers for what vanished. */
int body_append(struct target *target, struct appender *appender, enum expose_format format, struct span body,
                size_t max_samples, int64_t time_ms, struct append_batch **batch, struct body_counts *counts,
                struct err *err);
/* staleness markers for everything the cache holds, which is then empty */
void body_append_stale(struct target *target, struct append_batch *batch, int64_t time_ms);
/* labels of a synthetic series of the target, in arena */
int body_synthetic_labels(const struct target *target, const char *name, struct arena *arena,
                          struct labels *labels, struct err *err);
