/* Regular series take short cuts: what comes out has the same bits as when nobody knows that they are
 * regular. */
#include "promql/eval/engine.h"
#include "tests/check_main.h"
#include "tests/unit/promql/eval/naive_store.h"

#include <math.h>
#include <string.h>

#define SAMPLES 400
#define EVERY_MS 15000

static struct naive_store store;

static uint64_t seed = 11;
static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double special(void) {
    static const double all[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1e308, -1.7e308, 5e-324};
    return all[draw() % (sizeof all / sizeof *all)];
}

enum { COUNTER, RESETTING, GAUGE, DECIMALS, NEAR_ZERO, ENDS, SPECIALS, HUGE_VALUES, KINDS };

static double next_value(int kind, size_t i, double before) {
    switch (kind) {
    case COUNTER: return 1e6 + (double)(i * 7);
    case RESETTING: return draw() % 40 ? before + (double)(draw() % 100) : 0;
    case GAUGE: return (double)(draw() % 1000);
    case DECIMALS: return (double)(draw() % 100000) / 1000 - 50;
    case NEAR_ZERO: return draw() % 3 ? before : before + 0.25;
    case ENDS: return draw() % 30 ? (double)i : value_stale();
    case SPECIALS: return draw() % 20 ? (double)(draw() % 50) : special();
    default: return draw() % 2 ? 1e308 : -1e308;
    }
}

static void fill(void) {
    naive_init(&store);
    for (int kind = 0; kind < KINDS; kind++)
        for (int copy = 0; copy < 3; copy++) {
            struct naive_series *series = naive_new(&store, "x_total", kind * 10 + copy);
            double value = 0;
            size_t first = draw() % 50;
            for (size_t i = first; i < SAMPLES - draw() % 2 * 30; i++) {
                value = next_value(kind, i, isfinite(value) ? value : 0);
                naive_add(series, 3000 + (int64_t)i * EVERY_MS, value);
            }
        }
}

static struct query_result *run(struct engine *engine, const char *text, int64_t step_ms) {
    struct query query = {
        .text = span_from(text), .end_ms = (int64_t)SAMPLES * EVERY_MS + 900000, .step_ms = step_ms};
    struct query_result *result = NULL;
    enum query_failure failure;
    struct err err = {0};
    int rc = engine_run(engine, &store.queryable, &query, &result, &failure, &err);
    ck_assert_msg(rc == 0, "%s: %s", text, err.text);
    return result;
}

static void check_same(const char *text, int64_t step_ms) {
    struct engine *engine = engine_create(&(struct engine_options){0}, NULL);
    store.step_ms = 0;
    struct query_result *plain = run(engine, text, step_ms);
    store.step_ms = EVERY_MS;
    struct query_result *quick = run(engine, text, step_ms);
    ck_assert_uint_gt(plain->row_count, 0);
    ck_assert_uint_eq(plain->row_count, quick->row_count);
    for (size_t r = 0; r < plain->row_count; r++) {
        const struct result_row *a = &plain->rows[r], *b = &quick->rows[r];
        ck_assert(labels_equal(a->labels, b->labels));
        ck_assert_uint_eq(a->count, b->count);
        for (size_t i = 0; i < a->count; i++) {
            bool are_none = isnan(a->values[i]) && isnan(b->values[i]);
            ck_assert_int_eq(a->times_ms[i], b->times_ms[i]);
            ck_assert_msg(are_none || double_bits(a->values[i]) == double_bits(b->values[i]),
                          "%s, step %lld, row %zu at %lld: %.17g %.17g", text, (long long)step_ms, r,
                          (long long)a->times_ms[i], a->values[i], b->values[i]);
        }
    }
    query_result_destroy(plain);
    query_result_destroy(quick);
    engine_destroy(engine);
}

static const char *const texts[] = {
    "x_total",
    "count(x_total)",
    "count by (id) (x_total offset 7m)",
    "group(x_total)",
    "sum(x_total)",
    "avg(x_total)",
    "timestamp(x_total)",
    "x_total @ 1000",
    "rate(x_total[1m])",
    "rate(x_total[5m])",
    "increase(x_total[5m] offset 20s)",
    "increase(x_total[1h])",
    "delta(x_total[5m])",
    "resets(x_total[5m])",
    "sum by (id) (rate(x_total[5m]))",
    "avg_over_time(x_total[5m])",
    "sum_over_time(x_total[10m])",
    "max_over_time(x_total[5m])",
    "min_over_time(x_total[5m])",
    "count_over_time(x_total[5m])",
    "last_over_time(x_total[5m])",
};

START_TEST(regular_series_come_to_the_same) {
    static const int64_t steps_ms[] = {EVERY_MS, 4 * EVERY_MS, 20000, 17 * EVERY_MS, 1000000};
    fill();
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (size_t i = 0; i < sizeof steps_ms / sizeof *steps_ms; i++) check_same(texts[t], steps_ms[i]);
    naive_release(&store);
}
END_TEST

CHECK_MAIN("alike", regular_series_come_to_the_same)
