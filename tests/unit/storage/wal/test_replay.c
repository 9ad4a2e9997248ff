/* Damage at every place of a log: the rest is read, and what is missing is said. */
#include "storage/wal/replay.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"
#include "storage/wal/segment.h"
#include "tests/check_main.h"
#include "tests/unit/storage/wal/log.h"

#define RECORDS 20u

static struct memory_fs *memory;
static struct file_system *fs;
static struct reading reading;

/* ids 1..RECORDS in one segment, closed */
static void setup_log(void) {
    memory = memory_fs_create();
    fs = memory_fs_base(memory);
    reading = (struct reading){0};
    struct wal *wal = open_log(fs, SMALL);
    for (uint64_t id = 1; id <= RECORDS; id++) ck_assert_int_eq(write_ids(wal, id, 1, true), 0);
    ck_assert_int_eq(wal_close(wal, NULL), 0);
}

static void teardown_log(void) {
    reading_release(&reading);
    memory_fs_destroy(memory);
}

static uint64_t frame_at(uint64_t id) {
    uint64_t at = SEGMENT_RECORDS;
    for (uint64_t i = 1; i < id; i++) at += (24 + payload_len(i) + 7) / 8 * 8;
    return at;
}

/* what was read are the ids 1..count but for those in [from, to] */
static void check_ids(uint64_t count, uint64_t from, uint64_t to) {
    size_t at = 0;
    for (uint64_t id = 1; id <= count; id++) {
        if (id >= from && id <= to) continue;
        bool is_right =
            at < reading.ids.count && reading.ids.items[at] == id && reading.sequences.items[at] == id;
        if (!is_right) ck_abort_msg("record %llu is missing", (unsigned long long)id);
        at++;
    }
    ck_assert_uint_eq(at, reading.ids.count);
}

START_TEST(a_log_comes_back_whole_and_in_order) {
    setup_log();
    read_log(fs, &reading);
    check_ids(RECORDS, 0, 0);
    ck_assert_uint_eq(reading.report.records, RECORDS);
    ck_assert_uint_eq(reading.report.last_sequence, RECORDS);
    ck_assert_uint_eq(reading.report.lost_records + reading.report.cut_bytes + reading.report.damaged_bytes,
                      0);
    teardown_log();
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_empty_log) {
    struct err err;
    struct reading none = {0};
    ck_assert_int_eq(
        wal_replay(file_system_real(), "/nonexistent/wal", 0, each_record, &none, &none.report, &err), 0);
    ck_assert_uint_eq(none.report.records + none.report.segments + none.report.last_sequence, 0);
}
END_TEST

START_TEST(a_tail_torn_at_any_byte_is_cut) {
    setup_log();
    size_t len;
    const uint8_t *bytes = memory_fs_bytes(memory, FOLDER "/00000001", &len);
    uint8_t *whole = mem_alloc(len);
    memcpy(whole, bytes, len);
    for (size_t cut = frame_at(RECORDS); cut <= len; cut++) {
        size_t last_byte = frame_at(RECORDS) + 24 + payload_len(RECORDS);
        bool is_whole = cut >= last_byte;
        memory_fs_put(memory, FOLDER "/00000001", whole, cut);
        read_log(fs, &reading);
        check_ids(is_whole ? RECORDS : RECORDS - 1, 0, 0);
        ck_assert_uint_eq(reading.report.lost_records + reading.report.damaged_stretches, 0);
        if (!is_whole) ck_assert_uint_le(reading.report.cut_bytes, cut - frame_at(RECORDS));
    }
    mem_free(whole);
    teardown_log();
}
END_TEST

