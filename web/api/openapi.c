#include "web/api/inside.h"

#include "web/http/guard.h"

#include <stdio.h>

/*
 * The description of the API in OpenAPI's words, made from the table of routes:
 *
 *     route  -> path, method, summary, who may        parameter -> type and meaning, from the table below
 *     answer -> type of the body; keys of `data`
 *
 * As JSON strings are YAML strings, every text is written as one.
 */

#define DOCUMENT_MAX ((size_t)4 << 20)

static const struct parameter {
    const char *name, *type, *what;
} parameters[] = {
    {"batch_size", "integer", "Results in one line of the answer; 0: the server's choice"},
    {"case_sensitive", "boolean", "Whether A and a are different; true by default"},
    {"end", "string", "Last time that counts, unix seconds or RFC 3339"},
    {"exclude_alerts", "boolean", "Leave out the alerts of rules"},
    {"explain", "boolean", "Also tell what each part of the expression did"},
    {"file[]", "array", "Only rules of these files"},
    {"fuzz_alg", "string", "How likeness is measured: subsequence or jarowinkler"},
    {"fuzz_threshold", "integer", "Least likeness, 0 to 100"},
    {"group_limit", "integer", "Most groups in one answer"},
    {"group_next_token", "string", "Where the last answer ended"},
    {"id", "integer", "Number of a query that is running"},
    {"include_metadata", "boolean", "Also tell type, help and unit"},
    {"include_score", "boolean", "Also tell how alike each result is"},
    {"label", "string", "Name of a label"},
    {"labels", "string", "A set of labels as a JSON object of strings"},
    {"limit", "integer", "Most results"},
    {"limit_per_metric", "integer", "Most entries of one metric"},
    {"lookback_delta", "string", "How long a sample counts, seconds or a duration such as 5m"},
    {"match[]", "array", "Selectors of series, of which one must match"},
    {"match_target", "string", "Selector over the labels of targets"},
    {"metric", "string", "Name of a metric"},
    {"metric_name_pattern", "string", "Regular expression, anchored, that names must match"},
    {"openapi_version", "string", "3.1 or 3.2"},
    {"query", "string", "A PromQL expression"},
    {"rule_group[]", "array", "Only groups of these names"},
    {"rule_name[]", "array", "Only rules of these names"},
    {"scrapePool", "string", "Name of a scrape pool"},
    {"search[]", "array", "Texts to look for, of which one must be found"},
    {"skip_head", "boolean", "Leave out what is in no block yet"},
    {"sort_by", "string", "alpha or score"},
    {"sort_dir", "string", "asc or dsc, with sort_by=alpha"},
    {"start", "string", "First time that counts, unix seconds or RFC 3339"},
    {"state", "string", "active, dropped or any"},
    {"stats", "string", "With a value: tell what the query cost; all: of each step"},
    {"step", "string", "Distance of the points, seconds or a duration such as 15s"},
    {"time", "string", "When to evaluate, unix seconds or RFC 3339; now by default"},
    {"timeout", "string", "Longest time for the query, seconds or a duration"},
    {"ttl", "string", "How long the group lives without another push, a duration such as 6h"},
    {"type", "string", "alert or record"},
};

static const struct parameter *find_parameter(struct span name) {
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (span_is(name, parameters[i].name)) return &parameters[i];
    return NULL;
}

static void write_text(struct span text, struct buf *out) {
    struct json_writer json;
    json_init(&json, out);
    json_string(&json, text);
}

/* a line: so many blanks, key, text in quotes */
static void write_line(int depth, const char *key, const char *text, struct buf *out) {
    buf_printf(out, "%*s%s: ", 2 * depth, "", key);
    write_text(span_from(text), out);
    buf_putc(out, '\n');
}

/* the next word of a list separated by blanks; empty at the end */
static struct span take_word(struct span *rest) {
    size_t end = span_find_byte(*rest, ' ', 0), used = end < rest->len ? end + 1 : end;
    struct span word = span_of(rest->ptr, end);
    *rest = span_of(rest->ptr + used, rest->len - used);
    return word;
}

/* ---- parameters ---- */

static bool take_parameter(struct span *rest, struct span *name, bool *is_required) {
    *name = take_word(rest);
    *is_required = span_ends_with(*name, SPAN("!"));
    if (*is_required) name->len--;
    return name->len > 0;
}

static void write_type(const struct parameter *parameter, struct buf *out) {
    bool is_list = parameter && strcmp(parameter->type, "array") == 0;
    if (is_list)
        buf_puts(out, "{type: array, items: {type: string}}");
    else
        buf_printf(out, "{type: %s}", parameter ? parameter->type : "string");
}

