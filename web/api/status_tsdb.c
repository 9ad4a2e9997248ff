#include "promql/eval/engine.h"
#include "promql/eval/queried.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"

/* status/tsdb: what the head holds, what makes it large, and what of it nobody asks for; the blocks; the
 * replay. */

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
                         const struct tsdb_ranked *ranked, struct arena *arena, struct err *err) {
    struct tsdb_top *tops = NULL;
    size_t count = 0;
    int rc = tsdb ? tsdb_rank(tsdb, ranked, arena, &tops, &count, err) : 0;
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

static bool was_queried(struct span name, void *context) {
    return queried_has(engine_queried(context), name);
}

/* Prometheus' lists, then our own: series of each job, those of a label's values, what no query has named */
static int write_rankings(struct json_writer *json, struct api *api, struct span label, size_t limit,
                          struct arena *arena, struct err *err) {
    struct engine *engine = api->context.engine;
    const struct {
        const char *name;
        struct tsdb_ranked ranked;
    } lists[] = {
        {"seriesCountByMetricName", {TSDB_SERIES_BY_VALUE, SPAN(LABEL_NAME), limit, NULL, NULL}},
        {"labelValueCountByLabelName", {.ranking = TSDB_VALUES_BY_LABEL_NAME, .limit = limit}},
        {"memoryInBytesByLabelName", {.ranking = TSDB_BYTES_BY_LABEL_NAME, .limit = limit}},
        {"seriesCountByLabelValuePair", {.ranking = TSDB_SERIES_BY_LABEL_PAIR, .limit = limit}},
        {"seriesCountByJob", {TSDB_SERIES_BY_VALUE, SPAN("job"), limit, NULL, NULL}},
        {"neverQueriedMetricNames", {TSDB_SERIES_BY_VALUE, SPAN(LABEL_NAME), limit, was_queried, engine}},
        {"seriesCountByLabelValue", {TSDB_SERIES_BY_VALUE, label, limit, NULL, NULL}},
    };
    size_t count = sizeof lists / sizeof *lists - (label.len ? 0 : 1);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++)
        rc = write_ranking(json, api->tsdb, lists[i].name, &lists[i].ranked, arena, err);
    return rc;
}

void api_tsdb(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct tsdb_stats stats = {.min_time = INT64_MAX, .max_time = INT64_MIN};
    struct answer answer;
    struct err err = {0};
    size_t limit;
    if (!take_limit(exchange, &limit)) return;
    if (api->tsdb) tsdb_stats(api->tsdb, &stats);
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    write_head(&answer.json, &stats);
    struct span label = web_request_param(exchange_request(exchange), "label");
    int rc = write_rankings(&answer.json, api, label, limit, exchange_arena(exchange), &err);
    if (rc) {
        buf_release(&answer.body);
        answer_failure(exchange, rc, err.text);
        return;
    }
    json_end_object(&answer.json);
    answer_end(&answer);
}

/* ---- blocks ---- */

static void write_number(struct json_writer *json, const char *name, int64_t value) {
    json_key(json, name);
    json_int(json, value);
}

/* as Prometheus' meta.json: the end is the first millisecond behind */
static void write_block(struct json_writer *json, const struct tsdb_block *block) {
    json_object(json);
    json_key(json, "ulid");
    json_cstring(json, block->ulid);
    write_number(json, "minTime", block->mint);
    write_number(json, "maxTime", block->maxt + 1);
    json_key(json, "stats");
    json_object(json);
    write_number(json, "numSamples", (int64_t)block->samples);
    write_number(json, "numFloatSamples", (int64_t)(block->samples - block->histograms));
    write_number(json, "numHistogramSamples", (int64_t)block->histograms);
    write_number(json, "numSeries", (int64_t)block->series);
    write_number(json, "numBytes", (int64_t)block->bytes);
    json_end_object(json);
    json_key(json, "compaction");
    json_object(json);
    write_number(json, "level", block->level);
    json_key(json, "sources");
    json_array(json);
    for (size_t i = 0; i < block->source_count; i++) json_cstring(json, block->sources[i]);
    json_end_array(json);
    json_end_object(json);
    write_number(json, "version", 1);
    json_end_object(json);
}

void api_tsdb_blocks(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct tsdb_block *blocks = NULL;
    struct answer answer;
    struct err err = {0};
    size_t count = 0;
    int rc = api->tsdb ? tsdb_blocks(api->tsdb, exchange_arena(exchange), &blocks, &count, &err) : 0;
    if (rc) {
        answer_failure(exchange, rc, err.text);
        return;
    }
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    json_key(&answer.json, "blocks");
    json_array(&answer.json);
    for (size_t i = 0; i < count; i++) write_block(&answer.json, &blocks[i]);
    json_end_array(&answer.json);
    json_end_object(&answer.json);
    answer_end(&answer);
}

/* ---- replay ---- */

void api_wal_replay(struct exchange *exchange, void *context) {
    const struct tsdb_progress *progress = api_of(context)->context.progress;
    struct answer answer;
    answer_begin(&answer, exchange);
    json_object(&answer.json);
    write_number(&answer.json, "min", progress ? (int64_t)atomic_load(&progress->first) : 0);
    write_number(&answer.json, "max", progress ? (int64_t)atomic_load(&progress->last) : 0);
    write_number(&answer.json, "current", progress ? (int64_t)atomic_load(&progress->current) : 0);
    json_end_object(&answer.json);
    answer_end(&answer);
}
