/*
 * The log under a disk that fails: each call in turn, in several ways, followed by a cut of the power. What
 * was acknowledged is there afterwards, in order; what was refused is not.
 */
#include "storage/wal/wal.h"

#include "lib/base/log.h"
#include "lib/instrument/instrument.h"
#include "tests/check_main.h"
#include "tests/support/faulty_fs.h"
#include "tests/unit/storage/wal/log.h"

#include <errno.h>

#define GROUPS 40u
#define IDS_PER_GROUP 6u

enum fate { REFUSED, WRITTEN, ON_DISK };

struct trial {
    struct memory_fs *memory;
    struct faulty_fs faulty;
    enum fate fates[GROUPS + 1]; /* by group; group g has the ids from g * IDS_PER_GROUP on */
    unsigned groups;             /* begun */
    unsigned life;               /* the first group of this life: a sync says nothing of earlier ones */
    unsigned hurry;              /* a life ends without a close so many groups after the first failure */
    struct reading reading;
};

static void quiet(const char *line, void *context) {
    (void)line;
    (void)context;
}

static size_t group_len(unsigned group) {
    return group % 2 ? 1 : 6; /* a short one does not cover what a torn long one left behind */
}

static void trial_init(struct trial *trial) {
    *trial = (struct trial){.memory = memory_fs_create()};
    faulty_fs_init(&trial->faulty, memory_fs_base(trial->memory));
    log_capture(quiet, NULL);
}

static void trial_release(struct trial *trial) {
    reading_release(&trial->reading);
    memory_fs_destroy(trial->memory);
    log_capture(NULL, NULL);
}

static void all_on_disk(struct trial *trial) {
    for (unsigned i = trial->life; i < trial->groups; i++)
        if (trial->fates[i] == WRITTEN) trial->fates[i] = ON_DISK;
}

/* every third group wants its sync at once, every seventh is followed by one */
static void write_next(struct trial *trial, struct wal *wal) {
    unsigned group = trial->groups++;
    bool sync = group % 3 == 0;
    int rc = write_ids(wal, group * IDS_PER_GROUP, group_len(group), sync);
    trial->fates[group] = rc ? REFUSED : WRITTEN;
    if (!rc && sync) all_on_disk(trial);
    if (group % 7 == 0 && wal_sync(wal, NULL) == 0) all_on_disk(trial);
}

static struct wal_options trial_options(void) {
    struct wal_options options = SMALL;
    options.segment_bytes = 9000;
    return options;
}

/* one life of a store: replay, open, write, close; gives up where a store would not start */
static struct wal *begin_life(struct trial *trial) {
    struct wal_options options = trial_options();
    struct wal *wal = NULL;
    trial->life = trial->groups;
    if (try_read(&trial->faulty.base, &trial->reading, NULL)) return NULL;
    if (wal_open(&trial->faulty.base, FOLDER, &options, &trial->reading.report, &wal, NULL)) return NULL;
    return wal;
}

/* the log if the life did not come to its close */
static struct wal *live(struct trial *trial) {
    struct wal *wal = begin_life(trial);
    unsigned left = UINT32_MAX;
    for (unsigned i = 0; wal && left && i < GROUPS / 2; i++, left--) {
        write_next(trial, wal);
        if (trial->faulty.failures && left > trial->hurry) left = trial->hurry + 1;
    }
    if (!wal || !left) return wal;
    if (wal_close(wal, NULL) == 0) all_on_disk(trial);
    return NULL;
}

/* The ids read are, in order, those of all groups of at least the fate `least`, and of no refused group that
 * a later group has overruled. */
static void check_read(const struct trial *trial, enum fate least) {
    const struct reading *reading = &trial->reading;
    unsigned last_kept = 0;
    size_t at = 0;
    for (unsigned group = 0; group < trial->groups; group++)
        if (trial->fates[group] >= least) last_kept = group;
    for (unsigned group = 0; group < trial->groups; group++) {
        size_t found = 0;
        for (uint64_t id = group * IDS_PER_GROUP; id < group * IDS_PER_GROUP + group_len(group); id++)
            if (at < reading->ids.count && reading->ids.items[at] == id) at++, found++;
        bool is_missing = trial->fates[group] >= least && found != group_len(group);
        bool is_undead = trial->fates[group] == REFUSED && group < last_kept && found;
        if (is_missing || is_undead)
            ck_abort_msg("group %u: fate %d, %zu records found", group, trial->fates[group], found);
    }
    if (at != reading->ids.count) ck_abort_msg("record %zu is out of place", at);
    for (size_t i = 1; i < reading->sequences.count; i++)
        if (reading->sequences.items[i] <= reading->sequences.items[i - 1]) ck_abort_msg("record %zu", i);
}

