#include "promql/eval/engine.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "promql/eval/active.h"
#include "promql/eval/plan.h"
#include "promql/eval/queried.h"
#include "promql/eval/row.h"

#include "lib/sys/thread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE_MAGIC 0x656e6769u
#define BYTES_QUERY_DEFAULT ((size_t)512 << 20)
#define STEPS_MAX ((int64_t)100000000)

struct engine {
    uint32_t magic;
    struct engine_options options;
    struct budget all; /* parent of every query's budget */
    _Atomic int64_t default_step_ms;
    struct active *active;
    struct queried *queried;
    atomic_int busy; /* threads that work on queries */
    int busy_max;
    struct rwlock log_lock; /* read while a query is told */
    query_log *log;
    void *log_context;
    atomic_bool has_log;
    struct gauge *running;
    struct counter *samples;
    struct summary *preparing, *evaluating, *sorting;
};

static struct summary *slice(struct registry *registry, const char *name) {
    return registry_summary(registry, "prometheus_engine_query_duration_seconds", "Time spent in queries.",
                            (const char *[]){"slice", name, NULL});
}

struct engine *engine_create(const struct engine_options *options, struct registry *registry) {
    struct engine *engine = mem_zalloc(sizeof *engine);
    struct engine_options *own = &engine->options;
    engine->magic = ENGINE_MAGIC;
    engine->active = active_create();
    engine->queried = queried_create();
    rwlock_init(&engine->log_lock);
    *own = *options;
    if (!own->lookback_ms) own->lookback_ms = 300000;
    if (!own->timeout_ms) own->timeout_ms = 120000;
    if (!own->max_samples) own->max_samples = 50000000;
    if (!own->max_bytes_query) own->max_bytes_query = BYTES_QUERY_DEFAULT;
    if (!own->max_bytes_all) own->max_bytes_all = 2 * own->max_bytes_query;
    engine->busy_max = thread_processors();
    if (own->max_concurrency > 0 && own->max_concurrency < engine->busy_max)
        engine->busy_max = own->max_concurrency;
    engine_set_default_step(engine, own->default_step_ms ? own->default_step_ms : 60000);
    budget_init(&engine->all, "memory of all queries", own->max_bytes_all, own->memory);
    if (!registry) return engine;
    engine->running = registry_gauge(registry, "prometheus_engine_queries", "Queries being executed.", NULL);
    gauge_set(registry_gauge(registry, "prometheus_engine_queries_concurrent_max",
                             "Most queries executed at once.", NULL),
              own->max_concurrency);
    engine->samples =
        registry_counter(registry, "prometheus_engine_query_samples_total", "Samples read by queries.", NULL);
    engine->preparing = slice(registry, "prepare_time");
    engine->evaluating = slice(registry, "inner_eval");
    engine->sorting = slice(registry, "result_sort");
    return engine;
}

void engine_destroy(struct engine *engine) {
    if (!engine) return;
    CHECK_OBJ(engine, ENGINE_MAGIC);
    ASSERT(atomic_load(&engine->all.used_bytes) == 0);
    active_destroy(engine->active);
    queried_destroy(engine->queried);
    rwlock_release(&engine->log_lock);
    engine->magic = 0;
    mem_free(engine);
}

struct budget *engine_memory(struct engine *engine) {
    return &engine->all;
}

bool engine_take_thread(struct engine *engine) {
    int busy = atomic_load(&engine->busy);
    while (busy < engine->busy_max)
        if (atomic_compare_exchange_weak(&engine->busy, &busy, busy + 1)) return true;
    return false;
}

void engine_give_thread(struct engine *engine) {
    atomic_fetch_sub(&engine->busy, 1);
}

struct active *engine_active(struct engine *engine) {
    CHECK_OBJ(engine, ENGINE_MAGIC);
    return engine->active;
}

struct queried *engine_queried(struct engine *engine) {
    CHECK_OBJ(engine, ENGINE_MAGIC);
    return engine->queried;
}

const struct engine_options *engine_options_of(const struct engine *engine) {
    return &engine->options;
}

void engine_set_default_step(struct engine *engine, int64_t step_ms) {
    atomic_store(&engine->default_step_ms, step_ms);
}

/* A result and all it points to live in the arena of its query. */
struct owned_result {
    struct query_result result;
    struct query_state state;
};

