/* What is written into a block is read back bit for bit; damage is found; matchers select as a plain filter
 * does. */
#include "storage/block/block.h"

#include "lib/base/bits.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/sample.h"
#include "storage/block/writer.h"
#include "tests/check_main.h"
#include "tests/support/faulty_fs.h"
#include "tests/support/memory_fs.h"

#include <stdio.h>
#include <string.h>

#define SERIES 200

static struct memory_fs *disk;
static uint64_t seed;

static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

struct made {
    struct label items[4];
    char i[12];
    struct labels labels;
    struct columns columns;
};

static struct made made[SERIES];

/* i has six digits, so that the order of numbers is that of texts */
static void make_labels(struct made *m, int i) {
    (void)snprintf(m->i, sizeof m->i, "%06d", i);
    m->items[0] = (struct label){SPAN(LABEL_NAME), i < SERIES / 2 ? SPAN("a") : SPAN("b")};
    m->items[1] = (struct label){SPAN("i"), span_of(m->i, 6)};
    m->items[2] = (struct label){SPAN("kind"), i % 3 ? SPAN("x") : SPAN("y")};
    m->items[3] = (struct label){SPAN("odd"), SPAN("yes")};
    m->labels = (struct labels){m->items, i % 2 ? 4 : 3};
}

static double draw_value(int kind, double before) {
    switch (kind) {
    case 0: return before + (double)(draw() % 1000);
    case 1: return draw() % 3 ? before : before + (double)(draw() % 100);
    case 2: return (double)(int64_t)(draw() % 100000) / 1000;
    case 3: return (double)(int64_t)draw() / 7e15;
    case 4: return 42;
    case 5: return draw() % 50 ? before + 1 : value_stale();
    default: return bits_double(draw());
    }
}

