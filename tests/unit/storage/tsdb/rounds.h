#pragma once
/*
 * rounds.h - for the tests of storage/tsdb: fifty series that get a sample each in every round, at times 10,
 * 20 ...
 */
#include "storage/tsdb/tsdb.h"

#include "storage/exemplar/exemplars.h"
#include "storage/exemplar/metadata.h"

#include "lib/base/bits.h"
#include "lib/model/sample.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "tests/check_main.h"
#include "tests/support/memory_fs.h"

#include <stdio.h>
#include <string.h>

/* a batch's way: the store's thread says done, the test waits */
struct waiter {
    struct mutex lock;
    struct condition changed;
    bool is_done;
    int rc;
    uint8_t results[64];
};

static inline void on_done(struct append_batch *batch) {
    struct waiter *waiter = batch->context;
    mutex_lock(&waiter->lock);
    waiter->rc = batch->rc;
    if (!batch->rc) memcpy(waiter->results, batch->results, batch->count < 64 ? batch->count : 64);
    waiter->is_done = true;
    condition_broadcast(&waiter->changed);
    mutex_unlock(&waiter->lock);
    append_batch_destroy(batch);
}

static struct waiter waiter;

static inline int send(struct tsdb *tsdb, struct append_batch *batch) {
    waiter.is_done = false;
    batch->wait_sync = true;
    appender_append(tsdb_appender(tsdb), batch);
    mutex_lock(&waiter.lock);
    while (!waiter.is_done) condition_wait(&waiter.changed, &waiter.lock);
    mutex_unlock(&waiter.lock);
    return waiter.rc;
}

#define SERIES 50

static inline void make_labels(struct label items[3], char text[32], int i) {
    (void)snprintf(text, 32, "series-%d", i);
    items[0] = (struct label){SPAN(LABEL_NAME), SPAN("metric")};
    items[1] = (struct label){SPAN("even"), i % 2 ? SPAN("no") : SPAN("yes")};
    items[2] = (struct label){SPAN("id"), span_from(text)};
}

static inline struct series_ref resolve(struct tsdb *tsdb, int i) {
    struct label items[3];
    char text[32];
    make_labels(items, text, i);
    struct labels labels = {items, 3};
    struct series_ref ref;
    struct err err;
    ck_assert_int_eq(appender_resolve(tsdb_appender(tsdb), &labels, 1, &ref, NULL, &err), 0);
    return ref;
}

static inline double value_at(int series, int64_t time) {
    if ((series + time) % 17 == 0) return value_stale();
    return series % 3 ? (double)(series * time) : (double)time / 7;
}

/* Every other second every fifth series has native histograms whose layout changes: sums are value_at. */
static inline bool has_histogram(int series, int64_t time) {
    return series % 5 == 0 && time / 1000 % 2 && !value_is_stale(value_at(series, time));
}

static inline struct histogram histogram_at(int series, int64_t time) {
    static const struct histogram_span spans[] = {{-3, 2}, {1, 3}};
    static const double bounds[] = {0.5, 1, 2.5, 10};
    static double counts[5];
    bool is_custom = time / 1000 % 3 == 2, is_float = time / 1000 % 4 == 3;
    for (int i = 0; i < 5; i++) counts[i] = (double)(time * (i + 1)) + (is_float ? 0.5 : 0);
    struct histogram h = {.schema = (int8_t)(is_custom ? HISTOGRAM_SCHEMA_CUSTOM : time / 2000 % 5),
                          .reset = (uint8_t)(time / 100 % 4),
                          .is_integer = !is_float,
                          .count = (double)time * 15 + (is_float ? 2.5 : 0),
                          .sum = value_at(series, time)};
    h.positive = is_custom ? (struct histogram_buckets){spans + 1, counts, 1, 3}
                           : (struct histogram_buckets){spans, counts, 2, 5};
    if (is_custom) {
        h.bounds = bounds;
        h.bound_count = 4;
    } else {
        h.zero_threshold = 0.001;
        h.negative = (struct histogram_buckets){spans, counts, 1, 2};
    }
    return h;
}

static inline void add_sample(struct append_batch *batch, struct tsdb *tsdb, int series, int64_t time) {
    struct histogram h = histogram_at(series, time);
    if (has_histogram(series, time))
        ck_assert_int_eq(append_batch_add_histogram(batch, resolve(tsdb, series), &h, time, NULL), 0);
    else
        append_batch_add(batch, resolve(tsdb, series), value_at(series, time), time);
}

static inline void check_sample(const struct columns *columns, size_t at, int series) {
    int64_t time = columns->times_ms[at];
    const struct histogram *found = columns_histogram(columns, at);
    ck_assert_uint_eq(double_bits(columns->values[at]), double_bits(value_at(series, time)));
    if (value_is_stale(columns->values[at])) return;
    ck_assert_int_eq(found != NULL, has_histogram(series, time));
    struct histogram expected = histogram_at(series, time);
    /* that there was no reset may have been noted */
    bool is_told = found && expected.reset == HISTOGRAM_RESET_UNKNOWN && found->reset == HISTOGRAM_RESET_NO;
    if (is_told) expected.reset = HISTOGRAM_RESET_NO;
    ck_assert(!found || histogram_equal(found, &expected));
}