void query_result_destroy(struct query_result *result) {
    if (!result) return;
    struct owned_result *owned = (struct owned_result *)result;
    arena_release(&owned->state.arena);
    mem_free(owned);
}

static int compare_rows(const void *a, const void *b) {
    return labels_compare(((const struct result_row *)a)->labels, ((const struct result_row *)b)->labels);
}

/* of all steps; NULL with err set */
static int64_t *make_times(struct eval *ev, struct err *err) {
    int64_t *times = eval_alloc(ev, ev->steps, sizeof *times, err);
    for (size_t i = 0; times && i < ev->steps; i++) times[i] = eval_time(ev, i);
    return times;
}

/* The points of a row that was kept. Rows with a value at each step stay where they are and share their
 * times, which are made with the first; of others what is there is put together, in the arena. */
static int put_points(struct eval *ev, const struct row *row, int64_t **all_times, struct result_row *out,
                      struct err *err) {
    size_t count = bits_count(row->present, ev->words), at = 0;
    if (count == ev->steps) {
        if (!*all_times && !(*all_times = make_times(ev, err))) return ERR_LIMIT;
        *out = (struct result_row){row->labels, *all_times, row->values, row->histograms, count};
        return 0;
    }
    int64_t *times = eval_alloc(ev, count, sizeof *times, err);
    double *values = times ? eval_alloc(ev, count, sizeof *values, err) : NULL;
    const struct histogram **histograms =
        values && row->histograms ? eval_alloc(ev, count, sizeof *histograms, err) : NULL;
    if (!values || (row->histograms && !histograms)) return ERR_LIMIT;
    for (size_t i = 0; i < ev->steps; i++) {
        if (!bit_get(row->present, i)) continue;
        times[at] = eval_time(ev, i);
        if (histograms) histograms[at] = row->histograms[i];
        values[at++] = row->values[i];
    }
    *out = (struct result_row){row->labels, times, values, histograms, count};
    return 0;
}

static void sort_rows(struct eval *ev, struct query_result *result) {
    int64_t begin_ns = clock_monotonic_ns();
    qsort(result->rows, result->row_count, sizeof *result->rows, compare_rows);
    ev->query->sort_ns += clock_monotonic_ns() - begin_ns;
}

/* topk, bottomk, sort and their like keep the order they made in an instant query */
static bool keeps_order(const struct expr *expr) {
    expr = expr_inside(expr);
    if (expr->kind == EXPR_AGGREGATE)
        return expr->aggregate.op == AGG_TOPK || expr->aggregate.op == AGG_BOTTOMK;
    if (expr->kind != EXPR_CALL) return false;
    enum function_id id = expr->call.function->id;
    return id == FN_sort || id == FN_sort_desc || id == FN_sort_by_label || id == FN_sort_by_label_desc;
}

static int run_vector(struct eval *ev, const struct expr *expr, bool is_range, struct query_result *result,
                      struct err *err) {
    struct rows rows = {0};
    int64_t *all_times = NULL;
    int rc = rows_collect(ev, expr, &rows, err);
    if (!rc) rc = rows_finish_names(ev, &rows, err);
    if (rc) return rc;
    result->rows = eval_alloc(ev, rows.count, sizeof *result->rows, err);
    if (!result->rows) return ERR_LIMIT;
    for (size_t i = 0; i < rows.count && !rc; i++) {
        if (!bits_any(rows.items[i].present, ev->words)) continue;
        rc = put_points(ev, &rows.items[i], &all_times, &result->rows[result->row_count++], err);
    }
    if (!rc && (is_range || !keeps_order(expr))) sort_rows(ev, result);
    return rc;
}

/* a range query over a scalar is one row without labels */
static int run_scalar(struct eval *ev, const struct expr *expr, bool is_range, struct query_result *result,
                      struct err *err) {
    struct row row;
    int64_t *all_times = NULL;
    int rc = row_init(ev, &row, err);
    if (!rc) rc = eval_scalar(ev, expr, row.values, err);
    if (rc) return rc;
    result->scalar = row.values[0];
    if (!is_range) return 0;
    result->rows = eval_alloc(ev, 1, sizeof *result->rows, err);
    if (!result->rows) return ERR_LIMIT;
    for (size_t i = 0; i < ev->steps; i++) bit_set(row.present, i);
    result->row_count = 1;
    return put_points(ev, &row, &all_times, &result->rows[0], err);
}

