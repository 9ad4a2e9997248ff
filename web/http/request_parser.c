#include "web/http/request_parser.h"

#include "lib/base/mem.h"

#include <string.h>
#include <strings.h>

#define EXCHANGE_ARENA_MAX ((size_t)256 << 20)

struct http_exchange *exchange_create(void) {
    struct http_exchange *exchange = mem_zalloc(sizeof *exchange);
    arena_init(&exchange->arena, EXCHANGE_ARENA_MAX, NULL);
    buf_init(&exchange->answer, HTTP_ANSWER_MAX);
    exchange->status = 200;
    exchange->answer_type = "text/plain; charset=utf-8";
    return exchange;
}

void exchange_destroy(struct http_exchange *exchange) {
    if (!exchange) return;
    buf_release(&exchange->answer);
    arena_release(&exchange->arena);
    mem_free(exchange);
}

static int refuse(struct request_parser *parser, int status, const char *reason) {
    if (!parser->refused) {
        parser->refused = status;
        parser->reason = reason;
    }
    return -1;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    return buf_append(&parser->url, at, len) ? 0 : refuse(parser, 414, "request line too long");
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    parser->field = span_of(at, len); /* whole: the block was fed at once */
    return 0;
}

static bool is_header(struct span field, const char *name) {
    return field.len == strlen(name) && strncasecmp(field.ptr, name, field.len) == 0;
}

static int keep_header(struct request_parser *parser, struct span *place, struct span value) {
    const char *copy = arena_strndup(&parser->exchange->arena, value.ptr, value.len);
    if (!copy) return refuse(parser, 431, "headers too large");
    *place = span_of(copy, value.len);
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    struct http_exchange *exchange = parser->exchange;
    struct span field = parser->field, value = span_of(at, len);
    if (is_header(field, "Host") && ++parser->host_count > 1)
        return refuse(parser, 400, "more than one Host");
    if (is_header(field, "Content-Length") && ++parser->length_count > 1)
        return refuse(parser, 400, "more than one Content-Length");
    if (is_header(field, "Transfer-Encoding") && !(len == 7 && strncasecmp(at, "chunked", 7) == 0))
        return refuse(parser, 501, "unknown transfer coding");
    if (is_header(field, "Accept-Encoding")) return keep_header(parser, &exchange->accept_encoding, value);
    if (is_header(field, "Origin")) return keep_header(parser, &exchange->origin, value);
    if (is_header(field, "Content-Type")) return keep_header(parser, &exchange->content_type, value);
    if (is_header(field, "If-None-Match")) return keep_header(parser, &exchange->if_none_match, value);
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp) {
    struct request_parser *parser = llhttp->data;
    if (llhttp->http_major != 1 || llhttp->http_minor > 1)
        return refuse(parser, 505, "only HTTP/1.0 and HTTP/1.1");
    if (llhttp->http_minor == 1 && parser->host_count != 1) return refuse(parser, 400, "no Host");
    if (llhttp->upgrade && llhttp->method == HTTP_CONNECT)
        return refuse(parser, 405, "CONNECT is not for servers");
    if (llhttp->content_length > parser->max_body_bytes) return refuse(parser, 413, "body too large");
    parser->in_body = true;
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len) {
    struct request_parser *parser = llhttp->data;
    return buf_append(&parser->body, at, len) ? 0 : refuse(parser, 413, "body too large");
}

static int on_message_complete(llhttp_t *llhttp) {
    struct request_parser *parser = llhttp->data;
    parser->is_complete = true;
    parser->keep_alive = llhttp_should_keep_alive(llhttp);
    parser->is_http10 = llhttp->http_minor == 0;
    return HPE_PAUSED;
}

static void begin_request(struct request_parser *parser) {
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &parser->settings);
    parser->llhttp.data = parser;
    parser->in_body = parser->is_complete = false;
    parser->host_count = parser->length_count = parser->header_count = 0;
    buf_reset(&parser->url);
    buf_reset(&parser->body);
    if (!parser->exchange) parser->exchange = exchange_create();
}

void request_parser_init(struct request_parser *parser, size_t max_body_bytes) {
    *parser = (struct request_parser){.max_body_bytes = max_body_bytes};
    llhttp_settings_init(&parser->settings);
    parser->settings.on_url = on_url;
    parser->settings.on_header_field = on_header_field;
    parser->settings.on_header_value = on_header_value;
    parser->settings.on_headers_complete = on_headers_complete;
    parser->settings.on_body = on_body;
    parser->settings.on_message_complete = on_message_complete;
    buf_init(&parser->in, HTTP_LINE_MAX + HTTP_HEADERS_MAX + max_body_bytes);
    buf_init(&parser->url, HTTP_LINE_MAX);
    buf_init(&parser->body, max_body_bytes);
}

void request_parser_release(struct request_parser *parser) {
    buf_release(&parser->in);
    buf_release(&parser->url);
    buf_release(&parser->body);
    exchange_destroy(parser->exchange);
    parser->exchange = NULL;
}

bool request_parser_feed(struct request_parser *parser, const char *data, size_t len) {
    return buf_append(&parser->in, data, len);
}

bool request_parser_has_begun(const struct request_parser *parser) {
    return parser->in.len > 0 || parser->in_body;
}

static void consume(struct request_parser *parser, size_t used) {
    memmove(parser->in.data, parser->in.data + used, parser->in.len - used);
    parser->in.len -= used;
}

