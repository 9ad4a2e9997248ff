#include "tests/faults/scenario.h"

#include "lib/base/bits.h"
#include "lib/model/sample.h"
#include "tests/faults/harness.h"

#include <math.h>
#include <stdio.h>

#define START_MS ((int64_t)1700000000000)

double scenario_value(uint64_t *random) {
    switch (chance_below(random, 8)) {
    case 0: return value_stale();
    case 1: return bits_double(chance(random));
    case 2: return (double)chance_below(random, 1000) / 1000;
    case 3: return chance_below(random, 2) ? -0.0 : INFINITY;
    case 4: return (double)(int64_t)chance(random);
    default: return (double)chance_below(random, 100000);
    }
}

static uint32_t any_series(struct scenario *scenario) {
    return (uint32_t)chance_below(&scenario->random, scenario->series);
}

static void tick(struct scenario *scenario) {
    scenario->now_ms += 1 + (int64_t)chance_below(&scenario->random, 20000);
}

static bool toss(struct scenario *scenario) {
    return chance_below(&scenario->random, 2);
}

/* each series at most once: as a scrape does */
static void rows_of_scrape(struct scenario *scenario, size_t count) {
    size_t step = scenario->series / count + 1;
    uint32_t series =
        (uint32_t)chance_below(&scenario->random, step < scenario->series ? step : scenario->series);
    for (; series < scenario->series; series += (uint32_t)step)
        store_row(scenario->store, series, scenario->now_ms, scenario_value(&scenario->random));
}

/* ---- the operations ---- */

static void scrape(struct scenario *scenario) {
    tick(scenario);
    rows_of_scrape(scenario, 1 + chance_below(&scenario->random, 40));
    store_send(scenario->store, toss(scenario));
    (void)store_wait(scenario->store);
}

static void wide_scrape(struct scenario *scenario) {
    tick(scenario);
    rows_of_scrape(scenario, scenario->series);
    store_send(scenario->store, toss(scenario));
    (void)store_wait(scenario->store);
}

static void new_series(struct scenario *scenario) {
    tick(scenario);
    uint32_t from = scenario->series;
    scenario->series += (uint32_t)(1 + chance_below(&scenario->random, 20));
    for (uint32_t i = from; i < scenario->series; i++)
        store_row(scenario->store, i, scenario->now_ms, scenario_value(&scenario->random));
    store_send(scenario->store, true);
    (void)store_wait(scenario->store);
}

/* a history of few series, as remote write sends it */
static void history(struct scenario *scenario) {
    size_t count = 1 + chance_below(&scenario->random, 400);
    uint32_t series = any_series(scenario);
    for (size_t i = 0; i < count; i++) {
        scenario->now_ms += 1 + (int64_t)chance_below(&scenario->random, 1000);
        store_row(scenario->store, i % 3 ? series : any_series(scenario), scenario->now_ms,
                  scenario_value(&scenario->random));
    }
    store_send(scenario->store, true);
    (void)store_wait(scenario->store);
}

/* samples that are there already, the same or with another value, and earlier ones */
static void refused(struct scenario *scenario) {
    for (size_t i = 0; i < 5; i++) {
        uint32_t series = any_series(scenario);
        int64_t time = ledger_newest(scenario->store->ledger, series);
        if (time == INT64_MIN) continue;
        if (toss(scenario)) time -= 1 + (int64_t)chance_below(&scenario->random, 5000);
        store_row(scenario->store, series, time, scenario_value(&scenario->random));
    }
    store_send(scenario->store, toss(scenario));
    (void)store_wait(scenario->store);
}

/* the newest samples again, now waiting for the disk: whoever sent them was not told that they are safe */
static void resend(struct scenario *scenario) {
    for (size_t i = 0; i < 8; i++) {
        struct ledger_sample newest;
        uint32_t series = any_series(scenario);
        if (ledger_newest_sample(scenario->store->ledger, series, &newest))
            store_row(scenario->store, series, newest.time_ms, bits_double(newest.bits));
    }
    store_send(scenario->store, true);
    (void)store_wait(scenario->store);
}

