/* A group of pages is written and read; every changed bit and every cut is found. */
#include "storage/block/group.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

#include <string.h>

#define PAGES 20
#define BEFORE 7u /* bytes in the file before the group */

static struct memory_fs *disk;
static struct zstd_writer *zstd;

static double value_of(uint32_t page, size_t i) {
    return page % 3 == 0 ? page : page % 3 == 1 ? (double)(i * i % 997) : (double)i / 7;
}

static size_t count_of(uint32_t page) {
    return 1 + page * 13;
}

static void begin(void) {
    disk = memory_fs_create();
    zstd = zstd_writer_create(3);
}

static void end(void) {
    zstd_writer_destroy(zstd);
    memory_fs_destroy(disk);
}

static void write_values(struct buf *out) {
    struct group_writer writer;
    double values[PAGE_SAMPLES];
    group_writer_init(&writer, GROUP_VALUES);
    for (uint32_t page = 0; page < PAGES; page++) {
        for (size_t i = 0; i < count_of(page); i++) values[i] = value_of(page, i);
        column_write_values(writer.streams, values, count_of(page));
        writer.counts[writer.pages++] = (uint16_t)count_of(page);
    }
    buf_init(out, 1 << 24);
    buf_append(out, "before ", BEFORE);
    ck_assert_int_eq(group_writer_end(&writer, zstd, out, NULL), 0);
    group_writer_release(&writer);
}

static int read_some(const void *data, size_t len, bool only_markers, struct group **group, struct err *err) {
    struct file file;
    memory_fs_put(disk, "/g", data, len);
    ck_assert_int_eq(file_open(memory_fs_base(disk), "/g", FILE_READ, &file, NULL), 0);
    int rc = group_read(&file, BEFORE, len, only_markers, group, err);
    file_close(&file);
    return rc;
}

static int read_bytes(const void *data, size_t len, struct group **group, struct err *err) {
    return read_some(data, len, false, group, err);
}

START_TEST(pages_of_values_are_read_in_any_order) {
    struct buf out;
    struct group *group;
    double values[PAGE_SAMPLES];
    begin();
    write_values(&out);
    ck_assert_int_eq(read_bytes(out.data, out.len, &group, NULL), 0);
    for (uint32_t k = 0; k < 3 * PAGES; k++) {
        uint32_t page = k * 7 % PAGES;
        ck_assert_uint_eq(group_page_count(group, page), count_of(page));
        ck_assert_int_eq(
            group_page_values(group, page, &(struct column_part){.to = count_of(page)}, values, NULL), 0);
        for (size_t i = 0; i < count_of(page); i++)
            ck_assert(double_bits(values[i]) == double_bits(value_of(page, i)));
    }
    ck_assert_uint_eq(group_page_count(group, PAGES), 0);
    ck_assert_int_eq(group_page_values(group, PAGES, &(struct column_part){.to = 1}, values, NULL),
                     ERR_CORRUPT);
    ck_assert_int_eq(group_page_histograms(group, 0, NULL, 0, 0, NULL, NULL), ERR_CORRUPT);
    shared_release(&group->shared);
    buf_release(&out);
    end();
}
END_TEST

/* two pages: whole numbers with a marker, and those of `second` */
static void read_markers(const double *second, size_t count, bool wants_whole) {
    double first[64], back[64];
    struct group_writer writer;
    struct group *group;
    struct buf out;
    for (size_t i = 0; i < 64; i++) first[i] = i == 40 ? value_stale() : (double)(i * i);
    begin();
    group_writer_init(&writer, GROUP_VALUES);
    column_write_values(writer.streams, first, 64);
    column_write_values(writer.streams, second, count);
    writer.counts[writer.pages++] = 64;
    writer.counts[writer.pages++] = (uint16_t)count;
    buf_init(&out, 1 << 20);
    buf_append(&out, "before ", BEFORE);
    ck_assert_int_eq(group_writer_end(&writer, zstd, &out, NULL), 0);
    ck_assert_int_eq(read_some(out.data, out.len, true, &group, NULL), 0);
    ck_assert(group_serves(group, true) && group_serves(group, false) == wants_whole);
    struct column_part part = {.from = 1, .to = 64, .only_markers = true};
    ck_assert_int_eq(group_page_values(group, 0, &part, back, NULL), 0);
    for (size_t i = 1; i < 64; i++) ck_assert(value_is_stale(back[i - 1]) == (i == 40));
    part = (struct column_part){.to = count, .only_markers = true};
    ck_assert_int_eq(group_page_values(group, 1, &part, back, NULL), 0);
    for (size_t i = 0; i < count; i++) ck_assert(value_is_stale(back[i]) == value_is_stale(second[i]));
    shared_release(&group->shared);
    group_writer_release(&writer);
    buf_release(&out);
    end();
}