static void write_parameter(struct span name, const char *where, bool is_required, const char *what,
                            const struct parameter *parameter, struct buf *out) {
    buf_puts(out, "        - name: ");
    write_text(name, out);
    buf_printf(out, "\n          in: %s\n          required: %s\n", where, is_required ? "true" : "false");
    write_line(5, "description", what, out);
    buf_puts(out, "          schema: ");
    write_type(parameter, out);
    buf_putc(out, '\n');
}

/* what stands for :name or * */
static struct span captured_of(const char *pattern) {
    const char *colon = strchr(pattern, ':');
    if (!colon) return pattern[strlen(pattern) - 1] == '*' ? SPAN("group") : span_of(NULL, 0);
    return span_of(colon + 1, strcspn(colon + 1, "/"));
}

static void write_query_parameters(const struct route *route, bool is_form, struct buf *out) {
    struct span rest = span_from(is_form ? NULL : route->params), name,
                captured = captured_of(route->pattern);
    bool is_required;
    if (!rest.len && !captured.len) return;
    buf_puts(out, "      parameters:\n");
    if (captured.len) write_parameter(captured, "path", true, "Name, perhaps escaped as U__", NULL, out);
    while (take_parameter(&rest, &name, &is_required)) {
        const struct parameter *parameter = find_parameter(name);
        write_parameter(name, "query", is_required, parameter ? parameter->what : "", parameter, out);
    }
}

static void write_form(const struct route *route, struct buf *out) {
    struct span rest = span_from(route->params), name;
    bool is_required;
    const char *separator = "";
    buf_puts(out, "      requestBody:\n        content:\n          application/x-www-form-urlencoded:\n"
                  "            schema:\n              type: object\n              required: [");
    while (take_parameter(&rest, &name, &is_required)) {
        if (!is_required) continue;
        buf_puts(out, separator);
        write_text(name, out);
        separator = ", ";
    }
    buf_puts(out, "]\n              properties:\n");
    rest = span_from(route->params);
    while (take_parameter(&rest, &name, &is_required)) {
        buf_puts(out, "                ");
        write_text(name, out);
        buf_puts(out, ": ");
        write_type(find_parameter(name), out);
        buf_putc(out, '\n');
    }
}

/* ---- answers ---- */

/* the envelope with this data */
static void write_envelope(struct span answer, struct buf *out) {
    struct span kind = take_word(&answer), key;
    buf_puts(out, "          content:\n            application/json:\n              schema:\n"
                  "                allOf:\n                  - $ref: \"#/components/schemas/Success\"\n"
                  "                  - properties:\n");
    buf_printf(out, "                      data: {type: %.*s", SPAN_ARG(kind));
    bool has_keys = answer.len > 0;
    const char *separator = ", required: [";
    while ((key = take_word(&answer)).len) {
        buf_puts(out, separator);
        write_text(key, out);
        separator = ", ";
    }
    buf_puts(out, has_keys ? "]}\n" : "}\n");
}

static void write_answers(const struct route *route, struct buf *out) {
    struct span answer = span_from(route->answer);
    bool is_body = answer.len && memchr(answer.ptr, '/', answer.len);
    buf_printf(out, "      responses:\n        \"%d\":\n", answer.len ? 200 : 204);
    write_line(5, "description", answer.len ? "Success" : "Done", out);
    if (is_body) {
        buf_printf(out, "          content: {\"%.*s\": {schema: {type: string}}}\n", SPAN_ARG(answer));
    } else if (answer.len) {
        write_envelope(answer, out);
    }
    buf_puts(out, "        default:\n          $ref: \"#/components/responses/Error\"\n");
}

/* ---- operations ---- */

static const struct {
    enum web_method method;
    const char *name;
} methods[] = {{METHOD_GET, "get"},
               {METHOD_HEAD, "head"},
               {METHOD_POST, "post"},
               {METHOD_PUT, "put"},
               {METHOD_DELETE, "delete"}};

static bool is_pattern(struct span path) {
    for (size_t i = 0; i < api_route_count; i++)
        if (span_is(path, api_routes[i].pattern)) return true;
    return false;
}

/* get-status-tsdb: unique, since path and method are; of /api/v1/metrics, beside /metrics: get-api-v1-metrics
 */