static int check_query(const struct query *query, const struct expr *expr, struct query_state *state,
                       struct err *err) {
    bool is_range = query->step_ms > 0;
    if (is_range && expr->value != VALUE_SCALAR && expr->value != VALUE_VECTOR) {
        state->failure = QUERY_BAD_DATA;
        return err_set(err, ERR_INVALID,
                       "invalid expression type \"%s\" for range query, must be Scalar or instant Vector",
                       value_type_name(expr->value));
    }
    if (is_range && (query->end_ms - query->start_ms) / query->step_ms >= STEPS_MAX)
        return err_set(err, ERR_LIMIT, "query has more than %lld steps", (long long)STEPS_MAX);
    return 0;
}

/* what has to stand before evaluation when more than the result is wanted */
static int begin_telling(struct eval *ev, const struct query *query, struct err *err) {
    struct query_state *state = ev->query;
    if (state->counts_steps) {
        state->step_samples = eval_alloc(ev, ev->steps, sizeof *state->step_samples, err);
        if (!state->step_samples) return ERR_LIMIT;
        state->counted_steps = ev->steps;
    }
    if (query->wants_plan) {
        state->plan = plan_begin(ev);
        if (!state->plan) return arena_limit(&state->arena, "query", err);
    }
    return 0;
}

static int run_typed(struct eval *ev, const struct expr *expr, bool is_range, struct query_result *result,
                     struct err *err) {
    int rc;
    switch (expr->value) {
    case VALUE_SCALAR: return run_scalar(ev, expr, is_range, result, err);
    case VALUE_STRING: result->string = expr_inside(expr)->string; return 0;
    case VALUE_MATRIX:
        rc = eval_matrix(ev, expr, result, err);
        if (!rc) sort_rows(ev, result);
        return rc;
    default: return run_vector(ev, expr, is_range, result, err);
    }
}

static int run(struct engine *engine, const struct query *query, const struct expr *expr,
               struct owned_result *owned, struct err *err) {
    struct query_state *state = &owned->state;
    struct query_result *result = &owned->result;
    bool is_range = query->step_ms > 0;
    int rc = check_query(query, expr, state, err);
    if (rc) return rc;
    struct eval ev = {
        .query = state,
        .start_ms = query->start_ms,
        .step_ms = is_range ? query->step_ms : 1,
        .steps = is_range ? (size_t)((query->end_ms - query->start_ms) / query->step_ms) + 1 : 1,
        .lookback_ms = query->lookback_ms ? query->lookback_ms : engine->options.lookback_ms,
        .default_step_ms = atomic_load(&engine->default_step_ms),
        .delayed_names = engine->options.delayed_name_removal,
    };
    ev.words = (ev.steps + 63) / 64;
    result->time_ms = query->start_ms;
    result->type = is_range ? VALUE_MATRIX : expr->value;
    rc = begin_telling(&ev, query, err);
    if (!rc) rc = run_typed(&ev, expr, is_range, result, err);
    if (state->plan) {
        plan_end(&ev);
        result->plan = state->plan->root;
    }
    return rc;
}

static int parse(struct engine *engine, struct span text, struct owned_result *owned, struct expr **expr,
                 struct err *err) {
    struct query_state *state = &owned->state;
    struct parse_error error;
    int64_t begin_ns = clock_monotonic_ns();
    int rc = promql_parse(text, &engine->options.parse, &state->arena, expr, &error);
    owned->result.stats.prepare_ns = clock_monotonic_ns() - begin_ns;
    if (!rc) return 0;
    state->failure = QUERY_BAD_DATA;
    return err_set(err, rc, "%u:%u: parse error: %s", error.line, error.column, error.text);
}

static int parse_and_run(struct engine *engine, const struct query *query, struct owned_result *owned,
                         struct err *err) {
    struct expr *parsed = NULL;
    int rc = query->expr ? 0 : parse(engine, query->text, owned, &parsed, err);
    if (rc) return rc;
    struct expr *expr = query->expr ? query->expr : parsed;
    queried_note(engine->queried, expr);
    rc = run(engine, query, expr, owned, err);
    if (parsed) expr_release(parsed);
    return rc;
}