START_TEST(markers_are_told_without_values_unless_a_page_hides_them) {
    double whole[50], raw[50];
    for (size_t i = 0; i < 50; i++) {
        whole[i] = (double)i * 0.5;
        raw[i] = i % 9 == 4 ? value_stale() : 1.0 / (double)(i + 3);
    }
    read_markers(whole, 50, false);
    read_markers(raw, 50, true);
}
END_TEST

START_TEST(every_changed_bit_and_every_cut_is_found) {
    struct buf out;
    struct group *group;
    struct err err;
    begin();
    write_values(&out);
    for (size_t at = BEFORE; at < out.len; at++) {
        out.data[at] = (char)(out.data[at] ^ 1 << at % 8);
        ck_assert_int_eq(read_bytes(out.data, out.len, &group, &err), ERR_CORRUPT);
        ck_assert(strstr(err.text, "/g") != NULL);
        out.data[at] = (char)(out.data[at] ^ 1 << at % 8);
        ck_assert_int_eq(read_bytes(out.data, at, &group, &err), ERR_CORRUPT);
    }
    buf_release(&out);
    end();
}
END_TEST

/* the checksum made good again, so that what stands behind it is looked at */
static void seal(struct buf *out) {
    char *group = out->data + BEFORE;
    store_u32(group, crc32c(0, group + 4, out->len - BEFORE - 4));
}

START_TEST(what_makes_no_sense_behind_a_good_checksum_is_corrupt) {
    static const struct {
        size_t at;
        unsigned char value;
        const char *text;
    } changes[] = {
        {4, 0, "kind 0"},         {4, 9, "kind 9"},     {4, GROUP_TIMES, "more than one page of times"},
        {6, 0, "damaged"},        {7, 0xff, "damaged"}, {40, 0, "a page of 0 samples"},
        {41, 0xff, "a page of 6"}};
    begin();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct buf out;
        struct group *group;
        struct err err = {0};
        write_values(&out);
        out.data[BEFORE + changes[i].at] = (char)changes[i].value;
        seal(&out);
        ck_assert_int_eq(read_bytes(out.data, out.len, &group, &err), ERR_CORRUPT);
        ck_assert_msg(strstr(err.text, changes[i].text) != NULL, "%zu: %s", i, err.text);
        buf_release(&out);
    }
    end();
}
END_TEST

START_TEST(times_are_decoded_when_the_group_is_read) {
    int64_t times[300];
    struct group_writer writer;
    struct group *group;
    struct buf out;
    begin();
    for (int i = 0; i < 300; i++) times[i] = i * 15000 + i % 7;
    group_writer_init(&writer, GROUP_TIMES);
    column_write_times(writer.streams, times, 300);
    writer.counts[writer.pages++] = 300;
    buf_init(&out, 1 << 20);
    buf_append(&out, "before ", BEFORE);
    ck_assert_int_eq(group_writer_end(&writer, zstd, &out, NULL), 0);
    ck_assert_int_eq(read_bytes(out.data, out.len, &group, NULL), 0);
    ck_assert(memcmp(group->times_ms, times, sizeof times) == 0);
    ck_assert_int_eq(group_page_values(group, 0, &(struct column_part){.to = 1}, NULL, NULL), ERR_CORRUPT);
    shared_release(&group->shared);
    group_writer_release(&writer);
    buf_release(&out);
    end();
}
END_TEST

CHECK_MAIN("group", pages_of_values_are_read_in_any_order,
           markers_are_told_without_values_unless_a_page_hides_them, every_changed_bit_and_every_cut_is_found,
           what_makes_no_sense_behind_a_good_checksum_is_corrupt, times_are_decoded_when_the_group_is_read)
