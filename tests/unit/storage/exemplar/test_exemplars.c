/* The ring against a plain list, and the records of both kinds. */
#include "storage/exemplar/exemplars.h"
#include "storage/exemplar/metadata.h"
#include "storage/exemplar/record.h"
#include "tests/check_main.h"

#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>

#define SERIES 7
#define MAX 50

static struct labels series_of(struct label items[2], char text[16], int i) {
    (void)snprintf(text, 16, "s%d", i);
    items[0] = (struct label){SPAN("__name__"), SPAN("m")};
    items[1] = (struct label){SPAN("id"), span_from(text)};
    return (struct labels){items, 2};
}

static enum exemplar_result add(struct exemplars *exemplars, int series, int64_t time_ms, double value) {
    struct label items[2], own[1];
    char text[16], trace[24];
    (void)snprintf(trace, sizeof trace, "t%lld", (long long)time_ms);
    own[0] = (struct label){SPAN("trace"), span_from(trace)};
    struct exemplar exemplar = {{own, 1}, value, time_ms};
    return exemplars_add(exemplars, series_of(items, text, series), &exemplar);
}

static size_t read_all(struct exemplars *exemplars, int series, int64_t mint, int64_t maxt,
                       struct arena *arena, struct exemplar_series **found) {
    struct matcher matchers[2];
    char text[16];
    size_t selector = series < 0 ? 1 : 2, count;
    (void)snprintf(text, sizeof text, "s%d", series);
    ck_assert_int_eq(matcher_init(&matchers[0], MATCH_EQUAL, SPAN("__name__"), SPAN("m"), NULL), 0);
    ck_assert_int_eq(matcher_init(&matchers[1], MATCH_EQUAL, SPAN("id"), span_from(text), NULL), 0);
    const struct matcher *all = matchers;
    ck_assert_int_eq(exemplars_select(exemplars, &all, &selector, 1, mint, maxt, arena, found, &count, NULL),
                     0);
    matcher_release(&matchers[0]);
    matcher_release(&matchers[1]);
    return count;
}

/* what a list of the last `max` that were stored says */
START_TEST(the_newest_are_kept_series_by_series) {
    struct exemplars *exemplars = exemplars_create(MAX);
    size_t max = MAX, begin = 0;
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(add(exemplars, i * i % SERIES, i, i), EXEMPLAR_STORED);
        if ((size_t)i + 1 - begin > max) begin = (size_t)i + 1 - max;
        if (i == 400 || i == 700) {
            max = i == 400 ? 20 : 90;
            exemplars_set_max(exemplars, max);
        }
        if ((size_t)i + 1 - begin > max) begin = (size_t)i + 1 - max;
        if (i % 37) continue;
        struct arena arena;
        struct exemplar_series *found;
        arena_init(&arena, 1 << 20, NULL);
        for (int series = 0; series < SERIES; series++) {
            size_t expected = 0, sets = read_all(exemplars, series, INT64_MIN, INT64_MAX, &arena, &found);
            for (size_t k = begin; k <= (size_t)i; k++) {
                if ((int)(k * k % SERIES) != series) continue;
                ck_assert_uint_eq(sets, 1);
                ck_assert_int_eq(found[0].items[expected].time_ms, (int64_t)k);
                ck_assert_double_eq(found[0].items[expected++].value, (double)k);
            }
            ck_assert_uint_eq(sets ? found[0].count : 0, expected);
        }
        arena_release(&arena);
    }
    exemplars_set_max(exemplars, 0);
    ck_assert_uint_eq(exemplars_stats(exemplars).series, 0);
    exemplars_destroy(exemplars);
}
END_TEST