/* every round of ten an exemplar of one series, by its row and by its labels, and a word on the metric */
static inline void add_notes(struct append_batch *batch, int64_t time) {
    struct label own = {SPAN("trace"), time / 100 % 2 ? SPAN("odd") : SPAN("even")}, items[3];
    struct exemplar exemplar = {{&own, 1}, (double)time, time};
    char text[32];
    make_labels(items, text, 7);
    struct metric_metadata said = {SPAN("metric"), SPAN("gauge"), time < 500 ? SPAN("a") : SPAN("b"),
                                   SPAN("")};
    ck_assert_int_eq(append_batch_add_exemplar(batch, (struct labels){0}, 3, &exemplar, NULL), 0);
    ck_assert_int_eq(append_batch_add_exemplar(batch, (struct labels){items, 3}, 0, &exemplar, NULL), 0);
    ck_assert_int_eq(append_batch_add_metadata(batch, &said, NULL), 0);
}

static inline void check_notes(struct tsdb *tsdb, int64_t rounds) {
    struct arena arena;
    struct exemplar_series *found;
    struct metric_metadata *items;
    struct matcher matcher;
    const struct matcher *all = &matcher;
    size_t one = 1, count;
    arena_init(&arena, 1 << 22, NULL);
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN(LABEL_NAME), SPAN("metric"), NULL), 0);
    ck_assert_int_eq(exemplars_select(tsdb_exemplars(tsdb), &all, &one, 1, INT64_MIN, INT64_MAX, &arena,
                                      &found, &count, NULL),
                     0);
    ck_assert_uint_eq(count, rounds >= 10 ? 2 : 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(found[i].count, (size_t)rounds / 10);
        ck_assert(span_is(labels_get(found[i].labels, SPAN("id")), i ? "series-7" : "series-3"));
        for (size_t k = 0; k < found[i].count; k++)
            ck_assert_int_eq(found[i].items[k].time_ms, (int64_t)(k + 1) * 100);
    }
    ck_assert_int_eq(metadata_list(tsdb_metadata(tsdb), &arena, &items, &count, NULL), 0);
    ck_assert_uint_eq(count, rounds >= 10);
    if (count) ck_assert(span_is(items[0].help, rounds < 50 ? "a" : "b"));
    matcher_release(&matcher);
    arena_release(&arena);
}

/* one sample of each series */
static inline int append_round(struct tsdb *tsdb, int64_t time) {
    struct append_batch *batch = append_batch_create(SERIES, false, on_done, &waiter);
    batch->time_ms = time;
    for (int i = 0; i < SERIES; i++) add_sample(batch, tsdb, i, time);
    if (time % 100 == 0) add_notes(batch, time);
    return send(tsdb, batch);
}

static inline struct series_set *select_all(struct tsdb *tsdb) {
    struct matcher matcher;
    struct series_set *set;
    struct err err;
    ck_assert_int_eq(matcher_init(&matcher, MATCH_EQUAL, SPAN(LABEL_NAME), SPAN("metric"), &err), 0);
    ck_assert_int_eq(
        queryable_select(tsdb_queryable(tsdb), &matcher, 1, INT64_MIN, INT64_MAX, NULL, &set, &err), 0);
    matcher_release(&matcher);
    return set;
}

static inline int series_index(struct series_set *set, size_t at) {
    struct arena arena;
    struct labels labels;
    struct err err;
    arena_init(&arena, 1 << 16, NULL);
    ck_assert_int_eq(series_set_labels(set, at, &arena, &labels, &err), 0);
    ck_assert_uint_eq(labels.count, 3);
    struct span id = labels_get(labels, SPAN("id"));
    int i = 0;
    for (size_t k = strlen("series-"); k < id.len; k++) i = i * 10 + (id.ptr[k] - '0');
    arena_release(&arena);
    return i;
}

/* every series has exactly the rounds 1 .. rounds, in steps of 10 */
static inline void check_rounds(struct tsdb *tsdb, int64_t rounds) {
    struct series_set *set = select_all(tsdb);
    struct err err;
    ck_assert_uint_eq(set->count, rounds ? SERIES : 0);
    for (size_t at = 0; at < set->count; at++) {
        struct columns columns;
        columns_init(&columns, NULL);
        int i = series_index(set, at);
        int rc = series_set_read(set, at, INT64_MIN, INT64_MAX, &columns, &err);
        ck_assert_msg(rc == 0, "%s", err.text);
        ck_assert_uint_eq(columns.count, (size_t)rounds);
        for (int64_t k = 0; k < rounds; k++) {
            ck_assert_int_eq(columns.times_ms[k], (k + 1) * 10);
            check_sample(&columns, (size_t)k, i);
        }
        columns_release(&columns);
    }
    series_set_close(set);
    check_notes(tsdb, rounds);
}

static inline struct tsdb *open_in(struct file_system *fs) {
    struct tsdb_options options = {.path = "/data", .fs = fs, .no_maintenance = true, .max_exemplars = 1000};
    struct tsdb *tsdb;
    struct err err;
    int rc = tsdb_open(&options, NULL, &tsdb, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return tsdb;
}
