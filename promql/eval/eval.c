#include "promql/eval/eval.h"

#include "lib/base/assert.h"
#include "lib/codec/number.h"
#include "lib/sys/clock.h"
#include "promql/eval/active.h"
#include "promql/eval/ahead.h"
#include "promql/eval/native.h"
#include "promql/eval/plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TICKS_PER_LOOK 256 /* a tick is a row or a window of samples */

void *eval_alloc(struct eval *ev, size_t count, size_t size, struct err *err) {
    void *place = arena_array(&ev->query->arena, count, size);
    if (!place) (void)arena_limit(&ev->query->arena, "query", err);
    return place;
}

double *eval_column(struct eval *ev, struct err *err) {
    return eval_alloc(ev, ev->steps, sizeof(double), err);
}

int eval_stopped(const struct eval *ev, struct err *err) {
    const struct query_state *query = ev->query;
    bool is_stopped =
        query->active && atomic_load_explicit(&query->active->is_cancelled, memory_order_relaxed);
    bool has_left = query->cancel && atomic_load_explicit(query->cancel, memory_order_relaxed);
    if (is_stopped || has_left)
        return err_set(err, ERR_CANCELED, "query was canceled in expression evaluation");
    if (clock_monotonic_ms() > query->deadline_ms)
        return err_set(err, ERR_TIMEOUT, "query timed out in expression evaluation");
    return 0;
}

int eval_tick(struct eval *ev, struct err *err) {
    if (++ev->query->ticks % TICKS_PER_LOOK) return 0;
    return eval_stopped(ev, err);
}

bool eval_may_have_thread(struct eval *ev) {
    return engine_take_thread(ev->query->engine);
}

void eval_thread_ended(struct eval *ev) {
    engine_give_thread(ev->query->engine);
}

void eval_count_read(struct eval *ev, size_t count) {
    struct query_state *query = ev->query;
    query->samples_read += count;
    if (query->plan) query->plan->current->samples += count;
    if (query->active)
        atomic_store_explicit(&query->active->samples, query->samples_read, memory_order_relaxed);
}

int eval_take_samples(struct eval *ev, size_t count, struct err *err) {
    struct query_state *query = ev->query;
    if (query->samples_now + count > query->max_samples)
        return err_set(err, ERR_LIMIT,
                       "query processing would load too many samples into memory in query execution");
    query->samples_now += count;
    if (query->samples_now > query->samples_peak) query->samples_peak = query->samples_now;
    return eval_tick(ev, err);
}

void eval_give_samples(struct eval *ev, size_t count) {
    ASSERT(ev->query->samples_now >= count);
    ev->query->samples_now -= count;
}

/* each once; a note is not worth failing the query */
static void add_note(struct eval *ev, struct annotations *list, const char *note) {
    for (size_t i = 0; note && i < list->count; i++)
        if (strcmp(list->items[i], note) == 0) return;
    if (!note) return;
    if ((list->count & (list->count - 1)) == 0) {
        const char **grown = arena_array(&ev->query->arena, list->count ? list->count * 2 : 1, sizeof *grown);
        if (!grown) return;
        if (list->count) memcpy(grown, list->items, list->count * sizeof *grown);
        list->items = grown;
    }
    list->items[list->count++] = note;
}

static void annotate(struct eval *ev, struct annotations *list, const char *kind, const struct expr *at,
                     const char *format, va_list args) {
    struct query_state *query = ev->query;
    char text[512];
    unsigned line = 1, column = 1;
    for (uint32_t i = 0; at && i < at->start && i < query->text.len; i++) {
        column++;
        if (query->text.ptr[i] == '\n') line++, column = 1;
    }
    int len = snprintf(text, sizeof text, "PromQL %s: ", kind);
    vsnprintf(text + len, sizeof text - (size_t)len, format, args);
    add_note(ev, list, arena_printf(&query->arena, "%s (%u:%u)", text, line, column));
}

/* into copies, as the store's are not ours */
static int tell_resets(struct eval *ev, struct columns *samples, struct err *err) {
    struct work *work = native_work(ev);
    const struct histogram *before = NULL;
    if (!work) return arena_limit(&ev->query->arena, "histograms", err);
    for (size_t i = 0; i < samples->count; i++) {
        const struct histogram *now = samples->histograms[i];
        if (now && before && now->reset == HISTOGRAM_RESET_UNKNOWN && !value_is_stale(samples->values[i])) {
            struct histogram *told = eval_alloc(ev, 1, sizeof *told, err);
            if (!told) return ERR_LIMIT;
            *told = *now;
            told->reset = histogram_is_reset(work, before, now) ? HISTOGRAM_RESET_YES : HISTOGRAM_RESET_NO;
            samples->histograms[i] = told;
        }
        if (now && !value_is_stale(samples->values[i])) before = now;
    }
    return 0;
}

int eval_read(struct eval *ev, struct ahead *ahead, size_t index, struct ahead_series **series,
              struct err *err) {
    int rc = ahead_read(ahead, index, series, err);
    bool tells = !rc && ev->query->tells_resets && !(*series)->is_made && (*series)->samples.histograms;
    return tells ? tell_resets(ev, &(*series)->samples, err) : rc;
}

