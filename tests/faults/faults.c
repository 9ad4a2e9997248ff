/*
 * faults.c - each call of each kind fails, once or from then on, in a store's life.
 *
 *     for each row of the table:  for n = 1, 2, 3 ... until nothing fails any more
 *         open, ingest, close or die, open, ingest     the n-th call fails
 *         the fault passes: samples are taken again, by the store that saw it
 *         power cut: what was acknowledged is there
 *
 * Never a crash, a hang, an acknowledgement of what is not on the disk, a sample of a failed batch that is
 * seen, or a second sync of a file whose sync failed.
 */
#include "tests/faults/harness.h"
#include "tests/faults/scenario.h"
#include "tests/support/faulty_fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STEPS 12

static const struct fault {
    const char *name;
    unsigned kinds;
    int error;
    bool persistent, tear;
} faults[] = {
    {"any_eio", FAULTY_ANY, EIO, false, false},
    {"any_eio_persistent", FAULTY_ANY, EIO, true, false},
    {"any_enospc", FAULTY_ANY, ENOSPC, false, true},
    {"any_enospc_persistent", FAULTY_ANY, ENOSPC, true, true},
    {"any_eintr", FAULTY_ANY, EINTR, false, false},
    {"open_emfile", FAULTY_OPEN, EMFILE, false, false},
    {"open_emfile_persistent", FAULTY_OPEN | FAULTY_LIST, EMFILE, true, false},
    {"write_eio_torn", FAULTY_WRITE, EIO, false, true},
    {"write_eio_torn_persistent", FAULTY_WRITE, EIO, true, true},
    {"write_enospc_persistent", FAULTY_WRITE | FAULTY_ALLOCATE, ENOSPC, true, true},
    {"write_truncate_eio_persistent", FAULTY_WRITE | FAULTY_TRUNCATE, EIO, true, true},
    {"write_truncate_enospc_persistent", FAULTY_WRITE | FAULTY_TRUNCATE, ENOSPC, true, true},
    {"allocate_enospc", FAULTY_ALLOCATE, ENOSPC, false, false},
    {"allocate_unsupported_persistent", FAULTY_ALLOCATE, EOPNOTSUPP, true, false},
    {"sync_eio", FAULTY_SYNC, EIO, false, false},
    {"sync_eio_persistent", FAULTY_SYNC, EIO, true, false},
    {"sync_enospc_persistent", FAULTY_SYNC, ENOSPC, true, false},
    {"sync_folder_eio_persistent", FAULTY_SYNC_FOLDER | FAULTY_SYNC, EIO, true, false},
    {"read_eio_persistent", FAULTY_READ | FAULTY_SIZE, EIO, true, false},
    {"truncate_eio_persistent", FAULTY_TRUNCATE, EIO, true, false},
    {"names_eio_persistent", FAULTY_RENAME | FAULTY_UNLINK | FAULTY_MKDIR, EIO, true, false},
    {"unlink_eio", FAULTY_UNLINK, EIO, false, false},
};

#define FAULTS (sizeof faults / sizeof *faults)

struct run {
    struct crash_fs *disk;
    struct faulty_fs faulty;
    struct ledger ledger;
    struct store store;
    struct scenario scenario;
};

static size_t moment(void *context) {
    return crash_fs_point(((struct run *)context)->disk);
}

/* a new program: it knows nothing of failed syncs, and what it reads it may sync */
static void restart(void *context) {
    struct run *run = context;
    if (run->faulty.syncs_again)
        fail("a file whose sync failed was synced again %llu times",
             (unsigned long long)run->faulty.syncs_again);
    faulty_fs_restart(&run->faulty);
}

static void run_init(struct run *run, uint64_t seed) {
    memset(run, 0, sizeof *run);
    run->disk = crash_fs_create();
    faulty_fs_init(&run->faulty, crash_fs_base(run->disk));
    store_init(&run->store, &run->faulty.base, &run->ledger);
    scenario_options(&run->store.options, seed);
    run->store.moment = moment;
    run->store.context = run;
    run->store.before_open = restart;
    run->store.close_promises = false; /* a close cannot say that it failed */
    scenario_init(&run->scenario, &run->store, NULL, seed);
    run->scenario.tolerates_failure = true;
}

static void run_release(struct run *run) {
    store_release(&run->store);
    ledger_release(&run->ledger);
    crash_fs_destroy(run->disk);
}

/* the program is killed: what it still does at its end does not reach the disk */
static void die(struct run *run) {
    struct faulty_fs before = run->faulty;
    run->faulty.kinds = FAULTY_ANY;
    run->faulty.fail_at = 1;
    run->faulty.persistent = true;
    run->faulty.error = EIO; /* EINTR for good would be waited for */
    store_close(&run->store);
    run->faulty.kinds = before.kinds;
    run->faulty.fail_at = before.fail_at;
    run->faulty.persistent = before.persistent;
    run->faulty.error = before.error;
    run->faulty.calls = before.calls;
    run->faulty.failures = before.failures;
    run->faulty.syncs_again = before.syncs_again;
}

