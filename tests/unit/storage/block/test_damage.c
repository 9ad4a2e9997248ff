/* A small block of floats and histograms: each byte changed, each cut, a crash at any call; what is read is
 * what was written, or is missing with an error. */
#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "storage/block/block.h"
#include "storage/block/writer.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

#include <stdio.h>
#include <string.h>

#define SERIES 6
#define START INT64_C(1700000000000)

static struct memory_fs *disk;
static struct columns made[SERIES];

static struct label labels_of[SERIES][2];
static char texts[SERIES][4];

static struct labels series_labels(int i) {
    (void)snprintf(texts[i], sizeof texts[i], "%02d", i);
    labels_of[i][0] = (struct label){SPAN(LABEL_NAME), SPAN("m")};
    labels_of[i][1] = (struct label){SPAN("i"), span_of(texts[i], 2)};
    return (struct labels){labels_of[i], 2};
}

static void add_float(struct columns *columns, int64_t time, double value) {
    ck_assert_int_eq(columns_reserve(columns, 1, NULL), 0);
    columns->times_ms[columns->count] = time;
    columns->values[columns->count++] = value;
}

static void add_histogram(struct columns *columns, int64_t time, int i) {
    static const struct histogram_span span = {0, 2};
    double counts[] = {i, 3.0 * i};
    struct histogram h = {.is_integer = true, .count = 4.0 * i, .sum = 1.25 * i, .zero_threshold = 1e-9};
    h.positive = (struct histogram_buckets){&span, counts, 1, 2};
    ck_assert_int_eq(columns_add_histogram(columns, time, &h, NULL), 0);
}

/* 0-2 floats; 3 histograms; 4 and 5 floats, histograms, floats. Odd ones have odd times. */
static void make_rows(void) {
    for (int i = 0; i < SERIES; i++) {
        columns_init(&made[i], NULL);
        for (int k = 0; k < 40; k++) {
            int64_t time = START + k * 15000 + (i % 2 ? k % 3 : 0);
            if (i == 3 || (i > 3 && k >= 10 && k < 30))
                add_histogram(&made[i], time, k);
            else
                add_float(&made[i], time, k % 7 * 0.5 + i);
        }
    }
}

static struct ulid write_block(void) {
    struct block_writer_options options = {
        .fs = memory_fs_base(disk), .folder = "/blocks", .now_ms = START, .level = 1};
    struct block_writer *writer;
    struct block_meta meta;
    ck_assert_int_eq(block_writer_create(&options, &writer, NULL), 0);
    for (int i = 0; i < SERIES; i++)
        ck_assert_int_eq(block_writer_add(writer, series_labels(i), &made[i], NULL), 0);
    ck_assert_int_eq(block_writer_finish(writer, &meta, NULL), 0);
    return meta.ulid;
}

static struct ulid begin(void) {
    disk = memory_fs_create();
    make_rows();
    return write_block();
}

static void end(void) {
    for (int i = 0; i < SERIES; i++) columns_release(&made[i]);
    memory_fs_destroy(disk);
}

static bool same_row(const struct columns *a, size_t i, const struct columns *b, size_t k) {
    const struct histogram *left = columns_histogram(a, i), *right = columns_histogram(b, k);
    if (a->times_ms[i] != b->times_ms[k] || (left != NULL) != (right != NULL)) return false;
    return left ? histogram_equal(left, right) : double_bits(a->values[i]) == double_bits(b->values[k]);
}

/* rows read are some of those made, in order; true: all of them */
static bool check_rows(const struct columns *rows, const struct columns *read) {
    size_t at = 0;
    for (size_t k = 0; k < read->count; k++) {
        while (at < rows->count && !same_row(rows, at, read, k)) at++;
        ck_assert_uint_lt(at++, rows->count);
    }
    return read->count == rows->count;
}

/* the number in the label i, which must be one of those written */
static int which(struct labels labels) {
    for (int i = 0; i < SERIES; i++)
        if (labels_equal(labels, series_labels(i))) return i;
    ck_abort_msg("labels that were never written");
    return -1;
}