static void fill_stats(const struct query *query, struct owned_result *owned, int64_t taken_ns) {
    const struct query_state *state = &owned->state;
    struct query_stats *stats = &owned->result.stats;
    stats->sort_ns = state->sort_ns;
    stats->eval_ns = taken_ns - stats->prepare_ns - state->sort_ns;
    stats->samples_read = state->samples_read;
    stats->peak_samples = state->samples_peak;
    stats->step_samples = (const uint64_t *)state->step_samples; /* the query's threads have ended */
    stats->step_count = state->counted_steps;
    stats->start_ms = query->start_ms;
    stats->step_ms = query->step_ms;
}

static void tell_log(struct engine *engine, const struct query *query, const struct owned_result *owned,
                     const char *error) {
    bool is_query = !error || owned->state.failure != QUERY_BAD_DATA;
    if (!is_query || !atomic_load_explicit(&engine->has_log, memory_order_relaxed)) return;
    rwlock_read(&engine->log_lock);
    if (engine->log) engine->log(engine->log_context, query, &owned->result.stats, error);
    rwlock_unlock(&engine->log_lock);
}

void engine_set_log(struct engine *engine, query_log *log, void *context) {
    rwlock_write(&engine->log_lock);
    engine->log = log;
    engine->log_context = context;
    atomic_store(&engine->has_log, log != NULL);
    rwlock_unlock(&engine->log_lock);
}

int engine_run(struct engine *engine, struct queryable *queryable, const struct query *query,
               struct query_result **result, enum query_failure *failure, struct err *err) {
    CHECK_OBJ(engine, ENGINE_MAGIC);
    struct owned_result *owned = mem_zalloc(sizeof *owned);
    struct query_state *state = &owned->state;
    int64_t begin_ns = clock_monotonic_ns();
    int64_t timeout_ms = query->timeout_ms && query->timeout_ms < engine->options.timeout_ms
                             ? query->timeout_ms
                             : engine->options.timeout_ms;
    *state = (struct query_state){
        .engine = engine,
        .queryable = queryable_begin(queryable),
        .text = query->text,
        .query_start_ms = query->start_ms,
        .query_end_ms = query->end_ms,
        .query_step_ms = query->step_ms,
        .deadline_ms = begin_ns / 1000000 + timeout_ms,
        .cancel = query->cancel,
        .max_samples = engine->options.max_samples,
        .failure = QUERY_EXECUTION,
        .uses_starts = engine->options.use_start_timestamps,
        .counts_steps = query->wants_stats || atomic_load(&engine->has_log),
    };
    budget_init(&state->budget, "query memory", engine->options.max_bytes_query, &engine->all);
    arena_init(&state->arena, SIZE_MAX, &state->budget);
    if (engine->running) gauge_add(engine->running, 1);
    state->active = active_begin(engine->active, query->text, query->client, query->start_ms, query->end_ms,
                                 query->step_ms);
    atomic_fetch_add(&engine->busy, 1);
    int rc = parse_and_run(engine, query, owned, err);
    atomic_fetch_sub(&engine->busy, 1);
    queryable_end(state->queryable);
    int64_t taken_ns = clock_monotonic_ns() - begin_ns;
    double seconds = (double)taken_ns * 1e-9;
    fill_stats(query, owned, taken_ns);
    tell_log(engine, query, owned, rc ? err->text : NULL);
    active_end(engine->active, state->active, query->text, state->samples_read, seconds);
    if (engine->running) {
        gauge_add(engine->running, -1);
        counter_add(engine->samples, (double)state->samples_read);
        const struct query_stats *stats = &owned->result.stats;
        summary_observe(engine->preparing, (double)stats->prepare_ns * 1e-9);
        summary_observe(engine->evaluating, (double)stats->eval_ns * 1e-9);
        summary_observe(engine->sorting, (double)stats->sort_ns * 1e-9);
    }
    if (rc) {
        if (rc == ERR_IO || rc == ERR_CORRUPT) state->failure = QUERY_INTERNAL;
        if (rc == ERR_CANCELED) state->failure = QUERY_CANCELED; /* whoever noticed it */
        if (rc == ERR_TIMEOUT) state->failure = QUERY_TIMEOUT;
        *failure = state->failure;
        query_result_destroy(&owned->result);
        return rc;
    }
    owned->result.warnings = state->warnings.items;
    owned->result.warning_count = state->warnings.count;
    owned->result.infos = state->infos.items;
    owned->result.info_count = state->infos.count;
    *result = &owned->result;
    return 0;
}
