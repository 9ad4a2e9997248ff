/*
 * flips.c - bits, bytes and sectors of a store's files are changed at random, and it starts.
 *
 *     data folder --+-- flip 1 --> opens? no wrong value? what is missing? is it said?
 *     (made once)   +-- flip 2 --> ...
 *
 * A store with damaged files always starts, never shows a value that was not sent, loses at most the damaged
 * record for one bit (all samples of a series whose naming record is lost), and says so in its log or with
 * its answers. What a lost record had refused may come up in its stead; --mode strict makes that a failure.
 */
#include "tests/faults/harness.h"
#include "tests/faults/scenario.h"

#include <stdio.h>
#include <string.h>

#define SECTOR 512u

struct target { /* a file of the folder, and how much of it is not zeros */
    char path[256];
    uint64_t size, used;
};

struct folder {
    struct crash_fs *disk;
    struct ledger ledger;
    VEC(struct target) targets;
    size_t largest; /* rows of the largest batch: no record has more */
    uint64_t seed;
};

enum damage { DAMAGE_BIT, DAMAGE_BYTE, DAMAGE_ZEROS, DAMAGE_SECTOR, DAMAGE_CUT, DAMAGE_MANY, DAMAGE_KINDS };

static bool is_strict; /* --mode strict */

static const char *const damage_names[] = {"bit", "byte", "zeros", "sector", "cut", "many"};

/* ---- the folder ---- */

static uint64_t used_bytes(struct crash_fs *disk, const char *path, uint64_t size) {
    uint8_t bytes[4096];
    uint64_t used = 0;
    struct file file;
    if (file_open(crash_fs_base(disk), path, FILE_READ, &file, NULL)) return 0;
    for (uint64_t at = 0; at < size; at += sizeof bytes) {
        size_t got;
        if (file_read_some(&file, bytes, sizeof bytes, at, &got, NULL)) break;
        for (size_t i = 0; i < got; i++)
            if (bytes[i]) used = at + i + 1;
    }
    file_close(&file);
    return used;
}

static void add_target(const char *path, uint64_t size, void *context) {
    struct folder *folder = context;
    uint64_t used = used_bytes(folder->disk, path, size);
    if (!used) return; /* the lock file, room taken ahead */
    struct target *target = vec_push(&folder->targets);
    (void)snprintf(target->path, sizeof target->path, "%s", path);
    target->size = size;
    target->used = used;
}

static size_t zero_moment(void *context) {
    (void)context;
    return 0;
}

static void folder_init(struct folder *folder, uint64_t seed, size_t operations) {
    struct store store;
    struct scenario scenario;
    struct err err;
    *folder = (struct folder){.disk = crash_fs_create(), .seed = seed};
    store_init(&store, crash_fs_base(folder->disk), &folder->ledger);
    store.moment = zero_moment;
    scenario_options(&store.options, seed);
    scenario_init(&scenario, &store, folder->disk, seed);
    if (store_open(&store, &err)) fail("does not open: %s", err.text);
    for (size_t i = 0; store.tsdb && i < operations; i++) (void)scenario_step(&scenario);
    store_release(&store);
    folder->largest = store.largest_batch;
    crash_fs_each_file(folder->disk, "/data", add_target, folder);
    (void)printf("seed %llu: %zu files, %zu samples, at most %zu in a batch\n", (unsigned long long)seed,
                 folder->targets.count, folder->ledger.sample_count, folder->largest);
}

static void folder_release(struct folder *folder) {
    vec_release(&folder->targets);
    ledger_release(&folder->ledger);
    crash_fs_destroy(folder->disk);
}

/* ---- damage ---- */

static void overwrite(struct crash_fs *disk, const char *path, uint64_t at, size_t len, uint64_t *random,
                      bool zeros) {
    struct file file;
    uint8_t bytes[SECTOR] = {0};
    for (size_t i = 0; !zeros && i < len; i++) bytes[i] = (uint8_t)chance(random);
    if (file_open(crash_fs_base(disk), path, FILE_WRITE, &file, NULL)) return;
    (void)file_write(&file, bytes, len, at, NULL);
    file_close(&file);
}

static void cut(struct crash_fs *disk, const char *path, uint64_t size) {
    struct file file;
    if (file_open(crash_fs_base(disk), path, FILE_WRITE, &file, NULL)) return;
    (void)file_truncate(&file, size, NULL);
    file_close(&file);
}