struct way_to_fail {
    unsigned kinds;
    int error;
    bool persistent, tear;
};

static const struct way_to_fail ways[] = {
    {FAULTY_ANY, EIO, false, false},
    {FAULTY_ANY, EIO, true, true},
    {FAULTY_ANY, ENOSPC, false, true},
    {FAULTY_WRITE, EIO, false, true},
    {FAULTY_WRITE | FAULTY_TRUNCATE, EIO, true, true},
    {FAULTY_WRITE | FAULTY_TRUNCATE, ENOSPC, true, true},
    {FAULTY_SYNC, EIO, true, false},
    {FAULTY_ALLOCATE, ENOSPC, true, false},
    {FAULTY_TRUNCATE | FAULTY_WRITE | FAULTY_UNLINK, ENOSPC, true, true},
    {FAULTY_ANY & ~FAULTY_UNLINK, EIO, true, false},
};

/* the process ends at once, the disk keeps what the crash leaves, and works from then on */
static void die(struct trial *trial, struct wal *wal, enum memory_crash crash, uint64_t seed) {
    trial->faulty.kinds = FAULTY_ANY;
    trial->faulty.persistent = true;
    trial->faulty.fail_at = 1;
    (void)wal_close(wal, NULL); /* reaches nothing any more */
    memory_fs_crash(trial->memory, crash, seed);
    trial->faulty.fail_at = 0;
}

/* two lives under the fault, a crash, a life without faults, and nothing that counted is gone; true: the
 * fault struck */
static bool run_trial(const struct way_to_fail *way, uint64_t fail_at, unsigned hurry,
                      enum memory_crash crash) {
    struct trial trial;
    trial_init(&trial);
    trial.faulty.kinds = way->kinds;
    trial.faulty.error = way->error;
    trial.faulty.persistent = way->persistent;
    trial.faulty.tear = way->tear;
    trial.faulty.fail_at = fail_at;
    trial.hurry = hurry;
    struct wal *wal = live(&trial);
    if (!wal) wal = live(&trial);
    bool struck = trial.faulty.failures > 0;

    die(&trial, wal, crash, fail_at);
    read_log(&trial.faulty.base, &trial.reading);
    check_read(&trial, crash == CRASH_KEEP_ALL ? WRITTEN : ON_DISK);
    if (crash == CRASH_KEEP_ALL) ck_assert_uint_eq(trial.reading.report.lost_records, 0);

    size_t kept = trial.reading.ids.count;
    wal = begin_life(&trial);
    ck_assert_ptr_nonnull(wal);
    ck_assert_int_eq(write_ids(wal, 1000, 2, true), 0);
    die(&trial, wal, CRASH_KEEP_NONE, 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.ids.count, kept + 2); /* what was read once stays */
    ck_assert_uint_eq(trial.reading.ids.items[kept], 1000);
    trial_release(&trial);
    return struck;
}

static void run_all(enum memory_crash crash) {
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (unsigned hurry = 0; hurry < 5; hurry++)
            for (uint64_t fail_at = 1; run_trial(&ways[i], fail_at, hurry == 4 ? GROUPS : hurry, crash);
                 fail_at++)
                if (fail_at > 100000) ck_abort();
}

START_TEST(after_a_failure_anywhere_and_a_kill_all_that_was_written_is_there) {
    run_all(CRASH_KEEP_ALL);
}
END_TEST

START_TEST(after_a_failure_anywhere_and_a_power_cut_all_that_was_synced_is_there) {
    run_all(CRASH_KEEP_NONE);
}
END_TEST

START_TEST(after_a_failure_anywhere_and_half_a_power_cut_all_that_was_synced_is_there) {
    run_all(CRASH_KEEP_SOME);
}
END_TEST