/* rows that were read of all series; *whole: everything, without an error */
static size_t read_all(struct ulid ulid, bool *whole) {
    struct block *block;
    struct series_set *set;
    size_t rows = 0;
    struct err err;
    *whole = false;
    int rc = block_open(memory_fs_base(disk), "/blocks", ulid, &block, &err);
    ck_assert(rc == 0 || rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED);
    if (rc) return 0;
    rc = queryable_select(block_queryable(block), NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, &err);
    ck_assert(rc == 0 || rc == ERR_CORRUPT);
    *whole = rc == 0 && set->count == SERIES;
    for (size_t i = 0; rc == 0 && i < set->count; i++) {
        struct arena arena;
        struct labels labels;
        struct columns read;
        arena_init(&arena, SIZE_MAX, NULL);
        columns_init(&read, NULL);
        int found = series_set_labels(set, i, &arena, &labels, &err);
        int got = series_set_read(set, i, INT64_MIN, INT64_MAX, &read, &err);
        ck_assert((found == 0 || found == ERR_CORRUPT) && (got == 0 || got == ERR_CORRUPT));
        bool all = check_rows(&made[found ? (int)i : which(labels)], &read);
        ck_assert(all == (got == 0));
        rows += read.count;
        *whole &= !found && !got;
        columns_release(&read);
        arena_release(&arena);
    }
    if (!*whole) ck_assert(rc || block_damage(block) > 0);
    if (rc == 0) series_set_close(set);
    block_release(block);
    return rows;
}

static void path_of(struct ulid ulid, const char *kind, char path[80]) {
    char text[ULID_TEXT + 1];
    ulid_text(ulid, text);
    (void)snprintf(path, 80, "/blocks/%s.%s", text, kind);
}

START_TEST(floats_and_histograms_of_one_series_come_back) {
    bool whole;
    struct ulid ulid = begin();
    ck_assert_uint_eq(read_all(ulid, &whole), SERIES * 40);
    ck_assert(whole);
    end();
}
END_TEST

START_TEST(every_byte_that_changes_is_found_or_does_no_harm) {
    static const struct {
        const char *kind;
        size_t
            may_pass; /* bytes nobody looks at: the footer's last 4; pages of values are read by matchers */
    } files[] = {{"meta", 0}, {"data", 0}, {"index", 120}};
    struct ulid ulid = begin();
    for (size_t f = 0; f < 3; f++) {
        char path[80];
        size_t len, passed = 0;
        bool whole;
        path_of(ulid, files[f].kind, path);
        uint8_t *bytes = memory_fs_bytes(disk, path, &len), *copy = mem_alloc(len);
        memcpy(copy, bytes, len);
        for (size_t at = 0; at < len; at++) {
            copy[at] ^= (uint8_t)(1u << at % 8);
            memory_fs_put(disk, path, copy, len);
            (void)read_all(ulid, &whole);
            passed += whole;
            copy[at] ^= (uint8_t)(1u << at % 8);
            memory_fs_put(disk, path, copy, at);
            (void)read_all(ulid, &whole);
            ck_assert(!whole);
        }
        ck_assert_msg(passed <= files[f].may_pass, "%s: %zu", path, passed);
        memory_fs_put(disk, path, copy, len);
        (void)read_all(ulid, &whole);
        ck_assert(whole);
        mem_free(copy);
    }
    end();
}
END_TEST

/* The group of histograms goes bad: floats before and behind them are floats still. */
START_TEST(floats_behind_a_damaged_page_of_histograms_are_floats) {
    char path[80];
    size_t len, found = 0;
    struct ulid ulid = begin();
    path_of(ulid, "data", path);
    uint8_t *bytes = memory_fs_bytes(disk, path, &len), *copy = mem_alloc(len);
    memcpy(copy, bytes, len);
    for (size_t at = 0; at < len; at++) {
        bool whole;
        copy[at] ^= 0x55;
        memory_fs_put(disk, path, copy, len);
        found += read_all(ulid, &whole) == SERIES * 40 - 40 - 2 * 20;
        copy[at] ^= 0x55;
    }
    ck_assert_uint_gt(found, 40); /* all bytes of that group */
    mem_free(copy);
    end();
}
END_TEST

/* memory ends in the middle of a page of histograms: none of its rows may stay behind the last row, where the
 * next floats are put */
