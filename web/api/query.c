#include "lib/base/mem.h"
#include "lib/sys/clock.h"
#include "promql/eval/engine.h"
#include "web/api/inside.h"
#include "web/api/query_json.h"

#define POINTS_MAX 11000

/* timeout, lookback_delta: of both kinds of query */
static bool take_options(struct exchange *exchange, struct query *query) {
    const struct web_request *request = exchange_request(exchange);
    struct span timeout = web_request_param(request, "timeout");
    struct span lookback = web_request_param(request, "lookback_delta");
    struct err err;
    if (timeout.len) {
        if (api_duration_parse(timeout, &query->timeout_ms, &err)) {
            answer_invalid(exchange, "timeout", err.text);
            return false;
        }
        if (query->timeout_ms <= 0) query->timeout_ms = 1; /* over before it began */
    }
    if (lookback.len && api_duration_parse(lookback, &query->lookback_ms, &err)) {
        answer_error(exchange, ANSWER_BAD_DATA, "error parsing lookback delta duration: %s", err.text);
        return false;
    }
    if (query->lookback_ms < 0) query->lookback_ms = 0;
    query->text = web_request_param(request, "query");
    query->cancel = exchange_cancel(exchange);
    struct span agent = web_request_header(request, "User-Agent");
    query->client = arena_strndup(exchange_arena(exchange), agent.ptr, agent.len);
    query->wants_stats = web_request_param(request, "stats").len > 0;
    query->wants_plan = span_is(web_request_param(request, "explain"), "true");
    return true;
}

static void answer_query_failure(struct exchange *exchange, enum query_failure failure, const char *why) {
    static const enum answer_error errors[] = {
        [QUERY_BAD_DATA] = ANSWER_BAD_DATA, [QUERY_EXECUTION] = ANSWER_EXECUTION,
        [QUERY_CANCELED] = ANSWER_CANCELED, [QUERY_TIMEOUT] = ANSWER_TIMEOUT,
        [QUERY_INTERNAL] = ANSWER_INTERNAL,
    };
    if (failure == QUERY_BAD_DATA)
        answer_invalid(exchange, "query", why);
    else
        answer_error(exchange, errors[failure], "%s", why);
}

/* any value asks for them, as it did before "all" came */
static const char *stats_note(struct span stats) {
    bool is_known = !stats.len || span_is(stats, "true") || span_is(stats, "all");
    return is_known ? NULL : "stats: other values than \"true\" and \"all\" are deprecated";
}

static void run_query(struct exchange *exchange, struct api *api, const struct query *query, uint64_t limit) {
    struct query_result *result = NULL;
    enum query_failure failure = QUERY_INTERNAL;
    struct err err = {0};
    const struct web_request *request = exchange_request(exchange);
    struct query_origin origin = {
        .client_ip = exchange_client(exchange),
        .method = request->method == METHOD_POST ? "POST" : "GET",
        .path = arena_strndup(exchange_arena(exchange), request->path.ptr, request->path.len)};
    struct query asked = *query;
    asked.origin = &origin;
    struct queryable *readable = api_readable(api, exchange);
    if (!readable) return;
    int rc = engine_run(api->context.engine, readable, &asked, &result, &failure, &err);
    if (rc) {
        answer_query_failure(exchange, failure, err.text);
        return;
    }
    struct query_answer answer = {.result = result,
                                  .limit = limit,
                                  .text = query->text,
                                  .note = stats_note(web_request_param(request, "stats")),
                                  .has_stats = query->wants_stats,
                                  .has_step_stats = api->context.has_step_stats &&
                                                    span_is(web_request_param(request, "stats"), "all")};
    query_answer_stream(exchange, &answer);
}

void api_query(struct exchange *exchange, void *context) {
    struct query query = {0};
    uint64_t limit;
    if (!param_limit(exchange, &limit) || !param_time(exchange, "time", clock_wall_ms(), &query.start_ms) ||
        !take_options(exchange, &query))
        return;
    query.end_ms = query.start_ms;
    run_query(exchange, api_of(context), &query, limit);
}

/* start, end and step are required, and named without more words */
static bool take_range(struct exchange *exchange, struct query *query) {
    const struct web_request *request = exchange_request(exchange);
    struct err err;
    if (time_parse(web_request_param(request, "start"), &query->start_ms, &err)) {
        answer_invalid(exchange, "start", err.text);
        return false;
    }
    if (time_parse(web_request_param(request, "end"), &query->end_ms, &err)) {
        answer_invalid(exchange, "end", err.text);
        return false;
    }
    if (query->end_ms < query->start_ms) {
        answer_invalid(exchange, "end", "end timestamp must not be before start time");
        return false;
    }
    if (api_duration_parse(web_request_param(request, "step"), &query->step_ms, &err)) {
        answer_invalid(exchange, "step", err.text);
        return false;
    }
    if (query->step_ms <= 0) {
        answer_invalid(
            exchange, "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer");
        return false;
    }
    return true;
}

static bool has_too_many_points(const struct query *query) {
    uint64_t range = (uint64_t)query->end_ms - (uint64_t)query->start_ms;
    return range / (uint64_t)query->step_ms > POINTS_MAX;
}

void api_query_range(struct exchange *exchange, void *context) {
    struct query query = {0};
    uint64_t limit;
    if (!param_limit(exchange, &limit) || !take_range(exchange, &query)) return;
    if (has_too_many_points(&query)) {
        answer_error(exchange, ANSWER_BAD_DATA,
                     "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                     "resolution (?step=XX)");
        return;
    }
    if (take_options(exchange, &query)) run_query(exchange, api_of(context), &query, limit);
}
