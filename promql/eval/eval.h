#pragma once
/*
 * eval.h - inside of promql/eval: one query's state, and the two ways to evaluate an expression.
 *
 * Vectors are pushed into a sink row by row (eval_rows), scalars fill an array of one value per step
 * (eval_scalar). Steps are start_ms + i * step_ms for i < steps. A subquery evaluates its inside with a copy
 * of this struct that has other steps.
 */
#include "promql/eval/engine.h"

struct row;
struct rows;
struct sink;

struct annotations {
    const char **items;
    size_t count;
};

/* what all levels of one query share */
struct query_state {
    struct engine *engine;
    struct queryable *queryable;
    struct arena arena;
    struct budget budget;
    struct span text;
    int64_t query_start_ms, query_end_ms,
        query_step_ms;   /* of the outermost query: start(), end(), step(), range() */
    int64_t deadline_ms; /* monotonic */
    const atomic_bool *cancel;
    struct active_query *active; /* may be NULL */
    uint64_t samples_read, samples_now, samples_peak, max_samples;
    atomic_uint_least64_t *step_samples; /* looked at, of each of the query's steps; NULL: not counted */
    size_t counted_steps;
    bool counts_steps;
    int64_t sort_ns;
    struct plan *plan; /* NULL: none is wanted */
    unsigned ticks;    /* rows and windows since the last look at the clock */
    struct annotations warnings, infos;
    bool
        tells_resets; /* histogram_count and its like: every histogram read says whether it follows a reset */
    bool uses_starts; /* start times of counters are looked at, where they are known */
    struct work *work;          /* of native histograms (native.h); NULL until there is one */
    enum query_failure failure; /* why, when something failed for another reason than execution */
};

struct eval {
    struct query_state *query;
    int64_t start_ms, step_ms; /* step_ms is 1 when there is one step */
    size_t steps, words;       /* words: 64-bit words of a presence bitmap */
    int64_t lookback_ms, default_step_ms;
    bool delayed_names;
    bool is_inner; /* of a subquery: its steps are not the query's */
};

/* engine.c: a thread beside the query's own, while processors and --query.max-concurrency have room */
bool engine_take_thread(struct engine *engine);
void engine_give_thread(struct engine *engine);

int eval_rows(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
/* out has ev->steps places */
int eval_scalar(struct eval *ev, const struct expr *expr, double *out, struct err *err);
/* the same, not told to the plan: for plan.c */
int eval_rows_plainly(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
int eval_scalar_plainly(struct eval *ev, const struct expr *expr, double *out, struct err *err);

static inline int64_t eval_time(const struct eval *ev, size_t step) {
    return ev->start_ms + (int64_t)step * ev->step_ms;
}

/* memory of the query, zeroed; NULL with err set (ERR_LIMIT) */
void *eval_alloc(struct eval *ev, size_t count, size_t size, struct err *err);
/* an array of ev->steps doubles */
double *eval_column(struct eval *ev, struct err *err);
/* counts work; every few thousand looks at deadline and cancel flag */
int eval_tick(struct eval *ev, struct err *err);
/* looks at once: ERR_CANCELED, ERR_TIMEOUT or 0; any thread of the query */
int eval_stopped(const struct eval *ev, struct err *err);
/* true: the query may use one thread more, until eval_thread_ended */
bool eval_may_have_thread(struct eval *ev);
void eval_thread_ended(struct eval *ev);
/* samples that were read */
void eval_count_read(struct eval *ev, size_t count);
/* samples that come into memory and leave it */
int eval_take_samples(struct eval *ev, size_t count, struct err *err);
void eval_give_samples(struct eval *ev, size_t count);
/* ahead_read, as the query wants it */
struct ahead;
struct ahead_series;
int eval_read(struct eval *ev, struct ahead *ahead, size_t index, struct ahead_series **series,
              struct err *err);
/* series_set_close; what the store left out becomes a warning of the query */
void eval_close(struct eval *ev, struct series_set *set);
/* adds "PromQL warning: <text> (line:col)" once */
void eval_warn(struct eval *ev, const struct expr *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void eval_info(struct eval *ev, const struct expr *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* warns of each step's quantile that is none */
void eval_check_quantile(struct eval *ev, const struct expr *at, const double *quantiles);

/* parentheses taken off */
const struct expr *expr_inside(const struct expr *expr);

/* selector.c: instant selectors; what of a sample becomes the value: in seconds, for timestamp() and
 * start_timestamp() */
enum shown { SHOW_VALUE, SHOW_TIME, SHOW_START };
int eval_selector(struct eval *ev, const struct expr *expr, enum shown shown, struct sink *sink,
                  struct err *err);
/* the reference times of the first and the last step under @ and offset; fixed: the same for all */
int eval_shift(struct eval *ev, const struct time_shift *shift, bool *fixed, int64_t *first_ms,
               int64_t *last_ms, struct err *err);
/* window.c: a function over a range; arg is the selector or subquery among the call's arguments */
int eval_range_call(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
/* a bare range expression in an instant query */
int eval_matrix(struct eval *ev, const struct expr *expr, struct query_result *result, struct err *err);
/* binary.c and matching.c */
/* filters keep the metric's name, and so do what trims histograms */
bool binary_drops_name(const struct binary *binary);
double binary_scalar(enum operator op, double left, double right, bool *keep);
int eval_binary(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
int eval_vector_match(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
int eval_set(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
/* aggregate.c, aggregate_rank.c */
int eval_aggregate(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
int eval_aggregate_rank(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
/* call.c: functions of instant vectors and scalars */
int eval_call(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err);
int eval_scalar_call(struct eval *ev, const struct expr *expr, double *out, struct err *err);
