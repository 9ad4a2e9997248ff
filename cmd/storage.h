#pragma once
/*
 * storage.h - what flags and configuration say together about the database.
 */
#include "lib/base/budget.h"

#include <stdint.h>

struct config;
struct flags;
struct tsdb;
struct tsdb_options;

/* the memory the server may take: --memory.max, or four fifths of what the machine or the cgroup has */
uint64_t storage_memory_max(const struct flags *flags);
/* One budget: series, requests and queries draw from it, each with a maximum of its own below. */
struct storage_memory {
    struct budget all, series;
};
void storage_memory_init(struct storage_memory *memory, const struct flags *flags);

/* everything but fs and memory; the path is that of the flags */
void storage_options(const struct flags *flags, const struct config *config, struct tsdb_options *options);
/* what a reload may change */
void storage_apply(struct tsdb *tsdb, const struct flags *flags, const struct config *config);
/* as runtimeinfo shows it: "15d", "15d or 10GB"; out has 64 bytes */
void storage_retention_text(const struct flags *flags, const struct config *config, char out[64]);