START_TEST(rows_that_were_given_up_leave_no_histogram_behind) {
    struct block *block;
    struct series_set *set;
    size_t seen = 0;
    struct ulid ulid = begin();
    ck_assert_int_eq(block_open(memory_fs_base(disk), "/blocks", ulid, &block, NULL), 0);
    ck_assert_int_eq(
        queryable_select(block_queryable(block), NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, NULL), 0);
    for (size_t most = 1024; most < 32768; most += 128) {
        struct budget budget;
        struct columns read;
        budget_init(&budget, "test", most, NULL);
        columns_init(&read, &budget);
        int rc = series_set_read(set, 4, INT64_MIN, INT64_MAX, &read, NULL);
        ck_assert(rc == 0 || rc == ERR_LIMIT);
        ck_assert_uint_eq(read.count, rc ? 0 : 40);
        for (size_t i = read.count; read.histograms && i < read.capacity; i++)
            ck_assert(read.histograms[i] == NULL);
        seen += rc && read.histograms;
        columns_release(&read);
    }
    ck_assert_uint_gt(seen, 0);
    series_set_close(set);
    block_release(block);
    end();
}
END_TEST

START_TEST(another_version_is_refused_and_left_alone) {
    static const char *const kinds[] = {"meta", "data", "index"};
    for (int k = 0; k < 3; k++) {
        char path[80];
        size_t len;
        struct block *block;
        struct ulid ulid = begin();
        path_of(ulid, kinds[k], path);
        uint8_t *bytes = memory_fs_bytes(disk, path, &len);
        store_u32(bytes + 8, 2);
        store_u32(bytes + 12, crc32c(0, bytes, 12));
        ck_assert_int_eq(block_open(memory_fs_base(disk), "/blocks", ulid, &block, NULL), ERR_UNSUPPORTED);
        ck_assert_uint_eq(load_u32(memory_fs_bytes(disk, path, &len) + 8), 2);
        end();
    }
}
END_TEST

static void note(void *context, const char *text) {
    ck_assert(*text);
    ++*(int *)context;
}

START_TEST(verify_finds_what_reading_does_not) {
    static const char *const kinds[] = {"data", "index"};
    struct ulid ulid = begin();
    for (int k = 0; k < 2; k++) {
        char path[80];
        size_t len;
        path_of(ulid, kinds[k], path);
        uint8_t *bytes = memory_fs_bytes(disk, path, &len), *copy = mem_alloc(len);
        memcpy(copy, bytes, len);
        for (size_t at = 16; at < len - (k ? 4 : 0); at++) {
            struct block *block;
            int findings = 0;
            copy[at] ^= 1;
            memory_fs_put(disk, path, copy, len);
            if (block_open(memory_fs_base(disk), "/blocks", ulid, &block, NULL) == 0) {
                ck_assert_int_eq(block_verify(block, note, &findings, NULL), 0);
                ck_assert_msg(findings > 0, "%s %zu", path, at);
                block_release(block);
            }
            copy[at] ^= 1;
        }
        memory_fs_put(disk, path, copy, len);
        mem_free(copy);
    }
    end();
}
END_TEST

static size_t files;
static void count_file(const char *name, void *context) {
    (void)name;
    (void)context;
    files++;
}

static size_t count_files(void) {
    files = 0;
    ck_assert_int_eq(folder_list(memory_fs_base(disk), "/blocks", count_file, NULL, NULL), 0);
    return files;
}

START_TEST(what_was_not_finished_is_removed_with_its_temporary_files) {
    static const char *const kinds[] = {"meta.tmp", "tombstones.tmp", "data", "index"};
    struct ulids list = {0};
    struct ulid ulid = begin(), half = ulid_make(START + 1);
    for (int k = 0; k < 4; k++) {
        char path[80];
        path_of(half, kinds[k], path);
        memory_fs_put(disk, path, "x", 1);
    }
    ck_assert_uint_eq(count_files(), 7);
    ck_assert_int_eq(block_list(memory_fs_base(disk), "/blocks", &list, NULL), 0);
    ck_assert_uint_eq(list.list.count, 1);
    ck_assert(memcmp(list.list.items, &ulid, sizeof ulid) == 0);
    ck_assert_uint_eq(count_files(), 3);
    vec_release(&list.list);
    end();
}
END_TEST

START_TEST(a_writer_that_gives_up_leaves_nothing) {
    struct block_writer_options options = {.folder = "/blocks", .now_ms = START, .level = 1};
    struct block_writer *writer;
    struct block_meta meta;
    bool whole;
    struct ulid ulid = begin();
    options.fs = memory_fs_base(disk);
    ck_assert_int_eq(block_writer_create(&options, &writer, NULL), 0);
    ck_assert_int_eq(block_writer_add(writer, series_labels(0), &made[0], NULL), 0);
    block_writer_abort(writer);
    ck_assert_int_eq(block_writer_create(&options, &writer, NULL), 0); /* and one without samples */
    ck_assert_int_eq(block_writer_finish(writer, &meta, NULL), 0);
    ck_assert_uint_eq(meta.samples, 0);
    ck_assert_uint_eq(count_files(), 3);
    (void)read_all(ulid, &whole);
    ck_assert(whole);
    end();
}
END_TEST