/* one bit, at every byte of the file: one record is missing at most, and it is said */
START_TEST(one_flipped_bit_loses_one_record_and_says_so) {
    setup_log();
    size_t len;
    const uint8_t *bytes = memory_fs_bytes(memory, FOLDER "/00000001", &len);
    uint8_t *copy = mem_alloc(len);
    memcpy(copy, bytes, len);
    for (size_t at = 0; at < len; at++) {
        copy[at] ^= (uint8_t)(1 << at % 8);
        memory_fs_put(memory, FOLDER "/00000001", copy, len);
        copy[at] ^= (uint8_t)(1 << at % 8);
        read_log(fs, &reading);
        const struct wal_report *report = &reading.report;
        if (reading.ids.count == RECORDS) {
            check_ids(RECORDS, 0, 0);
            bool is_header = at < 40 || (at >= 2048 && at < 2088);
            ck_assert_uint_eq(report->damaged_headers, is_header);
            ck_assert_uint_eq(report->lost_records + report->damaged_stretches, 0);
            continue;
        }
        ck_assert_uint_eq(reading.ids.count, RECORDS - 1);
        if (report->last_sequence == RECORDS - 1) { /* the last record: nobody can know that it was there */
            check_ids(RECORDS - 1, 0, 0);
            ck_assert_uint_gt(report->cut_bytes, 0);
            continue;
        }
        ck_assert_uint_eq(report->lost_records, 1);
        ck_assert_uint_eq(report->damaged_stretches, 1);
        ck_assert_uint_eq(report->loss_count, 1);
        ck_assert_uint_eq(report->losses[0].segment, 1);
        uint64_t lost = report->losses[0].from_sequence;
        ck_assert_uint_eq(report->losses[0].to_sequence, lost);
        ck_assert(at >= frame_at(lost) && at < frame_at(lost + 1));
        ck_assert_uint_eq(report->damaged_bytes, frame_at(lost + 1) - frame_at(lost));
        check_ids(RECORDS, lost, lost);
    }
    mem_free(copy);
    teardown_log();
}
END_TEST

START_TEST(a_segment_cut_off_within_its_header_is_damage) {
    setup_log();
    size_t len;
    const uint8_t *bytes = memory_fs_bytes(memory, FOLDER "/00000001", &len);
    uint8_t head[SEGMENT_RECORDS];
    memcpy(head, bytes, sizeof head);
    for (size_t cut = 0; cut < sizeof head; cut += 5) {
        memory_fs_put(memory, FOLDER "/00000001", head, cut);
        read_log(fs, &reading);
        ck_assert_uint_eq(reading.report.records, 0);
        ck_assert_uint_eq(reading.report.damaged_stretches, cut > 0);
    }
    teardown_log();
}
END_TEST

START_TEST(a_stretch_of_any_bytes_is_skipped) {
    setup_log();
    size_t len;
    uint8_t *bytes = memory_fs_bytes(memory, FOLDER "/00000001", &len);
    for (size_t i = frame_at(5) + 3; i < frame_at(9) - 40; i++) bytes[i] = (uint8_t)(i * 131 >> 3);
    read_log(fs, &reading);
    check_ids(RECORDS, 5, 8);
    ck_assert_uint_eq(reading.report.damaged_bytes, frame_at(9) - frame_at(5));
    memset(bytes + frame_at(12), 0, frame_at(15) - frame_at(12)); /* zeros are no end when records follow */
    read_log(fs, &reading);
    ck_assert_uint_eq(reading.report.lost_records, 4 + 3);
    ck_assert_uint_eq(reading.report.loss_count, 2);
    ck_assert_uint_eq(reading.report.losses[1].from_sequence, 12);
    ck_assert_uint_eq(reading.report.losses[1].to_sequence, 14);
    ck_assert_uint_eq(reading.report.damaged_stretches, 2);
    teardown_log();
}
END_TEST

START_TEST(another_version_is_refused_and_left_alone) {
    setup_log();
    size_t len;
    struct err err;
    uint8_t *bytes = memory_fs_bytes(memory, FOLDER "/00000001", &len);
    for (uint8_t *copy = bytes; copy <= bytes + 2048; copy += 2048) {
        store_u32(copy + 8, 3);
        store_u32(copy + 12, crc32c(crc32c(0, copy, 12), copy + 16, 24));
    }
    ck_assert_int_eq(try_read(fs, &reading, &err), ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "another version"));
    teardown_log();
}
END_TEST