static void ingest(struct run *run) {
    struct err err;
    if (!run->store.tsdb) (void)store_open(&run->store, &err); /* refused by the fault, or it works */
    for (int i = 0; i < STEPS; i++) (void)scenario_step(&run->scenario);
}

/* what the fault leaves behind in a store that lived through it */
static void expect_recovery(struct run *run) {
    struct err err;
    if (!run->store.tsdb && store_open(&run->store, &err)) {
        fail("does not open after the fault: %s", err.text);
        return;
    }
    (void)ledger_check(&run->ledger, tsdb_queryable(run->store.tsdb), MOMENT_NOW, false);
    int rc = -1;
    for (int i = 0; i < 3 && rc; i++) {
        run->scenario.now_ms += 100000;
        store_row(&run->store, 1, run->scenario.now_ms, i);
        store_send(&run->store, true);
        rc = store_wait(&run->store);
    }
    if (rc) fail("nothing is taken after the fault has passed: %d", rc);
    (void)ledger_check(&run->ledger, tsdb_queryable(run->store.tsdb), MOMENT_NOW, false);
}

static void expect_acknowledged(struct run *run, enum crash_mode mode, uint64_t seed) {
    struct store store;
    struct err err;
    size_t point = crash_fs_point(run->disk);
    struct crash_fs *image = crash_fs_image(run->disk, point, mode, seed);
    store_init(&store, crash_fs_base(image), &run->ledger);
    if (tsdb_open(&store.options, NULL, &store.tsdb, &err))
        fail("does not open after a power cut (%s): %s", crash_mode_name(mode), err.text);
    else
        (void)ledger_check(&run->ledger, tsdb_queryable(store.tsdb), point, false);
    tsdb_close(store.tsdb);
    crash_fs_destroy(image);
}

/* the number of failures there were */
static uint64_t try_fault(const struct fault *fault, uint64_t seed, uint64_t fail_at) {
    struct run run;
    run_init(&run, seed);
    run.faulty.kinds = fault->kinds;
    run.faulty.error = fault->error;
    run.faulty.persistent = fault->persistent;
    run.faulty.tear = fault->tear;
    run.faulty.fail_at = fail_at;
    log_reset();
    ingest(&run);
    if ((seed + fail_at) % 2)
        die(&run);
    else
        store_close(&run.store);
    ingest(&run);
    uint64_t seen = run.faulty.failures;
    if (fail_at % 3 == 0) expect_acknowledged(&run, CRASH_NONE, seed); /* while it lasts */
    run.faulty.fail_at = 0;
    expect_recovery(&run);
    expect_acknowledged(&run, CRASH_NONE, seed);
    expect_acknowledged(&run, (enum crash_mode)(fail_at % CRASH_MODES), seed + fail_at);
    store_close(&run.store);
    struct err err;
    if (store_open(&run.store, &err))
        fail("does not open again: %s", err.text);
    else
        (void)ledger_check(&run.ledger, tsdb_queryable(run.store.tsdb), crash_fs_point(run.disk), false);
    run_release(&run);
    return seen;
}

/* short counts everywhere: no failure at all, only work */
static void try_short_counts(uint64_t seed) {
    static const size_t most[] = {1, 7, 100, 511};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        struct run run;
        run_init(&run, seed + i);
        run.scenario.tolerates_failure = false;
        run.faulty.write_most = most[i];
        run.faulty.read_most = i ? most[i] * 100 : 0; /* a log of 8 MiB byte by byte takes too long */
        trying("short counts of %zu, --seed %llu", most[i], (unsigned long long)seed);
        ingest(&run);
        store_close(&run.store);
        ingest(&run);
        if (run.store.failed_batches) fail("%zu batches failed", run.store.failed_batches);
        expect_recovery(&run);
        expect_acknowledged(&run, CRASH_NONE, seed);
        run_release(&run);
        passed();
    }
}

int main(int count, char **texts) {
    struct arguments arguments = arguments_read(count, texts);
    log_listen();
    uint64_t seeds = arguments.seeds ? arguments.seeds : arguments.is_long ? 5 : 1;
    uint64_t step = arguments.is_long ? 1 : 3;
    for (uint64_t seed = arguments.seed; seed < arguments.seed + seeds; seed++) {
        try_short_counts(seed);
        for (size_t i = 0; i < FAULTS; i++) {
            if (arguments.has_mode && strcmp(arguments.mode, faults[i].name) != 0) continue;
            uint64_t tried = 0, seen = 1;
            uint64_t at = arguments.has_point ? arguments.point : 1 + i % step;
            for (; seen; at += step, tried++) {
                trying("--mode %s --seed %llu --point %llu", faults[i].name, (unsigned long long)seed,
                       (unsigned long long)at);
                size_t before = failures();
                seen = try_fault(&faults[i], seed, at);
                if (failures() != before && log_lines()[0]) (void)printf("its log:\n%s", log_lines());
                passed();
                if (arguments.has_point) break;
            }
            (void)printf("seed %llu, %s: %llu runs\n", (unsigned long long)seed, faults[i].name,
                         (unsigned long long)tried);
            (void)fflush(stdout);
        }
    }
    return finish();
}