void eval_close(struct eval *ev, struct series_set *set) {
    add_note(ev, &ev->query->warnings, atomic_load(&set->warning));
    series_set_close(set);
}

void eval_warn(struct eval *ev, const struct expr *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    annotate(ev, &ev->query->warnings, "warning", at, format, args);
    va_end(args);
}

void eval_info(struct eval *ev, const struct expr *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    annotate(ev, &ev->query->infos, "info", at, format, args);
    va_end(args);
}

void eval_check_quantile(struct eval *ev, const struct expr *at, const double *quantiles) {
    for (size_t i = 0; i < ev->steps; i++)
        if (!(quantiles[i] >= 0 && quantiles[i] <= 1)) {
            char text[NUMBER_MAX_TEXT];
            size_t len = number_write_general(quantiles[i], text);
            eval_warn(ev, at, "quantile value should be between 0 and 1, got %.*s", (int)len, text);
        }
}

const struct expr *expr_inside(const struct expr *expr) {
    while (expr->kind == EXPR_PAREN) expr = expr->paren;
    return expr;
}

static int negate(struct eval *ev, struct row *row, struct err *err) {
    int rc = 0;
    for (size_t i = 0; i < ev->steps && !rc; i++) {
        row->values[i] = -row->values[i];
        if (!row->histograms || !row->histograms[i] || !bit_get(row->present, i)) continue;
        struct work *work = native_work(ev);
        if (!work) return arena_limit(&ev->query->arena, "histograms", err);
        work_set(work, row->histograms[i]);
        work_scale(work, -1);
        rc = native_finish(ev, work, &row->histograms[i], err);
    }
    return rc;
}

static int eval_unary(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    if (expr->unary.op == OP_ADD) return eval_rows(ev, expr->unary.expr, sink, err);
    struct rows rows = {0};
    int rc = rows_collect(ev, expr->unary.expr, &rows, err);
    for (size_t i = 0; i < rows.count && !rc; i++) {
        rc = negate(ev, &rows.items[i], err);
        if (!rc) rc = row_drop_name(ev, &rows.items[i], err);
    }
    if (!rc) rc = rows_merge(ev, &rows, err);
    return rc ? rc : rows_push(&rows, sink, err);
}

int eval_rows_plainly(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    switch (expr->kind) {
    case EXPR_PAREN: return eval_rows(ev, expr->paren, sink, err);
    case EXPR_SELECTOR: return eval_selector(ev, expr, SHOW_VALUE, sink, err);
    case EXPR_UNARY: return eval_unary(ev, expr, sink, err);
    case EXPR_BINARY: return eval_binary(ev, expr, sink, err);
    case EXPR_AGGREGATE: return eval_aggregate(ev, expr, sink, err);
    case EXPR_CALL: return eval_call(ev, expr, sink, err);
    default: break;
    }
    return err_set(err, ERR_EXECUTION, "%s is not an instant vector", value_type_name(expr->value));
}

int eval_rows(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    return ev->query->plan && expr->kind != EXPR_PAREN ? plan_rows(ev, expr, sink, err)
                                                       : eval_rows_plainly(ev, expr, sink, err);
}

int eval_scalar(struct eval *ev, const struct expr *expr, double *out, struct err *err) {
    bool is_part = expr->kind != EXPR_PAREN && expr->kind != EXPR_NUMBER;
    return ev->query->plan && is_part ? plan_scalar(ev, expr, out, err)
                                      : eval_scalar_plainly(ev, expr, out, err);
}

static int scalar_binary(struct eval *ev, const struct expr *expr, double *out, struct err *err) {
    double *right = eval_column(ev, err);
    int rc = right ? eval_scalar(ev, expr->binary.left, out, err) : ERR_LIMIT;
    if (!rc) rc = eval_scalar(ev, expr->binary.right, right, err);
    for (size_t i = 0; i < ev->steps && !rc; i++) {
        bool keep = true;
        double value = binary_scalar(expr->binary.op, out[i], right[i], &keep);
        out[i] = operator_is_comparison(expr->binary.op) ? (keep ? 1 : 0) : value;
    }
    return rc;
}

int eval_scalar_plainly(struct eval *ev, const struct expr *expr, double *out, struct err *err) {
    int rc;
    switch (expr->kind) {
    case EXPR_NUMBER:
        for (size_t i = 0; i < ev->steps; i++) out[i] = expr->number;
        return 0;
    case EXPR_PAREN: return eval_scalar(ev, expr->paren, out, err);
    case EXPR_UNARY:
        rc = eval_scalar(ev, expr->unary.expr, out, err);
        for (size_t i = 0; i < ev->steps && !rc && expr->unary.op == OP_SUB; i++) out[i] = -out[i];
        return rc;
    case EXPR_BINARY: return scalar_binary(ev, expr, out, err);
    case EXPR_CALL: return eval_scalar_call(ev, expr, out, err);
    default: break;
    }
    return err_set(err, ERR_EXECUTION, "%s is not a scalar", value_type_name(expr->value));
}
