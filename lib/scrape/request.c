#include "lib/scrape/request.h"

#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 64
#define SCRAPE_USER_AGENT "Ferula/" FERULA_VERSION

/* The protocols that can be asked for and read, and whether they take an escaping parameter. */
static const struct {
    const char *name, *media, *type; /* type: the media type alone */
    bool escaping;
    enum expose_format format;
} protocols[] = {
    {"OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text",
     true, EXPOSE_OPENMETRICS},
    {"OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1", "application/openmetrics-text",
     false, EXPOSE_OPENMETRICS},
    {"PrometheusText1.0.0", "text/plain;version=1.0.0", "text/plain", true, EXPOSE_TEXT},
    {"PrometheusText0.0.4", "text/plain;version=0.0.4", "text/plain", false, EXPOSE_TEXT},
};
#define PROTOCOL_COUNT (sizeof protocols / sizeof *protocols)

/* Weights step down by 0.1 from (number of known protocols + 1) / 10 in the configured order; protobuf is not
 * offered: it cannot be read yet. */
static void put_accept(struct buf *out, const struct scrape_config *job) {
    int weight = (int)PROTOCOL_COUNT + 2;
    buf_puts(out, "Accept: ");
    for (size_t i = 0; i < job->scrape_protocols.count; i++)
        for (size_t k = 0; k < PROTOCOL_COUNT; k++) {
            if (strcmp(job->scrape_protocols.items[i], protocols[k].name) != 0) continue;
            buf_puts(out, protocols[k].media);
            if (protocols[k].escaping)
                buf_printf(out, ";escaping=%s",
                           job->metric_name_escaping_scheme ? job->metric_name_escaping_scheme
                                                            : "allow-utf-8");
            buf_printf(out, ";q=0.%d,", weight--);
        }
    buf_printf(out, "*/*;q=0.%d", weight);
}

struct headers {
    const char *items[HEADERS_MAX + 1];
    size_t count;
};

static void add_header(struct headers *headers, const char *text) {
    if (headers->count < HEADERS_MAX) headers->items[headers->count++] = mem_strdup(text);
}

static void collect_headers(struct headers *headers, const struct target *target) {
    const struct scrape_config *job = target->job;
    struct buf text;
    buf_init(&text, 64 << 10);
    put_accept(&text, job);
    add_header(headers, buf_text(&text));
    buf_reset(&text);
    double seconds = (double)target->timeout_ms / 1000;
    buf_printf(&text, "X-Prometheus-Scrape-Timeout-Seconds: %.15g", seconds);
    add_header(headers, buf_text(&text));
    for (size_t i = 0; i < job->http.http_headers.count; i++) {
        const struct http_header_config *given = &job->http.http_headers.items[i];
        const struct strings *lists[] = {&given->values, &given->secrets};
        for (size_t l = 0; l < 2; l++)
            for (size_t k = 0; k < lists[l]->count; k++) {
                buf_reset(&text);
                buf_printf(&text, "%s: %s", given->name, lists[l]->items[k]);
                add_header(headers, buf_text(&text));
            }
    }
    buf_release(&text);
}

static void set_client(struct http_request_options *options, const struct http_client_config *http) {
    options->follow_redirects = http->follow_redirects;
    options->http2 = http->enable_http2;
    options->proxy_url = http->proxy_url;
    options->no_proxy = http->no_proxy;
    options->proxy_from_environment = http->proxy_from_environment;
    if (http->basic_auth) {
        options->username_file = http->basic_auth->username_file;
        options->username = http->basic_auth->username;
        if (!options->username && !options->username_file) options->username = "";
        options->password = http->basic_auth->password.text;
        options->password_file = http->basic_auth->password_file;
    }
    if (http->authorization) {
        options->authorization = http->authorization->type;
        options->credentials = http->authorization->credentials.text;
        options->credentials_file = http->authorization->credentials_file;
    }
    if (http->tls_config) {
        const struct tls_config *tls = http->tls_config;
        options->tls = (struct http_tls_options){
            tls->ca_file,     tls->cert_file,  tls->key_file, tls->server_name,
            tls->ca,          tls->cert,       tls->key.text, tls->insecure_skip_verify,
            tls->min_version, tls->max_version};
    }
}

int request_create(struct http_client *client, struct target *target, size_t max_body_bytes,
                   const char *user_agent, http_done *done, struct http_request **request, struct err *err) {
    const struct scrape_config *job = target->job;
    struct headers headers = {0};
    collect_headers(&headers, target);
    struct http_request_options options = {
        .url = target->url,
        .headers = headers.items,
        .user_agent = user_agent ? user_agent : SCRAPE_USER_AGENT,
        .timeout_ms = target->timeout_ms,
        .max_body_bytes = max_body_bytes,
        .accept_gzip = job->enable_compression,
    };
    set_client(&options, &job->http);
    int rc = http_request_create(client, &options, done, target, request, err);
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

static bool format_of_media(struct span media, enum expose_format *format) {
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (media.len == strlen(protocols[i].type) &&
            strncasecmp(media.ptr, protocols[i].type, media.len) == 0) {
            *format = protocols[i].format;
            return true;
        }
    return false;
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
    struct span media = span_trim(span_of(type.ptr, span_find_byte(type, ';', 0)));
    if (format_of_media(media, format)) return 0;
    if (job->fallback_scrape_protocol && format_of_fallback(job->fallback_scrape_protocol, format)) return 0;
    if (!media.len)
        return err_set(err, ERR_INVALID,
                       "non-compliant scrape target sending blank Content-Type and no "
                       "fallback_scrape_protocol specified for target");
    return err_set(
        err, ERR_INVALID,
        "received unsupported Content-Type \"%.*s\" and no fallback_scrape_protocol specified for target",
        SPAN_ARG(type));
}
