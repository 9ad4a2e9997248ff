/*
 * write.c - POST /api/v1/write: remote write 1.0 and 2.0; /api/v1/import/prometheus and InfluxDB's /write and
 * /api/v2/write: text of any age; answered when the samples are on disk.
 *
 *     handler: headers judged, body decoded, batch handed over --- reply_later
 *          store's thread: written and synced --- exchange_resume
 *     finished: the verdict, or, when references were stale, once more
 *
 * Statuses and texts are Prometheus'; senders repeat on 5xx and drop on 4xx.
 */
#include "lib/sys/clock.h"
#include "storage/remote/intake.h"
#include "storage/tsdb/tsdb.h"
#include "web/api/inside.h"

#include <stdio.h>
#include <string.h>

#define MEDIA_TYPE "application/x-protobuf"
#define MESSAGE_1 "prometheus.WriteRequest"
#define MESSAGE_2 "io.prometheus.write.v2.Request"

struct write {
    struct exchange *exchange;
    struct appender *appender;
    struct intake_request *request;
    bool is_second; /* version 2, which wants to know what was written */
};

static void reply_verdict(struct exchange *exchange, int rc, const char *text) {
    if (rc == 0) {
        reply_text(exchange, 204, NULL, (struct span){0});
        return;
    }
    int status = rc == ERR_INVALID                      ? 400
                 : rc == ERR_LIMIT                      ? 413
                 : rc == ERR_EXHAUSTED                  ? 429
                 : rc == ERR_BUSY || rc == ERR_NO_SPACE ? 503
                                                        : 500;
    if (status == 503 || status == 429)
        reply_header(exchange, "Retry-After", rc == ERR_BUSY ? "1" : rc == ERR_EXHAUSTED ? "30" : "5");
    answer_plain(exchange, status, text);
}

/* ---- headers ---- */

/* application/x-protobuf;proto=prometheus.WriteRequest; without proto it is that one, too */
static int judge_type(struct span type, bool *is_second, struct err *err) {
    size_t at = span_find_byte(type, ';', 0);
    if (!span_is(span_of(type.ptr, at), MEDIA_TYPE))
        return err_set(err, ERR_UNSUPPORTED,
                       "expected " MEDIA_TYPE " as the first (media) part, got %.*s content-type",
                       SPAN_ARG(type));
    while (at < type.len) {
        size_t end = span_find_byte(type, ';', at + 1);
        struct span pair = span_trim(span_of(type.ptr + at + 1, end - at - 1));
        at = end;
        if (!span_starts_with(pair, SPAN("proto="))) continue;
        struct span message = span_of(pair.ptr + 6, pair.len - 6);
        *is_second = span_is(message, MESSAGE_2);
        if (*is_second || span_is(message, MESSAGE_1)) return 0;
        return err_set(
            err, ERR_UNSUPPORTED,
            "got %.*s content type; unknown remote write protobuf message %.*s, supported: " MESSAGE_1
            ", " MESSAGE_2,
            SPAN_ARG(type), SPAN_ARG(message));
    }
    return 0;
}

/* what is not said is taken for right, as senders of old do */
static int judge_headers(const struct web_request *request, bool *is_second, struct err *err) {
    struct span type = web_request_header(request, "Content-Type");
    struct span encoding = web_request_header(request, "Content-Encoding");
    if (type.len && judge_type(type, is_second, err)) return ERR_UNSUPPORTED;
    if (encoding.len && !span_is(encoding, "snappy"))
        return err_set(
            err, ERR_UNSUPPORTED,
            "%.*s encoding (compression) is not accepted by this server; only snappy is acceptable",
            SPAN_ARG(encoding));
    return 0;
}

/* ---- the samples ---- */

/* on a thread of the store */
static void on_stored(void *context) {
    struct write *write = context;
    exchange_resume(write->exchange);
}

static void tell_written(struct exchange *exchange, struct intake_written written) {
    static const char *const names[] = {"X-Prometheus-Remote-Write-Samples-Written",
                                        "X-Prometheus-Remote-Write-Histograms-Written",
                                        "X-Prometheus-Remote-Write-Exemplars-Written"};
    size_t counts[] = {written.samples, written.histograms, written.exemplars};
    for (size_t i = 0; i < 3; i++) {
        char text[24];
        (void)snprintf(text, sizeof text, "%zu", counts[i]);
        reply_header(exchange, names[i], text);
    }
}

