#include "lib/scrape/failure_log.h"

#include "lib/base/log.h"
#include "lib/base/vec.h"
#include "lib/codec/json.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"

#include <stdio.h>
#include <time.h>

#define LINE_MAX_BYTES ((size_t)64 << 10)

struct failure_log {
    char *path;
    struct file file;
    uint64_t size;
    bool is_broken;
};

struct failure_logs {
    struct mutex lock;
    VEC(struct failure_log) all;
};

struct failure_logs *failure_logs_create(void) {
    struct failure_logs *logs = mem_zalloc(sizeof *logs);
    mutex_init(&logs->lock);
    return logs;
}

void failure_logs_reopen(struct failure_logs *logs) {
    mutex_lock(&logs->lock);
    for (size_t i = 0; i < logs->all.count; i++) {
        file_close(&logs->all.items[i].file);
        mem_free(logs->all.items[i].path);
    }
    logs->all.count = 0;
    mutex_unlock(&logs->lock);
}

void failure_logs_destroy(struct failure_logs *logs) {
    if (!logs) return;
    failure_logs_reopen(logs);
    vec_release(&logs->all);
    mutex_release(&logs->lock);
    mem_free(logs);
}

static void give_up(struct failure_log *log, const struct err *err) {
    log->is_broken = true;
    LOG(LOG_ERROR, "failed scrapes cannot be logged", "file", log->path, "err", err->text);
}

static struct failure_log *log_of(struct failure_logs *logs, const char *path) {
    for (size_t i = 0; i < logs->all.count; i++)
        if (strcmp(logs->all.items[i].path, path) == 0) return &logs->all.items[i];
    struct failure_log *log = vec_push(&logs->all);
    struct err err = {0};
    *log = (struct failure_log){.path = mem_strdup(path)};
    int rc = file_open(file_system_real(), path, FILE_WRITE, &log->file, &err);
    if (!rc) rc = file_size(&log->file, &log->size, &err);
    if (rc) give_up(log, &err);
    return log;
}

static void put(struct json_writer *json, const char *key, const char *value) {
    json_key(json, key);
    json_cstring(json, value);
}

static void write_line(struct buf *line, const char *job, const char *url, const char *error) {
    struct json_writer json;
    struct tm tm;
    char day[32], when[64];
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    gmtime_r(&seconds, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(when, sizeof when, "%s.%03dZ", day, (int)(now_ms % 1000));
    json_init(&json, line);
    json_object(&json);
    put(&json, "time", when);
    put(&json, "level", "ERROR");
    put(&json, "msg", error);
    put(&json, "job_name", job);
    put(&json, "target", url);
    json_end_object(&json);
    buf_putc(line, '\n');
}

void failure_logs_write(struct failure_logs *logs, const char *path, const char *job, const char *url,
                        const char *error) {
    struct buf line;
    struct err err = {0};
    buf_init(&line, LINE_MAX_BYTES);
    write_line(&line, job, url, error);
    mutex_lock(&logs->lock);
    struct failure_log *log = log_of(logs, path);
    if (!log->is_broken && !line.failed) {
        if (file_write(&log->file, line.data, line.len, log->size, &err) == 0)
            log->size += line.len;
        else
            give_up(log, &err);
    }
    mutex_unlock(&logs->lock);
    buf_release(&line);
}
