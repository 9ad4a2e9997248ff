/*
 * crash.c - the power is cut at every change of a store's life, and the disk is left in every way.
 *
 *     scenario on a crash_fs: changes 0 .. N      point p, mode m: image --> opens, check --> goes on, check
 *
 * Each image must open; it must hold what was acknowledged until p, and no sample but what was sent until
 * then. Some images go on: more samples, a second cut (also in the middle of opening), a check again.
 */
#include "tests/faults/harness.h"
#include "tests/faults/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arguments arguments;

static size_t moment(void *context) {
    return crash_fs_point(context);
}

/* the image, when one is asked for: before it is opened, which changes it */
static void dump(struct crash_fs *image) {
    struct err err;
    if (!arguments.dump) return;
    int rc = crash_fs_dump(image, arguments.dump, &err);
    (void)printf("files are in %s%s%s\n", arguments.dump, rc ? ": " : "", rc ? err.text : "");
}

/* a store on the image, compared with the ledger; false: it does not open */
static bool open_and_check(struct store *store, struct crash_fs *image, struct ledger *ledger, size_t point,
                           uint64_t seed) {
    struct err err;
    store_init(store, crash_fs_base(image), ledger);
    scenario_options(&store->options, seed);
    if (store_open(store, &err)) {
        fail("does not open: %s", err.text);
        return false;
    }
    (void)ledger_check(ledger, tsdb_queryable(store->tsdb), point, false);
    return true;
}

/* The life after the cut, and a second cut somewhere in it (opening included). */
static void go_on(struct store *store, struct crash_fs *image, size_t point, uint64_t random) {
    struct ledger later;
    struct scenario scenario;
    struct store second;
    ledger_as_of(store->ledger, point, &later);
    size_t stored = store->stored_rows;
    store->ledger = &later;
    store->moment = moment;
    store->context = image;
    scenario_init(&scenario, store, image, random);
    scenario.now_ms += (int64_t)1000000000; /* behind everything so far */
    for (int i = 0; i < 4; i++) (void)scenario_step(&scenario);
    scenario_scrape(&scenario);
    if (store->stored_rows == stored) fail("nothing is stored any more");
    store_close(store);
    size_t at = chance_below(&random, crash_fs_point(image) + 1);
    enum crash_mode mode = (enum crash_mode)chance_below(&random, CRASH_MODES);
    struct crash_fs *again = crash_fs_image(image, at, mode, random);
    if (open_and_check(&second, again, &later, at, random)) store_close(&second);
    store_release(&second);
    crash_fs_destroy(again);
    ledger_release(&later);
}

struct life { /* a scenario that is over */
    struct crash_fs *disk;
    struct ledger ledger;
    uint64_t seed;
    size_t images;
};

static void try_image(struct life *life, size_t point, enum crash_mode mode) {
    struct store store;
    char change[160];
    size_t before = failures();
    crash_fs_describe(life->disk, point, change);
    trying("--seed %llu --point %zu --mode %s, before: %s", (unsigned long long)life->seed, point,
           crash_mode_name(mode), change);
    log_reset();
    struct crash_fs *image = crash_fs_image(life->disk, point, mode, life->seed);
    dump(image);
    bool goes_on = (point + (size_t)mode) % 11 == 0;
    if (open_and_check(&store, image, &life->ledger, point, life->seed)) {
        if (goes_on)
            go_on(&store, image, point, life->seed + point);
        else
            tsdb_close(store.tsdb);
        store.tsdb = NULL;
    }
    store_release(&store);
    if (failures() != before && log_lines()[0]) (void)printf("its log:\n%s", log_lines());
    crash_fs_destroy(image);
    life->images++;
    passed();
}

static void live(struct life *life, size_t operations) {
    struct store store;
    struct scenario scenario;
    struct err err;
    char text[512];
    trying("--seed %llu", (unsigned long long)life->seed);
    life->disk = crash_fs_create();
    store_init(&store, crash_fs_base(life->disk), &life->ledger);
    scenario_options(&store.options, life->seed);
    store.moment = moment;
    store.context = life->disk;
    scenario_init(&scenario, &store, life->disk, life->seed);
    if (store_open(&store, &err)) fail("does not open: %s", err.text);
    for (size_t i = 0; store.tsdb && i < operations; i++) (void)scenario_step(&scenario);
    scenario_describe(&scenario, text, sizeof text);
    (void)printf("seed %llu: %s; %zu rows stored, %zu refused, %zu changes of the disk\n",
                 (unsigned long long)life->seed, text, store.stored_rows, store.refused_rows,
                 crash_fs_point(life->disk));
    if (store.failed_batches) fail("%zu batches failed on a disk that works", store.failed_batches);
    store_release(&store);
}

static enum crash_mode mode_named(const char *name) {
    for (int mode = 0; mode < CRASH_MODES; mode++)
        if (strcmp(name, crash_mode_name((enum crash_mode)mode)) == 0) return (enum crash_mode)mode;
    (void)fprintf(stderr, "no such mode: %s\n", name);
    exit(2);
}

/* every step-th point, with a start that differs by mode so that they interleave */
static void cut_everywhere(struct life *life, size_t step) {
    size_t points = crash_fs_point(life->disk);
    for (size_t point = 0; point <= points; point++)
        for (int mode = 0; mode < CRASH_MODES; mode++) {
            if (arguments.has_point ? point != arguments.point : (point + (size_t)mode) % step != 0) continue;
            if (arguments.has_mode && mode_named(arguments.mode) != (enum crash_mode)mode) continue;
            try_image(life, point, (enum crash_mode)mode);
        }
}

int main(int count, char **texts) {
    arguments = arguments_read(count, texts);
    log_listen();
    uint64_t seeds = arguments.seeds ? arguments.seeds : arguments.has_seed ? 1 : arguments.is_long ? 3 : 2;
    size_t operations = arguments.is_long ? 2000 : 300;
    for (uint64_t i = 0; i < seeds; i++) {
        struct life life = {.seed = arguments.seed + i};
        live(&life, operations);
        cut_everywhere(&life, arguments.is_long ? 1 : 15);
        (void)printf("seed %llu: %zu images\n", (unsigned long long)life.seed, life.images);
        (void)fflush(stdout);
        crash_fs_destroy(life.disk);
        ledger_release(&life.ledger);
    }
    return finish();
}
