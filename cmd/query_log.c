#include "cmd/query_log.h"

#include "lib/base/log.h"
#include "lib/codec/json.h"
#include "lib/instrument/instrument.h"
#include "lib/sys/clock.h"
#include "promql/eval/stats.h"

#include <stdio.h>
#include <time.h>

#define LINE_MAX_BYTES ((size_t)8 << 20) /* a query's text is shorter */

void query_log_init(struct query_log *log, struct engine *engine, struct registry *registry) {
    *log = (struct query_log){.engine = engine};
    mutex_init(&log->lock);
    log->enabled =
        registry_gauge(registry, "prometheus_engine_query_log_enabled", "State of the query log.", NULL);
    log->failures = registry_counter(registry, "prometheus_engine_query_log_failures_total",
                                     "The number of query log failures.", NULL);
}

static void write_time(struct json_writer *json, const char *key, int64_t time_ms) {
    char text[64];
    struct tm utc;
    int64_t rest = ((time_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((time_ms - rest) / 1000);
    gmtime_r(&seconds, &utc);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, sizeof text - len, ".%03dZ", (int)rest);
    json_key(json, key);
    json_cstring(json, text);
}

static void write_texts(struct json_writer *json, const char *key, const char *const (*texts)[2]) {
    json_key(json, key);
    json_object(json);
    for (; (*texts)[0]; texts++) {
        json_key(json, (*texts)[0]);
        json_cstring(json, (*texts)[1] ? (*texts)[1] : "");
    }
    json_end_object(json);
}

static void write_origin(struct json_writer *json, const struct query_origin *origin) {
    if (origin && origin->path)
        write_texts(json, "httpRequest",
                    (const char *const[][2]){{"clientIP", origin->client_ip},
                                             {"method", origin->method},
                                             {"path", origin->path},
                                             {NULL, NULL}});
    if (origin && origin->group)
        write_texts(
            json, "ruleGroup",
            (const char *const[][2]){{"file", origin->group_file}, {"name", origin->group}, {NULL, NULL}});
}

static void write_line(struct buf *line, const struct query *query, const struct query_stats *stats,
                       const char *error) {
    struct json_writer json;
    json_init(&json, line);
    json_object(&json);
    write_time(&json, "time", clock_wall_ms());
    json_key(&json, "level");
    json_cstring(&json, "INFO");
    json_key(&json, "msg");
    json_cstring(&json, "promql query logged");
    json_key(&json, "params");
    json_object(&json);
    json_key(&json, "query");
    json_string(&json, query->text);
    write_time(&json, "start", query->start_ms);
    write_time(&json, "end", query->end_ms);
    json_key(&json, "step");
    json_double(&json, (double)query->step_ms / 1000);
    json_end_object(&json);
    if (error) {
        json_key(&json, "error");
        json_cstring(&json, error);
    }
    json_key(&json, "stats");
    query_stats_write(&json, stats, false);
    write_origin(&json, query->origin);
    json_end_object(&json);
    buf_putc(line, '\n');
}

/* a line that was written in part is written over by the next one */
static void append(struct query_log *log, const struct buf *line) {
    struct err err = {0};
    mutex_lock(&log->lock);
    int rc = line->failed ? err_set(&err, ERR_LIMIT, "the line of a query is too long")
                          : file_write(&log->file, line->data, line->len, log->size, &err);
    if (!rc) log->size += line->len;
    if (rc) counter_add(log->failures, 1);
    bool is_new = rc && !log->was_told;
    log->was_told = rc != 0;
    mutex_unlock(&log->lock);
    if (is_new) LOG(LOG_WARN, "the log of queries cannot be written", "error", err.text);
}

static void on_query(void *context, const struct query *query, const struct query_stats *stats,
                     const char *error) {
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    write_line(&line, query, stats, error);
    append(context, &line);
    buf_release(&line);
}

int query_log_apply(struct query_log *log, const char *path, struct err *err) {
    struct file file = {0};
    uint64_t size = 0;
    bool is_wanted = path && *path;
    int rc = is_wanted ? file_open(file_system_real(), path, FILE_WRITE, &file, err) : 0;
    if (!rc && is_wanted) rc = file_size(&file, &size, err);
    if (rc) {
        file_close(&file);
        return err_wrap(err, rc, "query_log_file");
    }
    mutex_lock(&log->lock);
    struct file before = log->file;
    log->file = file;
    log->size = size;
    mutex_unlock(&log->lock);
    engine_set_log(log->engine, is_wanted ? on_query : NULL, log);
    gauge_set(log->enabled, is_wanted);
    file_close(&before);
    return 0;
}

void query_log_release(struct query_log *log) {
    if (!log->engine) return;
    engine_set_log(log->engine, NULL, NULL);
    file_close(&log->file);
    mutex_release(&log->lock);
}
