#pragma once
/*
 * log.h - what the tests of the log share: records whose payload says who they are, and what a replay gave
 * back.
 */
#include "lib/base/vec.h"
#include "storage/wal/replay.h"
#include "storage/wal/wal.h"
#include "tests/support/memory_fs.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

#define FOLDER "data/wal"
#define TYPE 7
#define SMALL                                                                                                \
    ((struct wal_options){.segment_bytes = 16 << 10, .allocate_bytes = 4096, .unsynced_bytes = 4096})

struct reading {
    struct wal_report report;
    VEC(uint64_t) ids;
    VEC(uint64_t) sequences;
};

static inline size_t payload_len(uint64_t id) {
    return 8 + id * 37 % 300;
}

static inline int each_record(void *context, int type, struct wal_place place, const void *payload,
                              size_t len, struct err *err) {
    struct reading *reading = context;
    const uint8_t *bytes = payload;
    uint64_t id;
    (void)err;
    /* one look per record: Check writes to a pipe for each */
    memset(&id, 0, sizeof id);
    if (len >= 8) memcpy(&id, bytes, 8);
    bool is_right = type == TYPE && len >= 8 && len == payload_len(id);
    for (size_t i = 8; is_right && i < len; i++) is_right = bytes[i] == (uint8_t)(id + i);
    if (!is_right) ck_abort_msg("record %llu is not what was written", (unsigned long long)place.sequence);
    *vec_push(&reading->ids) = id;
    *vec_push(&reading->sequences) = place.sequence;
    return 0;
}

static inline void reading_release(struct reading *reading) {
    vec_release(&reading->ids);
    vec_release(&reading->sequences);
}

/* replaces what the reading held */
static inline int try_read(struct file_system *fs, struct reading *reading, struct err *err) {
    reading->ids.count = reading->sequences.count = 0;
    return wal_replay(fs, FOLDER, 0, each_record, reading, &reading->report, err);
}

static inline void read_log(struct file_system *fs, struct reading *reading) {
    struct err err = {0};
    int rc = try_read(fs, reading, &err);
    if (rc) ck_abort_msg("%s", err.text);
}

static inline struct wal *open_log(struct file_system *fs, struct wal_options options) {
    struct reading reading = {0};
    struct err err = {0};
    struct wal *wal;
    read_log(fs, &reading);
    int rc = wal_open(fs, FOLDER, &options, &reading.report, &wal, &err);
    if (rc) ck_abort_msg("%s", err.text);
    reading_release(&reading);
    return wal;
}

static inline void add_record(struct wal_group *group, uint64_t id) {
    struct buf *out = wal_group_begin(group, TYPE);
    buf_append(out, &id, 8);
    for (size_t i = 8; i < payload_len(id); i++) buf_putc(out, (char)(uint8_t)(id + i));
    if (wal_group_end(group, NULL)) ck_abort();
}

/* count records from id on, as one group */
static inline int write_ids(struct wal *wal, uint64_t id, size_t count, bool sync) {
    struct wal_group group;
    wal_group_init(&group);
    for (size_t i = 0; i < count; i++) add_record(&group, id + i);
    int rc = wal_write(wal, &group, NULL);
    if (!rc && sync) rc = wal_sync(wal, NULL);
    wal_group_release(&group);
    return rc;
}
