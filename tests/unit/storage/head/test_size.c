/*
 * What an active series costs in memory: 200,000 series of 8 labels besides the name, as a fleet has them.
 */
#include "storage/head/head.h"

#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "tests/check_main.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define TARGETS 200
#define PER_TARGET 1000
#define SERIES ((size_t)TARGETS * PER_TARGET)
#define ROUNDS 60

static struct label items[9];
static char texts[9][48];

static struct labels make_labels(int target, int i) {
    (void)snprintf(texts[0], sizeof texts[0], "metric_%d_total", i / 10);
    (void)snprintf(texts[1], sizeof texts[1], "c%d", target % 5);
    (void)snprintf(texts[2], sizeof texts[2], "code_%d", i % 10);
    (void)snprintf(texts[3], sizeof texts[3], "/path/%d", i % 50);
    (void)snprintf(texts[4], sizeof texts[4], "host-%d.example.com:9100", target);
    (void)snprintf(texts[5], sizeof texts[5], "job%d", target % 4);
    (void)snprintf(texts[6], sizeof texts[6], "method%d", i % 4);
    (void)snprintf(texts[7], sizeof texts[7], "pod-%d-%d", target, i % 20);
    (void)snprintf(texts[8], sizeof texts[8], "z%d", target % 3);
    static const char *const names[] = {LABEL_NAME, "cluster", "code", "handler", "instance",
                                        "job",      "method",  "pod",  "zone"};
    for (int k = 0; k < 9; k++) items[k] = (struct label){span_from(names[k]), span_from(texts[k])};
    return (struct labels){items, 9};
}

static void append_all(struct head *head, const struct series_ref *refs, double *values, uint8_t *results,
                       int round) {
    for (size_t t = 0; t < TARGETS; t++) {
        for (size_t i = 0; i < PER_TARGET; i++) values[i] = (double)(round * (int)(i % 100));
        memset(results, 0, PER_TARGET);
        head_append(head, &(struct head_rows){.refs = refs + t * PER_TARGET,
                                              .values = values,
                                              .time_ms = 1700000000000 + round * 15000 + (int64_t)t,
                                              .late_from = LATE_NEVER,
                                              .count = PER_TARGET,
                                              .results = results});
    }
}

START_TEST(a_series_costs_less_than_300_bytes) {
    struct head_options options = {.fs = file_system_real()};
    struct head *head;
    struct err err;
    struct series_ref *refs = mem_array(SERIES, sizeof *refs);
    ck_assert_int_eq(head_create(&options, &head, &err), 0);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    int64_t start = clock_monotonic_ns();
    for (int t = 0; t < TARGETS; t++)
        for (int i = 0; i < PER_TARGET; i++) {
            struct labels labels = make_labels(t, i);
            ck_assert_int_eq(head_resolve(head, &labels, 1, &refs[t * PER_TARGET + i], NULL, &err), 0);
        }
    int64_t made = clock_monotonic_ns();
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    double *values = mem_array(PER_TARGET, sizeof *values);
    uint8_t *results = mem_array(PER_TARGET, 1);
    append_all(head, refs, values, results, 0);
    int64_t begin = clock_monotonic_ns();
    for (int round = 1; round < ROUNDS; round++) append_all(head, refs, values, results, round);
    int64_t appended = clock_monotonic_ns();
    size_t full = mallinfo2().uordblks + mallinfo2().hblkhd;
    printf("series: %.1f bytes counted, %.1f on the heap, %.0f ns to make; sample: %.1f ns; with chunks %.1f "
           "bytes\n",
           (double)head_series_bytes(head) / (double)SERIES, (double)(after - before) / (double)SERIES,
           (double)(made - start) / (double)SERIES,
           (double)(appended - begin) / (double)SERIES / (ROUNDS - 1),
           (double)(full - before) / (double)SERIES);
    ck_assert_uint_lt(head_series_bytes(head) / SERIES, 300);
    mem_free(values);
    mem_free(results);
    mem_free(refs);
    head_destroy(head);
}
END_TEST

/* texts so long that each leaves much of a slab over: the room drawn beforehand is not enough */
START_TEST(what_a_series_costs_beyond_its_estimate_is_drawn_too) {
    enum { LENGTH = 400000, COUNT = 12 };
    struct budget budget;
    struct head *head;
    char *text = mem_alloc(LENGTH);
    budget_init(&budget, "memory", (size_t)64 << 20, NULL);
    struct head_options options = {.fs = file_system_real(), .memory = &budget};
    ck_assert_int_eq(head_create(&options, &head, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        memset(text, 'a' + i, LENGTH);
        struct label label = {SPAN("a"), span_of(text, LENGTH)};
        struct series_ref ref;
        ck_assert_int_eq(head_resolve(head, &(struct labels){&label, 1}, 1, &ref, NULL, NULL), 0);
    }
    ck_assert_uint_gt(atomic_load(&budget.used_bytes), (size_t)COUNT * LENGTH);
    head_destroy(head);
    ck_assert_uint_eq(atomic_load(&budget.used_bytes), 0);
    mem_free(text);
}
END_TEST

CHECK_MAIN("size", a_series_costs_less_than_300_bytes, what_a_series_costs_beyond_its_estimate_is_drawn_too)