/* 60 records in several segments; the segment that holds record 30 goes */
static void lose_a_segment(bool damage) {
    memory = memory_fs_create();
    fs = memory_fs_base(memory);
    reading = (struct reading){0};
    struct wal_options options = SMALL;
    options.segment_bytes = 6000;
    struct wal *wal = open_log(fs, options);
    for (uint64_t id = 1; id <= 60; id++) ck_assert_int_eq(write_ids(wal, id, 1, true), 0);
    ck_assert_int_eq(wal_close(wal, NULL), 0);
    uint64_t first, next;
    size_t len;
    first = load_u64(memory_fs_bytes(memory, FOLDER "/00000003", &len) + 24);
    next = load_u64(memory_fs_bytes(memory, FOLDER "/00000004", &len) + 24);
    uint8_t *bytes = memory_fs_bytes(memory, FOLDER "/00000003", &len);
    if (damage)
        bytes[20] = bytes[2048 + 20] = 0xa5;
    else
        ck_assert_int_eq(file_remove(fs, FOLDER "/00000003", NULL), 0);
    read_log(fs, &reading);
    check_ids(60, first, next - 1);
    ck_assert_uint_eq(reading.report.lost_records, next - first);
    ck_assert_uint_eq(reading.report.losses[0].from_sequence, first);
    ck_assert_uint_eq(reading.report.losses[0].to_sequence, next - 1);
    ck_assert_uint_eq(reading.report.losses[0].segment, 4);
    ck_assert_uint_eq(reading.report.damaged_stretches, damage);
    teardown_log();
}

START_TEST(a_missing_segment_is_reported_as_its_sequences) {
    lose_a_segment(false);
}
END_TEST

START_TEST(a_segment_without_a_good_header_is_reported_as_its_sequences) {
    lose_a_segment(true);
}
END_TEST

static int refuse_the_fifth(void *context, int type, struct wal_place place, const void *payload, size_t len,
                            struct err *err) {
    if (place.sequence == 5) return err_set(err, ERR_CORRUPT, "makes no sense");
    if (place.sequence == 9 && context == NULL) return err_set(err, ERR_LIMIT, "no more");
    return context ? each_record(context, type, place, payload, len, err) : 0;
}

START_TEST(a_record_the_reader_cannot_use_counts_as_lost) {
    struct err err;
    setup_log();
    ck_assert_int_eq(wal_replay(fs, FOLDER, 0, refuse_the_fifth, &reading, &reading.report, &err), 0);
    check_ids(RECORDS, 5, 5);
    ck_assert_uint_eq(reading.report.lost_records, 1);
    ck_assert_int_eq(wal_replay(fs, FOLDER, 0, refuse_the_fifth, NULL, &reading.report, &err), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "record 9"));
    teardown_log();
}
END_TEST

START_TEST(a_large_record_moves_the_window) {
    struct wal_group group;
    memory = memory_fs_create();
    fs = memory_fs_base(memory);
    reading = (struct reading){0};
    struct wal *wal = open_log(fs, SMALL);
    wal_group_init(&group);
    struct buf *out = wal_group_begin(&group, 3);
    for (int i = 0; i < 100000; i++) buf_append(out, "0123456", 8);
    ck_assert_int_eq(wal_group_end(&group, NULL), 0);
    ck_assert_int_eq(wal_write(wal, &group, NULL), 0);
    wal_group_release(&group);
    ck_assert_int_eq(wal_close(wal, NULL), 0);
    ck_assert_int_eq(wal_replay(fs, FOLDER, 0, refuse_the_fifth, NULL, &reading.report, NULL), 0);
    ck_assert_uint_eq(reading.report.payload_bytes, 800000);
    teardown_log();
}
END_TEST

CHECK_MAIN("replay", a_log_comes_back_whole_and_in_order, a_folder_that_is_not_there_is_an_empty_log,
           a_tail_torn_at_any_byte_is_cut, a_segment_cut_off_within_its_header_is_damage,
           one_flipped_bit_loses_one_record_and_says_so, a_stretch_of_any_bytes_is_skipped,
           another_version_is_refused_and_left_alone, a_missing_segment_is_reported_as_its_sequences,
           a_segment_without_a_good_header_is_reported_as_its_sequences,
           a_record_the_reader_cannot_use_counts_as_lost, a_large_record_moves_the_window)