static void write_id(const char *method, const char *pattern, struct buf *out) {
    struct span rest = span_from(pattern), prefix = SPAN("/api/v1");
    struct span inner =
        span_starts_with(rest, prefix) ? span_of(rest.ptr + prefix.len, rest.len - prefix.len) : rest;
    if (!is_pattern(inner)) rest = inner;
    buf_printf(out, "      operationId: \"%s", method);
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (c != ':' && c != '-' && c != '*') buf_putc(out, strchr("/_.@", c) ? '-' : c);
    }
    buf_puts(out, "\"\n");
}

static void write_security(enum access_scope scope, struct buf *out) {
    static const char *const names[] = {
        [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_ADMIN] = "admin"};
    if (scope == ACCESS_ANY)
        buf_puts(out, "      security: [{}, {basic: []}, {bearer: []}]\n");
    else
        buf_printf(out, "      security: [{}, {basic: []}, {bearer: [%s]}]\n", names[scope]);
}

static void write_operation(const struct route *route, enum web_method method, const char *name,
                            struct buf *out) {
    bool is_form = method == METHOD_POST && route->params && !strchr(route->pattern, '*');
    buf_printf(out, "    %s:\n", name);
    write_id(name, route->pattern, out);
    write_line(3, "summary", route->summary, out);
    write_security(route->scope, out);
    write_query_parameters(route, is_form, out);
    if (is_form) write_form(route, out);
    write_answers(route, out);
}

static void write_path(const struct route *route, struct buf *out) {
    buf_puts(out, "  \"");
    for (const char *c = route->pattern; *c; c++) {
        size_t len = *c == ':' ? strcspn(c, "/") : 0;
        if (len)
            buf_printf(out, "{%.*s}", (int)len - 1, c + 1);
        else if (*c == '*')
            buf_puts(out, "{group}");
        else
            buf_putc(out, *c);
        if (len) c += len - 1;
    }
    buf_puts(out, "\":\n");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (route->methods & methods[i].method)
            write_operation(route, methods[i].method, methods[i].name, out);
}

static void write_document(const struct api *api, bool is_newer, struct buf *out) {
    const char *version = api->context.build.version;
    buf_printf(out, "openapi: %s\n", is_newer ? "3.2.0" : "3.1.0");
    buf_puts(out, "info:\n  title: \"Ferula HTTP API\"\n");
    write_line(1, "version", version ? version : "", out);
    /* as seen from this document, so that a prefix in front of all paths needs no saying */
    buf_puts(out, "servers:\n  - url: \"../..\"\npaths:\n");
    for (size_t i = 0; i < api_route_count; i++) {
        const struct route *route = &api_routes[i];
        bool is_stream = route->answer && strcmp(route->answer, "text/event-stream") == 0;
        /* pages are for people; 3.1 has no words for events */
        if (route->handler != api_page && (is_newer || !is_stream)) write_path(route, out);
    }
    buf_puts(out, "components:\n"
                  "  securitySchemes:\n"
                  "    basic: {type: http, scheme: basic}\n"
                  "    bearer: {type: http, scheme: bearer}\n"
                  "  schemas:\n"
                  "    Success:\n"
                  "      type: object\n"
                  "      required: [status, data]\n"
                  "      properties:\n"
                  "        status: {type: string, const: success}\n"
                  "        data: {}\n"
                  "        warnings: {type: array, items: {type: string}}\n"
                  "        infos: {type: array, items: {type: string}}\n"
                  "    Error:\n"
                  "      type: object\n"
                  "      required: [status, errorType, error]\n"
                  "      properties:\n"
                  "        status: {type: string, const: error}\n"
                  "        errorType: {type: string, enum: [bad_data, execution, canceled, timeout, "
                  "internal, unavailable, "
                  "not_found]}\n"
                  "        error: {type: string}\n"
                  "  responses:\n"
                  "    Error:\n"
                  "      description: \"Why it was not done\"\n"
                  "      content:\n"
                  "        application/json: {schema: {$ref: \"#/components/schemas/Error\"}}\n"
                  "        text/plain: {schema: {type: string}}\n");
}

void api_openapi(struct exchange *exchange, void *context) {
    struct span version = web_request_param(exchange_request(exchange), "openapi_version");
    struct buf document;
    if (version.len && !span_is(version, "3.1") && !span_is(version, "3.2")) {
        answer_invalid(exchange, "openapi_version", "must be 3.1 or 3.2");
        return;
    }
    buf_init(&document, DOCUMENT_MAX);
    write_document(api_of(context), span_is(version, "3.2"), &document);
    reply_buf(exchange, 200, "application/yaml; charset=utf-8", &document);
}