static void draw_columns(struct columns *columns, int kind) {
    size_t count = draw() % 10 == 0 ? 1 : draw() % 10 == 1 ? 9000 : 1 + draw() % 600;
    int64_t time = 1700000000000 + (int64_t)(draw() % 3 * 5000);
    double value = 0;
    columns_init(columns, NULL);
    ck_assert_int_eq(columns_reserve(columns, count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        double next = draw_value(kind, value_is_stale(value) ? 0 : value);
        columns->times_ms[i] = time;
        columns->values[i] = next;
        value = next != next ? 0 : next;
        time += 15000 + (kind % 2 ? (int64_t)(draw() % 7) : 0) + (draw() % 100 == 0 ? 600000 : 0);
    }
    columns->count = count;
}

static void draw_all(void) {
    seed = 42;
    for (int i = 0; i < SERIES; i++) {
        make_labels(&made[i], i);
        draw_columns(&made[i].columns, i % 7);
    }
}

static void release_all(void) {
    for (int i = 0; i < SERIES; i++) columns_release(&made[i].columns);
}

static int write_block(struct file_system *fs, struct block_meta *meta) {
    struct block_writer_options options = {
        .fs = fs, .folder = "/blocks", .now_ms = 1700000000000, .level = 1};
    struct block_writer *writer;
    struct err err;
    int rc = block_writer_create(&options, &writer, &err);
    for (int i = 0; !rc && i < SERIES; i++) {
        rc = block_writer_add(writer, made[i].labels, &made[i].columns, &err);
        if (rc) block_writer_abort(writer);
    }
    return rc ? rc : block_writer_finish(writer, meta, &err);
}

static struct block *open_block(struct ulid ulid) {
    struct block *block;
    struct err err;
    int rc = block_open(memory_fs_base(disk), "/blocks", ulid, &block, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return block;
}

static struct block *write_and_open(void) {
    struct block_meta meta;
    disk = memory_fs_create();
    draw_all();
    ck_assert_int_eq(write_block(memory_fs_base(disk), &meta), 0);
    return open_block(meta.ulid);
}

static struct series_set *select_some(struct block *block, const struct matcher *matchers, size_t count) {
    struct series_set *set;
    struct err err;
    int rc =
        queryable_select(block_queryable(block), matchers, count, INT64_MIN, INT64_MAX, NULL, &set, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return set;
}

/* the rows of `read` in [mint, maxt] are those made */
static void check_rows(const struct columns *made_columns, const struct columns *read, int64_t mint,
                       int64_t maxt) {
    size_t at = 0;
    for (size_t i = 0; i < made_columns->count; i++) {
        if (made_columns->times_ms[i] < mint || made_columns->times_ms[i] > maxt) continue;
        ck_assert_uint_lt(at, read->count);
        if (read->times_ms[at] != made_columns->times_ms[i] ||
            double_bits(read->values[at]) != double_bits(made_columns->values[i]))
            ck_abort_msg("row %zu", i);
        at++;
    }
    ck_assert_uint_eq(at, read->count);
}

START_TEST(what_was_written_is_read_back) {
    struct block *block = write_and_open();
    struct series_set *set = select_some(block, NULL, 0);
    struct arena arena;
    ck_assert_uint_eq(set->count, SERIES);
    arena_init(&arena, SIZE_MAX, NULL);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SERIES; i++) {
            const struct columns *whole = &made[i].columns;
            int64_t mint = round ? whole->times_ms[draw() % whole->count] : INT64_MIN;
            int64_t maxt = round ? mint + (int64_t)(draw() % 5000000) : INT64_MAX;
            struct columns read;
            struct labels labels;
            columns_init(&read, NULL);
            ck_assert_int_eq(series_set_labels(set, i, &arena, &labels, NULL), 0);
            ck_assert(labels_equal(labels, made[i].labels));
            ck_assert_int_eq(series_set_read(set, i, mint, maxt, &read, NULL), 0);
            check_rows(whole, &read, mint, maxt);
            columns_release(&read);
        }
    }
    arena_release(&arena);
    series_set_close(set);
    ck_assert_uint_eq(block_damage(block), 0);
    block_release(block);
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

static const struct {
    enum matcher_type type;
    const char *name, *value;
} asked[] = {
    {MATCH_EQUAL, LABEL_NAME, "a"}, {MATCH_EQUAL, LABEL_NAME, "none"}, {MATCH_NOT_EQUAL, "kind", "x"},
    {MATCH_EQUAL, "odd", ""},       {MATCH_NOT_EQUAL, "odd", ""},      {MATCH_REGEX, "i", "0000[1-3].*"},
    {MATCH_NOT_REGEX, "i", ".*7"},  {MATCH_REGEX, "odd", "yes|"},      {MATCH_NOT_REGEX, "odd", "yes"},
    {MATCH_EQUAL, "missing", "x"},  {MATCH_NOT_EQUAL, "missing", "x"}, {MATCH_EQUAL, "i", "000123"},
};

#define ASKED (sizeof asked / sizeof *asked)

START_TEST(matchers_select_as_a_plain_filter) {
    struct block *block = write_and_open();
    for (size_t a = 0; a < ASKED; a++) {
        for (size_t b = a; b < ASKED; b++) {
            struct matcher matchers[2];
            const size_t which[] = {a, b};
            size_t at = 0;
            for (int k = 0; k < 2; k++)
                ck_assert_int_eq(matcher_init(&matchers[k], asked[which[k]].type,
                                              span_from(asked[which[k]].name),
                                              span_from(asked[which[k]].value), NULL),
                                 0);
            struct series_set *set = select_some(block, matchers, 2);
            for (int i = 0; i < SERIES; i++) {
                struct arena arena;
                struct labels labels;
                if (!matchers_match(matchers, 2, made[i].labels)) continue;
                ck_assert_uint_lt(at, set->count);
                arena_init(&arena, SIZE_MAX, NULL);
                ck_assert_int_eq(series_set_labels(set, at++, &arena, &labels, NULL), 0);
                ck_assert(labels_equal(labels, made[i].labels));
                arena_release(&arena);
            }
            ck_assert_uint_eq(at, set->count);
            series_set_close(set);
            matcher_release(&matchers[0]);
            matcher_release(&matchers[1]);
        }
    }
    block_release(block);
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(names_and_values_are_listed_in_order) {
    struct block *block = write_and_open();
    struct arena arena;
    struct span *texts;
    size_t count;
    struct matcher matcher;
    arena_init(&arena, SIZE_MAX, NULL);
    struct queryable *port = block_queryable(block);
    ck_assert_int_eq(
        port->ops->label_names(port, NULL, 0, INT64_MIN, INT64_MAX, &arena, &texts, &count, NULL), 0);
    ck_assert_uint_eq(count, 4);
    ck_assert(span_equal(texts[3], SPAN("odd")));
    ck_assert_int_eq(
        port->ops->label_values(port, SPAN("i"), NULL, 0, INT64_MIN, INT64_MAX, &arena, &texts, &count, NULL),
        0);
    ck_assert_uint_eq(count, SERIES);
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("odd"), SPAN(""), NULL), 0);
    ck_assert_int_eq(
        port->ops->label_names(port, &matcher, 1, INT64_MIN, INT64_MAX, &arena, &texts, &count, NULL), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(port->ops->label_values(port, SPAN("i"), &matcher, 1, INT64_MIN, INT64_MAX, &arena,
                                             &texts, &count, NULL),
                     0);
    ck_assert_uint_eq(count, SERIES / 2);
    matcher_release(&matcher);
    arena_release(&arena);
    block_release(block);
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

static bool has_row(int i, int64_t mint, int64_t maxt) {
    for (size_t k = 0; k < made[i].columns.count; k++)
        if (made[i].columns.times_ms[k] >= mint && made[i].columns.times_ms[k] <= maxt) return true;
    return false;
}

/* In the set are all series that have a row in the range, and no other whose pages do not even touch it. */
static size_t check_within(struct block *block, int64_t mint, int64_t maxt) {
    struct series_set *set;
    struct span *texts;
    struct arena arena;
    size_t at = 0, count, with_rows = 0;
    struct queryable *port = block_queryable(block);
    struct matcher any;
    ck_assert_int_eq(matcher_init(&any, MATCH_REGEX, SPAN("i"), SPAN(".+"), NULL), 0);
    arena_init(&arena, SIZE_MAX, NULL);
    ck_assert_int_eq(queryable_select(port, NULL, 0, mint, maxt, NULL, &set, NULL), 0);
    for (int i = 0; i < SERIES; i++) {
        struct labels labels;
        int64_t first = made[i].columns.times_ms[0],
                last = made[i].columns.times_ms[made[i].columns.count - 1];
        with_rows += has_row(i, mint, maxt);
        if (at < set->count) ck_assert_int_eq(series_set_labels(set, at, &arena, &labels, NULL), 0);
        if (at < set->count && labels_equal(labels, made[i].labels)) {
            ck_assert(first <= maxt && last >= mint);
            at++;
        } else {
            ck_assert_msg(!has_row(i, mint, maxt), "series %d is missing", i);
        }
    }
    ck_assert_uint_eq(at, set->count);
    ck_assert_int_eq(
        port->ops->label_values(port, SPAN("i"), &any, 1, mint, maxt, &arena, &texts, &count, NULL), 0);
    ck_assert_uint_eq(count, set->count);
    ck_assert_int_eq(port->ops->label_names(port, &any, 1, mint, maxt, &arena, &texts, &count, NULL), 0);
    ck_assert_uint_eq(count > 0, set->count > 0);
    /* without matchers those of the block, if it overlaps at all */
    ck_assert_int_eq(
        port->ops->label_values(port, SPAN("i"), NULL, 0, mint, maxt, &arena, &texts, &count, NULL), 0);
    ck_assert_uint_eq(count, maxt >= block_meta(block)->mint && mint <= block_meta(block)->maxt ? SERIES : 0);
    matcher_release(&any);
    series_set_close(set);
    arena_release(&arena);
    return with_rows;
}

START_TEST(series_without_samples_in_the_range_stay_out) {
    struct block *block = write_and_open();
    const struct block_meta *meta = block_meta(block);
    int64_t step = (meta->maxt - meta->mint) / 50 + 1;
    size_t fewest = SERIES;
    for (int64_t mint = meta->mint - step; mint <= meta->maxt + step; mint += step) {
        size_t with_rows = check_within(block, mint, mint + step / 3);
        if (with_rows && with_rows < fewest) fewest = with_rows;
        check_within(block, mint, mint);
    }
    ck_assert_uint_eq(check_within(block, INT64_MIN, INT64_MAX), SERIES);
    ck_assert_uint_lt(fewest, SERIES); /* else nothing was left out anywhere */
    block_release(block);
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(series_that_were_deleted_stay_out) {
    struct block *block = write_and_open();
    struct matcher matcher;
    struct series_set *set;
    uint64_t deleted;
    size_t others = 0;
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("odd"), SPAN(""), NULL), 0);
    const struct block_meta *meta = block_meta(block);
    for (int i = 0; i < SERIES; i++)
        others += !matchers_match(&matcher, 1, made[i].labels) && has_row(i, meta->mint + 1, INT64_MAX);
    ck_assert_int_eq(block_delete(block, &matcher, 1, meta->mint + 1, INT64_MAX, &deleted, NULL), 0);
    ck_assert_int_eq(
        queryable_select(block_queryable(block), &matcher, 1, meta->mint + 1, INT64_MAX, NULL, &set, NULL),
        0);
    ck_assert_uint_eq(set->count, 0);
    series_set_close(set);
    ck_assert_int_eq(
        queryable_select(block_queryable(block), NULL, 0, meta->mint + 1, INT64_MAX, NULL, &set, NULL), 0);
    ck_assert_uint_eq(set->count, others);
    series_set_close(set);
    ck_assert_int_eq(block_delete(block, &matcher, 1, INT64_MIN, INT64_MAX, &deleted, NULL), 0);
    ck_assert_int_eq(
        queryable_select(block_queryable(block), NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, NULL), 0);
    ck_assert_uint_eq(set->count, SERIES - SERIES / 2);
    series_set_close(set);
    matcher_release(&matcher);
    block_release(block);
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

/* every row that is read is one that was made; false: an error came */
static bool reads_nothing_wrong(struct ulid ulid) {
    struct block *block;
    struct series_set *set;
    struct arena arena;
    bool whole = true;
    if (block_open(memory_fs_base(disk), "/blocks", ulid, &block, NULL)) return false;
    if (queryable_select(block_queryable(block), NULL, 0, INT64_MIN, INT64_MAX, NULL, &set, NULL)) {
        block_release(block);
        return false;
    }
    arena_init(&arena, SIZE_MAX, NULL);
    for (size_t i = 0; i < set->count; i++) {
        struct labels labels;
        struct columns read;
        columns_init(&read, NULL);
        int rc = series_set_labels(set, i, &arena, &labels, NULL);
        if (!rc) ck_assert(labels_equal(labels, made[i].labels));
        rc |= series_set_read(set, i, INT64_MIN, INT64_MAX, &read, NULL);
        size_t from = 0; /* with a page missing the rest is still in order */
        for (size_t k = 0; k < read.count; k++) {
            while (from < made[i].columns.count && made[i].columns.times_ms[from] != read.times_ms[k]) from++;
            ck_assert_uint_lt(from, made[i].columns.count);
            ck_assert(double_bits(made[i].columns.values[from]) == double_bits(read.values[k]));
        }
        if (read.count != made[i].columns.count) ck_assert(rc != 0);
        whole &= rc == 0;
        columns_release(&read);
    }
    arena_release(&arena);
    series_set_close(set);
    block_release(block);
    return whole;
}

START_TEST(a_changed_byte_or_a_cut_never_gives_a_wrong_value) {
    static const char *const kinds[] = {"meta", "index", "data"};
    struct block *block = write_and_open();
    struct ulid ulid = block_meta(block)->ulid;
    char text[ULID_TEXT + 1], path[80];
    block_release(block);
    ulid_text(ulid, text);
    for (int kind = 0; kind < 3; kind++) {
        size_t len, missed = 0, tried = 0;
        (void)snprintf(path, sizeof path, "/blocks/%s.%s", text, kinds[kind]);
        uint8_t *bytes = memory_fs_bytes(disk, path, &len), *copy = mem_alloc(len);
        memcpy(copy, bytes, len);
        for (size_t at = 0; at < len; at += 1 + len / 25) {
            uint8_t bit = (uint8_t)(1u << draw() % 8);
            copy[at] ^= bit;
            memory_fs_put(disk, path, copy, len);
            missed += reads_nothing_wrong(ulid);
            copy[at] ^= bit;
            memory_fs_put(disk, path, copy, at);
            ck_assert(!reads_nothing_wrong(ulid));
            tried++;
        }
        memory_fs_put(disk, path, copy, len);
        ck_assert(reads_nothing_wrong(ulid));
        ck_assert_uint_le(missed, tried / 4); /* postings are not read by a query for everything */
        mem_free(copy);
    }
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

START_TEST(a_disk_that_fails_leaves_no_half_block) {
    for (uint64_t fail_at = 1; fail_at < 400; fail_at += 1 + fail_at / 4) {
        struct faulty_fs faulty;
        struct block_meta meta;
        struct ulids ulids = {0};
        disk = memory_fs_create();
        draw_all();
        faulty_fs_init(&faulty, memory_fs_base(disk));
        faulty.fail_at = (unsigned)fail_at;
        int rc = write_block(&faulty.base, &meta);
        ck_assert_int_eq(block_list(memory_fs_base(disk), "/blocks", &ulids, NULL), 0);
        if (rc == 0) {
            ck_assert_uint_eq(ulids.list.count, 1);
            ck_assert(reads_nothing_wrong(ulids.list.items[0]));
        }
        for (size_t i = 0; rc && i < ulids.list.count; i++)
            ck_assert(reads_nothing_wrong(ulids.list.items[i]));
        vec_release(&ulids.list);
        release_all();
        memory_fs_destroy(disk);
    }
}
END_TEST

START_TEST(what_is_deleted_is_not_read_any_more) {
    struct block *block = write_and_open();
    struct ulid ulid = block_meta(block)->ulid;
    struct matcher matcher;
    uint64_t deleted;
    int64_t mint = 1700000600000, maxt = 1700003600000;
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN("kind"), SPAN("y"), NULL), 0);
    struct series_set *before = select_some(block, NULL, 0);
    ck_assert_int_eq(block_delete(block, &matcher, 1, mint, maxt, &deleted, NULL), 0);
    ck_assert_uint_gt(deleted, SERIES / 4);
    for (int again = 0; again < 2; again++) {
        struct series_set *set = select_some(block, NULL, 0);
        ck_assert(block_has_tombstones(block));
        for (size_t i = 0; i < SERIES; i++) {
            struct columns read, old;
            bool matches = matchers_match(&matcher, 1, made[i].labels);
            columns_init(&read, NULL);
            columns_init(&old, NULL);
            ck_assert_int_eq(series_set_read(set, i, INT64_MIN, INT64_MAX, &read, NULL), 0);
            for (size_t k = 0; matches && k < read.count; k++)
                ck_assert(read.times_ms[k] < mint || read.times_ms[k] > maxt);
            if (!matches) check_rows(&made[i].columns, &read, INT64_MIN, INT64_MAX);
            if (!again) {
                ck_assert_int_eq(series_set_read(before, i, INT64_MIN, INT64_MAX, &old, NULL), 0);
                check_rows(&made[i].columns, &old, INT64_MIN, INT64_MAX);
            }
            columns_release(&read);
            columns_release(&old);
        }
        series_set_close(set);
        if (again) break;
        series_set_close(before);
        block_release(block);
        block = open_block(ulid);
    }
    matcher_release(&matcher);
    block_discard(block);
    block_release(block);
    struct ulids left = {0};
    ck_assert_int_eq(block_list(memory_fs_base(disk), "/blocks", &left, NULL), 0);
    ck_assert_uint_eq(left.list.count, 0);
    release_all();
    memory_fs_destroy(disk);
}
END_TEST

CHECK_MAIN("block", what_was_written_is_read_back, matchers_select_as_a_plain_filter,
           names_and_values_are_listed_in_order, series_without_samples_in_the_range_stay_out,
           series_that_were_deleted_stay_out, a_changed_byte_or_a_cut_never_gives_a_wrong_value,
           a_disk_that_fails_leaves_no_half_block, what_is_deleted_is_not_read_any_more)
