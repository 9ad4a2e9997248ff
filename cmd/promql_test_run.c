/*
 * promql_test_run.c - runs the commands of a file.
 *
 * An instant eval is asked several times, and each answer must be the expected one:
 *
 *     as it is                       at t
 *     as a range query               t-1m, t, t+1m: the middle point
 *     with @ t on every selector     at -10t, 0, t/5, t, 10t, unless the expression depends on the time
 * itself
 *
 * Annotations are judged where the query is asked as it is written, not in the middle of a range.
 */
#include "cmd/promql_test_run.h"

#include "cmd/promql_test_histogram.h"
#include "cmd/promql_test_judge.h"
#include "cmd/promql_test_pin.h"
#include "cmd/promql_test_starts.h"
#include "lib/sys/file.h"
#include "promql/eval/engine.h"
#include "storage/tsdb/tsdb.h"

#include <stdio.h>

#define MAX_FILE_BYTES (16u << 20)
#define MAX_FILE_MEMORY (256u << 20)
#define MAX_CASE_MEMORY (16u << 20)
#define MAX_COMPLAINT 2000u
#define MINUTE_MS 60000

struct runner {
    const char *path;
    struct engine *engine;
    struct tsdb *store;
    struct arena arena;        /* of the file */
    struct test_starts starts; /* over the store */
    struct test_counts *counts;
};

/* One case while it is judged. */
struct judging {
    struct runner *runner;
    const struct test_command *command;
    struct arena arena;
    struct expr *expr;    /* NULL when the text does not parse */
    struct buf complaint; /* what is wrong, empty while nothing is */
};

struct engine *promql_test_engine(void) {
    struct engine_options options = {
        .timeout_ms = 100000,
        .max_samples = 10000,
        .default_step_ms = MINUTE_MS,
        .delayed_name_removal = true,
        .use_start_timestamps = true,
        .parse = {.experimental_functions = true,
                  .extended_range_selectors = true,
                  .binop_fill_modifiers = true},
    };
    return engine_create(&options, NULL);
}

/* ---- loading ---- */

static int store_renew(struct runner *runner, struct err *err) {
    struct tsdb_options options = {.take_any_time = true};
    tsdb_close(runner->store);
    runner->store = NULL;
    int rc = tsdb_open(&options, NULL, &runner->store, err);
    if (!rc) promql_test_starts_init(&runner->starts, tsdb_queryable(runner->store));
    return rc;
}

/* the store is in memory: the batch comes back before appender_append returns */
static void batch_done(struct append_batch *batch) {
    bool *is_done = batch->context;
    *is_done = true;
}

static int check_batch(const struct append_batch *batch, struct err *err) {
    if (batch->rc) return err_set(err, batch->rc, "the store refused the samples");
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->results[i] == APPEND_STORED || batch->results[i] == APPEND_REPEATED) continue;
        return err_set(err, ERR_INVALID, "the store refused the sample at %lld ms (%d)",
                       (long long)batch->times_ms[i], batch->results[i]);
    }
    return 0;
}

static int load_series(struct runner *runner, const struct test_series *series, int64_t step_ms,
                       struct err *err) {
    struct appender *appender = tsdb_appender(runner->store);
    struct series_ref ref;
    int rc = appender_resolve(appender, &series->labels, 1, &ref, NULL, err);
    if (rc) return rc;
    bool is_done = false;
    struct append_batch *batch = append_batch_create(series->count, true, batch_done, &is_done);
    for (size_t k = 0; k < series->count; k++) {
        const struct test_value *value = &series->values[k];
        if (value->kind == TEST_VALUE_FLOAT)
            append_batch_add(batch, ref, value->number, (int64_t)k * step_ms);
        if (value->kind == TEST_VALUE_HISTOGRAM && !rc)
            rc = append_batch_add_histogram(batch, ref, value->histogram.value, (int64_t)k * step_ms, err);
    }
    if (!rc && batch->count > 0) {
        appender_append(appender, batch);
        rc = is_done ? check_batch(batch, err) : err_set(err, ERR_BUSY, "the store kept the batch");
    }
    append_batch_destroy(batch);
    return rc;
}