START_TEST(a_full_disk_refuses_and_writing_goes_on_when_there_is_room) {
    struct trial trial;
    trial_init(&trial);
    struct wal *wal = begin_life(&trial);
    memory_fs_limit(trial.memory, 20000);
    uint64_t id = 1;
    int rc;
    while ((rc = write_ids(wal, id, 1, true)) == 0) id++;
    ck_assert_int_eq(rc, ERR_NO_SPACE);
    ck_assert_uint_gt(id, 40); /* nearly to the last byte */
    ck_assert_int_eq(write_ids(wal, id, 1, true), ERR_NO_SPACE);
    memory_fs_limit(trial.memory, 40000);
    ck_assert_int_eq(write_ids(wal, id, 1, true), 0);
    die(&trial, wal, CRASH_KEEP_NONE, 0);
    memory_fs_limit(trial.memory, 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.ids.count, id);
    for (uint64_t i = 0; i < id; i++) ck_assert_uint_eq(trial.reading.ids.items[i], i + 1);
    ck_assert_uint_eq(trial.reading.report.lost_records, 0);
    trial_release(&trial);
}
END_TEST

START_TEST(a_log_opens_on_a_full_disk_and_takes_writes_later) {
    struct trial trial;
    trial_init(&trial);
    memory_fs_limit(trial.memory, 100);
    struct wal *wal = begin_life(&trial);
    ck_assert_ptr_nonnull(wal);
    ck_assert_int_eq(write_ids(wal, 1, 1, false), ERR_NO_SPACE);
    memory_fs_limit(trial.memory, 0);
    ck_assert_int_eq(write_ids(wal, 1, 1, false), 0);
    ck_assert_int_eq(wal_close(wal, NULL), 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.ids.count, 1);
    trial_release(&trial);
}
END_TEST

/* the kernel may have thrown away what it could not write: only what is written again elsewhere counts */
START_TEST(after_a_failed_sync_the_file_is_never_trusted_again) {
    struct trial trial;
    struct err err;
    size_t len, old_len;
    trial_init(&trial);
    struct wal *wal = begin_life(&trial);
    for (uint64_t id = 1; id <= 5; id++) ck_assert_int_eq(write_ids(wal, id, 1, false), 0);
    trial.faulty.kinds = FAULTY_SYNC;
    trial.faulty.calls = 0;
    trial.faulty.fail_at = 1;
    ck_assert_int_eq(wal_sync(wal, &err), 0);
    ck_assert(!wal_has_unsynced(wal));
    ck_assert_uint_eq(trial.faulty.failures, 1);
    (void)memory_fs_bytes(trial.memory, FOLDER "/00000001", &old_len);
    ck_assert_int_eq(write_ids(wal, 6, 1, true), 0);
    uint8_t *old = memory_fs_bytes(trial.memory, FOLDER "/00000001", &len);
    ck_assert_uint_eq(len, old_len);
    memset(old + 4096, 0xee, len - 4096); /* what the kernel threw away */
    die(&trial, wal, CRASH_KEEP_ALL, 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.ids.count, 6);
    for (uint64_t i = 0; i < 6; i++) ck_assert_uint_eq(trial.reading.ids.items[i], i + 1);
    ck_assert_uint_eq(trial.reading.report.lost_records, 0);
    trial_release(&trial);
}
END_TEST

START_TEST(while_no_segment_can_be_synced_writes_are_refused) {
    struct trial trial;
    trial_init(&trial);
    struct wal *wal = begin_life(&trial);
    ck_assert_int_eq(write_ids(wal, 1, 1, false), 0);
    trial.faulty.kinds = FAULTY_SYNC;
    trial.faulty.calls = 0;
    trial.faulty.fail_at = 1;
    trial.faulty.persistent = true;
    ck_assert_int_eq(wal_sync(wal, NULL), ERR_IO);
    ck_assert_int_eq(write_ids(wal, 2, 1, false), ERR_IO);
    ck_assert(wal_has_unsynced(wal));
    trial.faulty.fail_at = 0;
    ck_assert_int_eq(write_ids(wal, 3, 1, true), 0);
    die(&trial, wal, CRASH_KEEP_NONE, 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.ids.count, 2);
    ck_assert_uint_eq(trial.reading.ids.items[1], 3);
    ck_assert_uint_eq(trial.reading.sequences.items[1], 2); /* the refused one's number was not used up */
    trial_release(&trial);
}
END_TEST

