/* What a query may cost and how it ends; what comes out is told by the PromQL case files. */
#include "lib/codec/json.h"
#include "lib/codec/number.h"
#include "promql/eval/engine.h"
#include "promql/eval/plan.h"
#include "tests/check_main.h"
#include "tests/unit/promql/eval/naive_store.h"

#include <math.h>
#include <string.h>

static struct naive_store store;
static enum query_failure failure;
static struct err err;
static struct engine *engine; /* of the last successful run */

static void fill(int series, int samples) {
    naive_init(&store);
    for (int i = 0; i < series; i++) {
        struct naive_series *one = naive_new(&store, "x", i);
        for (int k = 0; k < samples; k++) naive_add(one, k * 1000, i + k);
    }
}

static struct query_result *run(const struct engine_options *options, const char *text, int64_t end_ms,
                                int64_t step_ms, const atomic_bool *cancel) {
    engine = engine_create(options, NULL);
    struct query query = {.text = span_from(text),
                          .start_ms = step_ms ? 0 : end_ms,
                          .end_ms = end_ms,
                          .step_ms = step_ms,
                          .cancel = cancel,
                          .wants_stats = true,
                          .wants_plan = true};
    struct query_result *result = NULL;
    err = (struct err){0};
    if (engine_run(engine, &store.queryable, &query, &result, &failure, &err) != 0) result = NULL;
    if (!result) engine_destroy(engine);
    return result;
}

static void finish(struct query_result *result) {
    query_result_destroy(result);
    engine_destroy(engine); /* asserts that every byte was given back */
}

START_TEST(a_range_query_gives_sorted_rows) {
    struct engine_options options = {0};
    fill(3, 100);
    struct query_result *result = run(&options, "rate(x[10s]) * 2", 60000, 10000, NULL);
    ck_assert_ptr_nonnull(result);
    ck_assert_int_eq(result->type, VALUE_MATRIX);
    ck_assert_uint_eq(result->row_count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(span_is(result->rows[i].labels.items[0].value, i == 0 ? "0" : i == 1 ? "1" : "2"));
        ck_assert_uint_eq(result->rows[i].labels.count, 1);
        ck_assert_uint_eq(result->rows[i].count, 6);
        for (size_t k = 1; k < 6; k++) ck_assert_double_eq_tol(result->rows[i].values[k], 2, 1e-12);
    }
    ck_assert_uint_gt(result->stats.samples_read, 150);
    finish(result);
    naive_release(&store);
}
END_TEST

/* every level of the plan, and what each step looked at */
START_TEST(a_plan_tells_what_each_part_did) {
    struct engine_options options = {0};
    fill(3, 100);
    struct query_result *result = run(&options, "sum(rate(x[10s])) + 1", 60000, 10000, NULL);
    ck_assert_ptr_nonnull(result);
    const struct plan_node *binary = result->plan->first, *sum = binary->first, *rate = sum->first;
    ck_assert_str_eq(rate->kind, "call");
    ck_assert_uint_eq(rate->start, 4);
    ck_assert_uint_eq(rate->end, 16);
    ck_assert_uint_eq(rate->series, 3);
    ck_assert_uint_eq(rate->samples, result->stats.samples_read);
    ck_assert_uint_eq(sum->series, 1);
    ck_assert_ptr_null(rate->first);
    ck_assert(rate->bytes > 0 && rate->own_ns > 0);
    ck_assert_int_eq(plan_total_ns(sum), sum->own_ns + rate->own_ns);
    ck_assert_uint_eq(result->stats.step_count, 7);
    ck_assert_uint_eq(result->stats.step_samples[0], 3); /* the sample at 0 of each series */
    for (size_t i = 1; i < 7; i++) ck_assert_uint_eq(result->stats.step_samples[i], 30);
    finish(result);
    naive_release(&store);
}
END_TEST

START_TEST(a_deep_plan_is_cut_where_json_ends) {
    struct engine_options options = {0};
    struct json_writer json;
    struct buf text, out;
    fill(1, 10);
    buf_init(&text, 10000);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 100; i++) buf_puts(&text, "abs(");
    buf_puts(&text, "x");
    for (int i = 0; i < 100; i++) buf_putc(&text, ')');
    struct query_result *result = run(&options, buf_text(&text), 5000, 0, NULL);
    ck_assert_ptr_nonnull(result);
    json_init(&json, &out);
    plan_write(&json, result->plan, buf_view(&text));
    ck_assert(!out.failed && buf_text(&out)[out.len - 1] == '}');
    finish(result);
    buf_release(&text);
    buf_release(&out);
    naive_release(&store);
}
END_TEST

START_TEST(too_many_samples_are_refused) {
    struct engine_options options = {.max_samples = 500};
    fill(20, 100);
    ck_assert_ptr_null(run(&options, "x[100s]", 100000, 0, NULL));
    ck_assert_str_eq(err.text, "query processing would load too many samples into memory in query execution");
    ck_assert_int_eq(failure, QUERY_EXECUTION);
    /* one series at a time is fine */
    struct query_result *result = run(&options, "sum(count_over_time(x[100s]))", 99000, 0, NULL);
    ck_assert_ptr_nonnull(result);
    ck_assert_double_eq(result->rows[0].values[0], 2000);
    finish(result);
    naive_release(&store);
}
END_TEST