/* of several lines for one series in a load the last one counts */
static bool is_replaced(const struct test_series *series) {
    for (const struct test_series *later = series->next; later; later = later->next) {
        if (!later->is_start_times && labels_equal(later->labels, series->labels)) return true;
    }
    return false;
}

/* an @st line stands before the line of its samples, one for one */
static int check_starts(const struct test_series *starts, struct err *err) {
    const struct test_series *samples = starts->next;
    if (!samples || samples->is_start_times || !labels_equal(samples->labels, starts->labels))
        return err_set(err, ERR_INVALID, "start times without the samples of their series behind them");
    if (samples->count != starts->count)
        return err_set(err, ERR_INVALID, "%zu start times for %zu samples", starts->count, samples->count);
    return 0;
}

static int run_load(struct runner *runner, struct test_command *command, struct err *err) {
    int rc = command->with_nhcb ? promql_test_histograms_of_classic(command, &runner->arena, err) : 0;
    for (const struct test_series *series = command->series; series && rc == 0; series = series->next) {
        if (series->is_start_times)
            rc = check_starts(series, err);
        else if (series->count == 0 || is_replaced(series))
            continue;
        if (!rc)
            rc = series->is_start_times
                     ? promql_test_starts_note(&runner->starts, series, command->step_ms, &runner->arena, err)
                     : load_series(runner, series, command->step_ms, err);
        if (rc) err_wrap(err, rc, "line %zu", series->line);
    }
    return rc;
}

/* ---- asking the engine ---- */

/* the engine's rows in the judge's words; the values stay the engine's */
static int outcome_of(const struct query_result *result, struct arena *arena, struct test_outcome *outcome,
                      struct err *err) {
    *outcome = (struct test_outcome){
        .kind = result->type == VALUE_SCALAR   ? TEST_SCALAR
                : result->type == VALUE_STRING ? TEST_STRING
                : result->type == VALUE_VECTOR ? TEST_VECTOR
                                               : TEST_MATRIX,
        .scalar = result->scalar,
        .string = result->string,
        .count = result->row_count,
    };
    outcome->rows = arena_array(arena, result->row_count + 1, sizeof *outcome->rows);
    if (!outcome->rows) return arena_limit(arena, "case", err);
    for (size_t i = 0; i < result->row_count; i++) {
        const struct result_row *row = &result->rows[i];
        outcome->rows[i] =
            (struct test_row){row->labels, row->times_ms, row->values, row->histograms, row->count};
    }
    return 0;
}

/* turns the matrix of a range query into the vector (or scalar) of its point at `at` */
static void outcome_middle(struct test_outcome *outcome, int64_t at, bool is_scalar) {
    size_t kept = 0;
    for (size_t i = 0; i < outcome->count; i++) {
        struct test_row row = outcome->rows[i];
        size_t k = 0;
        while (k < row.count && row.times_ms[k] != at) k++;
        if (k == row.count) continue;
        outcome->rows[kept++] = (struct test_row){row.labels, row.times_ms + k, row.values + k,
                                                  row.histograms ? row.histograms + k : NULL, 1};
    }
    outcome->count = kept;
    outcome->kind = TEST_VECTOR;
    if (!is_scalar || kept != 1) return;
    outcome->kind = TEST_SCALAR;
    outcome->scalar = outcome->rows[0].values[0];
}

static struct test_expect *first_expect(const struct test_eval *eval, enum test_expect_kind kind) {
    struct test_expect *expect = eval->expects;
    while (expect && expect->kind != kind) expect = expect->next;
    return expect;
}

static void complain(struct judging *judging, const char *form, const char *text) {
    buf_printf(&judging->complaint, "%s: expected %s", form, text);
}

/* a failure of the engine: expected, or a complaint */
static void judge_failure(struct judging *judging, const char *form, const struct err *err) {
    const struct test_eval *eval = &judging->command->eval;
    bool is_expected = first_expect(eval, TEST_EXPECT_FAIL) != NULL;
    for (const struct test_expect *e = eval->expects; e; e = e->next) {
        if (e->kind == TEST_EXPECT_FAIL && !promql_test_message(e, span_from(err->text))) {
            buf_printf(&judging->complaint, "%s: expected failure \"%.*s\", got \"%s\"", form,
                       SPAN_ARG(e->text), err->text);
            return;
        }
    }
    if (!is_expected) buf_printf(&judging->complaint, "%s: expected an answer, got \"%s\"", form, err->text);
}

