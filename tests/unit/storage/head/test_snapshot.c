/* A head that is saved and restored answers as before; a damaged snapshot is refused, never half believed. */
#include "storage/head/snapshot.h"

#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

#include <stdio.h>

#define SERIES 300
#define BATCHES 400

static struct memory_fs *disk;
static struct series_ref refs[SERIES];

static void setup(void) {
    disk = memory_fs_create();
}

static void teardown(void) {
    memory_fs_destroy(disk);
}

static struct head *make_head(void) {
    struct head *head;
    struct head_options options = {.fs = memory_fs_base(disk), .chunk_folder = "/chunks_head"};
    struct err err;
    int rc = head_create(&options, &head, &err);
    if (rc) ck_abort_msg("%s", err.text);
    return head;
}

static void add_series(struct head *head, int from, int to) {
    for (int i = from; i < to; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        struct label items[] = {{SPAN("__name__"), i % 2 ? SPAN("odd") : SPAN("even")},
                                {SPAN("i"), span_of(text, strlen(text))},
                                {SPAN("job"), SPAN("x")}};
        struct labels labels = {items, i % 7 ? 3 : 2};
        ck_assert_int_eq(head_resolve(head, &labels, 1, &refs[i], NULL, NULL), 0);
    }
}

static void append(struct head *head, int batch) {
    double values[SERIES];
    uint8_t results[SERIES] = {0};
    for (int i = 0; i < SERIES; i++) {
        values[i] = i % 3 ? (double)(batch * i) : 0.1 * batch + i;
        if (i % 11 == 0 && batch % 5) results[i] = APPEND_OUT_OF_BOUNDS; /* left out */
    }
    struct head_rows rows = {.refs = refs,
                             .values = values,
                             .time_ms = batch * 15000,
                             .late_from = LATE_NEVER,
                             .count = SERIES,
                             .results = results};
    head_append(head, &rows);
}

static struct head *filled(void) {
    struct head *head = make_head();
    add_series(head, 0, SERIES);
    for (int batch = 1; batch <= BATCHES; batch++) append(head, batch);
    return head;
}

static int save(struct head *head, const char *path) {
    struct file file;
    struct frames_out out;
    ck_assert_int_eq(file_open(memory_fs_base(disk), path, FILE_CREATE, &file, NULL), 0);
    frames_out_init(&out, &file);
    int rc = head_save(head, &out, NULL);
    if (!rc) rc = frames_out_end(&out, NULL);
    frames_out_release(&out);
    file_close(&file);
    return rc;
}

static int restore(struct head *head, const char *path) {
    struct file file;
    struct frames_in in;
    ck_assert_int_eq(file_open(memory_fs_base(disk), path, FILE_READ, &file, NULL), 0);
    int rc = frames_in_init(&in, &file, NULL);
    if (!rc) {
        (void)head_restore(head, &in);
        rc = frames_in_end(&in, NULL);
    }
    frames_in_release(&in);
    file_close(&file);
    return rc;
}

/* everything a head answers, as text */
static void describe(struct head *head, struct buf *out) {
    struct series_set *set;
    struct arena arena;
    arena_init(&arena, SIZE_MAX, NULL);
    buf_init(out, (size_t)64 << 20);
    ck_assert_int_eq(head_select(head, NULL, NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, NULL), 0);
    head_set_sort(set);
    for (size_t i = 0; i < set->count; i++) {
        struct labels labels;
        struct columns columns;
        columns_init(&columns, NULL);
        ck_assert_int_eq(series_set_labels(set, i, &arena, &labels, NULL), 0);
        ck_assert_int_eq(series_set_read(set, i, INT64_MIN, INT64_MAX, &columns, NULL), 0);
        labels_write(labels, out);
        for (size_t j = 0; j < columns.count; j++)
            buf_printf(out, " %lld:%llx", (long long)columns.times_ms[j],
                       (unsigned long long)double_bits(columns.values[j]));
        buf_putc(out, '\n');
        columns_release(&columns);
    }
    series_set_close(set);
    arena_release(&arena);
}

static void check_same(struct head *a, struct head *b) {
    struct buf text_a, text_b;
    describe(a, &text_a);
    describe(b, &text_b);
    ck_assert_uint_gt(text_a.len, 100000);
    ck_assert_uint_eq(text_a.len, text_b.len);
    ck_assert_mem_eq(text_a.data, text_b.data, text_a.len);
    buf_release(&text_a);
    buf_release(&text_b);
}

START_TEST(a_restored_head_answers_as_before_and_goes_on) {
    setup();
    struct head *head = filled(), *again;
    ck_assert(head_flush_chunks(head));
    ck_assert_int_eq(save(head, "/snapshot"), 0);
    again = make_head();
    ck_assert_int_eq(restore(again, "/snapshot"), 0);
    check_same(head, again);
    add_series(head, 0, SERIES);
    append(head, BATCHES + 1);
    add_series(again, 0, SERIES); /* finds them, makes none */
    append(again, BATCHES + 1);
    check_same(head, again);
    struct head_stats stats, stats_again;
    head_stats(head, &stats);
    head_stats(again, &stats_again);
    ck_assert_uint_eq(stats.series, stats_again.series);
    ck_assert_uint_eq(stats.chunks, stats_again.chunks);
    ck_assert_uint_eq(stats.label_pairs, stats_again.label_pairs);
    ck_assert_int_eq(stats.max_time, stats_again.max_time);
    head_destroy(again);
    head_destroy(head);
    teardown();
}
END_TEST

START_TEST(the_log_replayed_over_a_snapshot_changes_nothing_twice) {
    setup();
    struct head *head = filled(), *again;
    ck_assert(head_flush_chunks(head));
    ck_assert_int_eq(save(head, "/snapshot"), 0);
    again = make_head();
    ck_assert_int_eq(restore(again, "/snapshot"), 0);
    add_series(again, 0, SERIES);
    for (int batch = BATCHES - 50; batch <= BATCHES; batch++) append(again, batch);
    check_same(head, again);
    head_destroy(again);
    head_destroy(head);
    teardown();
}
END_TEST

START_TEST(any_changed_byte_or_cut_is_found) {
    setup();
    struct head *head = filled();
    ck_assert(head_flush_chunks(head));
    ck_assert_int_eq(save(head, "/snapshot"), 0);
    size_t len;
    uint8_t *bytes = memory_fs_bytes(disk, "/snapshot", &len);
    uint8_t *copy = mem_alloc(len);
    memcpy(copy, bytes, len);
    for (size_t at = 0; at < len; at += 1 + len / 300) {
        copy[at] ^= 4;
        memory_fs_put(disk, "/damaged", copy, len);
        copy[at] ^= 4;
        struct head *again = make_head();
        ck_assert_int_eq(restore(again, "/damaged"), ERR_CORRUPT);
        head_destroy(again);
        memory_fs_put(disk, "/damaged", copy, at);
        again = make_head();
        ck_assert_int_eq(restore(again, "/damaged"), ERR_CORRUPT);
        head_destroy(again);
    }
    mem_free(copy);
    head_destroy(head);
    teardown();
}
END_TEST

CHECK_MAIN("snapshot", a_restored_head_answers_as_before_and_goes_on,
           the_log_replayed_over_a_snapshot_changes_nothing_twice, any_changed_byte_or_cut_is_found)