/* before the newest, within the out-of-order window (if there is one) and beyond it, or taken in any case */
static void late(struct scenario *scenario) {
    for (size_t i = 0; i < 10; i++) {
        uint32_t series = any_series(scenario);
        int64_t time = ledger_newest(scenario->store->ledger, series);
        if (time == INT64_MIN) continue;
        time -= 1 + (int64_t)chance_below(&scenario->random, (size_t)(2 * SCENARIO_WINDOW_MS));
        store_row(scenario->store, series, time, scenario_value(&scenario->random));
    }
    scenario->store->keep_late = chance_below(&scenario->random, 4) == 0;
    store_send(scenario->store, toss(scenario));
    (void)store_wait(scenario->store);
}

/* one batch is being written while others come: they become one group */
static void burst(struct scenario *scenario) {
    size_t count = 2 + chance_below(&scenario->random, 5);
    if (scenario->disk) crash_fs_hold(scenario->disk);
    for (size_t i = 0; i < count; i++) {
        tick(scenario);
        rows_of_scrape(scenario, 1 + chance_below(&scenario->random, 10));
        store_send(scenario->store, toss(scenario));
        if (scenario->disk && i == 0) crash_fs_wait_held(scenario->disk);
    }
    if (scenario->disk) crash_fs_let_go(scenario->disk);
    (void)store_wait(scenario->store);
}

static void look(struct scenario *scenario) {
    (void)ledger_check(scenario->store->ledger, tsdb_queryable(scenario->store->tsdb), MOMENT_NOW,
                       scenario->tolerates_failure);
}

static void maintain(struct scenario *scenario) {
    static const enum tsdb_task tasks[] = {TSDB_SNAPSHOT, TSDB_LATE, TSDB_CUT, TSDB_COMPACT};
    struct err err;
    enum tsdb_task task = tasks[chance_below(&scenario->random, 4)];
    if (tsdb_maintain(scenario->store->tsdb, task, &err) && !scenario->tolerates_failure)
        fail("maintenance: %s", err.text);
}

static void reopen(struct scenario *scenario) {
    struct err err;
    store_close(scenario->store);
    if (store_open(scenario->store, &err) && !scenario->tolerates_failure) fail("cannot open: %s", err.text);
}

static const struct operation {
    const char *name;
    unsigned weight;
    void (*run)(struct scenario *scenario);
} operations[] = {
    {"scrape", 50, scrape},
    {"wide_scrape", 5, wide_scrape},
    {"new_series", 10, new_series},
    {"history", 8, history},
    {"refused", 8, refused},
    {"burst", 15, burst},
    {"resend", 5, resend},
    {"late", 6, late},
    {"look", 2, look},
    {"maintain", 5, maintain},
    {"reopen", 2, reopen},
};

#define OPERATIONS (sizeof operations / sizeof *operations)

/* ---- running ---- */

void scenario_init(struct scenario *scenario, struct store *store, struct crash_fs *disk, uint64_t seed) {
    *scenario = (struct scenario){
        .store = store, .disk = disk, .random = seed * 2 + 1, .now_ms = START_MS, .series = 20};
}

void scenario_options(struct tsdb_options *options, uint64_t seed) {
    options->sync = seed % 4 == 3 ? TSDB_SYNC_INTERVAL : TSDB_SYNC_ACK;
    options->late_window_ms = seed % 2 ? SCENARIO_WINDOW_MS : 0;
    options->no_maintenance = true;
    options->block_range_ms = SCENARIO_RANGE_MS;
}

const char *scenario_step(struct scenario *scenario) {
    if (!scenario->store->tsdb) return "closed";
    unsigned sum = 0;
    for (size_t i = 0; i < OPERATIONS; i++) sum += operations[i].weight;
    size_t pick = chance_below(&scenario->random, sum), i = 0;
    for (; pick >= operations[i].weight; i++) pick -= operations[i].weight;
    operations[i].run(scenario);
    scenario->done[i]++;
    return operations[i].name;
}

void scenario_scrape(struct scenario *scenario) {
    if (scenario->store->tsdb) wide_scrape(scenario);
}

void scenario_describe(const struct scenario *scenario, char *text, size_t size) {
    text[0] = '\0';
    for (size_t i = 0, used = 0; i < OPERATIONS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s %zu", i ? ", " : "", operations[i].name,
                                 scenario->done[i]);
}