/* every text must be wanted by some expectation, every expectation met by some text */
static void judge_annotations_of(struct judging *judging, const char *form, enum test_expect_kind kind,
                                 const char **texts, size_t count) {
    const struct test_eval *eval = &judging->command->eval;
    bool is_warn = kind == TEST_EXPECT_WARN;
    if ((is_warn ? eval->no_warn : eval->no_info) && count > 0) {
        complain(judging, form, is_warn ? "no warning, got " : "no info, got ");
        buf_puts(&judging->complaint, texts[0]);
        return;
    }
    if (!first_expect(eval, kind)) return;
    for (const struct test_expect *e = eval->expects; e; e = e->next) {
        bool is_met = e->kind != kind;
        for (size_t i = 0; i < count && !is_met; i++) is_met = promql_test_message(e, span_from(texts[i]));
        if (is_met) continue;
        complain(judging, form, is_warn ? "warning " : "info ");
        buf_printf(&judging->complaint, "\"%.*s\", got \"%s\"", SPAN_ARG(e->text), count ? texts[0] : "");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = false;
        for (const struct test_expect *e = eval->expects; e && !is_wanted; e = e->next)
            is_wanted = e->kind == kind && promql_test_message(e, span_from(texts[i]));
        if (is_wanted) continue;
        complain(judging, form, is_warn ? "no such warning, got " : "no such info, got ");
        buf_printf(&judging->complaint, "\"%s\"", texts[i]);
        return;
    }
}

static void judge_result(struct judging *judging, const char *form, const struct query_result *result,
                         int64_t middle_ms, bool is_scalar) {
    struct test_outcome outcome;
    if (outcome_of(result, &judging->arena, &outcome, NULL)) {
        complain(judging, form, "a smaller answer");
        return;
    }
    if (middle_ms != INT64_MIN) outcome_middle(&outcome, middle_ms, is_scalar);
    struct buf said;
    buf_init(&said, MAX_COMPLAINT);
    bool good = promql_test_judge(judging->command, &outcome, &judging->arena, &said);
    if (!good)
        buf_printf(&judging->complaint, "%s: %s", form, said.failed ? "a long difference" : buf_text(&said));
    buf_release(&said);
    if (!good || middle_ms != INT64_MIN) return;
    judge_annotations_of(judging, form, TEST_EXPECT_WARN, result->warnings, result->warning_count);
    if (judging->complaint.len == 0)
        judge_annotations_of(judging, form, TEST_EXPECT_INFO, result->infos, result->info_count);
}

/* Asks once. middle_ms: of a range query that stands for an instant one, else INT64_MIN. True when the case
   may be asked in its other forms. */
static bool ask(struct judging *judging, const char *form, struct span text, const struct query *times,
                int64_t middle_ms) {
    struct query query = *times;
    struct query_result *result = NULL;
    enum query_failure failure;
    struct err err = {0};
    query.text = text;
    int rc = engine_run(judging->runner->engine, &judging->runner->starts.queryable, &query, &result,
                        &failure, &err);
    bool is_scalar = judging->expr && judging->expr->value == VALUE_SCALAR;
    if (rc)
        judge_failure(judging, form, &err);
    else if (first_expect(&judging->command->eval, TEST_EXPECT_FAIL))
        complain(judging, form, "a failure, got an answer");
    else
        judge_result(judging, form, result, middle_ms, is_scalar);
    query_result_destroy(result);
    return rc == 0 && judging->complaint.len == 0;
}

/* ---- the other forms of an instant query ---- */

static bool mentions_query_times(struct span text) {
    static const char *const words[] = {"start()", "end()", "range()", "step()"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (memmem(text.ptr, text.len, words[i], strlen(words[i]))) return true;
    }
    return false;
}