static void finished(struct exchange *exchange, void *state) {
    struct write *write = state;
    struct err err = {0};
    int rc = intake_finish(write->request, &err);
    if (write->is_second) tell_written(exchange, intake_written(write->request));
    intake_request_destroy(write->request);
    reply_verdict(exchange, rc, err.text);
}

static void append(struct write *write) {
    reply_later(write->exchange, finished, write);
    if (!intake_append(write->request, write->appender, on_stored, write)) exchange_resume(write->exchange);
}

/* false after answering that nothing is taken */
static bool is_taken(struct exchange *exchange, const struct api *api) {
    if (api->context.intake && api->tsdb) return true;
    answer_plain(exchange, 404,
                 "remote write receiver needs to be enabled with --web.enable-remote-write-receiver");
    return false;
}

/* the request read, or why not */
static void take(struct exchange *exchange, struct api *api, int rc, struct intake_request *request,
                 bool is_second, const struct err *err) {
    struct write *write = rc ? NULL : arena_zalloc(exchange_arena(exchange), sizeof *write);
    if (!write) {
        if (!rc) intake_request_destroy(request);
        if (is_second) tell_written(exchange, (struct intake_written){0});
        reply_verdict(exchange, rc ? rc : ERR_BUSY, rc ? err->text : "no memory for the request");
        return;
    }
    *write = (struct write){exchange, tsdb_appender(api->tsdb), request, is_second};
    append(write);
}

void api_write(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    struct intake_request *request = NULL;
    struct err err = {0};
    bool is_second = false;
    if (!is_taken(exchange, api)) return;
    if (judge_headers(exchange_request(exchange), &is_second, &err)) {
        answer_plain(exchange, 415, err.text);
        return;
    }
    int rc = (is_second ? intake_read_second : intake_read)(api->context.intake,
                                                            exchange_request(exchange)->body, &request, &err);
    take(exchange, api, rc, request, is_second, &err);
}

/* OpenMetrics where the type says so, else Prometheus' text */
void api_import(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    const struct web_request *asked = exchange_request(exchange);
    struct span type = web_request_header(asked, "Content-Type");
    struct span encoding = web_request_header(asked, "Content-Encoding");
    bool is_openmetrics = span_starts_with(type, SPAN("application/openmetrics-text"));
    struct intake_request *request = NULL;
    struct err err = {0};
    if (!is_taken(exchange, api)) return;
    if (encoding.len && !span_is(encoding, "identity")) {
        answer_plain(exchange, 415, "the text is taken as it is, without compression");
        return;
    }
    struct intake_form form = {is_openmetrics ? INTAKE_OPENMETRICS : INTAKE_PROMETHEUS, clock_wall_ms(), 1,
                               (struct span){0}};
    int rc = intake_read_text(api->context.intake, asked->body, &form, &request, &err);
    take(exchange, api, rc, request, false, &err);
}

/* of the parameter precision, as InfluxDB 1 and 2 name them; 0: unknown */
static int64_t influx_unit_ns(struct span name) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"", 1},         {"ns", 1},         {"n", 1},           {"us", 1000},        {"u", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (span_is(name, units[i].name)) return units[i].ns;
    return 0;
}

void api_influx(struct exchange *exchange, void *context) {
    struct api *api = api_of(context);
    const struct web_request *asked = exchange_request(exchange);
    struct span encoding = web_request_header(asked, "Content-Encoding");
    struct intake_request *request = NULL;
    struct err err = {0};
    if (!is_taken(exchange, api)) return;
    struct intake_form form = {INTAKE_INFLUX, clock_wall_ms(),
                               influx_unit_ns(web_request_param(asked, "precision")),
                               web_request_param(asked, "db")};
    if (!form.unit_ns) {
        answer_plain(exchange, 400, "precision is none of ns, us, ms, s, m, h");
        return;
    }
    if (encoding.len && !span_is(encoding, "identity")) {
        answer_plain(exchange, 415, "the lines are taken as they are, without compression");
        return;
    }
    int rc = intake_read_text(api->context.intake, asked->body, &form, &request, &err);
    take(exchange, api, rc, request, false, &err);
}
