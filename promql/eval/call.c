#include "promql/eval/call.h"
#include "promql/eval/native.h"

#include "promql/eval/range.h"

#include <math.h>

#define PARAMS_MAX 4

struct element_call {
    struct sink sink;
    struct eval *ev;
    element_function *function;
    const double *columns[PARAMS_MAX];
    size_t param_count;
    struct rows rows; /* kept when dropping the name may make two rows equal */
    struct sink *next;
};

static int element_push(struct sink *sink, struct row *row, struct err *err) {
    struct element_call *call = (struct element_call *)sink;
    (void)row_drop_histograms(call->ev, row); /* these functions are of numbers */
    for (size_t i = 0; i < call->ev->steps; i++) {
        double params[PARAMS_MAX];
        if (!bit_get(row->present, i)) continue;
        for (size_t p = 0; p < call->param_count; p++) params[p] = call->columns[p][i];
        if (!call->function(row->values[i], params, call->param_count, &row->values[i]))
            bit_clear(row->present, i);
    }
    if (!bits_any(row->present, call->ev->words)) return 0;
    int rc = row_drop_name(call->ev, row, err);
    if (rc) return rc;
    return call->ev->delayed_names ? call->next->push(call->next, row, err)
                                   : rows_keep(call->ev, &call->rows, row, err);
}

/* hour() alone is hour(vector(time())) */
static int push_now(struct eval *ev, struct sink *sink, struct err *err) {
    struct row row;
    int rc = row_init(ev, &row, err);
    for (size_t i = 0; i < ev->steps && !rc; i++) {
        row.values[i] = (double)eval_time(ev, i) / 1000;
        bit_set(row.present, i);
    }
    return rc ? rc : sink->push(sink, &row, err);
}

static int eval_element_call(struct eval *ev, const struct call *call, element_function *function,
                             struct sink *sink, struct err *err) {
    struct element_call element = {
        .sink = {.push = element_push}, .ev = ev, .function = function, .next = sink};
    int rc = 0;
    for (size_t i = 1; i < call->arg_count && !rc; i++) {
        double *column = eval_column(ev, err);
        rc = column ? eval_scalar(ev, call->args[i], column, err) : ERR_LIMIT;
        element.columns[element.param_count++] = column;
    }
    if (!rc)
        rc = call->arg_count ? eval_rows(ev, call->args[0], &element.sink, err)
                             : push_now(ev, &element.sink, err);
    if (!rc) rc = rows_merge(ev, &element.rows, err);
    return rc ? rc : rows_push(&element.rows, sink, err);
}

int eval_call(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    enum function_id id = expr->call.function->id;
    element_function *element = math_function_of(id);
    if (!element) element = date_function_of(id);
    if (element) return eval_element_call(ev, &expr->call, element, sink, err);
    vector_function *vector = label_function_of(id);
    if (!vector) vector = histogram_function_of(id);
    if (!vector) vector = shape_function_of(id);
    if (vector) return vector(ev, expr, sink, err);
    if (range_kernel_of(id)) return eval_range_call(ev, expr, sink, err);
    return err_set(err, ERR_UNSUPPORTED, "function \"%s\" is not supported yet", expr->call.function->name);
}

/* scalar(): the only element's value, else NaN */
struct single {
    struct sink sink;
    struct eval *ev;
    double *out;
    uint8_t *counts;
};

static int single_push(struct sink *sink, struct row *row, struct err *err) {
    struct single *single = (struct single *)sink;
    for (size_t i = 0; i < single->ev->steps; i++) {
        if (!bit_get(row->present, i) || (row->histograms && row->histograms[i])) continue;
        single->out[i] = single->counts[i] ? (double)NAN : row->values[i];
        single->counts[i] = 1;
    }
    return eval_tick(single->ev, err);
}

static int scalar_of_vector(struct eval *ev, const struct expr *arg, double *out, struct err *err) {
    struct single single = {{.push = single_push}, ev, out, eval_alloc(ev, ev->steps, 1, err)};
    if (!single.counts) return ERR_LIMIT;
    for (size_t i = 0; i < ev->steps; i++) out[i] = NAN;
    return eval_rows(ev, arg, &single.sink, err);
}

static int pair_of_scalars(struct eval *ev, const struct call *call, bool wants_larger, double *out,
                           struct err *err) {
    double *other = eval_column(ev, err);
    int rc = other ? eval_scalar(ev, call->args[0], out, err) : ERR_LIMIT;
    if (!rc) rc = eval_scalar(ev, call->args[1], other, err);
    for (size_t i = 0; i < ev->steps && !rc; i++)
        out[i] = isnan(out[i]) || isnan(other[i]) ? (double)NAN
                 : wants_larger                   ? fmax(out[i], other[i])
                                                  : fmin(out[i], other[i]);
    return rc;
}

static void fill(struct eval *ev, double *out, double value) {
    for (size_t i = 0; i < ev->steps; i++) out[i] = value;
}

int eval_scalar_call(struct eval *ev, const struct expr *expr, double *out, struct err *err) {
    const struct call *call = &expr->call;
    const struct query_state *query = ev->query;
    switch (call->function->id) {
    case FN_pi: fill(ev, out, M_PI); return 0;
    case FN_start: fill(ev, out, (double)query->query_start_ms / 1000); return 0;
    case FN_end: fill(ev, out, (double)query->query_end_ms / 1000); return 0;
    case FN_step: fill(ev, out, (double)query->query_step_ms / 1000); return 0;
    case FN_range: fill(ev, out, (double)(query->query_end_ms - query->query_start_ms) / 1000); return 0;
    case FN_time:
        for (size_t i = 0; i < ev->steps; i++) out[i] = (double)eval_time(ev, i) / 1000;
        return 0;
    case FN_scalar: return scalar_of_vector(ev, call->args[0], out, err);
    case FN_min_of: return pair_of_scalars(ev, call, false, out, err);
    case FN_max_of: return pair_of_scalars(ev, call, true, out, err);
    default:
        return err_set(err, ERR_UNSUPPORTED, "function \"%s\" is not supported yet", call->function->name);
    }
}