static bool ask_as_range(struct judging *judging) {
    const struct test_eval *eval = &judging->command->eval;
    if (eval->is_ordered || mentions_query_times(eval->expression)) return true;
    struct query query = {
        .start_ms = eval->from_ms - MINUTE_MS, .end_ms = eval->from_ms + MINUTE_MS, .step_ms = MINUTE_MS};
    return ask(judging, "as a range query", eval->expression, &query, eval->from_ms);
}

static void ask_pinned(struct judging *judging) {
    const struct test_eval *eval = &judging->command->eval;
    int64_t at = eval->from_ms;
    int64_t others[] = {-10 * at, 0, at / 5, at, 10 * at};
    if (at == 0) {
        others[0] = -1000;
        others[4] = 1000;
    }
    if (!promql_test_pin(judging->expr, at)) return;
    struct buf text;
    buf_init(&text, 1 << 20);
    expr_print(judging->expr, &text);
    bool good = true;
    for (size_t i = 0; good && i < sizeof others / sizeof *others; i++) {
        struct query query = {.start_ms = others[i], .end_ms = others[i]};
        char form[96];
        snprintf(form, sizeof form, "with @ %.3f at %lld ms", (double)at / 1000, (long long)others[i]);
        good = ask(judging, form, buf_view(&text), &query, INT64_MIN);
    }
    buf_release(&text);
}

/* ---- cases ---- */

static void judge_case(struct judging *judging) {
    const struct test_eval *eval = &judging->command->eval;
    struct query query = {.start_ms = eval->from_ms, .end_ms = eval->to_ms, .step_ms = eval->step_ms};
    struct parse_options options = {
        .experimental_functions = true, .extended_range_selectors = true, .binop_fill_modifiers = true};
    struct parse_error error;
    if (promql_parse(eval->expression, &options, &judging->arena, &judging->expr, &error))
        judging->expr = NULL;
    bool good =
        ask(judging, eval->is_range ? "range query" : "instant query", eval->expression, &query, INT64_MIN);
    if (!good || eval->is_range || eval->has_matrix || eval->has_string) return;
    if (ask_as_range(judging)) ask_pinned(judging);
}

static void report(const struct judging *judging) {
    const struct runner *runner = judging->runner;
    const struct test_command *command = judging->command;
    struct buf complaint = judging->complaint;
    if (complaint.len > 0 || complaint.failed) {
        runner->counts->failed++;
        printf("%s:%zu: %.*s: %s\n", runner->path, command->line, SPAN_ARG(command->eval.expression),
               buf_text(&complaint));
    } else {
        runner->counts->passed++;
    }
}

static void run_eval(struct runner *runner, const struct test_command *command) {
    struct judging judging = {.runner = runner, .command = command};
    arena_init(&judging.arena, MAX_CASE_MEMORY, NULL);
    buf_init(&judging.complaint, 2 * MAX_COMPLAINT);
    judge_case(&judging);
    report(&judging);
    if (judging.expr) expr_release(judging.expr);
    buf_release(&judging.complaint);
    arena_release(&judging.arena);
}

static int run_commands(struct runner *runner, struct test_command *command, struct err *err) {
    int rc = store_renew(runner, err);
    for (; command && rc == 0; command = command->next) {
        switch (command->kind) {
        case TEST_CLEAR: rc = store_renew(runner, err); break;
        case TEST_LOAD: rc = run_load(runner, command, err); break;
        case TEST_EVAL: run_eval(runner, command); break;
        }
    }
    return rc;
}

int promql_test_file(const char *path, struct engine *engine, struct test_counts *counts, struct err *err) {
    struct runner runner = {.path = path, .engine = engine, .counts = counts};
    struct test_command *commands = NULL;
    struct buf text;
    buf_init(&text, MAX_FILE_BYTES);
    arena_init(&runner.arena, MAX_FILE_MEMORY, NULL);
    int rc = file_read_all(file_system_real(), path, &text, err);
    if (rc == 0) rc = promql_test_parse(buf_view(&text), &runner.arena, &commands, err);
    if (rc == 0) rc = run_commands(&runner, commands, err);
    tsdb_close(runner.store);
    arena_release(&runner.arena);
    buf_release(&text);
    return rc;
}
