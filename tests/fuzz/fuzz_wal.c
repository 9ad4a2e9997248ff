/*
 * fuzz_wal.c - any bytes as a segment of the log, and as payloads of its records: no crash, no hang, and an
 * account that adds up.
 *
 * Header and checksums would stop nearly everything at the door, so the first byte says
 * what is done to it: 0 as it is, as a whole file; 1 behind a good header; 2 the same, every frame found by
 * its length is sealed; 3 a series payload; 4 a samples payload; 5 a payload of changes to rows of a few
 * kinds.
 */
// links: storage_wal test_support
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "storage/wal/frame.h"
#include "storage/wal/record.h"
#include "storage/wal/replay.h"
#include "storage/wal/segment.h"
#include "tests/support/memory_fs.h"

#include <stdint.h>
#include <string.h>

#define ID 0x1122334455667788u

struct tally {
    uint64_t records, last;
};

static int read_series(const void *payload, size_t len) {
    struct series_reader reader = {0};
    struct labels labels;
    struct err err;
    uint64_t number;
    int rc = series_reader_init(&reader, payload, len, &err);
    while (rc >= 0 && (rc = series_reader_next(&reader, &number, &labels, &err)) == 1)
        for (uint32_t i = 0; i < labels.count; i++)
            ASSERT(labels.items[i].name.len && labels.items[i].value.len);
    series_reader_release(&reader);
    return rc;
}

static int read_samples(const void *payload, size_t len) {
    static struct samples_rows rows;
    struct samples_reader reader;
    struct err err;
    uint64_t total = 0;
    int rc = samples_reader_init(&reader, payload, len, &err);
    if (rc) return rc;
    while ((rc = samples_reader_next(&reader, &rows, &err)) == 1) total += rows.count;
    ASSERT(rc < 0 || total == reader.rows);
    samples_reader_release(&reader);
    return rc;
}

#define CHAIN_ROWS 1500

static int read_changes(const void *payload, size_t len) {
    static const double kinds[] = {0, 17, 2.5, 0.125, -3e300, 9007199254740991.0};
    static struct changes_row state[CHAIN_ROWS];
    double values[SAMPLES_STEP];
    struct changes_reader reader;
    struct err err;
    for (size_t i = 0; i < CHAIN_ROWS; i++) {
        changes_row_begin(&state[i], kinds[i % 6]);
        state[i].rested = i % 4;
    }
    int rc = changes_reader_init(&reader, payload, len, &err);
    if (rc || reader.rows > CHAIN_ROWS) return rc;
    while (reader.done < reader.rows && (rc = changes_reader_next(&reader, state, values, &err)) > 0)
        continue;
    return rc;
}

static int each(void *context, int type, struct wal_place place, const void *payload, size_t len,
                struct err *err) {
    struct tally *tally = context;
    (void)err;
    ASSERT(place.sequence > tally->last);
    tally->last = place.sequence;
    int rc = type == RECORD_SERIES ? read_series(payload, len) : read_samples(payload, len);
    ASSERT(rc == 0 || rc == ERR_CORRUPT);
    tally->records += !rc;
    return rc;
}

static void replay(const uint8_t *data, size_t size) {
    struct memory_fs *memory = memory_fs_create();
    struct tally tally = {0};
    struct wal_report report;
    struct err err;
    memory_fs_put(memory, "wal/00000001", data, size);
    int rc = wal_replay(memory_fs_base(memory), "wal", 0, each, &tally, &report, &err);
    ASSERT(rc == 0 || rc == ERR_UNSUPPORTED);
    if (!rc) {
        ASSERT(report.records == tally.records);
        ASSERT(report.cut_bytes <= size && report.tail_end <= size + FRAME_ALIGN);
        ASSERT(report.last_sequence >= tally.last);
        ASSERT(report.loss_count == 0 || report.lost_records > 0);
    }
    memory_fs_destroy(memory);
}

/* frames as their lengths say */
static void seal(uint8_t *data, size_t size, uint32_t seed) {
    uint64_t sequence = 0;
    for (size_t at = 0; size - at >= FRAME_HEADER;) {
        uint32_t length = frame_draft_length(data + at);
        if (length > size - at - FRAME_HEADER) break;
        frame_seal(data + at, seed, ++sequence);
        at += frame_size(length);
        if (at > size) break;
    }
}

static void replay_behind_header(const uint8_t *data, size_t size, int sealed) {
    struct segment_header header = {.id = ID, .first_sequence = 1, .number = 1};
    uint8_t *file = mem_alloc(SEGMENT_RECORDS + size);
    segment_header_write(&header, file);
    if (size) memcpy(file + SEGMENT_RECORDS, data, size);
    if (sealed) seal(file + SEGMENT_RECORDS, size, segment_seed(ID));
    replay(file, SEGMENT_RECORDS + size);
    mem_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    switch (data[0]) {
    case 0: replay(data + 1, size - 1); break;
    case 1: replay_behind_header(data + 1, size - 1, 0); break;
    case 2: replay_behind_header(data + 1, size - 1, 1); break;
    case 3: (void)read_series(data + 1, size - 1); break;
    case 4: (void)read_samples(data + 1, size - 1); break;
    case 5: (void)read_changes(data + 1, size - 1); break;
    }
    return 0;
}
