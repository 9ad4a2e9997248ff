#include "storage/exemplar/exemplars.h"
#include "lib/model/limited.h"
#include "promql/parse/parse.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"
#include "web/http/guard.h"

#define SELECTORS_MAX 1000u

/* The selectors of an expression: exemplars of what any of them matches are the answer. */
struct selectors {
    const struct matcher *matchers[SELECTORS_MAX];
    size_t counts[SELECTORS_MAX];
    size_t count;
};

static void take_selector(struct selector *selector, void *context) {
    struct selectors *selectors = context;
    if (selectors->count == SELECTORS_MAX) return;
    selectors->matchers[selectors->count] = selector->matchers;
    selectors->counts[selectors->count++] = selector->matcher_count;
}

/* the matchers that limit the request, in each of them */
static int limit_selectors(struct exchange *exchange, struct selectors *selectors, struct err *err) {
    const struct access *access = exchange_access(exchange);
    int rc = 0;
    if (!access || !access->matcher_count) return 0;
    for (size_t i = 0; i < selectors->count && !rc; i++) {
        rc = matchers_join(selectors->matchers[i], selectors->counts[i], access->matchers,
                           access->matcher_count, exchange_arena(exchange), &selectors->matchers[i], err);
        selectors->counts[i] += access->matcher_count;
    }
    return rc;
}

static void write_exemplar(struct json_writer *json, const struct exemplar *exemplar) {
    json_object(json);
    json_key(json, "labels");
    answer_write_labels(json, &exemplar->labels);
    json_key(json, "value");
    json_value(json, exemplar->value);
    json_key(json, "timestamp");
    json_time_ms(json, exemplar->time_ms);
    json_end_object(json);
}

static void write_series(struct json_writer *json, size_t i, const void *items) {
    const struct exemplar_series *series = (const struct exemplar_series *)items + i;
    json_object(json);
    json_key(json, "seriesLabels");
    answer_write_labels(json, &series->labels);
    json_key(json, "exemplars");
    json_array(json);
    for (size_t k = 0; k < series->count; k++) write_exemplar(json, &series->items[k]);
    json_end_array(json);
    json_end_object(json);
}

static void answer_exemplars(struct exchange *exchange, struct tsdb *tsdb, struct expr *expr, int64_t mint,
                             int64_t maxt) {
    struct selectors *selectors = arena_zalloc(exchange_arena(exchange), sizeof *selectors);
    struct exemplar_series *series = NULL;
    struct err err = {0};
    size_t count = 0;
    int rc = selectors ? 0 : arena_limit(exchange_arena(exchange), "selectors", &err);
    if (!rc) expr_each_selector(expr, take_selector, selectors);
    if (!rc) rc = limit_selectors(exchange, selectors, &err);
    if (!rc && tsdb && selectors->count)
        rc = exemplars_select(tsdb_exemplars(tsdb), selectors->matchers, selectors->counts, selectors->count,
                              mint, maxt, exchange_arena(exchange), &series, &count, &err);
    if (rc)
        answer_failure(exchange, rc, err.text);
    else
        answer_list(exchange, series, count, write_series, NULL);
}

void api_query_exemplars(struct exchange *exchange, void *context) {
    int64_t start_ms, end_ms;
    struct parse_options options = {0};
    struct parse_error error;
    struct expr *expr;
    if (!param_time(exchange, "start", INT64_MIN, &start_ms) ||
        !param_time(exchange, "end", INT64_MAX, &end_ms))
        return;
    if (end_ms < start_ms) {
        answer_error(exchange, ANSWER_BAD_DATA, "end timestamp must not be before start timestamp");
        return;
    }
    struct span text = web_request_param(exchange_request(exchange), "query");
    if (promql_parse(text, &options, exchange_arena(exchange), &expr, &error)) {
        answer_error(exchange, ANSWER_BAD_DATA, "%u:%u: parse error: %s", error.line, error.column,
                     error.text);
        return;
    }
    answer_exemplars(exchange, api_of(context)->tsdb, expr, start_ms, end_ms);
    expr_release(expr);
}
