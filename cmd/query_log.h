#pragma once
/*
 * query_log.h - global.query_log_file: a line of JSON for each query, as Prometheus writes them.
 *
 *     {"time":"2026-11-30T18:00:00.123Z","level":"INFO","msg":"promql query logged",
 *      "params":{"query":"up","start":"...","end":"...","step":0},"error":"...","stats":{...},
 *      "httpRequest":{"clientIP":"127.0.0.1","method":"GET","path":"/api/v1/query"}}
 *
 * The file is opened anew at each reload, so that it may be moved away before one. What cannot be written is
 * counted and left out: a full disk never fails a query.
 *
 * Threads: query_log_apply on the reloading thread; queries come from any.
 */
#include "lib/base/err.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"

struct engine;
struct registry;
struct gauge;
struct counter;

struct query_log {
    struct engine *engine;
    struct mutex lock; /* guards what follows */
    struct file file;
    uint64_t size;
    bool was_told; /* that it fails */
    struct gauge *enabled;
    struct counter *failures;
};

/* engine and registry outlive it */
void query_log_init(struct query_log *log, struct engine *engine, struct registry *registry);
/* path NULL or empty: no log. When it cannot be opened all stays as it was. */
int query_log_apply(struct query_log *log, const char *path, struct err *err);
void query_log_release(struct query_log *log);
