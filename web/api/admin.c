/*
 * admin.c - /api/v1/admin/tsdb: what changes the database, behind --web.enable-admin-api.
 */
#include "lib/base/span.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"
#include "web/api/params.h"

/* false after it has replied */
static bool is_allowed(struct exchange *exchange, const struct api *api) {
    if (!api->context.has_admin) {
        answer_error(exchange, ANSWER_UNAVAILABLE, "admin APIs disabled");
        return false;
    }
    if (api->tsdb) return true;
    answer_error(exchange, ANSWER_UNAVAILABLE, "TSDB not ready");
    return false;
}

static void reply_outcome(struct exchange *exchange, int rc, const struct err *err) {
    if (rc)
        answer_error(exchange, ANSWER_INTERNAL, "%s", err->text);
    else
        reply_text(exchange, 204, NULL, (struct span){0});
}

void api_delete_series(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct matches matches;
    struct err err = {0};
    int64_t mint, maxt;
    int rc = 0;
    if (!is_allowed(exchange, api)) return;
    if (!web_request_has_param(exchange_request(exchange), "match[]")) {
        answer_error(exchange, ANSWER_BAD_DATA, "no match[] parameter provided");
        return;
    }
    if (!param_time(exchange, "start", INT64_MIN, &mint) || !param_time(exchange, "end", INT64_MAX, &maxt))
        return;
    if (!param_matches(exchange, true, &matches)) return;
    for (size_t i = 0; !rc && i < matches.count; i++)
        rc = tsdb_delete(api->tsdb, matches.items[i].matchers, matches.items[i].count, mint, maxt, &err);
    matches_release(&matches);
    reply_outcome(exchange, rc, &err);
}

void api_clean_tombstones(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct err err = {0};
    if (is_allowed(exchange, api)) reply_outcome(exchange, tsdb_clean_tombstones(api->tsdb, &err), &err);
}

void api_snapshot(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct err err = {0};
    struct answer answer;
    char name[64];
    if (!is_allowed(exchange, api)) return;
    struct span skip = web_request_param(exchange_request(exchange), "skip_head");
    bool skips = false;
    if (skip.len && !bool_parse(skip, &skips)) {
        answer_error(exchange, ANSWER_BAD_DATA, "invalid parameter \"skip_head\": a boolean is expected");
        return;
    }
    if (tsdb_snapshot_to(api->tsdb, !skips, name, &err)) {
        answer_error(exchange, ANSWER_INTERNAL, "%s", err.text);
        return;
    }
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "name");
    json_string(&answer.json, span_from(name));
    json_end_object(&answer.json);
    answer_end(&answer);
}