START_TEST(a_series_out_of_order_is_refused_and_leaves_no_pages) {
    struct block_writer_options options = {.folder = "/blocks", .now_ms = START, .level = 1};
    struct block_writer *writer;
    struct block_meta meta;
    bool whole;
    (void)begin();
    options.fs = memory_fs_base(disk);
    ck_assert_int_eq(block_writer_create(&options, &writer, NULL), 0);
    for (int i = 0; i < SERIES; i++) {
        ck_assert_int_eq(block_writer_add(writer, series_labels(i), &made[i], NULL), 0);
        ck_assert_int_eq(block_writer_add(writer, series_labels(i), &made[i], NULL), ERR_INVALID);
        ck_assert_int_eq(block_writer_add(writer, series_labels(0), &made[1], NULL), ERR_INVALID);
    }
    ck_assert_int_eq(block_writer_finish(writer, &meta, NULL), 0);
    ck_assert_uint_eq(meta.samples, SERIES * 40);
    (void)read_all(meta.ulid, &whole);
    ck_assert(whole);
    end();
}
END_TEST

START_TEST(no_block_is_made_after_a_series_that_was_not_written) {
    struct block_writer_options options = {.folder = "/blocks", .now_ms = START, .level = 1};
    struct block_writer *writer;
    struct block_meta meta;
    (void)begin();
    options.fs = memory_fs_base(disk);
    ck_assert_int_eq(block_writer_create(&options, &writer, NULL), 0);
    memory_fs_limit(disk, 1);
    ck_assert_int_eq(block_writer_add(writer, series_labels(1), &made[1], NULL),
                     ERR_NO_SPACE); /* its times */
    memory_fs_limit(disk, 0);
    ck_assert_int_eq(block_writer_add(writer, series_labels(2), &made[2], NULL), ERR_NO_SPACE);
    ck_assert_int_eq(block_writer_finish(writer, &meta, NULL), ERR_NO_SPACE);
    ck_assert_uint_eq(count_files(), 3);
    end();
}
END_TEST

/* 4096 samples of 400 buckets of noise would be 16 MiB in one page */
START_TEST(histograms_of_many_noisy_buckets_fit) {
    static struct histogram_span span = {0, 400};
    static double counts[400];
    struct block_writer_options options = {.folder = "/blocks", .now_ms = START, .level = 1};
    struct block_writer *writer;
    struct block_meta meta;
    struct columns columns;
    uint64_t seed = 3;
    (void)begin();
    options.fs = memory_fs_base(disk);
    columns_init(&columns, NULL);
    for (int k = 0; k < 4096; k++) {
        struct histogram h = {.positive = {&span, counts, 1, 400}};
        for (int i = 0; i < 400; i++) counts[i] = (double)(seed = seed * 6364136223846793005u + 1);
        ck_assert_int_eq(columns_add_histogram(&columns, START + k, &h, NULL), 0);
    }
    ck_assert_int_eq(block_writer_create(&options, &writer, NULL), 0);
    ck_assert_int_eq(block_writer_add(writer, series_labels(0), &columns, NULL), 0);
    ck_assert_int_eq(block_writer_finish(writer, &meta, NULL), 0);
    ck_assert_uint_eq(meta.histograms, 4096);
    columns_release(&columns);
    end();
}
END_TEST

CHECK_MAIN("damage", rows_that_were_given_up_leave_no_histogram_behind,
           floats_and_histograms_of_one_series_come_back, every_byte_that_changes_is_found_or_does_no_harm,
           floats_behind_a_damaged_page_of_histograms_are_floats, another_version_is_refused_and_left_alone,
           verify_finds_what_reading_does_not, what_was_not_finished_is_removed_with_its_temporary_files,
           a_writer_that_gives_up_leaves_nothing, a_series_out_of_order_is_refused_and_leaves_no_pages,
           no_block_is_made_after_a_series_that_was_not_written, histograms_of_many_noisy_buckets_fit)
