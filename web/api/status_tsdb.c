#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"

/* status/tsdb: what the head holds, and what makes it large. */

#define LIMIT_DEFAULT 10
#define LIMIT_MAX 10000

static bool take_limit(struct exchange *exchange, size_t *limit) {
    int64_t number;
    if (!param_number(exchange, "limit", &number)) return false;
    bool is_given = web_request_param(exchange_request(exchange), "limit").len > 0;
    if (is_given && (number < 1 || number > LIMIT_MAX)) {
        answer_error(exchange, ANSWER_BAD_DATA,
                     number < 1 ? "limit must be a positive number" : "limit must not exceed %d", LIMIT_MAX);
        return false;
    }
    *limit = is_given ? (size_t)number : LIMIT_DEFAULT;
    return true;
}

static void write_head(struct json_writer *json, const struct tsdb_stats *stats) {
    const struct {
        const char *name;
        int64_t value;
    } fields[] = {{"numSeries", (int64_t)stats->series},
                  {"numLabelPairs", (int64_t)stats->label_pairs},
                  {"chunkCount", (int64_t)stats->chunks},
                  {"minTime", stats->min_time},
                  {"maxTime", stats->max_time}};
    json_key(json, "headStats");
    json_object(json);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_key(json, fields[i].name);
        json_int(json, fields[i].value);
    }
    json_end_object(json);
}

static int write_ranking(struct json_writer *json, struct tsdb *tsdb, const char *name,
                         enum tsdb_ranking ranking, size_t limit, struct arena *arena, struct err *err) {
    struct tsdb_top *tops = NULL;
    size_t count = 0;
    int rc = tsdb ? tsdb_rank(tsdb, ranking, limit, arena, &tops, &count, err) : 0;
    if (rc) return rc;
    json_key(json, name);
    json_array(json);
    for (size_t i = 0; i < count; i++) {
        json_object(json);
        json_key(json, "name");
        json_string(json, tops[i].name);
        json_key(json, "value");
        json_int(json, (int64_t)tops[i].count);
        json_end_object(json);
    }
    json_end_array(json);
    return 0;
}

void api_tsdb(struct exchange *exchange, void *context) {
    static const struct {
        const char *name;
        enum tsdb_ranking ranking;
    } lists[] = {{"seriesCountByMetricName", TSDB_SERIES_BY_METRIC_NAME},
                 {"labelValueCountByLabelName", TSDB_VALUES_BY_LABEL_NAME},
                 {"memoryInBytesByLabelName", TSDB_BYTES_BY_LABEL_NAME},
                 {"seriesCountByLabelValuePair", TSDB_SERIES_BY_LABEL_PAIR}};
    struct tsdb *tsdb = api_of(context)->tsdb;
    struct tsdb_stats stats = {.min_time = INT64_MAX, .max_time = INT64_MIN};
    struct answer answer;
    struct err err = {0};
    size_t limit;
    int rc = 0;
    if (!take_limit(exchange, &limit)) return;
    if (tsdb) tsdb_stats(tsdb, &stats);
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    write_head(&answer.json, &stats);
    for (size_t i = 0; i < sizeof lists / sizeof *lists && !rc; i++)
        rc = write_ranking(&answer.json, tsdb, lists[i].name, lists[i].ranking, limit,
                           exchange_arena(exchange), &err);
    if (rc) {
        buf_release(&answer.body);
        answer_failure(exchange, rc, err.text);
        return;
    }
    json_end_object(&answer.json);
    answer_end(&answer);
}
