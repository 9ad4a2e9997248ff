/*
 * promql_test_judge.c - comparing results with expectations, point by point.
 */
#include "cmd/promql_test_judge.h"

#include "cmd/promql_test_histogram.h"

#include "lib/codec/number.h"
#include "lib/codec/regex.h"
#include "lib/model/sample.h"

#define MAX_SHOWN_POINTS 12

/* one point of a row */
static bool point_agrees(const struct test_value *value, const struct test_row *row, size_t k,
                         struct arena *arena) {
    const struct histogram *histogram = row->histograms ? row->histograms[k] : NULL;
    if ((value->kind == TEST_VALUE_HISTOGRAM) != (histogram != NULL)) return false;
    return histogram ? promql_test_histogram_agrees(&value->histogram, histogram, arena)
                     : promql_test_numbers_agree(value->number, row->values[k]);
}

/* ---- words for a complaint ---- */

static void show_number(struct buf *out, double value) {
    if (value_is_stale(value))
        buf_puts(out, "stale");
    else
        buf_number(out, value);
}

static void show_row(struct buf *out, const struct test_row *row) {
    labels_write(row->labels, out);
    for (size_t i = 0; i < row->count && i < MAX_SHOWN_POINTS; i++) {
        buf_putc(out, ' ');
        if (row->histograms && row->histograms[i])
            promql_test_histogram_show(out, row->histograms[i]);
        else
            show_number(out, row->values[i]);
        buf_printf(out, "@%lld", (long long)row->times_ms[i]);
    }
    if (row->count > MAX_SHOWN_POINTS) buf_printf(out, " ... (%zu points)", row->count);
}

static void show_series(struct buf *out, const struct test_series *series) {
    labels_write(series->labels, out);
    for (size_t i = 0; i < series->count && i < MAX_SHOWN_POINTS; i++) {
        buf_putc(out, ' ');
        if (series->values[i].kind == TEST_VALUE_NONE)
            buf_putc(out, '_');
        else if (series->values[i].kind == TEST_VALUE_HISTOGRAM)
            promql_test_histogram_show(out, series->values[i].histogram.value);
        else
            show_number(out, series->values[i].number);
    }
    if (series->count > MAX_SHOWN_POINTS) buf_printf(out, " ... (%zu values)", series->count);
}

static const char *kind_name(enum test_outcome_kind kind) {
    static const char *const names[] = {"a scalar", "a string", "an instant vector", "a range vector"};
    return names[kind];
}

static bool wrong_kind(const struct test_outcome *result, const char *expected, struct buf *complaint) {
    buf_printf(complaint, "expected %s, got %s", expected, kind_name(result->kind));
    return false;
}

/* ---- series against rows ---- */

static const struct test_series *find_expected(const struct test_command *command, struct labels labels,
                                               size_t *position) {
    *position = 0;
    for (const struct test_series *series = command->series; series; series = series->next, ++*position) {
        if (labels_equal(series->labels, labels)) return series;
    }
    return NULL;
}

/* the points of a row are exactly the present values of the series at from, from + step, ... to */
static bool points_agree(const struct test_series *series, const struct test_row *row, int64_t from,
                         int64_t to, int64_t step, struct arena *arena) {
    size_t seen = 0;
    for (size_t k = 0; k < series->count; k++) {
        int64_t at = from + (int64_t)k * step;
        if (at > to) break;
        if (series->values[k].kind == TEST_VALUE_NONE) continue;
        if (seen >= row->count || row->times_ms[seen] != at ||
            !point_agrees(&series->values[k], row, seen, arena))
            return false;
        seen++;
    }
    return seen == row->count;
}

static bool row_agrees(const struct test_command *command, const struct test_series *series,
                       const struct test_row *row, bool is_vector, struct arena *arena,
                       struct buf *complaint) {
    const struct test_eval *eval = &command->eval;
    bool good;
    if (is_vector)
        good = series->count > 0 && series->values[0].kind != TEST_VALUE_NONE && row->count == 1 &&
               point_agrees(&series->values[0], row, 0, arena);
    else if (eval->has_matrix)
        good =
            points_agree(series, row, eval->matrix_from_ms, eval->matrix_to_ms, eval->matrix_step_ms, arena);
    else
        good = points_agree(series, row, eval->from_ms, eval->to_ms, eval->step_ms, arena);
    if (good) return true;
    buf_puts(complaint, "expected ");
    show_series(complaint, series);
    buf_puts(complaint, ", got ");
    show_row(complaint, row);
    return false;
}