static void damage_one(struct crash_fs *disk, const struct target *target, enum damage damage,
                       uint64_t *random) {
    uint64_t at = chance(random) % target->used;
    uint64_t sector = at / SECTOR * SECTOR;
    size_t len = target->size - sector < SECTOR ? (size_t)(target->size - sector) : SECTOR;
    switch (damage) {
    case DAMAGE_BIT:
        (void)crash_fs_flip(disk, target->path, at, (uint8_t)(1 << chance_below(random, 8)));
        break;
    case DAMAGE_BYTE:
        (void)crash_fs_flip(disk, target->path, at, (uint8_t)(1 + chance_below(random, 255)));
        break;
    case DAMAGE_ZEROS: overwrite(disk, target->path, sector, len, random, true); break;
    case DAMAGE_SECTOR: overwrite(disk, target->path, sector, len, random, false); break;
    case DAMAGE_CUT: cut(disk, target->path, at); break;
    case DAMAGE_MANY:
        for (int i = 0; i < 50; i++)
            (void)crash_fs_flip(disk, target->path, chance(random) % target->used,
                                (uint8_t)(1 + chance_below(random, 255)));
        break;
    case DAMAGE_KINDS: break;
    }
}

/* ---- trying ---- */

struct sums {
    size_t tried, with_loss, lost, resurfaced;
};

static bool is_reported(const struct ledger_outcome *outcome) {
    return outcome->has_warning || outcome->unreadable || log_has("level=WARN") || log_has("level=ERROR");
}

/* The newest file of the log, ended early or in zeros, is what it would be had the rest never been written.
 */
static bool is_unnoticeable(const struct folder *folder, const struct target *target, enum damage damage) {
    const struct target *last = &folder->targets.items[folder->targets.count - 1];
    return target == last && strstr(target->path, "/wal/") &&
           (damage == DAMAGE_CUT || damage == DAMAGE_ZEROS);
}

/* How many samples may be missing. Of a snapshot: none, there is another and the log since then. For one bit:
   one record of the log, unless it is the one that names series. */
static size_t most_missing(const struct folder *folder, const struct target *target, enum damage damage) {
    if (strstr(target->path, "/snapshots/")) return 0;
    if (damage != DAMAGE_BIT) return SIZE_MAX;
    bool has_homeless = log_has("whose series were named in a damaged record");
    return strstr(target->path, "/wal/") && !has_homeless ? folder->largest : SIZE_MAX;
}

static void try_damage(struct folder *folder, size_t number, struct sums *sums) {
    uint64_t random = folder->seed * 1000003 + number;
    const struct target *target = &folder->targets.items[chance_below(&random, folder->targets.count)];
    enum damage damage =
        chance_below(&random, 2) ? DAMAGE_BIT : (enum damage)chance_below(&random, DAMAGE_KINDS);
    trying("--seed %llu --point %zu, %s of %s", (unsigned long long)folder->seed, number,
           damage_names[damage], target->path);
    struct crash_fs *disk = crash_fs_image(folder->disk, crash_fs_point(folder->disk), CRASH_ALL, 0);
    damage_one(disk, target, damage, &random);
    struct store store;
    struct err err;
    log_reset();
    size_t before = failures();
    store_init(&store, crash_fs_base(disk), &folder->ledger);
    if (tsdb_open(&store.options, NULL, &store.tsdb, &err)) {
        fail("does not start: %s", err.text);
    } else {
        struct ledger_outcome outcome = ledger_check(&folder->ledger, tsdb_queryable(store.tsdb), 0, true);
        sums->lost += outcome.missing;
        sums->with_loss += outcome.missing > 0;
        sums->resurfaced += outcome.resurfaced;
        if (outcome.missing && !is_reported(&outcome) && !is_unnoticeable(folder, target, damage))
            fail("%zu samples are missing and nothing is said", outcome.missing);
        if (outcome.missing > most_missing(folder, target, damage))
            fail("%zu samples are missing, %zu may be", outcome.missing,
                 most_missing(folder, target, damage));
        if (is_strict && outcome.resurfaced)
            fail("%zu refused values took the place of lost ones", outcome.resurfaced);
        tsdb_close(store.tsdb);
    }
    sums->tried++;
    if (failures() != before && log_lines()[0]) (void)printf("its log:\n%s", log_lines());
    crash_fs_destroy(disk);
    passed();
}

int main(int count, char **texts) {
    struct arguments arguments = arguments_read(count, texts);
    log_listen();
    is_strict = arguments.has_mode && strcmp(arguments.mode, "strict") == 0;
    uint64_t seeds = arguments.seeds ? arguments.seeds : arguments.is_long ? 10 : 1;
    size_t flips = arguments.is_long ? 2000 : 300;
    for (uint64_t seed = arguments.seed; seed < arguments.seed + seeds; seed++) {
        struct folder folder;
        struct sums sums = {0};
        folder_init(&folder, seed, arguments.is_long ? 400 : 200);
        for (size_t i = 0; i < flips; i++)
            if (!arguments.has_point || i == arguments.point) try_damage(&folder, i, &sums);
        (void)printf("seed %llu: %zu damages, %zu with losses, %zu samples lost in all, of %zu a refused "
                     "value came up\n",
                     (unsigned long long)seed, sums.tried, sums.with_loss, sums.lost, sums.resurfaced);
        folder_release(&folder);
    }
    return finish();
}
