#pragma once
/*
 * body.h - inside of lib/scrape: an exposition into a batch, through the target's cache.
 */
#include "lib/expose/expose.h"
#include "lib/scrape/target.h"

/* the limit that a body went over */
enum body_limit { BODY_WITHIN, BODY_OVER_SAMPLES, BODY_OVER_LABELS, BODY_OVER_SERIES };

struct body_counts {
    size_t scraped, kept; /* samples, and those that relabelling has not dropped */
    size_t added;         /* series that were not there in the last scrape */
    size_t refused;       /* new series that the store did not take: their rows are left out */
    size_t over_series;   /* new series left out because the job is at its series_limit */
    enum body_limit over;
};

/* Parses the body whole or not at all: on failure the batch is as it was (the cache is not: the caller clears
 * it). Adds staleness markers for what vanished. The counts are set in both cases: of a failed body, those up
 * to the failure; of one over its sample_limit, all. */
int body_append(struct target *target, struct appender *appender, enum expose_format format, struct span body,
                const struct scrape_limits *limits, int64_t time_ms, struct append_batch **batch,
                struct body_counts *counts, struct err *err);
/* staleness markers for everything the cache holds, which is then empty */
void body_append_stale(struct target *target, struct append_batch *batch, int64_t time_ms);
/* labels of a synthetic series of the target, in arena */
int body_synthetic_labels(const struct target *target, const char *name, struct arena *arena,
                          struct labels *labels, struct err *err);
/* what HELP, TYPE and UNIT lines say, into the target's state; called when their text changed */
void body_read_metadata(struct target *target, enum expose_format format, struct span body);