static bool all_rows_expected(const struct test_command *command, const struct test_outcome *result,
                              struct arena *arena, struct buf *complaint) {
    for (size_t i = 0; i < result->count; i++) {
        const struct test_row *row = &result->rows[i];
        size_t position;
        const struct test_series *series = find_expected(command, row->labels, &position);
        if (!series) {
            buf_puts(complaint, "expected no such series, got ");
            show_row(complaint, row);
            return false;
        }
        if (command->eval.is_ordered && position != i) {
            buf_printf(complaint, "expected ");
            show_series(complaint, series);
            buf_printf(complaint, " at place %zu, got it at %zu", position + 1, i + 1);
            return false;
        }
        if (!row_agrees(command, series, row, result->kind == TEST_VECTOR, arena, complaint)) return false;
    }
    return true;
}

static bool all_expected_found(const struct test_command *command, const struct test_outcome *result,
                               struct buf *complaint) {
    for (const struct test_series *series = command->series; series; series = series->next) {
        size_t i = 0;
        while (i < result->count && !labels_equal(result->rows[i].labels, series->labels)) i++;
        if (i < result->count) continue;
        buf_puts(complaint, "expected ");
        show_series(complaint, series);
        buf_printf(complaint, ", got no such series among %zu", result->count);
        return false;
    }
    return true;
}

static bool rows_are_sorted(const struct test_outcome *result, struct buf *complaint) {
    for (size_t i = 1; i < result->count; i++) {
        if (labels_compare(result->rows[i - 1].labels, result->rows[i].labels) < 0) continue;
        buf_puts(complaint, "expected series sorted by their labels, got ");
        labels_write(result->rows[i - 1].labels, complaint);
        buf_puts(complaint, " before ");
        labels_write(result->rows[i].labels, complaint);
        return false;
    }
    return true;
}

static bool judge_scalar(const struct test_eval *eval, const struct test_outcome *result,
                         struct buf *complaint) {
    if (result->kind != TEST_SCALAR) return wrong_kind(result, "a scalar", complaint);
    if (promql_test_numbers_agree(eval->scalar, result->scalar)) return true;
    buf_puts(complaint, "expected ");
    show_number(complaint, eval->scalar);
    buf_puts(complaint, ", got ");
    show_number(complaint, result->scalar);
    return false;
}

static bool judge_string(const struct test_eval *eval, const struct test_outcome *result,
                         struct buf *complaint) {
    if (result->kind != TEST_STRING) return wrong_kind(result, "a string", complaint);
    if (span_equal(eval->string, result->string)) return true;
    buf_puts(complaint, "expected ");
    text_write_quoted(eval->string, complaint);
    buf_puts(complaint, ", got ");
    text_write_quoted(result->string, complaint);
    return false;
}

bool promql_test_judge(const struct test_command *command, const struct test_outcome *result,
                       struct arena *arena, struct buf *complaint) {
    const struct test_eval *eval = &command->eval;
    if (eval->has_scalar) return judge_scalar(eval, result, complaint);
    if (eval->has_string) return judge_string(eval, result, complaint);
    bool wants_matrix = eval->is_range || eval->has_matrix;
    if (result->kind != (wants_matrix ? TEST_MATRIX : TEST_VECTOR))
        return wrong_kind(result, kind_name(wants_matrix ? TEST_MATRIX : TEST_VECTOR), complaint);
    if (wants_matrix && !rows_are_sorted(result, complaint)) return false;
    return all_rows_expected(command, result, arena, complaint) &&
           all_expected_found(command, result, complaint);
}

bool promql_test_message(const struct test_expect *expect, struct span text) {
    if (!expect->has_text) return true;
    if (!expect->is_regex) return span_equal(expect->text, text);
    /* ours are anchored, these may match anywhere */
    struct buf pattern;
    struct regex *regex = NULL;
    buf_init(&pattern, expect->text.len + 16);
    buf_printf(&pattern, ".*(?:%.*s).*", SPAN_ARG(expect->text));
    bool good = regex_create(&regex, buf_view(&pattern), NULL) == 0 && regex_matches(regex, text);
    regex_destroy(regex);
    buf_release(&pattern);
    return good;
}