/* Guards over one header block, which ends in an empty line. */
static int look_over(struct request_parser *parser, struct span block) {
    size_t first_end = span_find_byte(block, '\n', 0), lines = 0;
    if (memchr(block.ptr, '\0', block.len)) return refuse(parser, 400, "NUL in a header");
    if (first_end > HTTP_LINE_MAX) return refuse(parser, 414, "request line too long");
    if (block.len - first_end > HTTP_HEADERS_MAX) return refuse(parser, 431, "headers too large");
    for (size_t end = first_end; end < block.len; end = span_find_byte(block, '\n', end + 1)) {
        if (end == 0 || block.ptr[end - 1] != '\r') return refuse(parser, 400, "bare line feed");
        if (end + 1 < block.len && (block.ptr[end + 1] == ' ' || block.ptr[end + 1] == '\t'))
            return refuse(parser, 400, "folded header");
        lines++;
    }
    return lines > HTTP_HEADER_COUNT_MAX + 2 ? refuse(parser, 431, "too many headers") : 0;
}

/* the end of the header block in `in`, or 0 */
static size_t find_block(const struct request_parser *parser) {
    if (parser->in.len < 4) return 0;
    const char *end = memmem(parser->in.data, parser->in.len, "\r\n\r\n", 4);
    return end ? (size_t)(end - parser->in.data) + 4 : 0;
}

static int feed_llhttp(struct request_parser *parser, size_t len) {
    llhttp_errno_t rc = llhttp_execute(&parser->llhttp, parser->in.data, len);
    size_t used = len;
    if (rc == HPE_PAUSED || rc == HPE_PAUSED_UPGRADE)
        used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - parser->in.data);
    if (rc != HPE_OK && rc != HPE_PAUSED)
        return refuse(parser, 400,
                      rc == HPE_PAUSED_UPGRADE ? "upgrade is not supported" : "malformed request");
    consume(parser, used);
    return 0;
}

/* an unfinished header that is malformed already need not be waited for */
static enum parse_state more_header(struct request_parser *parser) {
    struct span in = buf_view(&parser->in);
    size_t first_end = span_find_byte(in, '\n', 0);
    if (first_end == in.len ? in.len > HTTP_LINE_MAX : in.len - first_end > HTTP_HEADERS_MAX) {
        refuse(parser, first_end == in.len ? 414 : 431, "headers too large");
        return PARSE_REFUSED;
    }
    for (size_t end = first_end; end < in.len; end = span_find_byte(in, '\n', end + 1))
        if (end == 0 || in.ptr[end - 1] != '\r') {
            refuse(parser, 400, "bare line feed");
            return PARSE_REFUSED;
        }
    return PARSE_MORE;
}

static const struct {
    llhttp_method_t llhttp;
    enum http_method method;
} methods[] = {
    {HTTP_GET, HTTP_GET_METHOD}, {HTTP_HEAD, HTTP_HEAD_METHOD},     {HTTP_POST, HTTP_POST_METHOD},
    {HTTP_PUT, HTTP_PUT_METHOD}, {HTTP_DELETE, HTTP_DELETE_METHOD}, {HTTP_OPTIONS, HTTP_OPTIONS_METHOD},
};

/* path, parameters and body of the finished request */
static int fill_exchange(struct request_parser *parser) {
    struct http_exchange *exchange = parser->exchange;
    const char *url = arena_strndup(&exchange->arena, parser->url.data, parser->url.len);
    const char *body = arena_strndup(&exchange->arena, parser->body.data, parser->body.len);
    if (!url || !body) return refuse(parser, 413, "request too large");
    struct span target = span_of(url, parser->url.len);
    size_t question = span_find_byte(target, '?', 0);
    exchange->body = span_of(body, parser->body.len);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].llhttp == (llhttp_method_t)parser->llhttp.method) exchange->method = methods[i].method;
    if (!target.len || target.ptr[0] != '/') return refuse(parser, 400, "the target is not a path");
    if (!http_decode(&exchange->arena, span_of(target.ptr, question), false, &exchange->path))
        return refuse(parser, 400, "bad escape in the path");
    if (memmem(exchange->path.ptr, exchange->path.len, "/..", 3))
        return refuse(parser, 400, "the path leaves its folder");
    if (question < target.len &&
        !http_params_parse(exchange, span_of(target.ptr + question + 1, target.len - question - 1)))
        return refuse(parser, 400, "malformed query");
    bool is_form = exchange->content_type.len >= 33 &&
                   strncasecmp(exchange->content_type.ptr, "application/x-www-form-urlencoded", 33) == 0;
    if (is_form && !http_params_parse(exchange, exchange->body)) return refuse(parser, 400, "malformed form");
    return 0;
}

enum parse_state request_parser_next(struct request_parser *parser, struct http_exchange **exchange) {
    if (parser->refused) return PARSE_REFUSED;
    if (!parser->in_body) {
        while (parser->in.len >= 2 && parser->in.data[0] == '\r' && parser->in.data[1] == '\n')
            consume(parser, 2);
        size_t block = find_block(parser);
        if (!block) return more_header(parser);
        begin_request(parser);
        if (look_over(parser, span_of(parser->in.data, block)) != 0 || feed_llhttp(parser, block) != 0)
            return PARSE_REFUSED;
    }
    if (!parser->is_complete && parser->in.len && feed_llhttp(parser, parser->in.len) != 0)
        return PARSE_REFUSED;
    if (!parser->is_complete) return PARSE_MORE;
    if (fill_exchange(parser) != 0) return PARSE_REFUSED;
    parser->in_body = false;
    *exchange = parser->exchange;
    parser->exchange = NULL;
    return PARSE_DONE;
}
