#pragma once
/*
 * scenario.h - a seeded run of a store's life: rows of a table of operations, chosen by weight.
 *
 * An operation that is new in tsdb.h gets a row in scenario.c; crash, faults and model then use it.
 */
#include "tests/faults/store.h"
#include "tests/support/crash_fs.h"

struct scenario {
    struct store *store;
    struct crash_fs *disk; /* NULL: bursts are not put together */
    uint64_t random;
    int64_t now_ms;         /* the newest samples' time */
    uint32_t series;        /* so many are in use */
    bool tolerates_failure; /* opening again may fail: then the store stays closed */
    size_t done[16];        /* by operation */
};

#define SCENARIO_WINDOW_MS ((int64_t)600 * 1000)

/* of a block: so short that some are cut */
#define SCENARIO_RANGE_MS ((int64_t)300 * 1000)

/* how the store is opened, by seed */
void scenario_options(struct tsdb_options *options, uint64_t seed);
void scenario_init(struct scenario *scenario, struct store *store, struct crash_fs *disk, uint64_t seed);
/* the next operation; its name */
const char *scenario_step(struct scenario *scenario);
/* a sample of every series, whatever chance says */
void scenario_scrape(struct scenario *scenario);
/* what was done how often, in a line */
void scenario_describe(const struct scenario *scenario, char *text, size_t size);
/* a value of any kind: counters, decimals, any bits, markers */
double scenario_value(uint64_t *random);
