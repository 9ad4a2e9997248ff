#pragma once
/*
 * engine.h - PromQL text and a queryable in, rows out.
 *
 *     text -> promql/parse -> tree -> columns (row.h): each series once over all steps -> query_result
 *
 * An engine is shared by all query threads; each engine_run is one query on the caller's thread. A query owns
 * one arena under one byte budget, which counts vectors, labels, columns and the result; it is stopped by its
 * deadline and by its cancel flag. A result lives until query_result_destroy.
 */
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/model/labels.h"
#include "lib/model/queryable.h"
#include "promql/parse/parse.h"

#include <stdatomic.h>

struct registry;
struct engine;

struct engine_options {
    int64_t lookback_ms;       /* 0: 5 minutes */
    int64_t timeout_ms;        /* 0: 2 minutes */
    uint64_t max_samples;      /* in memory at once; 0: 50 million */
    size_t max_bytes_query;    /* 0: 512 MiB */
    size_t max_bytes_all;      /* 0: twice max_bytes_query */
    struct budget *memory;     /* from which all queries draw, too; may be NULL; outlives the engine */
    int max_concurrency;       /* of queries, the caller's pool keeps it; with their threads at most this
                                  and the processors; 0: the processors */
    int64_t default_step_ms;   /* of subqueries without one; 0: 1 minute; see engine_set_default_step */
    bool delayed_name_removal; /* feature promql-delayed-name-removal */
    bool use_start_timestamps; /* feature use-start-timestamps: counters know when they began */
    struct parse_options parse;
};

struct engine *engine_create(const struct engine_options *options,
                             struct registry *registry /* may be NULL */);
void engine_destroy(struct engine *engine);
/* what it is doing (active.h); any thread */
struct active;
struct active *engine_active(struct engine *engine);
/* what all queries have together; who reads series by other ways than a query draws from it, too */
struct budget *engine_memory(struct engine *engine);
/* which metrics it was asked for (queried.h); any thread */
struct queried;
struct queried *engine_queried(struct engine *engine);
/* in force: defaults filled in; as long as the engine */
const struct engine_options *engine_options_of(const struct engine *engine);
/* global.evaluation_interval after a reload; any thread */
void engine_set_default_step(struct engine *engine, int64_t step_ms);

/* who asks, for the log of queries; all texts may be NULL */
struct query_origin {
    const char *client_ip, *method, *path; /* over HTTP */
    const char *group, *group_file;        /* a rule */
};

struct query {
    struct span text;
    struct expr *expr;                 /* text, parsed before with the engine's options; NULL: it is parsed */
    int64_t start_ms, end_ms, step_ms; /* an instant query: start is end, step 0 */
    int64_t lookback_ms, timeout_ms;   /* 0: the engine's */
    const atomic_bool *cancel;         /* may be NULL; set it to stop the query */
    const char *client;                /* who asks, only shown; may be NULL */
    const struct query_origin *origin; /* may be NULL */
    bool wants_stats;                  /* what each step looked at is counted */
    bool wants_plan;                   /* what each part did is measured (plan.h) */
};

enum query_failure { QUERY_BAD_DATA, QUERY_EXECUTION, QUERY_CANCELED, QUERY_TIMEOUT, QUERY_INTERNAL };

struct result_row {
    struct labels labels;
    const int64_t *times_ms;
    const double *values;
    const struct histogram *const *histograms; /* NULL: all are floats; else NULL for each that is one */
    size_t count;
};

struct query_stats {
    int64_t prepare_ns, eval_ns, sort_ns;
    uint64_t samples_read, peak_samples; /* from the store; in memory at once */
    const uint64_t *step_samples;        /* looked at, of each step; NULL: not counted */
    size_t step_count;
    int64_t start_ms, step_ms;
};

struct query_result {
    enum value_type type;
    struct result_row *rows; /* vector (one point each) and matrix (sorted by labels) */
    size_t row_count;
    double scalar; /* scalar of an instant query */
    struct span string;
    int64_t time_ms;                /* of scalar and string */
    const char **warnings, **infos; /* with position, each once */
    size_t warning_count, info_count;
    struct query_stats stats;
    const struct plan_node *plan; /* NULL: none was wanted */
};

/* 0 and a result, or negative with a text for the user ("1:5: parse error: ...") and *failure, which tells
 * the API's error type. */
int engine_run(struct engine *engine, struct queryable *queryable, const struct query *query,
               struct query_result **result, enum query_failure *failure, struct err *err);
void query_result_destroy(struct query_result *result);

/* Called at the end of each query that parsed, on its thread: error NULL when it went well. */
typedef void query_log(void *context, const struct query *query, const struct query_stats *stats,
                       const char *error);
/* One for all queries that begin after this; NULL: none. It makes all of them count their steps. Whoever
 * takes it away may destroy context when engine_set_log has returned. Any thread. */
void engine_set_log(struct engine *engine, query_log *log, void *context);