/* so many that they are read ahead */
START_TEST(every_series_keeps_its_own_samples) {
    struct engine_options options = {0};
    fill(3000, 20);
    for (size_t i = 0; i < store.series.count; i++)
        for (size_t k = 0; k < 20; k++) store.series.items[i].values.items[k] = (double)i;
    struct query_result *result = run(&options, "max_over_time(x[5s])", 15000, 1000, NULL);
    ck_assert_ptr_nonnull(result);
    ck_assert_uint_eq(result->row_count, 3000);
    for (size_t i = 0; i < result->row_count; i++) {
        double id = -1; /* a label's text does not end with a 0 */
        ck_assert(number_parse(labels_get(result->rows[i].labels, SPAN("id")), &id));
        for (size_t k = 0; k < result->rows[i].count; k++) ck_assert_double_eq(result->rows[i].values[k], id);
    }
    finish(result);
    /* one of them is too much: those before were used, the reader ends */
    options.max_samples = 19;
    *vec_push(&store.series.items[2900].times) = 20000;
    *vec_push(&store.series.items[2900].values) = 0;
    for (size_t k = 0; k < 2; k++) {
        *vec_push(&store.series.items[2900].times) = 20001 + (int64_t)k;
        *vec_push(&store.series.items[2900].values) = 0;
    }
    ck_assert_ptr_null(run(&options, "count(max_over_time(x[50s]))", 21000, 0, NULL));
    ck_assert_int_eq(failure, QUERY_EXECUTION);
    naive_release(&store);
}
END_TEST

START_TEST(hopeless_subqueries_are_refused_before_work) {
    struct engine_options options = {0};
    fill(1, 1);
    ck_assert_ptr_null(run(&options, "max_over_time(vector(1)[100y:1s])", 1000, 0, NULL));
    ck_assert_int_eq(err.code, ERR_LIMIT);
    naive_release(&store);
}
END_TEST

START_TEST(memory_is_bounded_and_given_back) {
    struct engine_options options = {.max_bytes_query = 200000};
    fill(200, 50);
    ck_assert_ptr_null(run(&options, "x + x", 50000, 100, NULL));
    ck_assert_int_eq(err.code, ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "200000 bytes"));
    const char *doubling = "label_join(label_join(label_join(label_join(label_join(label_join(label_join("
                           "label_join(label_join(label_join(x,\"id\",\"\",\"id\",\"id\"),"
                           "\"id\",\"\",\"id\",\"id\"),\"id\",\"\",\"id\",\"id\"),\"id\",\"\",\"id\",\"id\"),"
                           "\"id\",\"\",\"id\",\"id\"),\"id\",\"\",\"id\",\"id\"),"
                           "\"id\",\"\",\"id\",\"id\"),\"id\",\"\",\"id\",\"id\"),\"id\",\"\",\"id\",\"id\"),"
                           "\"id\",\"\",\"id\",\"id\")";
    ck_assert_ptr_null(run(&options, doubling, 49000, 0, NULL));
    ck_assert_int_eq(err.code, ERR_LIMIT);
    naive_release(&store);
}
END_TEST

START_TEST(a_query_stops_when_told) {
    struct engine_options options = {0};
    atomic_bool cancel = true;
    fill(2000, 10);
    ck_assert_ptr_null(run(&options, "count(x)", 9000, 1, &cancel));
    ck_assert_int_eq(failure, QUERY_CANCELED);
    ck_assert_str_eq(err.text, "query was canceled in expression evaluation");
    options.timeout_ms = 1;
    ck_assert_ptr_null(
        run(&options, "quantile_over_time(0.5, x[10s]) + on() group_left() sum(stddev_over_time(x[10s]))",
            9000, 1, NULL));
    ck_assert_int_eq(failure, QUERY_TIMEOUT);
    naive_release(&store);
}
END_TEST

START_TEST(errors_tell_their_kind) {
    struct engine_options options = {0};
    fill(2, 5);
    ck_assert_ptr_null(run(&options, "sum(", 1000, 0, NULL));
    ck_assert_int_eq(failure, QUERY_BAD_DATA);
    ck_assert_str_eq(err.text, "1:5: parse error: unclosed left parenthesis");
    ck_assert_ptr_null(run(&options, "x[5m]", 1000, 100, NULL));
    ck_assert_int_eq(failure, QUERY_BAD_DATA);
    ck_assert_ptr_null(run(&options, "x + on() x", 1000, 0, NULL));
    ck_assert_int_eq(failure, QUERY_EXECUTION);
    ck_assert_ptr_nonnull(strstr(
        err.text, "found duplicate series for the match group {} on the right hand-side of the operation"));
    naive_release(&store);
}
END_TEST

CHECK_MAIN("engine", a_plan_tells_what_each_part_did, a_deep_plan_is_cut_where_json_ends,
           a_range_query_gives_sorted_rows, too_many_samples_are_refused, every_series_keeps_its_own_samples,
           hopeless_subqueries_are_refused_before_work, memory_is_bounded_and_given_back,
           a_query_stops_when_told, errors_tell_their_kind)
