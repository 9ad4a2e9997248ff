#include "lib/scrape/request.h"

#include "lib/base/mem.h"
#include "lib/http/from_config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 2
#define OPTIONS_MAX_BYTES ((size_t)16 << 20)
#define SCRAPE_USER_AGENT "Ferula/" FERULA_VERSION

/* The protocols that can be asked for and read, and whether they take an escaping parameter. */
static const struct {
    const char *name, *media;
    bool escaping;
    enum expose_format format;
} protocols[] = {
    {"PrometheusProto",
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", false,
     EXPOSE_PROTOBUF},
    {"OpenMetricsText2.0.0", "application/openmetrics-text;version=2.0.0", true, EXPOSE_OPENMETRICS2},
    {"OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0", true, EXPOSE_OPENMETRICS},
    {"OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1", false, EXPOSE_OPENMETRICS},
    {"PrometheusText1.0.0", "text/plain;version=1.0.0", true, EXPOSE_TEXT},
    {"PrometheusText0.0.4", "text/plain;version=0.0.4", false, EXPOSE_TEXT},
};
#define PROTOCOL_COUNT (sizeof protocols / sizeof *protocols)
#define KNOWN_TO_PROMETHEUS 5 /* all but OpenMetrics 2.0: its Accept is ours to the letter */

/* Weights step down by 0.1 in the configured order, from (number of known protocols + 1) / 10. */
void request_accept(const struct scrape_config *job, struct buf *out) {
    const struct strings *wanted = &job->scrape_protocols;
    size_t weight = (wanted->count > KNOWN_TO_PROMETHEUS ? wanted->count : KNOWN_TO_PROMETHEUS) + 1;
    for (size_t i = 0; i < wanted->count; i++)
        for (size_t k = 0; k < PROTOCOL_COUNT; k++) {
            if (strcmp(wanted->items[i], protocols[k].name) != 0) continue;
            buf_puts(out, protocols[k].media);
            if (protocols[k].escaping)
                buf_printf(out, ";escaping=%s",
                           job->metric_name_escaping_scheme ? job->metric_name_escaping_scheme
                                                            : "allow-utf-8");
            buf_printf(out, ";q=0.%zu,", weight--);
        }
    buf_printf(out, "*/*;q=0.%zu", weight);
}

struct headers {
    const char *items[HEADERS_MAX + 1];
    size_t count;
};

static void collect_headers(struct headers *headers, const struct target *target) {
    const struct scrape_config *job = target->job;
    struct buf text;
    buf_init(&text, 64 << 10);
    buf_puts(&text, "Accept: ");
    request_accept(job, &text);
    headers->items[headers->count++] = mem_strdup(buf_text(&text));
    buf_reset(&text);
    double seconds = (double)target->timeout_ms / 1000;
    buf_printf(&text, "X-Prometheus-Scrape-Timeout-Seconds: %.15g", seconds);
    headers->items[headers->count++] = mem_strdup(buf_text(&text));
    buf_release(&text);
}

int request_create(struct http_client *client, struct target *target, size_t max_body_bytes,
                   const char *user_agent, http_done *done, struct http_request **request, struct err *err) {
    const struct scrape_config *job = target->job;
    struct headers headers = {0};
    collect_headers(&headers, target);
    struct http_request_options options = {
        .url = target->url,
        .unix_socket = target->unix_socket,
        .headers = headers.items,
        .user_agent = user_agent ? user_agent : SCRAPE_USER_AGENT,
        .timeout_ms = target->timeout_ms,
        .max_body_bytes = max_body_bytes,
        .accept_gzip = job->enable_compression,
    };
    struct arena arena;
    arena_init(&arena, OPTIONS_MAX_BYTES, NULL);
    int rc = http_options_from_config(&job->http, &arena, &options, err);
    if (!rc) rc = http_request_create(client, &options, done, target, request, err);
    arena_release(&arena);
    for (size_t i = 0; i < headers.count; i++) mem_free((void *)headers.items[i]);
    return rc;
}

static const char *reason_of(long status) {
    static const struct {
        long status;
        const char *reason;
    } reasons[] = {{301, "Moved Permanently"},     {302, "Found"},           {400, "Bad Request"},
                   {401, "Unauthorized"},          {403, "Forbidden"},       {404, "Not Found"},
                   {405, "Method Not Allowed"},    {406, "Not Acceptable"},  {429, "Too Many Requests"},
                   {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
                   {503, "Service Unavailable"},   {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return "";
}

static bool is_media(struct span media, const char *name) {
    return media.len == strlen(name) && strncasecmp(media.ptr, name, media.len) == 0;
}

/* version=2.0.0 among the parameters behind a media type */
static bool is_second_version(struct span parameters) {
    while (parameters.len) {
        size_t end = span_find_byte(parameters, ';', 1);
        struct span one = span_trim(span_of(parameters.ptr + 1, end - 1));
        if (span_is(one, "version=2.0.0") || span_is(one, "version=\"2.0.0\"")) return true;
        parameters = span_of(parameters.ptr + end, parameters.len - end);
    }
    return false;
}

static bool format_of_type(struct span type, enum expose_format *format) {
    size_t end = span_find_byte(type, ';', 0);
    struct span media = span_trim(span_of(type.ptr, end)), rest = span_of(type.ptr + end, type.len - end);
    if (is_media(media, "text/plain"))
        *format = EXPOSE_TEXT;
    else if (is_media(media, "application/openmetrics-text"))
        *format = is_second_version(rest) ? EXPOSE_OPENMETRICS2 : EXPOSE_OPENMETRICS;
    else if (is_media(media, "application/vnd.google.protobuf"))
        *format = EXPOSE_PROTOBUF;
    else
        return false;
    return true;
}

static bool format_of_fallback(const char *name, enum expose_format *format) {
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (strcmp(name, protocols[i].name) == 0) {
            *format = protocols[i].format;
            return true;
        }
    return false;
}

int request_judge(const struct scrape_config *job, const struct http_response *response,
                  enum expose_format *format, struct err *err) {
    if (response->status != 200)
        return err_set(err, ERR_IO, "server returned HTTP status %ld %s", response->status,
                       reason_of(response->status));
    struct span type = span_from(response->content_type);
    if (format_of_type(type, format)) return 0;
    if (job->fallback_scrape_protocol && format_of_fallback(job->fallback_scrape_protocol, format)) return 0;
    if (!span_trim(type).len)
        return err_set(err, ERR_INVALID,
                       "non-compliant scrape target sending blank Content-Type and no "
                       "fallback_scrape_protocol specified for target");
    return err_set(
        err, ERR_INVALID,
        "received unsupported Content-Type \"%.*s\" and no fallback_scrape_protocol specified for target",
        SPAN_ARG(type));
}