START_TEST(short_writes_are_continued) {
    struct trial trial;
    trial_init(&trial);
    trial.faulty.write_most = 7;
    ck_assert_ptr_null(live(&trial));
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.report.lost_records, 0);
    check_read(&trial, ON_DISK);
    ck_assert_uint_gt(trial.reading.ids.count, GROUPS / 2);
    trial_release(&trial);
}
END_TEST

START_TEST(without_syncs_nothing_is_kept_in_memory_and_a_close_loses_nothing) {
    struct trial trial;
    struct wal_options options = trial_options();
    trial_init(&trial);
    options.never_sync = true;
    struct wal *wal = open_log(&trial.faulty.base, options);
    for (uint64_t id = 0; id < 200; id++) {
        ck_assert_int_eq(write_ids(wal, id, 1, false), 0);
        ck_assert(!wal_has_unsynced(wal));
    }
    ck_assert_int_eq(wal_close(wal, NULL), 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.ids.count, 200);
    ck_assert_uint_gt(trial.reading.report.segments, 3);
    trial_release(&trial);
}
END_TEST

START_TEST(a_run_that_wrote_nothing_leaves_no_segment_behind) {
    struct trial trial;
    trial_init(&trial);
    for (int i = 0; i < 5; i++) ck_assert_int_eq(wal_close(begin_life(&trial), NULL), 0);
    read_log(&trial.faulty.base, &trial.reading);
    ck_assert_uint_eq(trial.reading.report.segments, 1);
    ck_assert_uint_eq(trial.reading.report.last_segment, 5);
    trial_release(&trial);
}
END_TEST

START_TEST(a_group_takes_records_back_and_refuses_what_is_too_large) {
    static char megabyte[1 << 20];
    struct wal_group group;
    wal_group_init(&group);
    add_record(&group, 1);
    size_t bytes = group.bytes.len;
    struct buf *out = wal_group_begin(&group, 1);
    for (int i = 0; i < 65; i++) buf_append(out, megabyte, sizeof megabyte);
    ck_assert_int_eq(wal_group_end(&group, NULL), ERR_LIMIT);
    ck_assert_uint_eq(group.bytes.len, bytes);
    add_record(&group, 2);
    wal_group_begin(&group, 1);
    wal_group_cut(&group, bytes, 1);
    ck_assert_uint_eq(group.record_count, 1);
    ck_assert_uint_eq(group.bytes.len, bytes);
    wal_group_release(&group);
}
END_TEST

START_TEST(the_log_tells_of_itself) {
    struct trial trial;
    struct wal_options options = trial_options();
    struct buf out;
    trial_init(&trial);
    buf_init(&out, 1 << 20);
    options.registry = registry_create();
    struct wal *wal = open_log(&trial.faulty.base, options);
    for (uint64_t id = 0; id < 100; id++) ck_assert_int_eq(write_ids(wal, id, 1, true), 0);
    registry_write(options.registry, &out);
    const char *text = buf_text(&out);
    ck_assert_ptr_nonnull(strstr(text, "prometheus_tsdb_wal_corruptions_total 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "prometheus_tsdb_wal_writes_failed_total 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "prometheus_tsdb_wal_fsync_duration_seconds_count 100\n"));
    ck_assert_ptr_nonnull(strstr(text, "prometheus_tsdb_wal_segment_current 4\n"));
    ck_assert_ptr_nonnull(strstr(text, "prometheus_tsdb_wal_storage_size_bytes "));
    ck_assert_int_eq(wal_close(wal, NULL), 0);
    registry_destroy(options.registry);
    buf_release(&out);
    trial_release(&trial);
}
END_TEST

CHECK_MAIN("wal", a_full_disk_refuses_and_writing_goes_on_when_there_is_room,
           a_log_opens_on_a_full_disk_and_takes_writes_later,
           after_a_failed_sync_the_file_is_never_trusted_again,
           while_no_segment_can_be_synced_writes_are_refused, short_writes_are_continued,
           without_syncs_nothing_is_kept_in_memory_and_a_close_loses_nothing,
           a_run_that_wrote_nothing_leaves_no_segment_behind,
           a_group_takes_records_back_and_refuses_what_is_too_large, the_log_tells_of_itself,
           after_a_failure_anywhere_and_a_kill_all_that_was_written_is_there,
           after_a_failure_anywhere_and_a_power_cut_all_that_was_synced_is_there,
           after_a_failure_anywhere_and_half_a_power_cut_all_that_was_synced_is_there)