START_TEST(what_is_old_long_or_known_is_not_stored) {
    struct exemplars *exemplars = exemplars_create(MAX);
    struct arena arena;
    struct exemplar_series *found;
    char text[200];
    memset(text, 'x', sizeof text);
    struct label own = {SPAN("trace"), span_of(text, 123)}, items[2];
    char name[16];
    struct exemplar exemplar = {{&own, 1}, 1, 5};
    struct labels series = series_of(items, name, 1);
    ck_assert_int_eq(exemplars_add(exemplars, series, &exemplar), EXEMPLAR_STORED);
    ck_assert_int_eq(exemplars_add(exemplars, series, &exemplar), EXEMPLAR_REPEATED);
    own.value.len = 124;
    ck_assert_int_eq(exemplars_add(exemplars, series, &exemplar), EXEMPLAR_TOO_LONG);
    ck_assert_int_eq(add(exemplars, 1, 4, 1), EXEMPLAR_OUT_OF_ORDER);
    ck_assert_int_eq(add(exemplars, 1, 5, 2), EXEMPLAR_STORED);
    ck_assert_int_eq(add(exemplars, 2, 4, 1), EXEMPLAR_STORED);
    arena_init(&arena, 1 << 16, NULL);
    ck_assert_uint_eq(read_all(exemplars, -1, 5, 5, &arena, &found), 1);
    ck_assert_uint_eq(found[0].count, 2);
    ck_assert_uint_eq(read_all(exemplars, -1, 0, 9, &arena, &found), 2);
    arena_release(&arena);
    exemplars_destroy(exemplars);
}
END_TEST

static bool write_one(void *context, struct labels series, const struct exemplar *exemplar) {
    return exemplar_write(context, series, exemplar);
}

static void read_back(struct exemplars *exemplars, const char *data, size_t len) {
    struct cursor cursor = cursor_of(data, len);
    struct arena arena;
    struct labels series;
    struct exemplar exemplar;
    struct err err;
    arena_init(&arena, 1 << 20, NULL);
    int rc;
    while ((rc = exemplar_read(&cursor, &arena, &series, &exemplar, &err)) == 1)
        exemplars_add(exemplars, series, &exemplar);
    ck_assert(rc == 0 || rc == ERR_CORRUPT);
    arena_release(&arena);
}

START_TEST(exemplars_come_back_from_their_records) {
    struct exemplars *exemplars = exemplars_create(MAX), *copy = exemplars_create(MAX);
    struct buf out, again;
    buf_init(&out, 1 << 20);
    buf_init(&again, 1 << 20);
    for (int i = 0; i < 80; i++) add(exemplars, i % SERIES, i, 1.0 / i);
    exemplars_each(exemplars, write_one, &out);
    read_back(copy, out.data, out.len);
    exemplars_each(copy, write_one, &again);
    ck_assert_uint_eq(out.len, again.len);
    ck_assert_mem_eq(out.data, again.data, out.len);
    for (size_t i = 0; i < out.len; i++) { /* cut, and changed, in a piece of its own */
        char *piece = mem_alloc(out.len);
        memcpy(piece, out.data, out.len);
        piece[i] ^= 0x41;
        read_back(copy, piece, i % 2 ? i : out.len);
        mem_free(piece);
    }
    buf_release(&out);
    buf_release(&again);
    exemplars_destroy(exemplars);
    exemplars_destroy(copy);
}
END_TEST

START_TEST(the_newest_word_on_a_family_counts) {
    struct metadata *metadata = metadata_create();
    struct metric_metadata item = {SPAN("up"), SPAN("gauge"), SPAN("Is it up."), SPAN("")}, *items;
    struct arena arena;
    size_t count;
    ck_assert(metadata_set(metadata, &item));
    ck_assert(!metadata_set(metadata, &item));
    item.help = SPAN("Whether it is up.");
    ck_assert(!metadata_has(metadata, &item));
    ck_assert(metadata_set(metadata, &item));
    struct metric_metadata other = {SPAN("a_total"), SPAN("counter"), SPAN(""), SPAN("bytes")};
    ck_assert(metadata_set(metadata, &other));
    arena_init(&arena, 1 << 16, NULL);
    ck_assert_int_eq(metadata_list(metadata, &arena, &items, &count, NULL), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert(span_is(items[0].family, "a_total") && span_is(items[0].unit, "bytes"));
    ck_assert(span_is(items[1].help, "Whether it is up."));
    struct buf out;
    buf_init(&out, 1 << 16);
    for (size_t i = 0; i < count; i++) ck_assert(metadata_write(&out, &items[i]));
    struct cursor cursor = cursor_of(out.data, out.len);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(metadata_read(&cursor, &item, NULL), 1);
        ck_assert(metadata_has(metadata, &item) && span_equal(item.family, items[i].family));
    }
    ck_assert_int_eq(metadata_read(&cursor, &item, NULL), 0);
    buf_release(&out);
    arena_release(&arena);
    metadata_destroy(metadata);
}
END_TEST

CHECK_MAIN("exemplars", the_newest_are_kept_series_by_series, what_is_old_long_or_known_is_not_stored,
           exemplars_come_back_from_their_records, the_newest_word_on_a_family_counts)
